#pragma once
// What a simulated run records about each worker and each of its jobs. Must not know the rules that the
// ledger checks.

#include <coworker/coro/clock.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/job/chunk_stream.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace coworker::inline v0_1::simulation {

/// Counts events within a second, or any other span.
class rate_guard {
 public:
  /// Counts an event. Returns true if there were more than `most` within the span.
  bool count(duration now, int most, duration span = std::chrono::seconds(1)) noexcept {
    if (now - since_ >= span) {
      since_ = now;
      count_ = 0;
    }
    return ++count_ > most;
  }

 private:
  duration since_{};
  int count_ = 0;
};

/// What a job sends before its result.
enum class part : unsigned char { chunk, progress };

/// The latest chunk of a job at a worker, or its latest report of progress.
struct part_account {
  /// Whether its delivery has begun and not ended.
  bool under_way = false;
  bool acted = false;    ///< the server has acted on it
  bool refused = false;  ///< the server has finally refused it
  duration began{};
  std::uint64_t text = 0;  ///< hash of its text
};

/// One job at one worker.
struct held_job {
  bool in_progress = false;  ///< it has arrived, and its outcome is not delivered or given up yet
  bool running = false;      ///< its handler runs
  bool completing = false;   ///< its result is being delivered
  bool accepted = false;     ///< the server has accepted this run's result
  bool reporting = false;    ///< it has reported progress
  bool asked_while_running = false;
  int arrivals = 0;  ///< complete responses to takes that named it
  int run = 0;       ///< number of arrivals while it was not in progress
  int starts = 0;
  int tries = 0;     ///< posts of this run's result
  int refusals = 0;  ///< final refusals that arrived
  duration arrived{};
  duration stop_came = (duration::min)();  ///< when the latest one came
  duration ready{};                        ///< when its result was ready
  std::uint64_t result = 0;                ///< hash of its body
  part_account chunk;
  part_account progress;
  stop_token stop;
  rate_guard posts;
  bool streams = false;  ///< the ledger is notified of its elements
  std::string yielded;   ///< elements that are in no chunk yet, as JSON with commas between them

  part_account& account(part what) noexcept { return what == part::chunk ? chunk : progress; }
};

/// One worker, as seen from outside.
struct worker_account {
  std::vector<held_job> jobs;
  bool present = false;
  bool crashed = false;
  int in_progress = 0;
  int running = 0;
  int delivering = 0;          ///< results of jobs that were run
  std::int64_t asked_for = 0;  ///< by takes in flight
  /// Running jobs that reported progress: they may have ended, and wait for the report to be delivered.
  int reporting = 0;
  duration seemed_over = (duration::max)();  ///< when a job was started that may have been one too many
  int over_limit = 0;                        ///< the limit at that time
  int over_job = 0;
  int limit = 1;
  int limit_before = 1;  ///< the highest limit at the time when it was last set
  duration limit_set{};
  int highest_in_progress = 0;
  duration asked_to_leave = (duration::max)();
  duration last_ping{};
  int coroutines = 0;  ///< requests in flight
  rate_guard pings;
  rate_guard fruitless_takes;
  rate_guard fruitless_stops;
};

/// The limits that a worker was configured with.
struct worker_terms {
  bool prefetch = false;
  bool overlap_delivery = false;
  duration grace_period{};
  duration stop_patience{};  ///< how long handlers may go on after they were asked to stop
  duration delivery_deadline{};
  duration post_timeout{};
  duration ping_interval{};
  stream_options stream = {};
};

}  // namespace coworker::inline v0_1::simulation
