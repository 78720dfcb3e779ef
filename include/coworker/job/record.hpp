#pragma once
// The envelope in which a queue hands a job over, and the record that a worker keeps from the take to the
// delivery of the outcome. Must not know queues or workers.

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
#include <string_view>
#include <utility>

namespace coworker::inline v0_1 {

/// A job as a queue hands it over.
struct job_envelope {
  std::string id;  ///< not empty, and different from the id of any other job in progress
  json input = {};
  json details = json::object();  ///< other members that came with the job, for job::details
  std::string problem = {};       ///< why it cannot be run, as a sentence; empty: it can
  duration time_limit{};          ///< how long its handler may run; 0: as long as the worker allows
  time_point deadline = (time_point::max)();  ///< when its result becomes useless, by the worker's executor
  int deliveries = 0;             ///< how many times it was handed over, including this one; 0: unknown
  std::string trace_parent = {};  ///< the W3C `traceparent` header of the request that it serves; empty: none
  std::string log_label = {};     ///< shown in brackets before its log lines; empty: none
};

namespace detail {

// Texts that come with few jobs.
struct job_labels {
  std::string log;           // shown in brackets before its log lines
  std::string trace_parent;  // of the request that it serves
};

}  // namespace detail

/// What a worker keeps of a job. A chain of tasks finds it in its context. It is shared, because a copy of
/// the job may live longer than the worker needs the record.
struct job_record {
  stop_source stop;                  ///< stops this job only
  const detail::job_labels* labels;  ///< owned; null if it has none
  std::string id;
  json input;                 ///< moved out when the handler is called
  json details;               ///< moved out when the handler is called
  coworker::outcome outcome;  ///< once it has one; during a stop, the outcome that the stop gives it
  bool runnable = true;       ///< false: it already has its outcome
  bool given_up = false;      ///< its outcome is delivered although its handler still runs
  bool ended = false;         ///< its outcome has been delivered
  bool returned = false;      ///< the handler of a job that was given up has returned
  bool sends_chunk = false;   ///< a chunk is being sent
  bool stream_began = false;  ///< its first chunk has been produced
  bool only_whole = false;    ///< it streams nothing, though its handler can
  int deliveries = 0;
  duration time_limit{};
  time_point deadline = (time_point::max)();
  time_point taken{};    ///< when the queue handed it over
  time_point started{};  ///< when its handler was started
  time_point settled{};  ///< when it got its outcome
  detail::progress_line progress;
  logger* log = nullptr;                        ///< the worker's log
  const detail::worker_view* worker = nullptr;  ///< what it may see of its worker; null outside a worker
  job_timings* timings = nullptr;               ///< owned; null unless timings are measured
  stream_options* own_stream = nullptr;         ///< owned; null if the job has no options of its own
  job_record* previous = nullptr;               ///< in the list that contains it
  job_record* next = nullptr;
  std::uint32_t look_slot = UINT32_MAX;  ///< its position among the jobs that the worker will check again

  /// Throws: std::bad_alloc; the envelope then still has all its contents.
  explicit job_record(job_envelope&& envelope)
      : labels(labels_of(envelope)),
        id(std::move(envelope.id)),
        input(std::move(envelope.input)),
        details(std::move(envelope.details)),
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
    delete labels;
  }

  /// What its log lines are about.
  log_subject subject() const noexcept {
    return log_subject(id, labels != nullptr ? std::string_view(labels->log) : std::string_view());
  }

  /// Gives it an outcome without running it.
  void settle(coworker::outcome known) noexcept {
    outcome = std::move(known);
    runnable = false;
  }

 private:
  friend class detail::record_ref;

  static const detail::job_labels* labels_of(job_envelope& envelope) {
    if (envelope.log_label.empty() && envelope.trace_parent.empty()) return nullptr;
    return new detail::job_labels{std::move(envelope.log_label), std::move(envelope.trace_parent)};
  }

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
