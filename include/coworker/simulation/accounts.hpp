#pragma once
// What is kept of each worker and each of its jobs in a simulated run. Counts only; what they must come to is
// the ledger's business.

#include <coworker/coro/clock.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/job/chunk_stream.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace coworker::inline v0_1::simulation {

/// Counts what happens within a second, or any other span.
class rate_guard {
 public:
  /// True: more than `most` within the span.
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

/// What a job says before its result.
enum class part : unsigned char { chunk, progress };

/// The latest chunk of a job at a worker, or its latest report of progress.
struct part_account {
  bool under_way = false;
  bool acted = false;    ///< at the server
  bool refused = false;  ///< for good
  duration began{};
  std::uint64_t text = 0;  ///< its hash
};

/// One job at one worker.
struct held_job {
  bool in_progress = false;  ///< it has arrived, and is not let go
  bool running = false;      ///< its handler
  bool completing = false;   ///< its result is being handed back
  bool accepted = false;     ///< this run's result, by the server
  bool reporting = false;    ///< progress, at some time
  bool told_while_running = false;
  int arrivals = 0;  ///< whole answers that named it
  int run = 0;       ///< counts the arrivals that were not of a job in progress already
  int starts = 0;
  int tries = 0;     ///< posts of this run's result
  int refusals = 0;  ///< final ones that came back
  duration arrived{};
  duration stop_came = (duration::min)();  ///< the latest
  duration ready{};                        ///< when its result was
  std::uint64_t result = 0;                ///< hash of its body
  part_account chunk;
  part_account progress;
  stop_token stop;
  rate_guard posts;
  bool streams = false;  ///< its elements are told of
  std::string yielded;   ///< those that are in no chunk yet, as JSON with commas between them

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
  std::int64_t asked_for = 0;  ///< by takes under way
  int reporting =
      0;  ///< running jobs that told of progress: they may have ended, and wait for that to arrive
  duration seemed_over = (duration::max)();  ///< when a job was started that may have been one too many
  int over_limit = 0;                        ///< the limit then
  int over_job = 0;
  int limit = 1;
  int limit_before = 1;  ///< the highest of the moment at which the limit was last set
  duration limit_set{};
  int highest_in_progress = 0;
  duration told_to_leave = (duration::max)();
  duration last_ping{};
  int coroutines = 0;  ///< requests under way
  rate_guard pings;
  rate_guard fruitless_takes;
  rate_guard fruitless_stops;
};

/// What a worker was promised to keep to.
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

}  // namespace coworker::simulation
