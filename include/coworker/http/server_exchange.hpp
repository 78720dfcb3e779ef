#pragma once
// The request and the response that a server's handler gets. Must not know how they are carried.

#include <coworker/coro/task.hpp>
#include <coworker/http/request_head.hpp>
#include <coworker/http/response_head.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace coworker::inline v0_1 {

namespace detail {

// Implemented by the connection: one request and its response.
class exchange {
 public:
  virtual const request_head& request() const noexcept = 0;
  virtual void limit_body(std::uint64_t most) noexcept = 0;
  virtual task<std::string_view> read() = 0;
  virtual task<std::string> read_all() = 0;

  virtual response_head& response() noexcept = 0;
  virtual bool begun() const noexcept = 0;
  virtual task<void> send(std::string_view body) = 0;
  virtual task<void> begin(std::optional<std::uint64_t> size) = 0;
  virtual task<void> write(std::string_view piece) = 0;
  virtual void release_memory() noexcept = 0;

 protected:
  exchange() = default;
  ~exchange() = default;
  exchange(const exchange&) = delete;
  exchange& operator=(const exchange&) = delete;
};

}  // namespace detail

/// A request, for its handler. Use it on the server's loop only, while the handler runs.
class server_request {
 public:
  explicit server_request(detail::exchange& from) noexcept : exchange_(from) {}
  server_request(const server_request&) = delete;
  server_request& operator=(const server_request&) = delete;

  /// Valid while the handler runs, or until server_response::release_memory().
  const request_head& head() const noexcept { return exchange_.request(); }
  std::string_view method() const noexcept { return head().method(); }
  std::string_view path() const noexcept { return head().path(); }
  std::string_view query() const noexcept { return head().query(); }
  std::optional<std::string_view> header(std::string_view name) const noexcept { return head().header(name); }

  /// Lowers the limit of the body, in bytes. Call it before the first read. A larger body
  /// is refused with 413.
  void limit_body(std::uint64_t most) noexcept { exchange_.limit_body(most); }

  /// Returns the next piece of the body as it arrives, valid until the next call; an empty one at the end.
  /// The first call sends `100 Continue` to a client that waits for it.
  /// Throws: http_error if the body is malformed, too large or too slow; `cancelled` if the client
  /// disconnects before its end. Do not catch them: the server then reports the error to the client.
  task<std::string_view> read() { return exchange_.read(); }

  /// Returns the rest of the body. Throws: as read(); http_error if the server holds too
  /// many bytes of bodies.
  task<std::string> read_all() { return exchange_.read_all(); }

 private:
  detail::exchange& exchange_;
};

/// The response to a request. Use it on the server's loop only, in one coroutine at a time.
///
/// Every function that sends throws `cancelled` if the client is gone or does not read. Do not catch it.
class server_response {
 public:
  explicit server_response(detail::exchange& to) noexcept : exchange_(to) {}
  server_response(const server_response&) = delete;
  server_response& operator=(const server_response&) = delete;

  /// The status and the headers. Set them before the response begins; it does not keep them afterwards.
  response_head& head() noexcept { return exchange_.response(); }

  /// Sends the whole response. `body` must stay valid until the task ends; a large one is not copied. Throws:
  /// std::logic_error if the response has already begun; std::invalid_argument if the status allows no body.
  task<void> send(std::string_view body = {}) { return exchange_.send(body); }

  /// Sends the head of a response whose body follows in pieces. `size`: bytes of the whole body, if known.
  /// Throws: as send().
  task<void> begin() { return exchange_.begin(std::nullopt); }
  task<void> begin(std::uint64_t size) { return exchange_.begin(size); }

  /// Sends a piece of the body, and waits until the system has taken it, so no faster than the client reads.
  /// Throws: std::logic_error if begin() was not called, or if the body becomes longer than announced.
  task<void> write(std::string_view piece) { return exchange_.write(piece); }

  /// Frees the memory that the connection keeps between two pieces, for a response that pauses for long. Does
  /// nothing before the response has begun. The request then has no method, no path and no header lines, and
  /// the last piece of its body is no longer valid.
  void release_memory() noexcept { exchange_.release_memory(); }

  /// Whether send() or begin() was called.
  bool begun() const noexcept { return exchange_.begun(); }

 private:
  detail::exchange& exchange_;
};

}  // namespace coworker::inline v0_1
