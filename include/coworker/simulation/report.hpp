#pragma once
// The options of a simulation, and its report. Must not know how it runs.

#include <coworker/coro/clock.hpp>
#include <coworker/json/json.hpp>
#include <coworker/simulation/fault_plan.hpp>
#include <coworker/simulation/violation.hpp>
#include <coworker/transport/runpod/options.hpp>
#include <coworker/worker/options.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace coworker::inline v0_1::simulation {

/// Settings of simulate().
struct options {
  /// How many jobs are submitted. Default: 50.
  std::size_t jobs = 50;
  /// Decides everything that happens; the same seed gives the same run. Default: 1.
  std::uint64_t seed = 1;
  /// Which kinds of faults may occur; a seed draws some of them. Default: all; `fault_set()` for none.
  fault_set faults = fault_set::all();
  /// Job i has the input `inputs[i % inputs.size()]`. Default: empty, `{"index": i}`.
  std::vector<json> inputs = {};
  /// As for a worker; `log` and `pool` are set by the simulation.
  worker_options worker = {};
  /// As for the queue; URLs, seed and spool folder are set by the simulation.
  runpod_options queue = {};
  /// Whether results that cannot be posted are kept on a simulated disk. Default: true.
  bool spool = true;
  /// Between heartbeats. Default: 10 s.
  duration ping_interval = std::chrono::seconds(10);
  /// How long your handler may go on after its job was asked to stop. Default: 5 s.
  duration stop_patience = std::chrono::seconds(5);
  /// How long after the last fault every job must have its result. Virtual time. Default: 1 h.
  duration settle_within = std::chrono::hours(1);
  /// A run that resumes more coroutines than this, and 5,000 more for each job, counts as endless. Its
  /// coroutines are never destroyed and their memory is leaked. Default: 200,000.
  std::uint64_t most_steps = 200'000;
  /// Whether the report has a line for each event. Default: false.
  bool trace = false;
};

/// How one job ended.
struct job_report {
  std::string id;
  bool settled = false;
  /// The body that the queue accepted; empty for a job that was stopped before it was handed over.
  std::string outcome;
  int hand_overs = 0;  ///< how often the queue gave it to a worker
  int starts = 0;      ///< how often its handler was called
  duration latency{};  ///< from its submission to its result

  bool succeeded() const noexcept { return settled && outcome.find("\"error\":") == std::string::npos; }
};

/// What happened in one run.
struct report {
  std::uint64_t seed = 0;
  std::vector<job_report> jobs;
  std::vector<violation> violations;  ///< empty: all invariants held; the first violation ends a run
  int highest_in_progress = 0;        ///< at one worker
  std::uint64_t hash = 0;             ///< of everything that happened, in order
  std::uint64_t steps = 0;            ///< coroutines resumed
  duration elapsed{};                 ///< virtual
  fault_set faults;                   ///< the kinds that occurred
  std::string trace;                  ///< a line for each event, if options::trace is set

  bool ok() const noexcept { return violations.empty(); }

  /// Returns the report as a few lines, with the trace if there is one.
  std::string text() const {
    std::string lines = "seed " + std::to_string(seed) + ", " + std::to_string(jobs.size()) + " jobs, " +
                        std::to_string(elapsed / std::chrono::seconds(1)) +
                        " virtual s, faults: " + faults.text() + "\n" + trace;
    for (const violation& one : violations) {
      lines += "violated: ";
      lines.append(one.name()).append(" after ");
      lines += std::to_string(one.at / std::chrono::milliseconds(1)) + " virtual ms: " + one.text + "\n";
    }
    return lines;
  }
};

}  // namespace coworker::inline v0_1::simulation
