#pragma once
// What a server's handler is given: a request and the response to it. Knows how neither is carried.

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

// A request and its response, as the connection carries them.
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

 protected:
  exchange() = default;
  ~exchange() = default;
  exchange(const exchange&) = delete;
  exchange& operator=(const exchange&) = delete;
};

}  // namespace detail

/// A request, while its handler runs. Used on the server's loop only.
class server_request {
 public:
  explicit server_request(detail::exchange& from) noexcept : exchange_(from) {}
  server_request(const server_request&) = delete;
  server_request& operator=(const server_request&) = delete;

  /// Valid as long as the handler runs.
  const request_head& head() const noexcept { return exchange_.request(); }
  std::string_view method() const noexcept { return head().method(); }
  std::string_view path() const noexcept { return head().path(); }
  std::string_view query() const noexcept { return head().query(); }
  std::optional<std::string_view> header(std::string_view name) const noexcept { return head().header(name); }

  /// Lowers the limit for the body, to be called before any of it is read: more is refused with 413.
  void limit_body(std::uint64_t most) noexcept { exchange_.limit_body(most); }

  /// Returns the next piece of the body as it comes, valid until the next call; an empty one at its end. A
  /// client that waits for `100 Continue` is told so by the first call. Throws: http_error where the body
  /// is malformed, too large or too slow; let it go on, and the client is told. `cancelled` where the
  /// client goes away before its end.
  task<std::string_view> read() { return exchange_.read(); }

  /// Returns what is left of the body. Throws: as read(); http_error where the server holds too many bodies.
  task<std::string> read_all() { return exchange_.read_all(); }

 private:
  detail::exchange& exchange_;
};

/// The response to a request. Used on the server's loop only, by one coroutine at a time.
///
/// All that sends throws `cancelled` where the client is gone or takes nothing; let it go on.
class server_response {
 public:
  explicit server_response(detail::exchange& to) noexcept : exchange_(to) {}
  server_response(const server_response&) = delete;
  server_response& operator=(const server_response&) = delete;

  /// Status and header lines, to be set before the response is begun.
  response_head& head() noexcept { return exchange_.response(); }

  /// Sends the whole response. `body` must live until it has ended; it is not copied where it is large.
  /// Throws: std::logic_error where the response has begun already; std::invalid_argument where one with
  /// that status has no body.
  task<void> send(std::string_view body = {}) { return exchange_.send(body); }

  /// Sends the head of a response whose body comes in pieces; of `size` bytes in all, where that is known.
  /// Throws: as send().
  task<void> begin() { return exchange_.begin(std::nullopt); }
  task<void> begin(std::uint64_t size) { return exchange_.begin(size); }

  /// Sends a piece of the body, and waits until the system has taken it, which is as fast as the client
  /// reads. Throws: std::logic_error where begin() was not called, or the body becomes longer than
  /// announced.
  task<void> write(std::string_view piece) { return exchange_.write(piece); }

  /// Whether send() or begin() was called.
  bool begun() const noexcept { return exchange_.begun(); }

 private:
  detail::exchange& exchange_;
};

}  // namespace coworker
