#pragma once
// Latencies in buckets: constant memory, a few instructions to add one, percentiles accurate to 1/16. Must
// not know what the latencies are of, and never reads a clock.

#include <array>
#include <bit>
#include <coworker/coro/clock.hpp>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace coworker::inline v0_1 {

/// A summary of latencies. All fields are zero while there are none.
struct latency_summary {
  std::uint64_t count = 0;     ///< number of latencies
  double minimum_seconds = 0;  ///< the shortest
  double mean_seconds = 0;     ///< the mean
  double p50_seconds = 0;      ///< the median: an upper bound, at most 1/16 above the true value
  double p90_seconds = 0;      ///< the 90th percentile, as accurate
  double p99_seconds = 0;      ///< the 99th percentile, as accurate
};

namespace detail {

// Log-linear buckets, as in HdrHistogram: each power of two of microseconds is divided into sixteen equal
// parts, so that a bucket is never wider than a sixteenth of the latencies in it.
struct latency_buckets {
  static constexpr int part_bits = 4;
  static constexpr std::uint64_t parts = 1U << part_bits;
  static constexpr int octaves = 37;  // up to 2^41 us, 25 days; the last bucket holds longer ones too
  static constexpr std::size_t count = static_cast<std::size_t>(octaves + 1) * parts;

  static std::size_t index(std::uint64_t microseconds) noexcept {
    // The masks do not change the values; they show the compiler that each fits into a std::size_t.
    if (microseconds < parts) return microseconds & (parts - 1);
    const int octave = static_cast<int>(std::bit_width(microseconds)) - 1 - part_bits;
    if (octave >= octaves) return count - 1;
    return static_cast<std::size_t>(octave) * parts + ((microseconds >> octave) & (2 * parts - 1));
  }

  // Returns the largest latency that belongs to the bucket.
  static double upper_seconds(std::size_t bucket) noexcept {
    if (bucket < parts) return static_cast<double>(bucket + 1) * 1e-6;
    const std::size_t octave = bucket / parts - 1;
    return static_cast<double>((bucket % parts + parts + 1) << octave) * 1e-6;
  }
};

}  // namespace detail

/// Recent latencies. It forgets in halves: when the younger half is `half_life` old and holds enough
/// latencies for a summary, the older half is dropped. So a summary covers one to two half lives of a busy
/// worker, and the last jobs of an idle one, however slow they are.
/// Thread safety: none; use on one thread.
class latency_histogram {
 public:
  explicit latency_histogram(duration half_life = std::chrono::seconds(10)) noexcept
      : half_life_(half_life) {}

  /// Adds a latency. A negative one counts as zero.
  void add(time_point now, duration latency) noexcept {
    if (young_.count == 0) {
      young_since_ = now;
    } else if (young_.count >= fewest && now - young_since_ >= half_life_) {
      old_ = young_;
      young_ = half();
      young_since_ = now;
    }
    young_.add(latency < duration::zero() ? duration::zero() : latency);
    changed_ = true;
  }

  /// Updates a summary that this function filled before. Costs nothing if nothing was added since.
  void update(latency_summary& into) noexcept {
    if (std::exchange(changed_, false)) into = summary();
  }

  /// Returns the shortest latency; duration::max() if there are none.
  duration shortest() const noexcept {
    return old_.count > 0 && old_.least < young_.least ? old_.least : young_.least;
  }

  latency_summary summary() const noexcept {
    latency_summary all;
    all.count = young_.count + old_.count;
    if (all.count == 0) return all;
    all.minimum_seconds = seconds(shortest());
    all.mean_seconds = (young_.sum_seconds + old_.sum_seconds) / static_cast<double>(all.count);
    find_percentiles(all);
    return all;
  }

 private:
  static constexpr std::uint64_t fewest = 32;  // with fewer, a p90 means nothing

  struct half {
    std::array<std::uint32_t, detail::latency_buckets::count> buckets{};
    std::uint64_t count = 0;
    double sum_seconds = 0;
    duration least = (duration::max)();
    std::size_t lowest = detail::latency_buckets::count;  // bucket in use
    std::size_t highest = 0;

    void add(duration latency) noexcept {
      const auto microseconds = static_cast<std::uint64_t>(latency / std::chrono::microseconds(1));
      const std::size_t bucket = detail::latency_buckets::index(microseconds);
      ++buckets[bucket];
      ++count;
      sum_seconds += seconds(latency);
      if (latency < least) least = latency;
      if (bucket < lowest) lowest = bucket;
      if (bucket > highest) highest = bucket;
    }
  };

  static double seconds(duration span) noexcept { return std::chrono::duration<double>(span).count(); }

  void find_percentiles(latency_summary& all) const noexcept {
    const std::array<double, 3> shares{0.5, 0.9, 0.99};
    const std::array<double*, 3> found{&all.p50_seconds, &all.p90_seconds, &all.p99_seconds};
    const std::size_t first = old_.lowest < young_.lowest ? old_.lowest : young_.lowest;
    const std::size_t last = old_.highest > young_.highest ? old_.highest : young_.highest;
    std::uint64_t passed = 0;
    std::size_t i = first;
    for (std::size_t next = 0; next < shares.size(); ++next) {
      const std::uint64_t needed = at_least(shares[next] * static_cast<double>(all.count));
      while (passed < needed && i <= last) {
        passed += young_.buckets[i] + old_.buckets[i];
        ++i;
      }
      *found[next] = detail::latency_buckets::upper_seconds(i - 1);
    }
  }

  static std::uint64_t at_least(double count) noexcept {
    const auto whole = static_cast<std::uint64_t>(count);
    return static_cast<double>(whole) < count ? whole + 1 : whole;
  }

  duration half_life_;
  time_point young_since_{};
  half young_;
  half old_;
  bool changed_ = false;
};

}  // namespace coworker::inline v0_1
