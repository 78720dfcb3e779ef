#pragma once
// The loads with which concurrency modifiers are compared, and the comparison: each part of a load between
// two changes is compared with the best fixed limit for it, which is found by trying.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "load_model.hpp"

namespace coworker::testing {

/// Returns the speed of a job if `knee` jobs can run at full speed, and more share that capacity.
inline double shared_speed(int in_progress, double knee) {
  return in_progress <= knee ? 1.0 : knee / in_progress;
}

inline std::vector<load> study_loads() {
  std::vector<load> all;
  all.push_back({.name = "constant",
                 .description = "0.5 s each however many, 40 jobs arrive per second",
                 .length = 200,
                 .work = 0.5,
                 .sigma = 0.05,
                 .arrivals = [](double) { return 40.0; }});
  all.push_back({.name = "GPU knee",
                 .description = "1 s each up to 12 at once, then linear in the number",
                 .length = 600,
                 .speed = [](int n, double) { return shared_speed(n, 12); }});
  all.push_back(
      {.name = "GPU batches",
       .description = "0.5 s and 0.05 s more for each at once, up to 32",
       .length = 500,
       .speed = [](int n, double) { return shared_speed(n, 32) / (0.5 + 0.05 * std::min(n, 32)); }});
  all.push_back({.name = "coherency",
                 .description = "Gunther's scalability law: contention 0.05, coherency 0.002",
                 .length = 900,
                 .speed = [](int n, double) { return 1 / (1 + 0.05 * (n - 1) + 0.002 * n * (n - 1)); }});
  all.push_back({.name = "heavy tail",
                 .description = "lognormal with sigma 1, up to 8 at once, then shared",
                 .length = 800,
                 .sigma = 1,
                 .speed = [](int n, double) { return shared_speed(n, 8); }});
  all.push_back({.name = "one at a time",
                 .description = "a serial machine: jobs side by side only wait for each other",
                 .length = 5000,
                 .speed = [](int n, double) { return 1.0 / n; }});
  all.push_back({.name = "memory wall",
                 .description = "up to 12 at once, 1.5 GB each of 24 GB: more than 15 are killed",
                 .length = 500,
                 .speed = [](int n, double) { return shared_speed(n, 12); },
                 .job_gigabytes = 1.5,
                 .memory_gigabytes = 24});
  all.push_back({.name = "light load",
                 .description = "a job of 1 s every 5 s",
                 .length = 10000,
                 .arrivals = [](double) { return 0.2; }});
  all.push_back({.name = "load step",
                 .description = "0.5 s each; 10 jobs per second, then 40, then 10",
                 .length = 500,
                 .work = 0.5,
                 .arrivals = [](double at) { return at >= 150 && at < 350 ? 40.0 : 10.0; },
                 .first_step = 150,
                 .second_step = 350});
  all.push_back({.name = "capacity step",
                 .description = "up to 16 at once at full speed, then 8, then 16",
                 .length = 900,
                 .speed = [](int n, double at) { return shared_speed(n, at >= 300 && at < 600 ? 8 : 16); },
                 .first_step = 300,
                 .second_step = 600});
  return all;
}

/// The time from one change of a load to the next.
struct stretch {
  double from;
  double to;
  double steady() const { return from + 0.35 * (to - from); }
};

inline std::vector<stretch> stretches_of(const load& what) {
  if (what.first_step <= 0) return {{0, what.length}};
  return {{0, what.first_step}, {what.first_step, what.second_step}, {what.second_step, what.length}};
}

/// Returns a load that is always as `what` is in one stretch.
inline load unchanging(load what, stretch of) {
  what.begins_at = of.from;
  what.length = of.to - of.from;
  what.first_step = what.second_step = 0;
  return what;
}

struct judgement {
  double per_second = 0;  ///< jobs ended
  double p99 = 0;         ///< of their times, in seconds
  double mean_limit = 0;
};

inline judgement judge(const run_record& run, double from, double to) {
  std::vector<double> latencies;
  for (const completion& ended : run.completions) {
    if (ended.at >= from && ended.at < to) latencies.push_back(ended.latency);
  }
  judgement found;
  found.per_second = static_cast<double>(latencies.size()) / (to - from);
  if (!latencies.empty()) {
    const std::size_t place = latencies.size() * 99 / 100;
    std::nth_element(latencies.begin(), latencies.begin() + static_cast<std::ptrdiff_t>(place),
                     latencies.end());
    found.p99 = latencies[place];
  }
  for (std::size_t i = 0; i < run.limits.size(); ++i) {
    const double begin = std::max(from, run.limits[i].at);
    const double end = std::min(to, i + 1 < run.limits.size() ? run.limits[i + 1].at : to);
    if (end > begin) found.mean_limit += (end - begin) / (to - from) * run.limits[i].limit;
  }
  return found;
}

/// Returns how many jobs ended per second, from the 300th to the 800th in a stretch; 0 if fewer ended.
inline double early_per_second(const run_record& run, stretch of) {
  std::size_t first = 0;
  while (first < run.completions.size() && run.completions[first].at < of.from) ++first;
  constexpr std::size_t allowed = 300, measured = 500;
  if (first + allowed + measured >= run.completions.size()) return 0;
  const double end = run.completions[first + allowed + measured].at;
  return end > of.to ? 0 : static_cast<double>(measured) / (end - run.completions[first + allowed].at);
}

/// Returns the smallest fixed limit within 2 % of the best throughput.
inline int best_fixed_limit(const load& what, std::uint64_t seed) {
  std::vector<double> rates;
  double best = 0;
  std::size_t best_at = 0;
  for (int limit = 1; limit <= 128; ++limit) {
    const run_record run = simulate(what, fixed_concurrency{limit}, seed);
    const double rate =
        run.killed_at > 0 ? 0 : judge(run, stretch{0, what.length}.steady(), what.length).per_second;
    if (rate > 1.005 * best) best_at = rates.size();
    best = std::max(best, rate);
    rates.push_back(rate);
    if (rates.size() > best_at + 12) break;  // larger limits bring nothing more
  }
  std::size_t smallest = 0;
  while (rates[smallest] < 0.98 * best) ++smallest;
  return static_cast<int>(smallest) + 1;
}

/// A modifier's results for one stretch, relative to those of the best fixed limit.
struct comparison {
  double throughput = 0;
  double p99 = 0;
  double limit = 0;
  double early = 0;  ///< throughput from the 300th job on; 0: too few jobs to say
};

inline comparison compare(const run_record& run, stretch of, const judgement& best) {
  const judgement own = judge(run, of.steady(), of.to);
  return {own.per_second / best.per_second, own.p99 / best.p99, own.mean_limit / best.mean_limit,
          early_per_second(run, of) / best.per_second};
}

}  // namespace coworker::testing
