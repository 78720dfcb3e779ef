#pragma once
// How the elements of a streaming handler become chunks, as a worker or a job says. Must not know how that is done.

#include <coworker/coro/clock.hpp>
#include <cstddef>

namespace coworker::inline v0_1 {

/// How the elements of a streaming handler become chunks. Texts that follow each other may be cut anywhere, as a
/// language model's tokens are: bytes that begin a character are held back and put before the next text. What no text
/// finishes becomes U+FFFD.
struct stream_options {
  /// How long an element may wait for others that go out in the same chunk, which then is an array of elements, also of
  /// one. For token streams, such as 50 ms. Default: 0, each element is a chunk.
  duration gather_for{};
  /// Sends gathered elements sooner once they are as many bytes of JSON. Default: 64 KiB.
  std::size_t gather_bytes = 64 * 1024;
  /// Sends gathered elements that are all texts as one text, in which they follow each other. Default: off.
  bool join_texts = false;
  /// The longest chunk in bytes of compact JSON; an element beyond that fails its job. Default: 0, what the queue
  /// states as its own limit.
  std::size_t chunk_limit = 0;
  /// Lists all elements in the final output; otherwise it is an empty list. Default: off.
  bool return_aggregate_stream = false;
};

}  // namespace coworker
