#pragma once
// worker: takes jobs as capacity allows, runs each to an outcome, and hands every outcome back. What its
// users see; how it is done stands in worker/serving.hpp.

#include <coworker/coro/context.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/job/handler.hpp>
#include <coworker/refusal.hpp>
#include <coworker/scale/metrics.hpp>
#include <coworker/scale/modifier.hpp>
#include <coworker/transport/concept.hpp>
#include <coworker/worker/core.hpp>
#include <coworker/worker/options.hpp>
#include <coworker/worker/serving.hpp>
#include <coworker/worker/watchdog.hpp>
#include <string>
#include <utility>

namespace coworker {

namespace detail {

// Serves on the executor of whoever awaits it, whose stop is the worker's.
template <transport Queue>
task<worker_summary> serve(worker_core& core, Queue& queue) {
  const context surrounding = co_await this_coro::context();
  const stop_callback on_stop(surrounding.stop, [&core] { core.inbox.leave(); });
  serving<Queue> now(core, queue, surrounding.executor);
  co_return co_await now.run();
}

}  // namespace detail

/// Runs a handler over the jobs of a queue, as many at once as the modifier says:
///
///     worker w(handle, follow_demand{.min = 1, .max = 10});
///     w.run(queue);
///
/// One run at a time. stop() and stop_job() may be called on any thread; the rest belongs to one. Errors: the
/// constructor throws std::invalid_argument for options out of their range.
template <class Handler, class Modifier = fixed_concurrency>
class worker {
 public:
  worker(Handler handler, Modifier modifier = Modifier(),
         worker_options options = {}) requires(job_handler<Handler>&& concurrency_modifier<Modifier>)
      : handler_(std::move(handler)),
        modifier_(std::move(modifier)),
        core_(detail::handler_ref(handler_), detail::modifier_ref(modifier_), std::move(options)) {}

  COWORKER_REFUSE(
      "coworker::worker: the handler does not fit; it must be callable with a job and give something that "
      "turns into json, as in `task<std::string> handle(job<> work)` or `json handle(job<> work)`")
  worker(Handler handler, Modifier modifier = Modifier(), worker_options = {}) requires(!job_handler<Handler>)
      : handler_(std::move(handler)), modifier_(std::move(modifier)), core_({}, {}, {}) {}

  COWORKER_REFUSE(
      "coworker::worker: the concurrency modifier does not fit; it must be callable as `int(int current)` or "
      "`int(int current, const metrics&)` and give an integer")
  worker(Handler handler, Modifier modifier,
         worker_options = {}) requires(job_handler<Handler> && !concurrency_modifier<Modifier>)
      : handler_(std::move(handler)), modifier_(std::move(modifier)), core_({}, {}, {}) {}

  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;

  static constexpr bool fits = job_handler<Handler> && concurrency_modifier<Modifier>;

  /// Serves the queue on an event loop of its own until the queue has ended or stop() was called; blocks
  /// meanwhile. Errors: rethrows what the transport's take() throws against its contract, after the jobs in
  /// progress have ended.
  template <transport Queue>
  requires fits worker_summary run(Queue& queue) {
    if constexpr (waiting_transport<Queue>) {
      event_loop loop(queue.waiter());
      return run_on(loop, queue);
    } else {
      event_loop loop;
      return run_on(loop, queue);
    }
  }

  template <class Queue>
  requires(!fits) worker_summary run(Queue&) {
    return {};  // the constructor has said what is wrong
  }

  template <class Queue>
  requires(fits && !transport<Queue>) COWORKER_REFUSE(
      "coworker::worker::run: this is not a transport; it needs `task<take_result> take(take_request)` and "
      "`task<delivery> complete(job_result)`")
  worker_summary run(Queue&) { return {}; }

  /// The same on the executor of the awaiting coroutine, which must run one thing at a time: an event_loop or
  /// a simulated_loop. Cancellation: as stop(); all outcomes are handed back before it returns.
  template <transport Queue>
  task<worker_summary> serve(Queue& queue) {
    return detail::serve(core_, queue);
  }

  /// Takes no more jobs, lets those in progress go on for the grace period, then asks them to stop. Any
  /// thread.
  void stop() { core_.inbox.leave(); }

  /// Asks one job in progress to stop; a job that waits for a slot is answered without being run, and an id
  /// that is not here, or has ended, is passed over. Any thread.
  void stop_job(std::string id) { core_.inbox.stop_job(std::move(id)); }

  /// What is measured, as a concurrency modifier sees it: while jobs are in progress no older than
  /// `modifier_interval`, afterwards as it then stays; of a run that is over, its end. Any thread.
  metrics measured() const { return core_.control.published(); }

 private:
  template <class Queue>
  worker_summary run_on(event_loop& loop, Queue& queue) {
    if (core_.options.loop_block_limit <= duration::zero()) return coworker::sync_wait(loop, serve(queue));
    detail::watchdog dog(loop, core_.options.loop_block_limit, core_.log);
    const detail::borrowed borrowed(core_.dog, dog);
    return coworker::sync_wait(loop, serve(queue));
  }

  Handler handler_;
  Modifier modifier_;
  detail::worker_core core_;
};

// Said outright because clang does not look at the constructors' constraints when it deduces.
template <class Handler, class Modifier = fixed_concurrency>
worker(Handler, Modifier = Modifier(), worker_options = worker_options()) -> worker<Handler, Modifier>;

}  // namespace coworker
