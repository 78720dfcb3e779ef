#pragma once
// worker: takes jobs as capacity allows, runs each to an outcome, and hands every outcome back. It knows
// transports only as a concept and time only through its executor, so that it runs unchanged against a real
// queue and a simulated one.

#include <coworker/coro/clock.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <coworker/job/error_report.hpp>
#include <coworker/job/handler.hpp>
#include <coworker/job/job.hpp>
#include <coworker/job/job_list.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/log.hpp>
#include <coworker/refusal.hpp>
#include <coworker/scale/metrics.hpp>
#include <coworker/scale/modifier.hpp>
#include <coworker/transport/concept.hpp>
#include <coworker/worker/inbox.hpp>
#include <coworker/worker/job_watch.hpp>
#include <coworker/worker/limit_control.hpp>
#include <coworker/worker/options.hpp>
#include <coworker/worker/send_progress.hpp>
#include <coworker/worker/settled_body.hpp>
#include <coworker/worker/slots.hpp>
#include <coworker/worker/watchdog.hpp>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace coworker {

namespace detail {

// Whether the queue has the chunk.
template <class Queue>
task<bool> send_chunk(Queue& queue, const job_record& job, std::string text, logger& log) {
  bool sent = false;
  if constexpr (chunk_transport<Queue>) {
    try {
      sent = co_await queue.chunk(job.id, std::move(text)) == delivery::accepted;
    } catch (const cancelled&) {
      throw;
    } catch (...) {
      log.error("The transport's chunk() threw " + describe_exception(std::current_exception()).trace,
                log_subject(job.id, job.batch_id));
    }
  }
  co_return sent;
}

template <class Queue>
bool takes_chunks(const Queue& queue) {
  if constexpr (requires { queue.takes_chunks(); }) {
    return queue.takes_chunks();
  } else {
    return chunk_transport<Queue>;
  }
}

}  // namespace detail

/// Runs a handler over the jobs of a queue, as many at once as the modifier says:
///
///     worker w(handle, rate_threshold{.min = 1, .max = 10});
///     w.run(queue);
///
/// One run at a time. stop() and stop_job() may be called on any thread; the rest belongs to one. Errors: the
/// constructor throws std::invalid_argument for options out of their range.
template <class Handler, class Modifier = fixed_concurrency>
class worker {
 public:
  worker(Handler handler, Modifier modifier = Modifier(), worker_options options = {})
    requires(job_handler<Handler> && concurrency_modifier<Modifier>)
      : handler_(std::move(handler)),
        options_(detail::checked(std::move(options))),
        log_(options_.log != nullptr ? *options_.log : own_log_),
        control_(std::move(modifier), options_.resources, log_) {
    place_.pool = options_.pool ? options_.pool : executor_ref(own_pool_);
    place_.identity = options_.identity;
    if (options_.coroutines_on_pool) place_.coroutines = place_.pool;
    place_.stream = options_.stream;
  }

  COWORKER_REFUSE(
      "coworker::worker: the handler does not fit; it must be callable with a job and give something that "
      "turns into json, as in `task<std::string> handle(job<> work)` or `json handle(job<> work)`")
  worker(Handler handler, Modifier modifier = Modifier(), worker_options = {})
    requires(!job_handler<Handler>)
      : handler_(std::move(handler)), log_(own_log_), control_(std::move(modifier), nullptr, log_) {}

  COWORKER_REFUSE(
      "coworker::worker: the concurrency modifier does not fit; it must be callable as `int(int current)` or "
      "`int(int current, const metrics&)` and give an integer")
  worker(Handler handler, Modifier modifier, worker_options = {})
    requires(job_handler<Handler> && !concurrency_modifier<Modifier>)
      : handler_(std::move(handler)), log_(own_log_), control_(std::move(modifier), nullptr, log_) {}

  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;

  static constexpr bool fits = job_handler<Handler> && concurrency_modifier<Modifier>;

  /// Serves the queue on an event loop of its own until the queue has ended or stop() was called; blocks
  /// meanwhile. Errors: rethrows what the transport's take() throws against its contract, after the jobs in
  /// progress have ended.
  template <transport Queue>
    requires fits
  worker_summary run(Queue& queue) {
    if constexpr (waiting_transport<Queue>) {
      event_loop loop(queue.waiter());
      return run_on(loop, queue);
    } else {
      event_loop loop;
      return run_on(loop, queue);
    }
  }

  template <class Queue>
    requires(!fits)
  worker_summary run(Queue&) {
    return {};  // the constructor has said what is wrong
  }

  template <class Queue>
    requires(fits && !transport<Queue>)
  COWORKER_REFUSE(
      "coworker::worker::run: this is not a transport; it needs `task<take_result> take(take_request)` and "
      "`task<delivery> complete(job_result)`")
  worker_summary run(Queue&) {
    return {};
  }

  /// The same on the executor of the awaiting coroutine, which must run one thing at a time: an event_loop or
  /// a simulated_loop. Cancellation: as stop(); all outcomes are handed back before it returns.
  template <transport Queue>
  task<worker_summary> serve(Queue& queue);

  /// Takes no more jobs, lets those in progress go on for the grace period, then asks them to stop. Any
  /// thread.
  void stop() { inbox_.leave(); }

  /// Asks one job in progress to stop; a job that waits for a slot is answered without being run, and an id
  /// that is not here, or has ended, is passed over. Any thread.
  void stop_job(std::string id) { inbox_.stop_job(std::move(id)); }

  /// What is measured, as a concurrency modifier sees it: while jobs are in progress no older than
  /// `modifier_interval`, afterwards as it then stays; of a run that is over, its end. Any thread.
  metrics measured() const { return control_.published(); }

 private:
  template <class Queue>
  worker_summary run_on(event_loop& loop, Queue& queue) {
    if (options_.loop_block_limit <= duration::zero()) return sync_wait(loop, serve(queue));
    detail::watchdog dog(loop, options_.loop_block_limit, log_);
    const detail::borrowed borrowed(dog_, dog);
    return sync_wait(loop, serve(queue));
  }
  template <class Queue>
  task<void> take_jobs(Queue& queue, int capacity, scope& jobs);
  template <class Queue>
  task<void> run_job(Queue& queue, detail::record_ref owned, scope& jobs);
  template <class Queue>
  task<delivery> hand_back(Queue& queue, job_record& record);
  template <class Queue>
  task<void> watch_stops(Queue& queue, scope& jobs);
  template <class Queue>
  void start_waiting(Queue& queue, scope& jobs);
  template <class Queue>
  void start(Queue& queue, job_record& record, scope& jobs);
  template <class Queue>
  void follow_stop(Queue& queue, const std::string& id, scope& jobs);
  template <class Queue>
  void follow_stops(Queue& queue, scope& jobs);
  template <class Queue>
  void follow_progress(Queue& queue, scope& jobs);
  template <class Queue>
  task<void> wind_down(Queue& queue, scope& jobs);
  void count(const job_record& record, delivery delivered, time_point now);
  void job_moved(time_point now) noexcept;

  int slots_in_use() const noexcept { return slots_.in_use(options_.overlap_delivery); }
  int capacity() const noexcept { return slots_.capacity(options_.overlap_delivery, options_.prefetch); }

  // What blocks has a thread for each job; what computes, one for each processor.
  std::size_t pool_size() const noexcept {
    if constexpr (fits) {
      if (options_.coroutines_on_pool && is_coroutine_handler<Handler>)
        return detail::thread::hardware_concurrency();
    }
    return std::numeric_limits<std::size_t>::max();
  }

  Handler handler_;
  const worker_options options_;
  logger own_log_;
  logger& log_;
  thread_pool own_pool_{pool_size()};  // has no thread until one is needed
  handler_place place_;

  detail::worker_inbox inbox_;
  detail::watchdog* dog_ = nullptr;  // where one is wanted, while run() is in progress

  // Of the run in progress.
  executor_ref executor_;
  detail::job_slots slots_;
  detail::limit_control<Modifier> control_;
  detail::job_list waiting_;                 // taken, and without a slot yet
  detail::job_watch watch_{options_, log_};  // over those that have one
  bool jobs_stopped_ = false;                // no job is started any more, and those in progress are to end
  bool ended_ = false;                       // the queue has
  std::exception_ptr take_failure_;
  worker_summary summary_;
};

// Said outright because clang does not look at the constructors' constraints when it deduces.
template <class Handler, class Modifier = fixed_concurrency>
worker(Handler, Modifier = Modifier(), worker_options = worker_options()) -> worker<Handler, Modifier>;

template <class Handler, class Modifier>
template <transport Queue>
task<worker_summary> worker<Handler, Modifier>::serve(Queue& queue) {
  const context surrounding = co_await this_coro::context();
  const stop_callback on_stop(surrounding.stop, [this] { stop(); });
  executor_ = surrounding.executor;
  jobs_stopped_ = false;
  place_.sends_chunks = detail::takes_chunks(queue) && !options_.only_outcomes;
  summary_ = worker_summary();
  ended_ = false;
  take_failure_ = nullptr;
  const time_point start = executor_.now();
  slots_ = detail::job_slots();
  control_.begin(start);
  const context unstoppable(executor_);
  scope takes(unstoppable);
  scope jobs(unstoppable);
  scope beside(unstoppable);
  if constexpr (attended_transport<Queue>) beside.spawn(queue.attend());
  if constexpr (stopping_transport<Queue>) beside.spawn(watch_stops(queue, jobs));

  time_point ask_again = time_point::min();
  time_point tick = time_point::max();  // a timer that nothing puts off, to see how late the loop is
  time_point now = start;
  while (!inbox_.leaving() && !ended_) {
    const bool another_take = slots_.takes < options_.takes_at_once;
    if ((another_take && capacity() > 0) || (slots_.in_progress() > 0 && now >= ask_again)) {
      slots_.limit = control_.ask(now, slots_.limit);
      ask_again = detail::after(now, options_.modifier_interval);
    }
    follow_stops(queue, jobs);
    follow_progress(queue, jobs);
    watch_.look(now);
    start_waiting(queue, jobs);
    if (const int wanted = capacity(); another_take && wanted > 0) {
      slots_.requested += wanted;
      ++slots_.takes;
      takes.spawn(take_jobs(queue, wanted, jobs));
    } else {
      const bool idle = slots_.in_progress() == 0;
      if (idle && !control_.goes_stale()) {
        tick = time_point::max();
      } else if (tick == time_point::max()) {
        tick = detail::after(now, options_.modifier_interval);
      }
      time_point due = watch_.next_look();
      if (tick < due) due = tick;
      if (!idle && ask_again < due) due = ask_again;
      co_await inbox_.changed.wait_until(due);
      now = executor_.now();
      if (now >= due) control_.recorded.timer_late(now - due);
      if (now < tick) continue;
      tick = time_point::max();
      if (slots_.in_progress() == 0) control_.publish(now, slots_.limit);
    }
  }

  takes.request_stop();
  co_await wind_down(queue, jobs);
  co_await takes.join();
  co_await jobs.join();
  while (inbox_.progress.take()) {
  }
  beside.request_stop();
  co_await beside.join();
  control_.publish(executor_.now(), slots_.limit);
  summary_.elapsed = executor_.now() - start;
  inbox_.open_again();
  if (take_failure_ != nullptr) std::rethrow_exception(std::exchange(take_failure_, nullptr));
  co_return summary_;
}

template <class Handler, class Modifier>
template <class Queue>
task<void> worker<Handler, Modifier>::take_jobs(Queue& queue, int capacity, scope& jobs) {
  const stop_token stop = co_await this_coro::stop_token();
  const time_point asked = executor_.now();
  take_result taken;
  try {
    const take_request request{static_cast<std::size_t>(capacity),
                               static_cast<std::size_t>(slots_.in_progress())};
    taken = co_await queue.take(request);
  } catch (const cancelled&) {
    if (!stop.stop_requested()) {
      take_failure_ = std::make_exception_ptr(std::logic_error(
          "coworker::worker: the transport's take() threw `cancelled`, but was not stopped"));
      taken.ended = true;
    }
  } catch (...) {
    take_failure_ = std::current_exception();
    taken.ended = true;
  }
  slots_.requested -= capacity;
  --slots_.takes;
  ended_ = ended_ || taken.ended;
  const time_point now = executor_.now();
  control_.recorded.take_answered(now, now - asked, static_cast<std::size_t>(capacity), taken.jobs.size());
  summary_.jobs += taken.jobs.size();
  for (job_envelope& envelope : taken.jobs) {
    waiting_.push_back(*new job_record(std::move(envelope)));
    waiting_.back()->taken = now;
    ++slots_.waiting;
  }
  start_waiting(queue, jobs);
  job_moved(now);
}

// Gives slots to waiting jobs, in the order in which they came.
template <class Handler, class Modifier>
template <class Queue>
void worker<Handler, Modifier>::start_waiting(Queue& queue, scope& jobs) {
  while (!waiting_.empty() && (jobs_stopped_ || slots_in_use() < slots_.limit)) {
    job_record& next = *waiting_.front();
    if (jobs_stopped_) next.stop.request_stop();
    start(queue, next, jobs);
  }
}

template <class Handler, class Modifier>
template <class Queue>
void worker<Handler, Modifier>::start(Queue& queue, job_record& record, scope& jobs) {
  waiting_.remove(record);
  --slots_.waiting;
  ++slots_.running;
  watch_.add(record, executor_.now());
  jobs.spawn(run_job(queue, detail::record_ref(record), jobs));
}

template <class Handler, class Modifier>
template <class Queue>
task<void> worker<Handler, Modifier>::run_job(Queue& queue, detail::record_ref owned, scope& jobs) {
  job_record& record = *owned;
  if (record.runnable && record.stop.stop_requested())
    record.settle(outcome::stop("stopped before it was started"));
  if (record.runnable) {
    log_.info("Started.", log_subject(record.id, record.batch_id));
    if constexpr (progress_transport<Queue>) {
      if (!options_.only_outcomes) record.progress.open(inbox_.progress);
    }
    const auto send = [this, &queue, &record](std::string text) {
      return detail::send_chunk(queue, record, std::move(text), log_);
    };
    record.log = &log_;
    if (options_.rp_debugger) record.timings = new detail::job_timings(executor_);
    detail::watched_executor* const watched = dog_ != nullptr ? dog_->add(record) : nullptr;
    context own(watched != nullptr ? executor_ref(*watched) : executor_, record.stop.get_token(), &record);
    co_await run_handler(handler_, record, place_, send).in(own);
    if (watched != nullptr) dog_->remove(watched);
    record.settled = executor_.now();
    control_.recorded.handler_ended(record.settled, record.settled - record.started);
    record.progress.close();
  } else {
    record.settled = executor_.now();
  }
  watch_.remove(record);
  --slots_.running;
  ++slots_.delivering;
  if (options_.overlap_delivery) {  // else its slot stays taken
    start_waiting(queue, jobs);
    job_moved(record.settled);
  }
  const delivery delivered = co_await hand_back(queue, record);
  const time_point now = executor_.now();
  count(record, delivered, now);
  --slots_.delivering;
  start_waiting(queue, jobs);
  job_moved(now);
  if (record.ended.stop_pod && !inbox_.leaving()) {
    log_.info("The job asked for this worker to be recycled: no more jobs are taken.",
              log_subject(record.id, record.batch_id));
    stop();
  }
}

// Not inlined, as its frame would then be part of every job's from the start.
template <class Handler, class Modifier>
template <class Queue>
[[gnu::noinline]] task<delivery> worker<Handler, Modifier>::hand_back(Queue& queue, job_record& record) {
  outcome& ended = record.ended;
  const log_subject subject(record.id, record.batch_id);
  // No progress is to follow the outcome.
  if (detail::progress_state* const told = record.progress.state(); told != nullptr) {
    while (told->sending) co_await told->sent.wait();  // may still be set by the one before
  }
  if (record.timings != nullptr) detail::add_timings(record, options_);
  std::string body = detail::settled_body(ended, options_);
  if (ended.succeeded()) {
    if (log_.writes(log_level::debug)) log_.debug("Handler output: " + ended.output.dump_spaced(), subject);
  } else {
    log_.error(ended.error, subject);
  }
  if (log_.writes(log_level::debug)) log_.debug("run_job return: " + ended.body().dump_spaced(), subject);
  job_result result{record.id, ended, std::move(body), is_streaming_handler<Handler> && place_.sends_chunks};
  try {
    co_return co_await queue.complete(std::move(result));
  } catch (...) {
    const exception_description error = describe_exception(std::current_exception());
    log_.error("The transport gave up this result: its complete() threw " + error.type + ": " + error.message,
               subject);
  }
  co_return delivery::given_up;
}

template <class Handler, class Modifier>
template <class Queue>
task<void> worker<Handler, Modifier>::watch_stops(Queue& queue, scope& jobs) {
  for (;;) {
    const stop_request asked = co_await queue.next_stops();
    for (const std::string& id : asked.job_ids) follow_stop(queue, id, jobs);
    if (asked.ended) co_return;
  }
}

// What stop_job() was asked on other threads.
template <class Handler, class Modifier>
template <class Queue>
void worker<Handler, Modifier>::follow_stops(Queue& queue, scope& jobs) {
  std::string id;
  while (inbox_.next_to_stop(id)) follow_stop(queue, id, jobs);
}

// A job that has no slot yet is answered at once; one that is not here, or has ended, is none of ours.
template <class Handler, class Modifier>
template <class Queue>
void worker<Handler, Modifier>::follow_stop(Queue& queue, const std::string& id, scope& jobs) {
  if (job_record* const running = watch_.find(id)) {
    log_.info("Stop requested.", log_subject(id));
    watch_.stop(*running, outcome::stop("stopped: a stop was requested"), executor_.now());
  } else if (job_record* const waiting = waiting_.find(id)) {
    waiting->stop.request_stop();
    start(queue, *waiting, jobs);
  }
}

template <class Handler, class Modifier>
template <class Queue>
void worker<Handler, Modifier>::follow_progress(Queue& queue, scope& jobs) {
  if constexpr (progress_transport<Queue>) {
    while (detail::record_ref job = inbox_.progress.take()) {
      detail::progress_state& state = *job->progress.state();
      if (!std::exchange(state.sending, true)) jobs.spawn(detail::send_progress(queue, std::move(job), log_));
    }
  }
}

// Waits until no take and no job is left. Once stop() has been called, jobs have the grace period to end by
// themselves, also those that a take still brings.
template <class Handler, class Modifier>
template <class Queue>
task<void> worker<Handler, Modifier>::wind_down(Queue& queue, scope& jobs) {
  time_point last_call = time_point::max();
  time_point publish_at = time_point::min();
  bool counting = false;
  while (slots_.takes > 0 || slots_.in_progress() > 0) {
    if (inbox_.leaving() && !counting) {
      counting = true;
      last_call = detail::after(executor_.now(), options_.grace_period);
    }
    follow_stops(queue, jobs);
    follow_progress(queue, jobs);
    watch_.look(executor_.now());
    if (executor_.now() >= publish_at) {
      control_.publish(executor_.now(), slots_.limit);
      publish_at = detail::after(executor_.now(), options_.modifier_interval);
    }
    time_point due = last_call < watch_.next_look() ? last_call : watch_.next_look();
    if (publish_at < due) due = publish_at;
    const bool was_set = co_await inbox_.changed.wait_until(due);
    if (was_set || executor_.now() < last_call) continue;
    if (slots_.running > 0) {
      log_.warn("The grace period is over: " + std::to_string(slots_.running) +
                (slots_.running == 1 ? " running job is" : " running jobs are") + " asked to stop.");
    }
    jobs_stopped_ = true;
    watch_.stop_all(outcome::stop("stopped: the worker leaves, and its grace period is over"),
                    executor_.now());
    start_waiting(queue, jobs);
    last_call = time_point::max();
  }
}

template <class Handler, class Modifier>
void worker<Handler, Modifier>::job_moved(time_point now) noexcept {
  control_.recorded.in_progress(now, slots_.in_progress());
  if (summary_.highest_in_progress < slots_.running + slots_.delivering)
    summary_.highest_in_progress = slots_.running + slots_.delivering;
  inbox_.changed.set();
}

template <class Handler, class Modifier>
void worker<Handler, Modifier>::count(const job_record& record, delivery delivered, time_point now) {
  const outcome::status ended = record.ended.ended;
  control_.recorded.job_ended(now, ended, now - record.taken, now - record.settled);
  if (delivered != delivery::accepted) ++summary_.undelivered;
  if (ended == outcome::status::failed) ++summary_.failed;
  if (ended == outcome::status::stopped) ++summary_.stopped;
}

}  // namespace coworker
