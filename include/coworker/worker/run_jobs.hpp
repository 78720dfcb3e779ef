#pragma once
// What worker_run does with a single job: its record, its slot, its handler, its outcome. Must not know how
// jobs are taken.

#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/insist.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/job/progress.hpp>
#include <coworker/job/record.hpp>
#include <coworker/job/timings.hpp>
#include <coworker/log.hpp>
#include <coworker/transport/concept.hpp>
#include <coworker/worker/send_outcome.hpp>
#include <coworker/worker/watchdog.hpp>
#include <coworker/worker/worker_run.hpp>
#include <new>
#include <utility>

namespace coworker::inline v0_1::detail {

// Makes a record of a job that was handed over, and lets it wait for a slot.
template <transport Queue>
void worker_run<Queue>::accept(job_envelope& envelope, time_point now) {
  job_record* const record = detail::insist([&] { return new job_record(std::move(envelope)); });
  if (!detail::insist([&] { return core_.in_progress.add(record->id); })) {
    core_.log.write(log_level::warn,
                    "The queue handed over a job that is already in progress here; the copy is dropped.",
                    record->subject());
    delete record;
    return;
  }
  record->taken = now;
  waiting_.push_back(*record);
  ++slots_.waiting;
  ++summary_.jobs;
}

// Gives slots to waiting jobs, in the order in which they came.
template <transport Queue>
void worker_run<Queue>::start_queued_jobs(time_point now) {
  while (!waiting_.empty() && (jobs_stopped_ || slots_in_use() < slots_.limit)) {
    job_record& next = *waiting_.front();
    if (jobs_stopped_) next.stop.request_stop();
    start(next, now);
  }
}

template <transport Queue>
void worker_run<Queue>::start(job_record& record, time_point now) {
  waiting_.remove(record);
  --slots_.waiting;
  ++slots_.running;
  core_.view.running.store(slots_.running, std::memory_order_relaxed);
  detail::insist([&] { watch_.add(record, now); });
  detail::insist([&] { run_job(jobs_, record).start(); });
}

template <transport Queue>
child worker_run<Queue>::run_job(scope&, job_record& record) {
  const record_ref owned(record);
  if (record.runnable && record.stop.stop_requested())
    record.settle(outcome::stop("stopped before it was started"));
  if (record.runnable) {
    core_.log.write(log_level::info, "Started.", record.subject());
    if constexpr (progress_transport<Queue>) {
      if (!core_.options.only_outcomes) record.progress.open(core_.inbox.progress);
    }
    record.log = &core_.log;
    record.worker = &core_.view;
    watched_executor* watched = nullptr;
    try {
      if (core_.options.measure_times) record.timings = new job_timings(executor_);
      watched = core_.watching != nullptr ? core_.watching->add(record) : nullptr;
      context own(watched != nullptr ? executor_ref(*watched) : executor_, record.stop.get_token(), &record);
      co_await core_.handler.run(record, core_.place, sink_).in(own);
    } catch (const std::bad_alloc&) {
      // Thrown before the handler was called: what the handler throws becomes its outcome.
      record.outcome = outcome::out_of_memory();
    }
    if (watched != nullptr) core_.watching->remove(watched);
    if (record.given_up) co_return handler_returned(record);
    record.settled = executor_.now();
    recorded().handler_ended(record.settled, record.settled - record.started);
    record.progress.close();
  } else {
    record.settled = executor_.now();
  }
  watch_.remove(record);
  --slots_.running;
  core_.view.running.store(slots_.running, std::memory_order_relaxed);
  ++slots_.delivering;
  if (core_.options.overlap_delivery) slot_opened(record.settled);  // otherwise it stays in use
  task<delivery> sending = detail::insist([&] { return detail::send_outcome(queue_, record, core_); });
  job_ended(record, co_await std::move(sending));
}

// For a stopped job whose handler still runs: delivers the outcome that the stop gave it. The slot stays in
// use.
template <transport Queue>
void worker_run<Queue>::give_up(job_record& record) {
  core_.log.write(
      log_level::warn,
      "It was asked to stop and still runs: it is given up. Its handler keeps the slot until it returns.",
      record.subject());
  record.given_up = true;
  record.settled = executor_.now();
  recorded().handler_ended(record.settled, record.settled - record.started);
  record.progress.close();
  watch_.remove(record);
  --slots_.running;
  core_.view.running.store(slots_.running, std::memory_order_relaxed);
  ++slots_.delivering;
  const record_ref owned(record);
  detail::insist([&] { jobs_.spawn(deliver(owned)); });
}

template <transport Queue>
task<void> worker_run<Queue>::deliver(record_ref owned) {
  task<delivery> sending = detail::insist([&] { return detail::send_outcome(queue_, *owned, core_); });
  job_ended(*owned, co_await std::move(sending));
}

// For a job that was given up: its handler has returned.
template <transport Queue>
void worker_run<Queue>::handler_returned(job_record& record) {
  core_.log.write(log_level::info,
                  "Its handler has returned, after it was given up; what it returned is thrown away.",
                  record.subject());
  record.returned = true;
  if (!record.ended) return;
  --slots_.stuck;
  slot_opened(executor_.now());
}

// Asks the modifier once for each slot that becomes free, as long as jobs are taken.
template <transport Queue>
void worker_run<Queue>::slot_opened(time_point now) {
  if (drains() || (!winding_down_ && !core_.inbox.leaving() && !queue_closed_)) {
    ask_for_limit(now, false);
    asked_for_slot_ = true;
  }
  start_queued_jobs(now);
  job_moved(now);
}

// Called once the outcome has been delivered or given up.
template <transport Queue>
void worker_run<Queue>::job_ended(job_record& record, delivery delivered) {
  const time_point now = executor_.now();
  const outcome_status status = record.outcome.status;
  core_.in_progress.remove(record.id);
  recorded().job_ended(now, status, now - record.taken, now - record.settled);
  if (delivered == delivery::refused || delivered == delivery::given_up) ++summary_.undelivered;
  if (status == outcome_status::failed) ++summary_.failed;
  if (status == outcome_status::stopped) ++summary_.stopped;
  --slots_.delivering;
  record.ended = true;
  const bool stuck = record.given_up && !record.returned;
  if (stuck) ++slots_.stuck;
  settled_ = false;
  if (core_.options.overlap_delivery || stuck) {
    start_queued_jobs(now);
    job_moved(now);
  } else {
    slot_opened(now);
  }
  if (record.outcome.recycle_worker && !core_.inbox.leaving()) {
    core_.log.write(log_level::info, "The job asked for this worker to be recycled: no more jobs are taken.",
                    record.subject());
    core_.inbox.leave();
  }
}

}  // namespace coworker::inline v0_1::detail
