#pragma once
// The options of an HTTP server. Must not know how the server works.

#include <coworker/coro/clock.hpp>
#include <coworker/http/request_limits.hpp>
#include <coworker/log.hpp>
#include <cstddef>
#include <cstdint>

namespace coworker::inline v0_1 {

/// Options of an http_server. duration::max() disables a timeout.
struct http_server_options {
  request_limits limits;  ///< of each request
  /// The most open connections. Another client gets a 503. Default: 1024.
  std::size_t connections = 1024;
  /// The most bytes of bodies that read_all() holds, over all requests. A request beyond it gets a 503.
  /// Default: 256 MB.
  std::size_t bodies = 256'000'000;
  /// From the first byte of a request to the end of its head; else 408. Default: 10 s.
  duration head_timeout = std::chrono::seconds(10);
  /// For the body of a request, counted while the handler waits for it; else 408. Default: 60 s.
  duration body_timeout = std::chrono::seconds(60);
  /// Between requests; then the connection is closed. Default: 60 s.
  duration idle_timeout = std::chrono::seconds(60);
  /// For a client that does not read the response; then the connection is closed. Default: 60 s.
  duration write_timeout = std::chrono::seconds(60);
  /// How long a client may go on sending bytes that nobody reads; then the connection is
  /// closed. Default: 2 s.
  duration linger = std::chrono::seconds(2);
  /// Returns the seconds since 1970, for Date headers. Default: null, no Date headers.
  std::int64_t (*unix_time)() = nullptr;
  /// Receives a line for each handler that fails. Default: null, no log.
  logger* log = nullptr;
};

}  // namespace coworker::inline v0_1
