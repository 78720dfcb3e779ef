#pragma once
// An HTTP client for tests of servers: blocking, one connection, exactly the bytes that it is told to send,
// and a clear word on how the connection ended. Must not know what a queue is.

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
#include <support/http_message.hpp>
#include <support/socket.hpp>

namespace coworker::testing {

struct raw_answer {
  enum class end : unsigned char { complete, closed, reset, silent };

  std::string head;
  std::string body;
  end ended = end::complete;

  bool complete() const noexcept { return ended == end::complete; }
  /// 0 when not even a status line came.
  int status() const { return head.size() > 9 ? std::atoi(head.c_str() + 9) : 0; }
  std::optional<std::string> header(std::string_view name) const {
    const http_request as_request{head, {}};
    const std::optional<std::string_view> value = as_request.header(name);
    return value ? std::optional<std::string>(*value) : std::nullopt;
  }
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

  /// The next answer, or what came of it.
  raw_answer read() {
    // An answer's head and a request's differ in their first line only, so one reader serves for both.
    const std::string first_line = "POST / HTTP/1.1\r\n";
    bytes_.insert(0, first_line);
    http_request_reader reader;
    raw_answer made;
    while (reader.read(bytes_) != http_request_reader::progress::complete && receive(made.ended)) {
    }
    made.head = reader.request().head.substr(std::min(first_line.size(), reader.request().head.size()));
    made.body = reader.request().body;
    return made;
  }

  /// Sends no more, but reads on.
  void half_close() noexcept { ::shutdown(socket_.get(), SHUT_WR); }

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
