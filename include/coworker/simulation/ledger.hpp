#pragma once
// The ledger: what each worker has received, started, posted and delivered, as seen from outside, and the
// checks that this never breaks an invariant. Must not know how the worker works.

#include <coworker/coro/clock.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/json/json.hpp>
#include <coworker/simulation/accounts.hpp>
#include <coworker/simulation/trace.hpp>
#include <coworker/simulation/violation.hpp>
#include <coworker/transport/concept.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::inline v0_1::simulation {

/// The id of a job: "job-7".
inline std::string job_name(int job) { return "job-" + std::to_string(job); }

/// Returns the number in "job-7"; -1 for an id that is none of these jobs.
inline int job_number(std::string_view id, std::size_t jobs) noexcept {
  constexpr std::string_view prefix = "job-";
  if (!id.starts_with(prefix) || id.size() == prefix.size()) return -1;
  std::size_t number = 0;
  for (const char c : id.substr(prefix.size())) {
    if (c < '0' || c > '9' || number >= jobs) return -1;
    number = number * 10 + static_cast<std::size_t>(c - '0');
  }
  return number < jobs ? static_cast<int>(number) : -1;
}

/// Hashes a text, for comparing texts without keeping them: FNV-1a, eight bytes at a time.
inline std::uint64_t text_hash(std::string_view text) noexcept {
  std::uint64_t mixed = 14695981039346656037U ^ text.size();
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t eight = 0;
    for (std::size_t i = 0; i < 8; ++i)
      eight |= static_cast<std::uint64_t>(static_cast<unsigned char>(text[at + i])) << (8 * i);
    mixed = (mixed ^ eight) * 1099511628211U;
    mixed ^= mixed >> 29;
  }
  for (; at < text.size(); ++at) mixed = (mixed ^ static_cast<unsigned char>(text[at])) * 1099511628211U;
  return mixed;
}

/// The record of one run. Every call is an event at the loop's current time.
class ledger {
 public:
  ledger(simulated_loop& loop, event_trace& events, std::size_t jobs, std::size_t workers, worker_terms terms)
      : loop_(loop), trace_(events), terms_(terms), workers_(workers) {
    for (worker_account& one : workers_) one.jobs.resize(jobs);
  }

  worker_account& account(int worker) noexcept { return workers_[static_cast<std::size_t>(worker)]; }
  held_job& at(int worker, int job) noexcept { return account(worker).jobs[static_cast<std::size_t>(job)]; }
  std::size_t job_count() const noexcept { return workers_.empty() ? 0 : workers_.front().jobs.size(); }
  const std::vector<worker_account>& workers() const noexcept { return workers_; }
  const worker_terms& terms() const noexcept { return terms_; }
  duration now() const noexcept { return loop_.elapsed(); }

  void note(happening what, int worker, int job, std::int64_t detail = 0) {
    trace_.note(loop_.now(), what, worker, job, detail);
  }

  /// Records a violation; the first one ends the run.
  void violate(invariant broken, std::string text) {
    if (violated()) return;
    note(happening::violated, event_trace::nobody, event_trace::nobody, static_cast<std::int64_t>(broken));
    trace_.close();
    violations_.push_back({broken, now(), std::move(text)});
  }
  bool violated() const noexcept { return !violations_.empty(); }
  const std::vector<violation>& violations() const noexcept { return violations_; }

  /// Returns whether a worker that has not crashed has the job in progress.
  bool held_by_anyone(int job) const noexcept {
    for (const worker_account& one : workers_) {
      if (one.present && !one.crashed && one.jobs[static_cast<std::size_t>(job)].in_progress) return true;
    }
    return false;
  }

  // --- taking and running ---------------------------------------------------------------------------------

  void limit_is(int worker, int limit) {
    worker_account& one = account(worker);
    const int before = one.limit;
    if (one.limit_set != now()) one.limit_before = before;
    one.limit_set = now();
    one.limit = limit < 1 ? 1 : limit;
    if (one.limit_before < one.limit) one.limit_before = one.limit;
    if (one.limit != before) note(happening::limit_changed, worker, event_trace::nobody, one.limit);
  }

  void asks_for_jobs(int worker, int capacity) {
    worker_account& one = account(worker);
    one.asked_for += capacity;
    const std::int64_t limit = highest_limit(one);  // may be the largest int
    const std::int64_t places = limit * (1 + (terms_.prefetch ? 1 : 0) + (terms_.overlap_delivery ? 1 : 0));
    if (one.in_progress + one.asked_for > places && counts(one)) {
      violate(invariant::within_the_limit,
              "worker " + std::to_string(worker) + " has " + std::to_string(one.in_progress) +
                  " jobs in progress and asks for " + std::to_string(one.asked_for) + " with room for " +
                  std::to_string(places));
    }
  }

  void take_ended(int worker, int capacity) { account(worker).asked_for -= capacity; }

  /// A complete response to a take names the job.
  void arrives(int worker, int job) {
    worker_account& one = account(worker);
    held_job& held = at(worker, job);
    note(happening::job_arrived, worker, job);
    ++held.arrivals;
    if (held.in_progress) return;
    const held_job before = held;
    held = held_job();
    held.arrivals = before.arrivals;
    held.starts = before.starts;
    held.arrived = now();
    held.stop_came = before.stop_came;
    held.run = before.run + 1;
    held.in_progress = true;
    if (++one.in_progress > one.highest_in_progress) one.highest_in_progress = one.in_progress;
  }

  void starts(int worker, int job, stop_token stop) {
    worker_account& one = account(worker);
    held_job& held = at(worker, job);
    held.stop = stop;
    note(happening::handler_started, worker, job, ++held.starts);
    look_back(worker);
    ++one.running;
    if (!counts(one)) return;
    if (held.running || held.completing || !held.in_progress || held.starts > held.run) {
      violate(invariant::one_start_per_hand_over,
              about(worker, job) + " is started for the " + std::to_string(held.starts) +
                  ". time, and was handed over " + std::to_string(held.run) + " times");
    }
    held.running = true;
    const int limit = highest_limit(one);
    if (busy(one) <= limit) return;
    if (!terms_.overlap_delivery) return too_many_run(worker, job, limit);
    one.seemed_over = now();
    one.over_limit = limit;
    one.over_job = job;
  }

  // --- delivering -----------------------------------------------------------------------------------------

  /// `body`: as it will be posted.
  void completes(int worker, const job_result& result, std::string_view body);
  /// Returns whether any worker ever had that result for the job; it may come from a spool.
  bool knows_result(int job, std::uint64_t hash) const noexcept {
    for (const known_result& one : results_) {
      if (one.job == job && one.hash == hash) return true;
    }
    return false;
  }
  /// complete() has returned. `kept`: the result is in the spool, or need not be.
  void lets_go(int worker, int job, delivery what, bool kept);
  /// An element of a stream. `run`: run_of() at the handler's start; 0: the latest run. Ignores elements of a
  /// handler that goes on after its job was given up and handed over again.
  void yields(int worker, int job, const json& element, int run = 0);
  /// How often the job has been handed over to the worker so far.
  int run_of(int worker, int job) { return at(worker, job).run; }
  void part_begins(int worker, int job, part what, std::string_view text);
  /// `made`: what the queue did with it; nothing: the job was stopped meanwhile.
  void part_ends(int worker, int job, part what, std::optional<delivery> made);

  // --- stopping and leaving -------------------------------------------------------------------------------

  void asked_to_stop(int worker, int job) {
    held_job& held = at(worker, job);
    note(happening::stop_arrived, worker, job);
    if (!held.asked_while_running) held.stop_came = now();
    held.asked_while_running = held.running;
  }

  void asked_to_leave(int worker) {
    note(happening::worker_asked_to_leave, worker, event_trace::nobody);
    account(worker).asked_to_leave = now();
  }

  void left(int worker, duration allowed_until);

  static std::string about(int worker, int job) {
    return "worker " + std::to_string(worker) + ": " + job_name(job);
  }

  duration jumped{};  ///< by how much the clock has jumped in total

  bool counts(const worker_account& one) const noexcept { return !one.crashed; }

 private:
  // A worker decides and acts at the same time; a limit that was lowered in between does not count.
  int highest_limit(const worker_account& one) const noexcept {
    return one.limit_set == loop_.elapsed() && one.limit_before > one.limit ? one.limit_before : one.limit;
  }

  // How many slots are in use, as far as this can be seen from outside.
  int busy(const worker_account& one) const noexcept {
    return one.running + (terms_.overlap_delivery ? -one.reporting : one.delivering);
  }

  // If deliveries overlap, a job may have ended and wait for its progress to be sent. This is seen before
  // time passes, so a job that seems to be too many is checked again at the first later event.
  void look_back(int worker) {
    worker_account& one = account(worker);
    if (now() <= one.seemed_over) return;
    one.seemed_over = (duration::max)();
    if (busy(one) > one.over_limit && counts(one)) too_many_run(worker, one.over_job, one.over_limit);
  }

  bool grace_is_over(const worker_account& one) const noexcept {
    return one.asked_to_leave != (duration::max)() && now() - one.asked_to_leave >= terms_.grace_period;
  }

  void too_many_run(int worker, int job, int limit) {
    violate(invariant::within_the_limit, about(worker, job) + " is started as number " +
                                             std::to_string(busy(account(worker))) + " with a limit of " +
                                             std::to_string(limit));
  }

  void check_chunk(int worker, int job, held_job& held, std::string_view text);
  void check_stop(int worker, int job, const held_job& held, outcome_status ended);

  struct known_result {
    int job;
    std::uint64_t hash;
  };

  simulated_loop& loop_;
  event_trace& trace_;
  worker_terms terms_;
  std::vector<worker_account> workers_;
  std::vector<known_result> results_;
  std::vector<violation> violations_;
};

// The job's result is ready: no chunk and no progress may follow.
inline void ledger::completes(int worker, const job_result& result, std::string_view body) {
  const int job = job_number(result.job_id, job_count());
  if (job < 0) return;
  look_back(worker);
  worker_account& one = account(worker);
  held_job& held = at(worker, job);
  note(happening::result_ready, worker, job, static_cast<std::int64_t>(result.outcome.status));
  held.ready = now();
  held.result = text_hash(body);
  results_.push_back({job, held.result});
  check_stop(worker, job, held, result.outcome.status);
  if (held.running) {
    --one.running;
    ++one.delivering;
    if (held.reporting) --one.reporting;
  }
  if ((held.chunk.under_way || held.progress.under_way) && counts(one))
    violate(invariant::chunks_in_order,
            about(worker, job) + " has its result ready while a chunk or progress is on its way");
  // An output that contains all elements makes up for missing chunks.
  const bool whole = result.streamed && result.outcome.succeeded() && !terms_.stream.return_aggregate_stream;
  if (whole && !held.yielded.empty() && counts(one))
    violate(invariant::chunks_in_order,
            about(worker, job) + " has its result ready, and no chunk says " + held.yielded);
  held.completing = true;
}

inline void ledger::check_stop(int worker, int job, const held_job& held, outcome_status ended) {
  const worker_account& one = account(worker);
  if (!counts(one)) return;
  const bool leaving = one.asked_to_leave != (duration::max)();
  const bool grace_over = leaving && now() - one.asked_to_leave >= terms_.grace_period;
  if (ended == outcome_status::stopped && held.stop_came < held.arrived && !grace_over)
    violate(invariant::stops_only_its_job,
            about(worker, job) + " ends as stopped, and nobody asked for that");
  // The worker waits for a chunk in flight, and for one with the elements that were gathered meanwhile.
  const duration allowed = terms_.grace_period + terms_.stop_patience + 2 * terms_.post_timeout + jumped;
  if (held.running && !held.reporting && leaving &&
      now() - one.asked_to_leave > allowed + std::chrono::seconds(2)) {
    violate(invariant::leaves_in_time,
            about(worker, job) + " went on for " +
                std::to_string((now() - one.asked_to_leave) / std::chrono::milliseconds(1)) +
                " ms after its worker was asked to leave");
  }
  const bool should_know = held.asked_while_running && held.stop_came < now();
  if (held.running && !held.reporting && should_know && !held.stop.stop_requested())
    violate(invariant::stop_reaches_its_job,
            about(worker, job) + " should have been stopped, and was not asked to");
}

inline void ledger::lets_go(int worker, int job, delivery what, bool kept) {
  worker_account& one = account(worker);
  held_job& held = at(worker, job);
  note(happening::result_let_go, worker, job, static_cast<std::int64_t>(what));
  if (held.in_progress) --one.in_progress;
  if (held.running) --one.delivering;
  held.in_progress = held.running = held.completing = false;
  if (!counts(one)) return;
  if (what == delivery::accepted && !held.accepted)
    violate(invariant::reported_truly,
            about(worker, job) + " counts as accepted, and the server has nothing");
  if ((what == delivery::refused || what == delivery::unwanted) && held.refusals == 0)
    violate(invariant::reported_truly, about(worker, job) + " counts as refused, and nobody refused it");
  if (what == delivery::given_up && now() - held.ready < terms_.delivery_deadline && !grace_is_over(one))
    violate(invariant::reported_truly, about(worker, job) + " was given up before its time");
  if (what == delivery::given_up && !kept)
    violate(invariant::reported_truly, about(worker, job) + " was given up and is not in the spool");
}

inline void ledger::yields(int worker, int job, const json& element, int run) {
  held_job& held = at(worker, job);
  if (run != 0 && run != held.run) return;
  held.streams = !terms_.stream.join_texts;
  if (!held.streams || !counts(account(worker))) return;
  try {
    const std::string text = element.dump();
    if (!held.yielded.empty()) held.yielded += ',';
    held.yielded += text;
  } catch (const json_value_error&) {  // never becomes a chunk
  }
}

// A chunk must contain the handler's next element, or an array of its next elements.
inline void ledger::check_chunk(int worker, int job, held_job& held, std::string_view text) {
  if (!held.streams) return;
  if (terms_.stream.gather_for > duration::zero()) text = text.substr(1, text.size() - 2);
  const std::string_view left = held.yielded;
  const bool next = left.starts_with(text) && (left.size() == text.size() || left[text.size()] == ',');
  if (next) held.yielded.erase(0, text.size() + 1);  // and a comma
  if (!next && counts(account(worker)))
    violate(invariant::chunks_in_order, about(worker, job) + " sends the chunk " + std::string(text) +
                                            ", and the handler's next elements are " + held.yielded);
}

inline void ledger::part_begins(int worker, int job, part what, std::string_view text) {
  look_back(worker);
  held_job& held = at(worker, job);
  part_account& mine = held.account(what);
  if (counts(account(worker))) {
    const std::string name = what == part::chunk ? "a chunk" : "progress";
    if (held.completing || !held.in_progress)
      violate(invariant::nothing_after_the_outcome,
              about(worker, job) + " sends " + name + " after its result");
    if (mine.under_way)
      violate(invariant::chunks_in_order,
              about(worker, job) + " sends " + name + " while another one is on its way");
  }
  if (what == part::chunk) check_chunk(worker, job, held, text);
  mine = part_account();
  mine.under_way = true;
  mine.began = now();
  mine.text = text_hash(text);
  held.posts = rate_guard();
  if (what == part::progress && held.running && !std::exchange(held.reporting, true))
    ++account(worker).reporting;
}

inline void ledger::part_ends(int worker, int job, part what, std::optional<delivery> made) {
  part_account& mine = at(worker, job).account(what);
  mine.under_way = false;
  if (!made || !counts(account(worker))) return;
  if (*made == delivery::accepted && !mine.acted)
    violate(invariant::chunks_in_order, about(worker, job) + " leaves out a chunk or progress");
  if ((*made == delivery::refused || *made == delivery::unwanted) && !mine.refused)
    violate(invariant::reported_truly,
            about(worker, job) + " has a chunk or progress that counts as refused, and nobody refused it");
  const bool in_time = now() - mine.began < terms_.delivery_deadline && !grace_is_over(account(worker));
  if (*made == delivery::given_up && what == part::chunk && in_time)
    violate(invariant::reported_truly, about(worker, job) + " has a chunk given up before its time");
}

inline void ledger::left(int worker, duration allowed_until) {
  worker_account& one = account(worker);
  note(happening::worker_left, worker, event_trace::nobody);
  one.present = false;
  if (!counts(one)) return;
  for (std::size_t job = 0; job < one.jobs.size(); ++job) {
    if (one.jobs[job].in_progress)
      violate(invariant::no_job_dropped,
              about(worker, static_cast<int>(job)) + " arrived and was never completed");
  }
  if (now() > allowed_until) {
    violate(invariant::leaves_in_time,
            "worker " + std::to_string(worker) + " left " +
                std::to_string((now() - allowed_until) / std::chrono::milliseconds(1)) + " ms too late");
  }
}

}  // namespace coworker::inline v0_1::simulation
