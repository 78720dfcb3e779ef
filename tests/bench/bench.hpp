#pragma once

// Timing for the benchmarks: a stopwatch, a guard against the optimiser, and statistics over repetitions.
// Must not know what is measured.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace coworker::bench {

using clock = std::chrono::steady_clock;
using nanoseconds = std::chrono::nanoseconds;

/// Measures the time since its construction.
class stopwatch {
 public:
  [[nodiscard]] nanoseconds elapsed() const { return clock::now() - start_; }

 private:
  clock::time_point start_ = clock::now();
};

/// Returns `value` such that the optimiser does not know it, so that nothing is computed at compile time.
template <class T>
[[nodiscard]] T unknown(T value) {
  volatile T opaque = value;
  return opaque;
}

/// Ends the program unless `fact` is true, because the figures of a wrong result mean nothing.
inline void require(bool fact, const char* what) {
  if (fact) return;
  std::fprintf(stderr, "benchmark: %s\n", what);
  std::exit(EXIT_FAILURE);
}

/// The nanoseconds per operation if `operations` operations took that time.
[[nodiscard]] inline double per_operation(nanoseconds elapsed, std::size_t operations) {
  return static_cast<double>(elapsed.count()) / static_cast<double>(operations);
}

/// The figures of the repetitions of one measure.
class figures {
 public:
  void add(double figure) { all_.push_back(figure); }
  void add(const figures& others) { all_.insert(all_.end(), others.all_.begin(), others.all_.end()); }

  [[nodiscard]] bool empty() const { return all_.empty(); }

  [[nodiscard]] double minimum() const { return *std::min_element(all_.begin(), all_.end()); }

  /// The smallest figure that is at least as large as that share, from 0 to 1, of all figures.
  [[nodiscard]] double quantile(double share) const {
    std::vector<double> sorted = all_;
    std::sort(sorted.begin(), sorted.end());
    const auto index = static_cast<std::size_t>(share * static_cast<double>(sorted.size()));
    return sorted[std::min(index, sorted.size() - 1)];
  }

  [[nodiscard]] double median() const {
    std::vector<double> sorted = all_;
    std::sort(sorted.begin(), sorted.end());
    const std::size_t middle = sorted.size() / 2;
    return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }

 private:
  std::vector<double> all_;
};

}  // namespace coworker::bench
