#pragma once
// What a simulation is asked for, and what it says afterwards.

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

struct options {
  /// How many jobs are submitted. Default 50.
  std::size_t jobs = 50;
  /// Decides everything that happens; the same seed, the same run.
  std::uint64_t seed = 1;
  /// Which mishaps there may be; a seed draws some of them. Default: all; `fault_set()` for none.
  fault_set faults = fault_set::all();
  /// Job i has the input `inputs[i % inputs.size()]`; none: `{"index": i}`.
  std::vector<json> inputs = {};
  /// As for a worker; `log` and `pool` are the simulation's own.
  worker_options worker = {};
  /// As for the queue; URLs, seed and spool folder are the simulation's own.
  runpod_options queue = {};
  /// Whether results that cannot be posted are kept on a simulated disk. Default: they are.
  bool spool = true;
  /// Between heartbeats. Default 10 s.
  duration ping_interval = std::chrono::seconds(10);
  /// How long your handler may go on after its job was asked to stop. Default 5 s.
  duration stop_patience = std::chrono::seconds(5);
  /// By when, after the last mishap, every job must have its result. Virtual time; default 1 h.
  duration settle_within = std::chrono::hours(1);
  /// A run in which more coroutines are resumed than this, and 5,000 more for each job, goes round for ever.
  /// Its coroutines are given up as they stand, their memory with them. Default 200,000.
  std::uint64_t most_steps = 200'000;
  /// Whether the report has a line for everything that happened.
  bool trace = false;
};

/// What became of one job.
struct job_report {
  std::string id;
  bool settled = false;
  std::string
      outcome;  ///< the body that the queue accepted; empty for a job stopped before it was handed over
  int hand_overs = 0;  ///< how often the queue gave it to a worker
  int starts = 0;      ///< how often a handler was called for it; no more than that
  duration latency{};  ///< from its submission to its result

  bool succeeded() const noexcept { return settled && outcome.find("\"error\":") == std::string::npos; }
};

struct report {
  std::uint64_t seed = 0;
  std::vector<job_report> jobs;
  std::vector<violation> violations;  ///< empty: all that must hold did; the first one ends a run
  int highest_in_progress = 0;        ///< at one worker
  std::uint64_t hash = 0;             ///< of everything that happened, in order
  std::uint64_t steps = 0;            ///< coroutines resumed
  duration elapsed{};                 ///< virtual
  fault_set faults;                   ///< the kinds that there were
  std::string trace;                  ///< a line for each event, where that was asked for

  bool ok() const noexcept { return violations.empty(); }

  /// In a few lines; with the trace, where there is one.
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

}  // namespace coworker::simulation
