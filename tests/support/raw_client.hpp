#pragma once
// An HTTP client for tests of servers: blocking, with one connection. It sends exactly the bytes that it is
// given, and reports how the connection ended. Must not know what a queue is.

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <support/http_response.hpp>
#include <support/socket.hpp>

namespace coworker::testing {

struct raw_answer {
  enum class end : unsigned char { complete, closed, reset, silent };

  std::string body;
  end ended = end::complete;
  read_response response;

  bool complete() const noexcept { return ended == end::complete; }
  /// Returns 0 if no status line came.
  int status() const { return response.status(); }
  std::optional<std::string> header(std::string_view name) const { return response.header(name); }
};

class raw_client {
 public:
  explicit raw_client(std::uint16_t port)
      : socket_(checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket")) {
    const timeval limit{20, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    const socket_address address = loopback_address(port);
    connected_ = ::connect(socket_.get(), address.data(), address.size()) == 0;
  }

  bool connected() const noexcept { return connected_; }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  void send_get(std::string_view target) {
    send("GET " + std::string(target) + " HTTP/1.1\r\nHost: test\r\n\r\n");
  }

  void send_post(std::string_view target, std::string_view body, std::string_view headers = "") {
    send("POST " + std::string(target) + " HTTP/1.1\r\nHost: test\r\n" + std::string(headers) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body));
  }

  raw_answer get(std::string_view target) {
    send_get(target);
    return read();
  }

  raw_answer post(std::string_view target, std::string_view body, std::string_view headers = "") {
    send_post(target, body, headers);
    return read();
  }

  /// Returns the next answer, or the part of it that came. A body that ends with the connection is complete.
  raw_answer read(bool to_head = false) {
    http_response_reader reader;
    if (to_head) reader.expect_no_body();
    raw_answer made;
    while (reader.read(bytes_) == http_response_reader::progress::needs_more && receive(made.ended)) {
    }
    if (made.ended == raw_answer::end::closed && reader.closed()) made.ended = raw_answer::end::complete;
    made.response = reader.response();
    made.body = made.response.body;
    return made;
  }

  /// Ends sending; reading goes on.
  void half_close() noexcept { ::shutdown(socket_.get(), SHUT_WR); }

  /// Blocks until the connection is reset or closed on both sides, without reading. Returns false after 20 s.
  bool wait_for_reset() const noexcept {
    pollfd watched{socket_.get(), 0, 0};
    return ::poll(&watched, 1, 20'000) == 1;
  }

  void close() noexcept { socket_ = unique_fd(); }

  void reset() noexcept {
    reset_on_close(socket_.get());
    close();
  }

 private:
  bool receive(raw_answer::end& ended) {
    std::array<char, 65536> buffer{};
    const ssize_t count = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (count > 0) {
      bytes_.append(buffer.data(), static_cast<std::size_t>(count));
    } else if (count == 0) {
      ended = raw_answer::end::closed;
    } else {
      ended = errno == ECONNRESET ? raw_answer::end::reset : raw_answer::end::silent;
    }
    return count > 0;
  }

  unique_fd socket_;
  bool connected_ = false;
  std::string bytes_;  // received, and not yet part of an answer
};

}  // namespace coworker::testing
