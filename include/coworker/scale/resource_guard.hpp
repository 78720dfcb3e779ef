#pragma once
// resource_guard: prevents more jobs at once while memory, processors or a probe are near their limits. Must
// not know where readings come from.

#include <coworker/coro/clock.hpp>
#include <coworker/scale/memory_outlook.hpp>
#include <coworker/scale/metrics.hpp>
#include <coworker/scale/modifier.hpp>
#include <cstdint>
#include <limits>

namespace coworker::inline v0_1 {

/// Decides how many jobs are too many, not how many are best: use it beside a modifier that seeks the best
/// limit, as in `smallest_of(aimd{}, resource_guard{})`. While memory, processors, GPU memory and the probe
/// are all below their shares, it allows what is expected to fit into memory, or any number if the memory
/// limit is unknown. At a share it allows no more jobs than there are. Beyond a share it lowers the limit by
/// an eighth for each new reading. hill_climb needs no guard for memory, because it uses the same prediction.
/// Source: the resource-based tuner in Temporal's SDKs also applies a veto before each grant, but controls it
/// with two PID controllers.
struct resource_guard {
  double memory_share = 0.9;                  ///< of the memory limit; 0 to 1. Default: 0.9
  double cpu_share = 0.95;                    ///< of the processors; above 1: never reached. Default: 0.95
  double gpu_memory_share = 0.95;             ///< of the GPU's memory, if it is measured. Default: 0.95
  double (*probe)() = nullptr;                ///< returns how full something else is, 0 to 1; called each
                                              ///< time. Default: null
  double probe_share = 0.9;                   ///< of what the probe returns. Default: 0.9
  memory_outlook memory{};                    ///< internal
  time_point acted_on = (time_point::min)();  ///< internal: the last reading for which it lowered the limit

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

  // Returns the fullness of the resource that is nearest to its share: 1 is at the share.
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

}  // namespace coworker::inline v0_1
