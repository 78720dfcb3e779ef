#pragma once
// The HTTP client that the queue protocol needs, as a concept, with its requests, responses and failures. Its
// models are curl_client and the network of a simulation; this header must not know either.

#include <concepts>
#include <coworker/coro/clock.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/task.hpp>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace coworker::inline v0_1 {

/// A request to send through an http_client.
struct http_request {
  std::string url;                                 ///< absolute, http or https
  std::optional<std::string> body = std::nullopt;  ///< present: sent as a POST; absent: the request is a GET
  /// Lines of the form "Name: value". Many requests share them, so they are not copied: they must
  /// outlive this request.
  std::span<const std::string> headers = {};
  std::string own_header = {};  ///< one more line, for this request only; empty: none
  /// The longest time in which nothing happens: no part of the request is sent, and no response begins. A
  /// response that has begun may take longer, as long as it arrives fast enough. Above 0. Default: 30 s.
  duration timeout = std::chrono::seconds(30);
  /// Whether the whole response must arrive within `timeout` of the end of the request. For requests whose
  /// response may be lost without harm. Default: false.
  bool timeout_to_end = false;

  explicit http_request(std::string address) : url(std::move(address)) {}
};

/// Why there is no response.
enum class http_failure : unsigned char {
  none,         ///< there is a response
  unreachable,  ///< no connection was made; nothing was sent
  timed_out,    ///< the server may have acted
  broken,       ///< the connection failed, or the reply was not HTTP; the server may have acted
  untrusted,    ///< TLS: the server's certificate or the handshake was refused; nothing was sent
  unusable,     ///< the request cannot be sent, for example because its URL is malformed
};

/// The response to an http_request, or the reason why there is none.
struct http_response {
  http_failure failure = http_failure::none;
  std::string problem;  ///< what went wrong, in words; empty without a failure
  int status = 0;       ///< of the response; 0 if there is none
  std::string body;
  /// Whether the failure is a lack of memory. `status` is then that of the response, and `body` its
  /// beginning; the rest is lost.
  bool out_of_memory = false;
  std::optional<duration> retry_after;  ///< how long the server asked to wait; above zero
  std::string location;                 ///< absolute URL of a redirect that was not followed; else empty

  http_response() noexcept {}
  bool arrived() const noexcept { return failure == http_failure::none; }
};

/// An HTTP client, used on one thread.
///
///   send(const http_request&) -> task<http_response>    one exchange; the request must outlive the task
///
/// The client follows a redirect that keeps method and body (307, 308), on the same host only. It
/// follows no other, because a request carries credentials: send() returns the redirect itself, with its
/// target in `location`.
///
/// Throws: only `cancelled`; everything else is a failure in the response.
/// Cancellation: a stop gives up an exchange whose response has not begun, and send() throws `cancelled`. A
/// response that is already on its way is still received, if the client can detect that. A response that has
/// begun is received to its end, unless it is slow: then the failure is `timed_out`.
template <class Client>
concept http_client = requires(Client& client, const http_request& request) {
  { client.send(request) } -> std::same_as<task<http_response>>;
};

}  // namespace coworker::inline v0_1
