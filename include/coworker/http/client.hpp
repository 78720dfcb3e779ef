#pragma once
// HTTP as the protocol needs it: requests, answers, what can go wrong, and the client concept. The protocol
// is written against this; libcurl and a simulated network are two models of it.

#include <concepts>
#include <coworker/coro/clock.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/task.hpp>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace coworker::inline v0_1 {

struct http_request {
  std::string url;
  std::optional<std::string> body = std::nullopt;  ///< present: a POST; absent: a GET
  /// Each "Name: value". They are shared by many requests, and not copied: they must outlive this one.
  std::span<const std::string> headers = {};
  std::string own_header = {};  ///< one more, of this request alone; empty: none
  /// How long the exchange may be silent: nothing of the request gets through, and no answer begins. An answer
  /// that has begun goes on as long as it comes at a decent speed. Default 30 s.
  duration timeout = std::chrono::seconds(30);
  /// The whole answer must be there within `timeout` of the end of the request, where nothing is lost with it.
  bool timeout_to_end = false;

  explicit http_request(std::string address) : url(std::move(address)) {}
};

/// Why there is no answer.
enum class http_failure : unsigned char {
  none,         ///< there is one
  unreachable,  ///< no connection came about; nothing was sent
  timed_out,    ///< the server may have acted
  broken,       ///< the connection died, or what came is not HTTP; the server may have acted
  untrusted,    ///< TLS: the server's certificate or the handshake was refused; nothing was sent
  unusable,     ///< the request itself cannot be sent, such as a malformed URL
};

struct http_response {
  http_failure failure = http_failure::none;
  std::string problem;  ///< in words, when there is a failure
  int status = 0;       ///< of an answer
  std::string body;
  /// That is the failure: `status` is that of the answer, and `body` its beginning; the rest is lost.
  bool out_of_memory = false;
  std::optional<duration> retry_after;  ///< as the server asked; above zero
  std::string location;                 ///< of a redirect that was not followed, as a whole URL; else empty

  http_response() noexcept {}
  bool arrived() const noexcept { return failure == http_failure::none; }
};

/// An HTTP client, used on one thread.
///
///   send(const http_request&) -> task<http_response>    one exchange; the request must outlive the task. Throws
///                                                     nothing but `cancelled`; all else is a failure.
///
/// A redirect that keeps the request as it is (307, 308) is followed on the same host. No other is, as a request
/// carries credentials: its answer is what send() gives, with its target.
///
/// Cancellation: when a stop is requested, an exchange whose answer has not begun to arrive is given up so
/// that an answer already on its way is still received where that can be told; then it throws `cancelled`. An
/// answer that has begun is received to its end, unless it is slow: then it is a failure, `timed_out`.
template <class Client>
concept http_client = requires(Client& client, const http_request& request) {
  { client.send(request) } -> std::same_as<task<http_response>>;
};

}  // namespace coworker::inline v0_1
