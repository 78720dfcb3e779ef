#pragma once
// How long to wait before trying again: exponential growth with jitter, so that many workers do not return in
// step.

#include <coworker/coro/clock.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/exec/random.hpp>

namespace coworker::inline v0_1 {

/// The n-th wait is drawn evenly from the upper half of [0, min(longest, first * 2^n)].
class backoff {
 public:
  struct options {
    duration first = std::chrono::milliseconds(200);  ///< above 0
    duration longest = std::chrono::seconds(30);      ///< `first` or more
  };

  backoff(options chosen, random_source random) noexcept
      : options_(chosen), next_(chosen.first), random_(random) {}

  duration next() noexcept {
    const duration bound = next_ < options_.longest ? next_ : options_.longest;
    next_ = bound * 2;
    const double share = 0.5 + 0.5 * random_.fraction();
    return std::chrono::duration_cast<duration>(bound * share);
  }

  /// After a success.
  void reset() noexcept { next_ = options_.first; }

 private:
  options options_;
  duration next_;
  random_source random_;
};

}  // namespace coworker
