#pragma once
// What a server accepts of a request, and why it refuses one. Must not know how a request is parsed.

#include <cstdint>

namespace coworker::inline v0_1 {

/// The limits of a request. A request beyond a limit is refused with the status named.
struct request_limits {
  std::uint32_t head = 32 * 1024;   ///< bytes of the request line and all header lines; else 431
  std::uint32_t target = 8 * 1024;  ///< bytes of the target; else 414
  std::uint32_t headers = 128;      ///< header lines; else 431
  std::uint64_t body = 20'000'000;  ///< bytes of the body, without the chunk framing; else 413
  /// bytes of chunk extensions in a body, which are ignored; else 400
  std::uint32_t chunk_extensions = 4096;
  /// bytes of the trailer lines after a chunked body, which are ignored; else 431
  std::uint32_t trailers = 8 * 1024;
};

/// Why a request is refused. Close the connection after the response: the position of the next
/// request is unknown.
struct request_refusal {
  int status = 0;           ///< of the error response
  const char* reason = "";  ///< in words, for the body of the response
};

}  // namespace coworker::inline v0_1
