#pragma once
// memory_outlook: learns from readings how memory grows with the jobs in progress, and predicts how many jobs
// fit. Must not know where readings come from.

#include <array>
#include <coworker/scale/metrics.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace coworker::inline v0_1 {

/// Predicts how many jobs fit into memory. Keeps the highest memory use for each doubling of the jobs in
/// progress, and extrapolates a straight line through the last two; with only one, through the very first
/// reading and that one. Memory that the first job takes permanently, such as a model that it loads,
/// therefore counts as a cost per job until two jobs have run at once: load models before the worker starts.
class memory_outlook {
 public:
  void observe(const metrics& measured) noexcept {
    if (measured.memory_limit_bytes == 0 || measured.resources_at == last_reading_) return;
    if (last_reading_ == (time_point::min)()) at_rest_ = static_cast<double>(measured.memory_used_bytes);
    last_reading_ = measured.resources_at;
    if (measured.most_in_progress < 1) return;
    const double used = static_cast<double>(measured.memory_used_bytes);
    const double peak = static_cast<double>(measured.peak_resident_bytes);
    point& seen = most_[octave(measured.most_in_progress)];
    seen.jobs = measured.most_in_progress;
    // Memory that others used for a while must not count forever; this process's own peak does.
    const bool as_many_again = measured.in_progress + 1 >= seen.jobs;  // +1: a take is sent after the reading
    if (as_many_again) seen.bytes -= (seen.bytes - used) / 64;
    if (used > seen.bytes) seen.bytes = used;
    if (peak > seen.bytes) seen.bytes = peak;
  }

  /// Returns the time of the last reading.
  time_point last_reading() const noexcept { return last_reading_; }

  /// Returns the largest number of jobs for which memory is expected to stay within that share of its limit;
  /// the largest int if the limit is unknown or no job has been seen. Never below 1.
  int most_jobs(const metrics& measured, double share) const noexcept {
    constexpr int unlimited = (std::numeric_limits<int>::max)();
    if (measured.memory_limit_bytes == 0) return unlimited;
    point lower{0, at_rest_}, upper{};
    for (const point& seen : most_) {
      if (seen.jobs == 0) continue;
      if (upper.jobs != 0) lower = upper;
      upper = seen;
    }
    if (upper.jobs == 0) return unlimited;
    const double room = share * static_cast<double>(measured.memory_limit_bytes) - upper.bytes;
    const double each = (upper.bytes - lower.bytes) / (upper.jobs - lower.jobs);
    if (each <= 0) return room > 0 ? unlimited : upper.jobs > 1 ? upper.jobs - 1 : 1;
    const double fit = upper.jobs + room / each;
    if (fit >= static_cast<double>(unlimited)) return unlimited;
    return fit < 1 ? 1 : static_cast<int>(fit);
  }

 private:
  struct point {
    int jobs = 0;
    double bytes = 0;
  };

  static std::size_t octave(int jobs) noexcept {
    std::size_t bit = 0;
    while (jobs >>= 1) ++bit;
    return bit;
  }

  std::array<point, 31> most_{};
  double at_rest_ = 0;
  time_point last_reading_ = (time_point::min)();
};

}  // namespace coworker::inline v0_1
