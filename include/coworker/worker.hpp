#pragma once
// worker: takes jobs as capacity allows, runs each to an outcome, and hands every outcome back. It knows
// transports only as a concept and time only through its executor, so that it runs unchanged against a real
// queue and a simulated one.

#include <atomic>
#include <coworker/coro/clock.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/fifo.hpp>
#include <coworker/exec/signal.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <coworker/job/handler.hpp>
#include <coworker/job/job.hpp>
#include <coworker/job/job_list.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/log.hpp>
#include <coworker/refusal.hpp>
#include <coworker/scale/metrics.hpp>
#include <coworker/scale/modifier.hpp>
#include <coworker/scale/recorder.hpp>
#include <coworker/scale/resources.hpp>
#include <coworker/transport/concept.hpp>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace coworker {

namespace detail {

inline task<void> drop_chunk() { co_return; }

template <class Queue>
task<void> send_chunk(Queue& queue, std::string_view job_id, const json& chunk) {
  if constexpr (chunk_transport<Queue>) {
    return queue.chunk(job_id, chunk.dump());
  } else {
    return drop_chunk();
  }
}

}  // namespace detail

struct worker_options {
  /// How long jobs in progress may go on after stop() before they are asked to stop. 0 or more; default 30 s.
  duration grace_period = std::chrono::seconds(30);
  /// How often the concurrency modifier is asked while jobs are in progress and no take asks it. Above 0;
  /// default 1 s.
  duration modifier_interval = std::chrono::seconds(1);
  /// How many takes may be under way at once, so that new slots need not wait for an idle long poll. 1 or
  /// more; default 2.
  int takes_at_once = 2;
  /// Whether a job's slot opens as soon as its handler has ended, while its outcome is still being handed
  /// back. Up to the limit such outcomes may be under way; beyond that, slots wait for them. Default: a slot
  /// opens once the queue has it.
  bool overlap_delivery = false;
  /// Whether one more job is taken for each slot, to be at hand the moment the slot opens. Default: it is
  /// not, since a job at hand here is one that another worker could run.
  bool prefetch = false;
  /// Named in error reports.
  worker_identity identity = {};
  /// Where lines go; null means standard output at INFO. Must outlive the worker.
  logger* log = nullptr;
  /// Where plain functions run; empty means a thread pool of the worker's own, as large as jobs in progress
  /// need.
  executor_ref pool = {};
  /// Reads what the process uses of processors and memory into the metrics, whenever the modifier is asked.
  /// Default: nobody does, and modifiers see nothing of that. Must outlive the worker; one reader, one
  /// worker.
  resource_reader* resources = nullptr;
  /// Says how a GPU is doing, whenever the modifier is asked; it must answer at once. Default: none.
  gpu_reading (*gpu_probe)() noexcept = nullptr;
};

namespace detail {

inline worker_options checked(worker_options options) {
  const auto require = [](bool holds, const char* problem) {
    if (!holds) throw std::invalid_argument(std::string("worker_options::") + problem);
  };
  require(options.grace_period >= duration::zero(), "grace_period is negative; it must be 0 or more");
  require(options.modifier_interval > duration::zero(), "modifier_interval must be above 0, such as 1 s");
  require(options.takes_at_once >= 1, "takes_at_once must be 1 or more, or no job would ever be taken");
  return options;
}

}  // namespace detail

/// What a worker did from start to end.
struct worker_summary {
  std::uint64_t jobs = 0;         ///< taken
  std::uint64_t failed = 0;       ///< ended with an error; stopped ones are not counted here
  std::uint64_t stopped = 0;      ///< ended because they were asked to
  std::uint64_t undelivered = 0;  ///< whose outcome the queue refused or could not be given
  int highest_in_progress = 0;
  duration elapsed{};
};

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
        modifier_(std::move(modifier)),
        options_(detail::checked(std::move(options))),
        log_(options_.log != nullptr ? *options_.log : own_log_) {}

  COWORKER_REFUSE(
      "coworker::worker: the handler does not fit; it must be callable with a job and give something that "
      "turns into json, as in `task<std::string> handle(job<> work)` or `json handle(job<> work)`")
  worker(Handler, Modifier = Modifier(), worker_options = {})
    requires(!job_handler<Handler>);

  COWORKER_REFUSE(
      "coworker::worker: the concurrency modifier does not fit; it must be callable as `int(int current)` or "
      "`int(int current, const metrics&)` and give an integer")
  worker(Handler, Modifier, worker_options = {})
    requires(job_handler<Handler> && !concurrency_modifier<Modifier>);

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
      return sync_wait(loop, serve(queue));
    } else {
      event_loop loop;
      return sync_wait(loop, serve(queue));
    }
  }

  template <class Queue>
    requires(!fits)
  worker_summary run(Queue&);  // the constructor has said what is wrong

  template <class Queue>
    requires(fits && !transport<Queue>)
  COWORKER_REFUSE(
      "coworker::worker::run: this is not a transport; it needs `task<take_result> take(take_request)` and "
      "`task<delivery> complete(job_result)`")
  worker_summary run(Queue&);

  /// The same on the executor of the awaiting coroutine, which must run one thing at a time: an event_loop or
  /// a simulated_loop. Cancellation: as stop(); all outcomes are handed back before it returns.
  template <transport Queue>
  task<worker_summary> serve(Queue& queue);

  /// Takes no more jobs, lets those in progress go on for the grace period, then asks them to stop. Any
  /// thread.
  void stop() {
    stopping_.store(true, std::memory_order_relaxed);
    changed_.set();
  }

  /// Asks one job in progress to stop; a job that waits for a slot is answered without being run, and an id
  /// that is not here, or has ended, is passed over. Any thread.
  void stop_job(std::string id) {
    {
      const std::lock_guard lock(stops_mutex_);
      stops_.push(std::move(id));
    }
    changed_.set();
  }

  /// What the concurrency modifier was last shown: while jobs are in progress, no older than
  /// `modifier_interval`. Any thread.
  metrics measured() const {
    const std::lock_guard lock(published_mutex_);
    return published_;
  }

 private:
  template <class Queue>
  task<void> take_jobs(Queue& queue, int capacity, scope& jobs);
  template <class Queue>
  task<void> run_job(Queue& queue, detail::owned_job owned, scope& jobs);
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
  task<void> wind_down(Queue& queue, scope& jobs);
  void ask_modifier();
  void count(const job_record& record, delivery delivered, time_point now);
  void job_moved(time_point now) noexcept;

  int slots_in_use() const noexcept {
    if (!options_.overlap_delivery) return running_ + delivering_;
    return delivering_ > limit_ ? running_ + delivering_ - limit_ : running_;
  }
  int in_progress() const noexcept { return running_ + delivering_ + waits_; }
  // How many jobs may be asked for.
  int capacity() const noexcept {
    const int places = options_.prefetch ? saturated_double(limit_) : limit_;
    return places - slots_in_use() - waits_ - requested_;
  }
  static int saturated_double(int limit) noexcept {
    return limit > std::numeric_limits<int>::max() / 2 ? std::numeric_limits<int>::max() : limit * 2;
  }
  bool stopping() const noexcept { return stopping_.load(std::memory_order_relaxed); }

  Handler handler_;
  Modifier modifier_;
  const worker_options options_;
  logger own_log_;
  logger& log_;
  thread_pool own_pool_{std::numeric_limits<std::size_t>::max()};  // has no thread until one is needed
  const handler_place place_{options_.pool ? options_.pool : executor_ref(own_pool_), options_.identity};

  std::atomic<bool> stopping_{false};
  std::mutex stops_mutex_;
  detail::fifo<std::string> stops_;  // ids of jobs that are to stop
  signal changed_;                   // something that the main loop of serve() decides by is not what it was

  // Of the run in progress.
  executor_ref executor_;
  stop_source* all_jobs_ = nullptr;  // parent of every job's own
  detail::job_list waiting_;         // taken, and without a slot yet
  detail::job_list listed_;          // those whose handlers run
  int waits_ = 0;                    // jobs in waiting_
  int running_ = 0;                  // handlers
  int delivering_ = 0;               // outcomes being handed back
  int requested_ = 0;                // jobs that takes under way may bring
  int takes_ = 0;                    // under way
  bool ended_ = false;               // the queue has
  std::exception_ptr take_failure_;
  int limit_ = 1;  // jobs that may have slots
  metrics_recorder recorded_;
  mutable std::mutex published_mutex_;
  metrics published_;
  worker_summary summary_;
  bool low_limit_logged_ = false;
  bool throwing_modifier_logged_ = false;
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
  stop_source all_jobs;
  all_jobs_ = &all_jobs;
  summary_ = worker_summary();
  low_limit_logged_ = throwing_modifier_logged_ = false;
  ended_ = false;
  take_failure_ = nullptr;
  const time_point start = executor_.now();
  limit_ = 1;
  recorded_ = metrics_recorder(start);
  const context unstoppable(executor_);
  scope takes(unstoppable);
  scope jobs(unstoppable);
  scope beside(unstoppable);
  if constexpr (attended_transport<Queue>) beside.spawn(queue.attend());
  if constexpr (stopping_transport<Queue>) beside.spawn(watch_stops(queue, jobs));

  time_point ask_again = time_point::min();
  while (!stopping() && !ended_) {
    const bool another_take = takes_ < options_.takes_at_once;
    if ((another_take && capacity() > 0) || (in_progress() > 0 && executor_.now() >= ask_again)) {
      ask_modifier();
      ask_again = detail::after(executor_.now(), options_.modifier_interval);
    }
    follow_stops(queue, jobs);
    start_waiting(queue, jobs);
    if (const int wanted = capacity(); another_take && wanted > 0) {
      requested_ += wanted;
      ++takes_;
      takes.spawn(take_jobs(queue, wanted, jobs));
    } else {
      const bool was_set = co_await changed_.wait_until(in_progress() > 0 ? ask_again : time_point::max());
      if (!was_set) recorded_.timer_late(executor_.now() - ask_again);
    }
  }

  takes.request_stop();
  co_await wind_down(queue, jobs);
  co_await takes.join();
  co_await jobs.join();
  beside.request_stop();
  co_await beside.join();
  summary_.elapsed = executor_.now() - start;
  stopping_.store(false, std::memory_order_relaxed);
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
    const take_request request{static_cast<std::size_t>(capacity), static_cast<std::size_t>(in_progress())};
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
  requested_ -= capacity;
  --takes_;
  ended_ = ended_ || taken.ended;
  const time_point now = executor_.now();
  recorded_.take_answered(now, now - asked, static_cast<std::size_t>(capacity), taken.jobs.size());
  summary_.jobs += taken.jobs.size();
  for (job_envelope& envelope : taken.jobs) {
    waiting_.push_back(*new job_record(std::move(envelope), all_jobs_->get_token()));
    waiting_.back()->taken = now;
    ++waits_;
  }
  start_waiting(queue, jobs);
  job_moved(now);
}

// Gives slots to waiting jobs, in the order in which they came.
template <class Handler, class Modifier>
template <class Queue>
void worker<Handler, Modifier>::start_waiting(Queue& queue, scope& jobs) {
  const bool no_longer_run = all_jobs_->stop_requested();
  while (!waiting_.empty() && (no_longer_run || slots_in_use() < limit_)) {
    start(queue, *waiting_.front(), jobs);
  }
}

template <class Handler, class Modifier>
template <class Queue>
void worker<Handler, Modifier>::start(Queue& queue, job_record& record, scope& jobs) {
  waiting_.remove(record);
  --waits_;
  ++running_;
  jobs.spawn(run_job(queue, detail::owned_job(record), jobs));
}

template <class Handler, class Modifier>
template <class Queue>
task<void> worker<Handler, Modifier>::run_job(Queue& queue, detail::owned_job owned, scope& jobs) {
  job_record& record = owned.record();
  if (record.runnable && record.stop.stop_requested())
    record.settle(outcome::stop("stopped before it was started"));
  if (record.runnable) {
    log_.info("Started.", log_subject(record.id, record.batch_id));
    const auto emit = [&queue, &record](const json& chunk) {
      return detail::send_chunk(queue, record.id, chunk);
    };
    listed_.push_back(record);
    context own(executor_, record.stop.get_token(), &record);
    const time_point started = executor_.now();
    co_await run_handler(handler_, record, place_, emit).in(own);
    record.settled = executor_.now();
    recorded_.handler_ended(record.settled, record.settled - started);
    listed_.remove(record);
  } else {
    record.settled = executor_.now();
  }
  --running_;
  ++delivering_;
  if (options_.overlap_delivery) start_waiting(queue, jobs);
  job_moved(record.settled);
  const delivery delivered = co_await hand_back(queue, record);
  const time_point now = executor_.now();
  count(record, delivered, now);
  --delivering_;
  start_waiting(queue, jobs);
  job_moved(now);
  if (record.ended.stop_pod && !stopping()) {
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
  std::string body;
  try {
    body = ended.body().dump();
  } catch (...) {
    const bool stop_pod = ended.stop_pod;
    ended = outcome::failure(error_report(describe_exception(std::current_exception()), options_.identity));
    ended.stop_pod = stop_pod;
    body = ended.body().dump();
  }
  if (ended.succeeded()) {
    if (log_.writes(log_level::debug)) log_.debug("Handler output: " + ended.output.dump_spaced(), subject);
  } else {
    log_.error(ended.error, subject);
  }
  if (log_.writes(log_level::debug)) log_.debug("run_job return: " + ended.body().dump_spaced(), subject);
  job_result result{record.id, ended, std::move(body), is_streaming_handler<Handler>};
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
  for (;;) {
    std::string id;
    {
      const std::lock_guard lock(stops_mutex_);
      if (stops_.empty()) return;
      id = stops_.pop();
    }
    follow_stop(queue, id, jobs);
  }
}

// A job that has no slot yet is answered at once; one that is not here, or has ended, is none of ours.
template <class Handler, class Modifier>
template <class Queue>
void worker<Handler, Modifier>::follow_stop(Queue& queue, const std::string& id, scope& jobs) {
  if (job_record* const running = listed_.find(id)) {
    log_.info("Stop requested.", log_subject(id));
    running->stop.request_stop();
  } else if (job_record* const waiting = waiting_.find(id)) {
    waiting->stop.request_stop();
    start(queue, *waiting, jobs);
  }
}

// Waits until no take and no job is left. Once stop() has been called, jobs have the grace period to end by
// themselves, also those that a take still brings.
template <class Handler, class Modifier>
template <class Queue>
task<void> worker<Handler, Modifier>::wind_down(Queue& queue, scope& jobs) {
  time_point last_call = time_point::max();
  bool counting = false;
  while (takes_ > 0 || in_progress() > 0) {
    if (stopping() && !counting) {
      counting = true;
      last_call = detail::after(executor_.now(), options_.grace_period);
    }
    follow_stops(queue, jobs);
    const bool was_set = co_await changed_.wait_until(last_call);
    if (was_set) continue;
    if (running_ > 0) {
      log_.warn("The grace period is over: " + std::to_string(running_) +
                (running_ == 1 ? " running job is" : " running jobs are") + " asked to stop.");
    }
    all_jobs_->request_stop();
    start_waiting(queue, jobs);
    last_call = time_point::max();
  }
}

template <class Handler, class Modifier>
void worker<Handler, Modifier>::job_moved(time_point now) noexcept {
  recorded_.in_progress(now, in_progress());
  if (summary_.highest_in_progress < running_ + delivering_)
    summary_.highest_in_progress = running_ + delivering_;
  changed_.set();
}

template <class Handler, class Modifier>
void worker<Handler, Modifier>::ask_modifier() {
  const time_point now = executor_.now();
  if (options_.resources != nullptr) options_.resources->read_when_due(now, recorded_.external());
  if (options_.gpu_probe != nullptr) options_.gpu_probe().write_to(recorded_.external());
  const metrics& measured = recorded_.snapshot(now, limit_);
  const limit_decision decision = decide_limit(modifier_, measured);
  limit_ = decision.limit;
  {
    const std::lock_guard lock(published_mutex_);
    published_ = measured;
    published_.limit = limit_;
  }
  if (decision.found == limit_decision::fault::none) return;
  bool& logged =
      decision.found == limit_decision::fault::threw ? throwing_modifier_logged_ : low_limit_logged_;
  if (!std::exchange(logged, true)) log_.warn(decision.problem);
}

template <class Handler, class Modifier>
void worker<Handler, Modifier>::count(const job_record& record, delivery delivered, time_point now) {
  const outcome::status ended = record.ended.ended;
  recorded_.job_ended(now, ended, now - record.taken, now - record.settled);
  if (delivered != delivery::accepted) ++summary_.undelivered;
  if (ended == outcome::status::failed) ++summary_.failed;
  if (ended == outcome::status::stopped) ++summary_.stopped;
}

}  // namespace coworker
