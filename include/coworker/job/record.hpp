#pragma once
// What a queue hands over, and what a worker keeps of it from the take to the end of its delivery. Knows
// neither queues nor workers.

#include <atomic>
#include <coworker/coro/clock.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/job/progress.hpp>
#include <coworker/job/stream_options.hpp>
#include <coworker/job/timings.hpp>
#include <coworker/job/worker_view.hpp>
#include <coworker/json/json.hpp>
#include <coworker/log.hpp>
#include <cstdint>
#include <string>
#include <utility>

namespace coworker::inline v0_1 {

/// A job as a queue hands it over.
struct job_envelope {
  std::string id;  ///< not empty, and no other job's that is in progress
  json input = {};
  json details = json::object();  ///< whatever else came with it; the handler finds it in job::details
  std::string problem = {};       ///< why it cannot be run, in a sentence; empty: it can
  duration time_limit{};          ///< how long its handler may run; 0: as long as the worker allows
  time_point deadline = (time_point::max)();  ///< when it is of no use any more, by the worker's executor
  int deliveries = 0;             ///< how often the queue has handed it over, with this time; 0: not known
  std::string trace_parent = {};  ///< of the request that it serves, as in W3C's header; empty: none
  std::string log_label = {};     ///< stands in brackets before its lines in the log; empty: none
};

namespace detail {
class job_observer;
}  // namespace detail

/// What a worker keeps of a job; a chain of tasks finds it in its context. Shared, since a copy of the job
/// may outlive the worker's interest in it.
struct job_record {
  stop_source stop;  ///< stops this job only
  std::string id;
  std::string log_label;
  json input;                 ///< until the handler has it
  json details;               ///< as well
  std::string trace_parent;   ///< of the request that it serves
  coworker::outcome outcome;  ///< once it has one; while it is being stopped, what it then ends with
  bool runnable = true;       ///< false: it has its outcome already
  bool given_up = false;      ///< its outcome is handed over while its handler goes on
  bool ended = false;         ///< its outcome has been handed over
  bool returned = false;      ///< its handler has, of one that was given up
  bool sends_chunk = false;   ///< one is on its way
  bool stream_began = false;  ///< a chunk of it is on its way
  bool only_whole = false;    ///< it streams nothing, though its handler can
  int deliveries = 0;
  duration time_limit{};
  time_point deadline = (time_point::max)();
  time_point taken{};                    ///< when the queue handed it over
  time_point started{};                  ///< when its handler was
  time_point settled{};                  ///< when it got its outcome
  std::uint32_t look_slot = UINT32_MAX;  ///< its place among those that the worker is to look at again
  detail::progress_line progress;
  logger* log = nullptr;                        ///< its worker's
  const detail::worker_view* worker = nullptr;  ///< what it may see of that; null outside a worker
  job_timings* timings = nullptr;               ///< its own; null where nobody asked for them
  stream_options* own_stream = nullptr;         ///< its own; null where it has none
  detail::job_observer* observer = nullptr;     ///< a test's
  job_record* previous = nullptr;               ///< in the list that it is in
  job_record* next = nullptr;

  /// Throws std::bad_alloc; the envelope still has all then.
  explicit job_record(job_envelope&& envelope)
      : id(std::move(envelope.id)),
        log_label(std::move(envelope.log_label)),
        input(std::move(envelope.input)),
        details(std::move(envelope.details)),
        trace_parent(std::move(envelope.trace_parent)),
        deliveries(envelope.deliveries),
        time_limit(envelope.time_limit),
        deadline(envelope.deadline) {
    if (!envelope.problem.empty()) settle(outcome::failure(std::move(envelope.problem)));
  }

  job_record(const job_record&) = delete;
  job_record& operator=(const job_record&) = delete;
  ~job_record() {
    delete timings;
    delete own_stream;
  }

  /// Gives it an outcome without its being run.
  void settle(coworker::outcome known) noexcept {
    outcome = std::move(known);
    runnable = false;
  }

 private:
  friend class detail::record_ref;
  std::atomic<int> owners_{0};
};

namespace detail {

inline record_ref::record_ref(job_record& record) noexcept : record_(&record) {
  record.owners_.fetch_add(1, std::memory_order_relaxed);
}

inline record_ref::~record_ref() {
  if (record_ != nullptr && record_->owners_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete record_;
}

}  // namespace detail
}  // namespace coworker::inline v0_1
