#pragma once
// How the elements of a streaming handler become chunks, as a worker or a job asks. Must not know how they
// are sent.

#include <coworker/coro/clock.hpp>
#include <cstddef>

namespace coworker::inline v0_1 {

/// How the elements of a streaming handler become chunks. Consecutive texts may be cut anywhere, as the
/// tokens of a language model are: the bytes of an unfinished character are held back and put before the next
/// text. Bytes that no text completes become U+FFFD.
struct stream_options {
  /// How long an element may wait for others that are sent in the same chunk. Such a chunk is an array of
  /// elements, even of one. For token streams, such as 50 ms. Default: 0, each element is a chunk.
  duration gather_for{};
  /// Sends gathered elements earlier when they reach this many bytes of JSON. Default: 64 KiB.
  std::size_t gather_bytes = 64 * 1024;
  /// Sends gathered elements that are all texts as one concatenated text. Default: false.
  bool join_texts = false;
  /// The longest chunk, in bytes of compact JSON; a longer element fails its job. Default: 0, the limit that
  /// the queue states. In a worker's options it replaces that limit, also with a higher one; in a job's own
  /// options (stream_with) it only lowers it.
  std::size_t chunk_limit = 0;
  /// Lists all elements in the final output; otherwise it is an empty list. Default: false.
  bool return_aggregate_stream = false;
};

}  // namespace coworker::inline v0_1
