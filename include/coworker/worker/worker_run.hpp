#pragma once
// worker_run: one run of a worker over an engine. It takes jobs as capacity allows, runs each to an outcome,
// has every outcome delivered, and then winds down. Knows engines only as a concept and time only through its
// executor. Must not know the types of handlers and modifiers.
//
// This header has the main loop, run(), and the takes. run_jobs.hpp defines what happens to a single job,
// from accept() to job_ended(), and wind_down.hpp how the run ends.

#include <coworker/coro/clock.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/insist.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/job/error_info.hpp>
#include <coworker/job/handler.hpp>
#include <coworker/job/job_list.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/job/record.hpp>
#include <coworker/log.hpp>
#include <coworker/transport/concept.hpp>
#include <coworker/worker/core.hpp>
#include <coworker/worker/job_watch.hpp>
#include <coworker/worker/options.hpp>
#include <coworker/worker/prepare.hpp>
#include <coworker/worker/send_outcome.hpp>
#include <coworker/worker/send_progress.hpp>
#include <coworker/worker/slots.hpp>
#include <coworker/worker/watchdog.hpp>
#include <cstddef>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

namespace coworker::inline v0_1::detail {

template <class Queue>
std::size_t backlog_of(const Queue& queue) {
  if constexpr (counted_transport<Queue>) {
    return queue.backlog();
  } else {
    return 0;
  }
}

template <transport Queue>
class worker_run {
 public:
  worker_run(worker_core& core, Queue& queue, executor_ref executor)
      : core_(core),
        queue_(queue),
        executor_(executor),
        jobs_(context(executor)),
        takes_(context(executor)) {}

  worker_run(const worker_run&) = delete;
  worker_run& operator=(const worker_run&) = delete;

  // Runs until the queue is closed or the worker leaves; all outcomes are delivered by then. Call once.
  task<worker_summary> run();

 private:
  bool begin_take();
  child take_jobs(scope& takes, int capacity);
  void accept(job_envelope& envelope, time_point now);
  child run_job(scope& jobs, job_record& record);
  void give_up(job_record& record);
  task<void> deliver(record_ref owned);
  void handler_returned(job_record& record);
  void job_ended(job_record& record, delivery delivered);
  void slot_opened(time_point now);
  void read_limits();
  void look_at_queue(time_point now);
  task<void> attend();
  task<void> wind_down();
  void log_grace_is_over(bool at_once);
  void ask_if_due(time_point now);
  void ask_for_limit(time_point now, bool interval_over);
  time_point next_turn(time_point now);
  void start_queued_jobs(time_point now);
  void start(job_record& record, time_point now);
  void follow_stop(const std::string& id);
  void follow_inbox();
  void job_moved(time_point now);

  int slots_in_use() const noexcept { return slots_.in_use(core_.options.overlap_delivery); }
  int capacity() const noexcept {
    if (slots_.takes >= limits_.takes) return 0;
    return slots_.capacity(core_.options.overlap_delivery, core_.options.prefetch);
  }
  // Returns whether jobs are still taken when the worker leaves.
  bool drains() const noexcept { return limits_.drains && !queue_closed_ && !jobs_stopped_; }
  metrics_recorder& recorded() noexcept { return core_.control.recorded; }

  // Where a stream sends its chunks.
  struct chunk_target {
    worker_run& run;
    task<bool> send(job_record& job, json chunk) const {
      return detail::send_chunk(run.queue_, job, std::move(chunk), run.core_.log);
    }
    void interpret([[maybe_unused]] outcome& made) const {
      if constexpr (interpreting_transport<Queue>) run.queue_.interpret(made);
    }
  };

  worker_core& core_;
  Queue& queue_;
  const executor_ref executor_;
  transport_limits limits_;
  job_slots slots_;
  job_list waiting_;                            // taken, and without a slot yet
  job_watch watch_{core_.options, core_.log};   // over those that have a slot
  time_point ask_again_ = (time_point::min)();  // when the modifier is asked next at the latest
  bool ask_soon_ = false;                       // a take brought more jobs than there are slots
  bool asked_for_slot_ = false;            // the modifier was asked for the slot that the next take fills
  bool settled_ = true;                    // nothing has happened that may change the modifier's answer
  time_point tick_ = (time_point::max)();  // a timer that nothing postpones, to measure how late the loop is
  // When run() or wind_down() continues by itself; min: it is running.
  time_point sleeps_until_ = (time_point::min)();
  bool winding_down_ = false;
  bool jobs_stopped_ = false;  // no more jobs are started, and those in progress must end
  bool queue_closed_ = false;
  std::exception_ptr failure_;
  worker_summary summary_;
  chunk_target target_{*this};
  const stream_sink sink_{target_};
  scope jobs_;
  scope takes_;
};

template <transport Queue>
task<worker_summary> worker_run<Queue>::run() {
  const time_point start = executor_.now();
  read_limits();
  core_.leaving_source.emplace();
  core_.control.begin(start, limits_.jobs);
  core_.is_preparing.store(core_.handler.prepares());  // so that attend() sees it from the beginning
  scope beside((context(executor_)));
  if constexpr (attended_transport<Queue>) beside.spawn(attend());
  if (core_.handler.prepares()) {
    auto failure = co_await detail::prepare_worker(core_, executor_, limits_.jobs);
    if (failure_ == nullptr) failure_ = std::move(failure);
  }

  time_point now = executor_.now();
  while (!core_.inbox.leaving() && !queue_closed_) {
    ask_if_due(now);
    follow_inbox();
    watch_.look(now, [this](job_record& record) { give_up(record); });
    start_queued_jobs(now);
    if (begin_take()) continue;
    const time_point due = sleeps_until_ = next_turn(now);
    bool armed = false;
    try {
      co_await core_.inbox.changed.wait_until(due);
      armed = true;
    } catch (const std::bad_alloc&) {
    }
    try {
      if (!armed) co_await resume_on(executor_);  // others may free some memory
    } catch (const std::bad_alloc&) {
    }
    sleeps_until_ = (time_point::min)();
    now = executor_.now();
    if (now >= due) recorded().timer_late(now - due);
    if (now < tick_) continue;
    tick_ = (time_point::max)();
    if (slots_.in_progress() != 0) continue;
    look_at_queue(now);
    core_.control.publish(now, slots_.limit);
  }

  winding_down_ = true;
  core_.leaving_source->request_stop();
  if (!limits_.drains) takes_.request_stop();
  auto rest = detail::insist([this] { return wind_down(); });
  co_await std::move(rest);
  co_await takes_.join();
  co_await jobs_.join();
  while (core_.inbox.progress.take()) {
  }
  beside.request_stop();
  co_await beside.join();
  core_.control.log_last_change(slots_.limit);
  core_.control.publish(executor_.now(), slots_.limit);
  summary_.elapsed = executor_.now() - start;
  core_.inbox.open_again();
  if (failure_ != nullptr) std::rethrow_exception(std::exchange(failure_, nullptr));
  co_return summary_;
}

// What the engine states, unless the options say otherwise.
template <transport Queue>
void worker_run<Queue>::read_limits() {
  limits_ = detail::limits_of(queue_);
  stream_terms& terms = core_.place.terms;
  terms.sends_chunks = limits_.chunks && !core_.options.only_outcomes;
  terms.chunk_limit =
      core_.options.stream.chunk_limit != 0 ? core_.options.stream.chunk_limit : limits_.chunk;
  terms.output_limit = core_.options.output_limit != 0 ? core_.options.output_limit : limits_.output;
}

// Reads what the queue knows of the jobs that come to it and wait there.
template <transport Queue>
void worker_run<Queue>::look_at_queue(time_point now) {
  recorded().jobs_waiting(now, static_cast<std::size_t>(slots_.waiting), detail::backlog_of(queue_));
  if constexpr (metered_transport<Queue>) recorded().jobs_arriving(queue_.arrivals_per_second(now));
}

// If an engine cannot do its part, such as its heartbeats, the worker takes no more jobs.
template <transport Queue>
task<void> worker_run<Queue>::attend() {
  const stop_token stop = co_await this_coro::stop_token();
  try {
    co_await queue_.attend(worker_control(core_));
  } catch (const cancelled&) {
    if (!stop.stop_requested())
      failure_ = std::make_exception_ptr(
          std::logic_error("coworker::worker: the engine's attend() threw `cancelled`, but was not stopped"));
  } catch (...) {
    failure_ = std::current_exception();
  }
  if (failure_ != nullptr) core_.inbox.leave();
}

// The modifier is asked before each take, and each interval while jobs are in progress.
template <transport Queue>
void worker_run<Queue>::ask_if_due(time_point now) {
  const bool interval_over = now >= ask_again_ && (slots_.in_progress() > 0 || !settled_);
  const bool take_due = capacity() > 0 && !asked_for_slot_;
  asked_for_slot_ = false;
  if (take_due || ask_soon_ || interval_over) ask_for_limit(now, interval_over);
}

// While the worker is idle, the modifier is asked each interval until its answer stays the same and the
// metrics that it sees no longer change by themselves.
template <transport Queue>
void worker_run<Queue>::ask_for_limit(time_point now, bool interval_over) {
  const int before = slots_.limit;
  try {
    look_at_queue(now);
    slots_.limit = core_.control.ask(now, before);
  } catch (const std::bad_alloc&) {  // it is asked again
  }
  core_.view.limit.store(slots_.limit, std::memory_order_relaxed);
  if (slots_.limit != before) {
    settled_ = false;
  } else if (interval_over && slots_.in_progress() == 0) {
    settled_ = !core_.control.goes_stale();
  }
  ask_soon_ = false;
  ask_again_ = after(now, core_.options.modifier_interval);
}

template <transport Queue>
time_point worker_run<Queue>::next_turn(time_point now) {
  const bool idle = slots_.in_progress() == 0;
  if (idle && !core_.control.goes_stale()) {
    tick_ = (time_point::max)();
  } else if (tick_ == (time_point::max)()) {
    tick_ = after(now, core_.options.modifier_interval);
  }
  time_point due = watch_.next_look();
  if (tick_ < due) due = tick_;
  if ((!idle || !settled_) && ask_again_ < due) due = ask_again_;
  return due;
}

// Starts a take. Returns false if there is no room for more jobs.
template <transport Queue>
bool worker_run<Queue>::begin_take() {
  const int wanted = capacity();
  if (wanted <= 0) return false;
  slots_.requested += wanted;
  ++slots_.takes;
  detail::insist([&] { take_jobs(takes_, wanted).start(); });
  return true;
}

template <transport Queue>
child worker_run<Queue>::take_jobs(scope&, int capacity) {
  const stop_token stop = co_await this_coro::stop_token();
  const time_point asked = executor_.now();
  recorded().take_sent(asked, static_cast<std::size_t>(capacity));
  take_result taken;
  bool starved = false;
  try {
    const take_request request{static_cast<std::size_t>(capacity),
                               static_cast<std::size_t>(slots_.in_progress())};
    taken = co_await queue_.take(request);
  } catch (const cancelled&) {
    if (!stop.stop_requested()) {
      failure_ = std::make_exception_ptr(
          std::logic_error("coworker::worker: the engine's take() threw `cancelled`, but was not stopped"));
      taken.closed = true;
    }
  } catch (const std::bad_alloc&) {
    starved = true;
  } catch (...) {
    failure_ = std::current_exception();
    taken.closed = true;
  }
  if (starved) {
    core_.log.write(log_level::warn, "There was no memory to take jobs; trying again in a second.");
    try {
      co_await sleep_for(std::chrono::seconds(1));
    } catch (...) {  // the worker leaves, or there is no memory for a timer either
    }
  }
  slots_.requested -= capacity;
  --slots_.takes;
  queue_closed_ = queue_closed_ || taken.closed;
  const time_point now = executor_.now();
  recorded().take_answered(now, asked, static_cast<std::size_t>(capacity), taken.jobs.size());
  for (job_envelope& envelope : taken.jobs) accept(envelope, now);
  if (!taken.jobs.empty()) settled_ = false;
  start_queued_jobs(now);
  if (!waiting_.empty()) ask_soon_ = true;  // more jobs than the limit allows now: the limit may be too low
  job_moved(now);
}

// A job that has no slot yet ends at once. An id that is not here, or has ended, is ignored.
template <transport Queue>
void worker_run<Queue>::follow_stop(const std::string& id) {
  if (job_record* const running = watch_.find(id)) {
    core_.log.write(log_level::info, "Stop requested.", log_subject(id));
    watch_.stop(*running, outcome::stop("stopped: a stop was requested"), executor_.now());
  } else if (job_record* const waiting = waiting_.find(id)) {
    waiting->stop.request_stop();
    start(*waiting, executor_.now());
  }
}

// Does what other threads have asked for: stops, and progress to be sent.
template <transport Queue>
void worker_run<Queue>::follow_inbox() {
  std::string id;
  while (core_.inbox.next_to_stop(id)) follow_stop(id);
  if constexpr (progress_transport<Queue>) {
    while (record_ref job = core_.inbox.progress.take()) {
      progress_state* const state = job->progress.state();
      if (state == nullptr || state->over || std::exchange(state->sending, true)) continue;
      detail::insist([&] {
        jobs_.spawn(detail::send_progress(queue_, job, core_.options.progress_interval, core_.log));
      });
    }
  }
}

// Wakes run() only if there is something for it to do, because each turn of it costs time where jobs are
// short.
template <transport Queue>
void worker_run<Queue>::job_moved(time_point now) {
  recorded().in_progress(now, slots_.in_progress());
  if (summary_.highest_in_progress < slots_.running + slots_.delivering)
    summary_.highest_in_progress = slots_.running + slots_.delivering;
  if (sleeps_until_ == (time_point::min)()) return;  // run() is not asleep
  if (winding_down_ || queue_closed_ || ask_soon_ || capacity() > 0 || next_turn(now) < sleeps_until_) {
    sleeps_until_ = (time_point::min)();
    detail::insist([this] { core_.inbox.changed.set(); });
  }
}

}  // namespace coworker::inline v0_1::detail
