#pragma once
// The limits that a queue sets on a job's output and its stream. Must not know any queue.

#include <cstddef>
#include <stdexcept>
#include <string>

namespace coworker::inline v0_1 {

/// Thrown when an output is longer than the queue accepts.
class output_too_large : public std::length_error {
 public:
  output_too_large(std::size_t size, std::size_t limit)
      : std::length_error("the output is " + std::to_string(size) + " bytes of JSON, and the queue takes " +
                          std::to_string(limit) +
                          " (output_limit); return less, or a link to where the result is") {}
};

namespace detail {

struct stream_terms {
  bool sends_chunks = true;                                 // false: all elements go into the final output
  std::size_t chunk_limit = static_cast<std::size_t>(-1);   // of a chunk, in bytes of compact JSON
  std::size_t output_limit = static_cast<std::size_t>(-1);  // of the final output, in bytes of compact JSON
};

}  // namespace detail
}  // namespace coworker::inline v0_1
