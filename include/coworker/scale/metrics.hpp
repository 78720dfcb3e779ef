#pragma once
// What a worker measures of itself, and how it counts events per second. Must not know what is done with the
// figures.

#include <array>
#include <coworker/coro/clock.hpp>
#include <cstddef>
#include <cstdint>

namespace coworker {

/// A snapshot for concurrency modifiers that ask for one. Counts are since the worker's start.
struct metrics {
  int limit = 1;        ///< jobs that may be in progress at once
  int in_progress = 0;  ///< jobs taken whose outcome the queue does not have yet
  std::uint64_t jobs_taken = 0;
  std::uint64_t jobs_succeeded = 0;
  std::uint64_t jobs_failed = 0;
  std::uint64_t jobs_stopped = 0;
  double arrivals_per_second = 0;     ///< jobs taken in the last second
  double completions_per_second = 0;  ///< outcomes delivered in the last second
};

/// Counts events over the last second, in slices of a tenth. Time is given to it, never read.
class rate_meter {
 public:
  void add(time_point now, std::uint64_t events = 1) noexcept {
    advance(now);
    slices_[index(current_)] += events;
  }

  /// Events in the second before `now`, to within the slice that is just leaving it.
  double per_second(time_point now) noexcept {
    advance(now);
    std::uint64_t sum = 0;
    for (const std::uint64_t events : slices_) sum += events;
    return static_cast<double>(sum);
  }

 private:
  static constexpr duration slice = std::chrono::milliseconds(100);
  static constexpr std::int64_t slice_count = 10;

  static std::size_t index(std::int64_t slice_number) noexcept {
    return static_cast<std::size_t>(slice_number % slice_count);
  }

  void advance(time_point now) noexcept {
    const std::int64_t reached = now.time_since_epoch() / slice;
    if (reached - current_ >= slice_count) {
      slices_.fill(0);
      current_ = reached;
    }
    while (current_ < reached) slices_[index(++current_)] = 0;
  }

  std::array<std::uint64_t, slice_count> slices_{};
  std::int64_t current_ = 0;
};

}  // namespace coworker
