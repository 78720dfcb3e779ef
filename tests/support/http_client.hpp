#pragma once
// An HTTP client for a server in memory: sends exactly the given bytes, and reports how the connection
// continues. Must not know what is requested.

#include <coworker/coro/task.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <support/http_response.hpp>
#include <support/memory_network.hpp>
#include <system_error>
#include <utility>
#include <vector>

namespace coworker::testing {

class http_client {
 public:
  enum class end : unsigned char { open, closed, reset };

  explicit http_client(memory_listener& server) : stream_(server.connect()) {}

  /// Sends all bytes, even if the server reads slowly. Returns false if the server has disconnected.
  task<bool> send(std::string bytes) {
    bool sent = true;
    try {
      co_await stream_.write_all(bytes);
    } catch (const std::system_error&) {
      sent = false;
    }
    co_return sent;
  }

  /// Returns the next response, or nothing if the connection ends first; `ended()` then says how it ended.
  task<std::optional<read_response>> receive(bool to_head = false) {
    http_response_reader reader;
    if (to_head) reader.expect_no_body();
    for (;;) {
      const http_response_reader::progress now = reader.read(bytes_);
      if (now == http_response_reader::progress::complete) co_return reader.response();
      if (now == http_response_reader::progress::malformed) {
        malformed_ = true;
        co_return std::nullopt;
      }
      const bool more = co_await receive_some();
      if (!more && reader.closed()) co_return reader.response();
      if (!more) co_return std::nullopt;
    }
  }

  /// Returns the next bytes as they arrive; empty at the end.
  task<std::string> receive_bytes() {
    if (bytes_.empty()) co_await receive_some();
    co_return std::exchange(bytes_, std::string());
  }

  task<std::optional<read_response>> ask(std::string bytes, bool to_head = false) {
    co_await send(std::move(bytes));
    std::optional<read_response> response = co_await receive(to_head);
    co_return response;
  }

  /// Whether the server has closed the connection without sending more.
  task<bool> is_closed() {
    if (!bytes_.empty()) co_return false;
    const bool more = co_await receive_some();
    co_return !more && ended_ == end::closed;
  }

  void half_close() { stream_.shutdown_write(); }
  void close() { stream_.close(); }
  void abort() { stream_.abort(); }
  end ended() const { return ended_; }
  bool malformed() const { return malformed_; }
  memory_stream& stream() { return stream_; }

 private:
  task<bool> receive_some() {
    std::vector<char> buffer(64 * 1024);
    std::size_t count = 0;
    try {
      count = co_await stream_.read_some(buffer);
      if (count == 0) ended_ = end::closed;
    } catch (const std::system_error&) {
      ended_ = end::reset;
    }
    bytes_.append(buffer.data(), count);
    co_return count != 0;
  }

  memory_stream stream_;
  std::string bytes_;  // received, but not part of a response yet
  end ended_ = end::open;
  bool malformed_ = false;
};

}  // namespace coworker::testing
