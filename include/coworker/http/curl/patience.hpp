#pragma once
// How long an exchange may take. Timeouts limit silence, not the whole time: a request or response
// continues while it makes progress. libcurl's own timeouts are not used on open connections: they count
// time in which the process was frozen, and check the clock before the socket. Must not know how many
// exchanges there are, or who waits.

#include <curl/curl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <coworker/coro/clock.hpp>
#include <coworker/http/client.hpp>
#include <coworker/http/curl/basics.hpp>
#include <coworker/http/curl/exchange.hpp>
#include <cstddef>
#include <string>
#if defined(__linux__)
#include <linux/sockios.h>
#endif

namespace coworker::inline v0_1::detail {

/// Returns the client's socket with that local port, or CURL_SOCKET_BAD. libcurl reports the socket of an
/// exchange only when it is over, but the port when the request is sent.
inline curl_socket_t socket_at(const curl_common& common, int port) noexcept {
  for (const curl_socket_t socket : common.sockets) {
    if (port > 0 && local_port(socket) == port) return socket;
  }
  return CURL_SOCKET_BAD;
}

/// Returns how many sent bytes the peer has not acknowledged; 0 if the system does not report that.
inline int unconfirmed(curl_socket_t socket) noexcept {
  int bytes = 0;
  if (socket == CURL_SOCKET_BAD) return 0;
#if defined(__linux__)
  if (::ioctl(socket, SIOCOUTQ, &bytes) != 0) return 0;
#elif defined(SO_NWRITE)
  socklen_t size = sizeof bytes;
  if (::getsockopt(socket, SOL_SOCKET, SO_NWRITE, &bytes, &size) != 0) return 0;
#endif
  return bytes;
}

inline curl_off_t bytes_of(const curl_exchange& one, CURLINFO which) noexcept {
  curl_off_t bytes = 0;
  curl_easy_getinfo(one.easy.get(), which, &bytes);
  return bytes;
}

enum class patience : unsigned char { goes_on, silent, slow };

// A request up to this size is sent in one piece. For a larger one, partial progress is visible.
inline constexpr std::size_t sent_at_once = 65'536;

/// Starts the measurement.
inline void begin_patience(curl_exchange& one, time_point now, std::size_t body) noexcept {
  one.quiet_since = now;
  one.due = after(now, body <= sent_at_once ? one.limit : one.limit / 4);
}

/// Whether part of the request was sent or acknowledged since the last check. `shared`: others use its
/// connection too.
inline bool has_moved(curl_exchange& one, bool shared) noexcept {
  if (!one.posts) return false;
  const curl_off_t sent = bytes_of(one, CURLINFO_SIZE_UPLOAD_T);
  const int unsent = shared ? 0 : unconfirmed(socket_at(one.common, one.port));
  const bool went_at_once = one.sent == 0 && unsent == 0 && sent <= static_cast<curl_off_t>(sent_at_once);
  const bool moved = (sent != one.sent || unsent != one.unsent) && !went_at_once;
  one.sent = sent;
  one.unsent = unsent;
  return moved;
}

/// Checks an exchange that is due, after libcurl has read everything that had arrived. `shared`: others use
/// its connection too.
inline patience look(curl_exchange& one, time_point now, bool shared) noexcept {
  const curl_client_options& options = one.common.options;
  time_point until = (time_point::max)();
  if (!one.in_body || one.timeout_to_end) {
    const bool moved = has_moved(one, shared);
    if (moved) one.quiet_since = now;
    until = after(one.quiet_since, one.limit);
    if (now >= until) return patience::silent;
    if (moved) until = (std::min)(until, after(now, one.limit / 4));
  }
  if (one.in_body || one.hurried) {
    const duration window = one.hurried ? options.slow_limit_when_stopped : options.slow_limit;
    if (now >= after(one.window_begun, window)) {
      const curl_off_t received = bytes_of(one, CURLINFO_SIZE_DOWNLOAD_T);
      const double seconds = std::chrono::duration<double>(now - one.window_begun).count();
      const double least = seconds * static_cast<double>(options.least_speed);
      if (static_cast<double>(received - one.received_before) < least) return patience::slow;
      one.received_before = received;
      one.window_begun = now;
    }
    until = (std::min)(until, after(one.window_begun, window));
  }
  one.due = until;
  return patience::goes_on;
}

inline std::string seconds_in_words(duration span) {
  const long long milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(span).count();
  return milliseconds >= 10'000 || milliseconds % 1000 == 0 ? std::to_string(milliseconds / 1000) + " s"
                                                            : std::to_string(milliseconds) + " ms";
}

/// Returns why an exchange was given up.
inline std::string describe(const curl_exchange& one, patience seen, time_point now) {
  const std::string size = std::to_string(one.response->body.size());
  if (seen == patience::slow) {
    const curl_off_t came = bytes_of(one, CURLINFO_SIZE_DOWNLOAD_T) - one.received_before;
    return "the response comes too slowly and was given up after " + size +
           " bytes: " + std::to_string(came) + " in the last " + seconds_in_words(now - one.window_begun) +
           ", less than " + std::to_string(one.common.options.least_speed) + " a second";
  }
  const std::string silence = seconds_in_words(one.limit);
  if (one.port < 0) return "no connection was made within " + silence;
  if (one.in_body)
    return "the response was not complete within " + silence + ": only " + size + " bytes of its body came";
  if (one.response_begun) return "the response began, and nothing more of it came within " + silence;
  if (one.unsent == 0) return "no response came within " + silence;
  return "the request did not get through: after " + std::to_string(one.sent - one.unsent) +
         " bytes of its body, nothing moved for " + silence;
}

}  // namespace coworker::inline v0_1::detail
