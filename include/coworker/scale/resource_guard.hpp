#pragma once
// resource_guard: a veto on more jobs at once while memory, processors or a probe are near their end.

#include <coworker/coro/clock.hpp>
#include <coworker/scale/memory_outlook.hpp>
#include <coworker/scale/metrics.hpp>
#include <coworker/scale/modifier.hpp>
#include <cstdint>
#include <limits>

namespace coworker::inline v0_1 {

/// Says not how many jobs are good but how many are too many: to be used beside a modifier that seeks the
/// best, as `smallest_of(aimd{}, resource_guard{})`. While memory, processors, GPU memory and the probe are
/// all below their shares it allows what is expected to fit into memory, or anything where no memory limit is
/// known; at one it allows no more than there is; beyond one it takes away an eighth for each new reading.
/// hill_climb needs no guard for memory, for it looks ahead itself.
/// Source: the idea of a veto before each grant is that of the resource-based tuner in Temporal's SDKs, which
/// steers by two PID controllers instead.
struct resource_guard {
  double memory_share = 0.9;       ///< of the memory limit; 0 to 1, default 0.9
  double cpu_share = 0.95;         ///< of the processors; above 1 for never; default 0.95
  double gpu_memory_share = 0.95;  ///< of the GPU's memory, where it is measured; default 0.95
  double (*probe)() = nullptr;     ///< how full something else is, 0 to 1; asked each time; default none
  double probe_share = 0.9;        ///< of that; default 0.9
  memory_outlook memory{};         ///< its own
  time_point acted_on = (time_point::min)();  ///< its own: the reading that it last took slots away for

  int operator()(int current, const metrics& measured) {
    memory.observe(measured);
    const double fullest = fullness(measured);
    if (fullest <= 1 - margin) return memory.most_jobs(measured, memory_share);
    if (fullest <= 1) return current;
    const time_point reading = probe != nullptr ? measured.now : measured.resources_at;
    if (reading == acted_on) return current;
    acted_on = reading;
    const int less = current - (current >= 16 ? current / 8 : 1);
    return less < 1 ? 1 : less;
  }

 private:
  static constexpr double margin = 0.05;

  static double share_of(std::uint64_t used, std::uint64_t limit, double allowed) noexcept {
    return limit == 0 ? 0 : static_cast<double>(used) / (allowed * static_cast<double>(limit));
  }

  // Of whatever is nearest to its share: 1 is at it.
  double fullness(const metrics& measured) const {
    double fullest = share_of(measured.memory_used_bytes, measured.memory_limit_bytes, memory_share);
    const auto consider = [&fullest](double found) {
      if (found > fullest) fullest = found;
    };
    consider(measured.cpu_load / cpu_share);
    consider(share_of(measured.gpu_memory_used_bytes, measured.gpu_memory_limit_bytes, gpu_memory_share));
    if (probe != nullptr) consider(probe() / probe_share);
    return fullest;
  }
};
static_assert(concurrency_modifier<resource_guard>);

}  // namespace coworker
