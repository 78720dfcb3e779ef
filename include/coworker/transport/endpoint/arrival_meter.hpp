#pragma once
// arrival_meter: counts how many jobs have come in the last second, and can be read while it is written. Must
// not know the jobs.

#include <array>
#include <atomic>
#include <coworker/coro/clock.hpp>
#include <cstddef>
#include <cstdint>

namespace coworker::inline v0_1::detail {

// A rate_meter whose reader takes no lock. Each slice of time has a word of its own: the number of the slice in
// the upper half, and in the lower one how many came in it. A slice takes the place of the one a second before.
class arrival_meter {
 public:
  // One thread at a time may call this.
  void add(time_point now) noexcept {
    const std::uint32_t current = slice_at(now);
    std::atomic<std::uint64_t>& place = slices_[current % slice_count];
    const std::uint64_t before = place.load(std::memory_order_relaxed);
    const std::uint64_t empty = std::uint64_t{current} << 32;
    place.store((before >> 32 == current ? before : empty) + 1, std::memory_order_relaxed);
  }

  // Returns the number of jobs in the second before `now`, accurate to the oldest slice. Any thread.
  double per_second(time_point now) const noexcept {
    const std::uint32_t newest = slice_at(now);
    std::uint64_t sum = 0;
    for (const std::atomic<std::uint64_t>& place : slices_) {
      const std::uint64_t word = place.load(std::memory_order_relaxed);
      // Modulo 2^32, as the numbers are. A slice that is newer than `now` counts: another thread has begun it.
      const auto age = static_cast<std::int32_t>(newest - static_cast<std::uint32_t>(word >> 32));
      if (age < static_cast<std::int32_t>(slice_count)) sum += word & 0xffffffffU;
    }
    return static_cast<double>(sum);
  }

 private:
  static constexpr duration slice = std::chrono::milliseconds(100);
  static constexpr std::size_t slice_count = 10;

  // The number of the slice, modulo 2^32.
  static std::uint32_t slice_at(time_point now) noexcept {
    return static_cast<std::uint32_t>(now.time_since_epoch() / slice);
  }

  std::array<std::atomic<std::uint64_t>, slice_count> slices_{};
};

}  // namespace coworker::inline v0_1::detail
