#pragma once
// What can be set about an HTTP server. Knows nothing of how it works.

#include <coworker/coro/clock.hpp>
#include <coworker/http/request_limits.hpp>
#include <coworker/log.hpp>
#include <cstddef>
#include <cstdint>

namespace coworker::inline v0_1 {

/// Options of an http_server. duration::max() is no deadline.
struct http_server_options {
  request_limits limits;           ///< of a request
  std::size_t connections = 1024;  ///< at once; who comes beyond it is told 503
  std::size_t bodies =
      256'000'000;  ///< bytes of the bodies that read_all() has gathered, of all requests: 503
  duration head_timeout =
      std::chrono::seconds(10);  ///< from the first byte of a request to the end of its head: 408
  duration body_timeout = std::chrono::seconds(60);  ///< from when a body is asked for to its end: 408
  duration idle_timeout = std::chrono::seconds(60);  ///< between requests: the connection is closed
  duration write_timeout =
      std::chrono::seconds(60);  ///< for a client that takes nothing: the connection is cut
  duration linger =
      std::chrono::seconds(2);  ///< how long a client may go on sending what is not read, before it is cut
  std::int64_t (*unix_time)() = nullptr;  ///< seconds since 1970, for Date lines; null: there are none
  logger* log = nullptr;                  ///< for handlers that fail; null: nothing is said
};

}  // namespace coworker
