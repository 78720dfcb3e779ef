#pragma once
// backoff: how long to wait before trying again. Grows exponentially, with jitter so that many workers do not
// retry in step.
// Must not know what is tried, nor wait itself.

#include <coworker/coro/clock.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/exec/random.hpp>

namespace coworker::inline v0_1 {

/// Computes the waits between attempts. The n-th wait, from 0, is drawn uniformly from the upper half of [0,
/// min(longest, first * 2^n)].
class backoff {
 public:
  struct options {
    /// Upper end of the first wait; above 0. Default: 200 ms.
    duration first = std::chrono::milliseconds(200);
    /// Upper end of every wait; `first` or more. Default: 30 s.
    duration longest = std::chrono::seconds(30);
  };

  backoff(options chosen, random_source random) noexcept
      : options_(chosen), next_(chosen.first), random_(random) {}

  /// Returns the next wait.
  duration next() noexcept {
    const duration bound = next_ < options_.longest ? next_ : options_.longest;
    next_ = bound * 2;
    const double share = 0.5 + 0.5 * random_.fraction();
    return std::chrono::duration_cast<duration>(bound * share);
  }

  /// Starts again at `first`; to be called after a success.
  void reset() noexcept { next_ = options_.first; }

 private:
  options options_;
  duration next_;
  random_source random_;
};

}  // namespace coworker
