#pragma once
// Runs many seeds on several threads, finds the first one that fails, and shrinks it. Must not know what a
// run does.

#include <atomic>
#include <coworker/simulation/report.hpp>
#include <coworker/simulation/shrink.hpp>
#include <coworker/simulation/violation.hpp>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace coworker::inline v0_1::simulation {

/// What run_seeds() found.
struct seeds_report {
  std::uint64_t runs = 0;           ///< seeds that were run, up to the first that failed
  std::uint64_t jobs = 0;           ///< in all runs
  std::uint64_t steps = 0;          ///< coroutines resumed in all runs
  std::uint64_t compared = 0;       ///< seeds that were run twice, to check that both runs are equal
  std::optional<report> failure{};  ///< of the lowest seed that failed, shrunk, with its trace

  bool ok() const noexcept { return !failure.has_value(); }
  std::string text() const {
    return failure ? failure->text() : std::to_string(runs) + " runs, no violation";
  }
};

namespace detail {

template <class Run>
class seed_runner {
 public:
  seed_runner(const options& base, std::uint64_t count, Run& run)
      : base_(base), end_(base.seed + count), run_(run) {
    next_ = base.seed;
    lowest_failure_ = end_;
  }

  seeds_report run_on(unsigned threads) {
    std::vector<std::thread> others;
    for (unsigned i = 1; i < threads; ++i) others.emplace_back([this] { work(); });
    work();
    for (std::thread& one : others) one.join();
    if (lowest_failure_ != end_) totals_.failure = explain();
    return std::move(totals_);
  }

 private:
  static constexpr std::uint64_t compare_every = 32;

  void work() {
    for (;;) {
      const std::uint64_t seed = next_.fetch_add(1, std::memory_order_relaxed);
      if (seed >= lowest_failure_.load(std::memory_order_relaxed)) return;
      options wanted = base_;
      wanted.seed = seed;
      const report seen = run_(std::as_const(wanted));
      const bool compare = seed % compare_every == 0;
      note(seen, compare && seen.ok() && run_(std::as_const(wanted)).hash != seen.hash, compare);
    }
  }

  void note(const report& seen, bool differs, bool compared) {
    const std::lock_guard lock(mutex_);
    ++totals_.runs;
    totals_.jobs += seen.jobs.size();
    totals_.steps += seen.steps;
    totals_.compared += compared ? 1 : 0;
    if ((seen.ok() && !differs) || seen.seed >= lowest_failure_) return;
    lowest_failure_ = seen.seed;
    differs_ = differs;
  }

  report explain() {
    options failing = base_;
    failing.seed = lowest_failure_;
    if (!differs_) failing = simulation::shrink(failing, run_);
    failing.trace = true;
    report shown = run_(std::as_const(failing));
    if (differs_) {
      shown.violations.push_back(
          {invariant::same_seed_same_run, shown.elapsed, "two runs of this seed did not go the same way"});
    }
    return shown;
  }

  const options& base_;
  const std::uint64_t end_;
  Run& run_;
  std::atomic<std::uint64_t> next_;
  std::atomic<std::uint64_t> lowest_failure_;
  std::mutex mutex_;  // guards the members below
  bool differs_ = false;
  seeds_report totals_;
};

}  // namespace detail

/// Runs `count` seeds, beginning with `base.seed`, until one fails. `run(const options&)` returns the report
/// of one seed; it is called on any of the threads. Some seeds are run twice and must give equal runs.
template <class Run>
seeds_report run_seeds(const options& base, std::uint64_t count, unsigned threads, Run run) {
  return detail::seed_runner<Run>(base, count, run).run_on(threads);
}

}  // namespace coworker::inline v0_1::simulation
