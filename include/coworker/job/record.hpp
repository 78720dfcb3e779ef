#pragma once
// What a queue hands over, and what a worker keeps of it from the take to the end of its delivery. Knows
// neither queues nor workers.

#include <atomic>
#include <coworker/coro/clock.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/job/progress.hpp>
#include <coworker/job/timings.hpp>
#include <coworker/json/json.hpp>
#include <coworker/log.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace coworker {

/// A job as a queue hands it over.
struct job_envelope {
  std::string id;
  json input;
  json details = json::object();  ///< whatever else came with it: webhook, batchId, policy, ...
  std::string problem = {};       ///< why it cannot be run, in a sentence; empty: it can

  /// The batch that the job says it belongs to; empty for none.
  std::string_view batch_id() const {
    const auto found = details.find("batchId");
    return found != details.end() && found->is_string() ? found->get<std::string_view>() : std::string_view();
  }
};

/// What a worker keeps of a job; a chain of tasks finds it in its context. Shared, since a copy of the job
/// may outlive the worker's interest in it.
struct job_record {
  std::string id;
  std::string batch_id;
  json input;                              ///< until the handler has it
  json details;                            ///< as well
  stop_source stop;                        ///< stops this job only
  outcome ended;                           ///< once it has; while it is being stopped, what it ends with then
  bool runnable = true;                    ///< false: it has its outcome already
  time_point taken{};                      ///< when the queue handed it over
  time_point started{};                    ///< when its handler was
  time_point settled{};                    ///< when it got its outcome
  time_point alarm = (time_point::max)();  ///< when the worker is to look at it again
  detail::progress_line progress;
  logger* log = nullptr;                   ///< its worker's
  detail::job_timings* timings = nullptr;  ///< its own; null where nobody asked for them
  job_record* previous = nullptr;          ///< in the list that it is in
  job_record* next = nullptr;

  explicit job_record(job_envelope&& envelope)
      : id(std::move(envelope.id)),
        batch_id(envelope.batch_id()),
        input(std::move(envelope.input)),
        details(std::move(envelope.details)) {
    if (!envelope.problem.empty()) settle(outcome::failure(std::move(envelope.problem)));
  }

  job_record(const job_record&) = delete;
  job_record& operator=(const job_record&) = delete;
  ~job_record() { delete timings; }

  /// Gives it an outcome without its being run.
  void settle(outcome known) {
    ended = std::move(known);
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
}  // namespace coworker
