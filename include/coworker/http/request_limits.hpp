#pragma once
// What a server accepts of a request, and what it says of one that it refuses. Knows how neither is read.

#include <cstdint>

namespace coworker::inline v0_1 {

/// What a server accepts of a request. More is refused with the status named.
struct request_limits {
  std::uint32_t head = 32 * 1024;         ///< bytes of the request line and all header lines: 431
  std::uint32_t target = 8 * 1024;        ///< bytes of the target: 414
  std::uint32_t headers = 128;            ///< header lines: 431
  std::uint64_t body = 20'000'000;        ///< bytes of the body, without the framing of its chunks: 413
  std::uint32_t chunk_extensions = 4096;  ///< bytes of chunk extensions in a body, which are skipped: 400
  std::uint32_t trailers = 8 * 1024;      ///< bytes of the lines after a chunked body, which are skipped: 431
};

/// Why a request is refused. After the response the connection must be closed, since nobody can tell where
/// the next request would begin.
struct request_refusal {
  int status = 0;           ///< of the response
  const char* reason = "";  ///< in words, for the response's body
};

}  // namespace coworker
