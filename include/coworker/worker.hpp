#pragma once
// worker: takes jobs as capacity allows, runs each to an outcome, and delivers every outcome. This is what
// users see; worker/worker_run.hpp does the work. Must not know any engine.

#include <coworker/coro/context.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/job/handler.hpp>
#include <coworker/refusal.hpp>
#include <coworker/scale/metrics.hpp>
#include <coworker/scale/modifier.hpp>
#include <coworker/transport/checks.hpp>
#include <coworker/transport/concept.hpp>
#include <coworker/typed/defaults.hpp>
#include <coworker/worker/core.hpp>
#include <coworker/worker/options.hpp>
#include <coworker/worker/run_jobs.hpp>
#include <coworker/worker/watchdog.hpp>
#include <coworker/worker/wind_down.hpp>
#include <stdexcept>
#include <string>
#include <utility>

namespace coworker::inline v0_1 {

namespace detail {

inline task<worker_summary> nothing_to_serve() { co_return worker_summary(); }

// Serves on the executor of the awaiting coroutine. A stop of that coroutine makes the worker leave.
template <transport Queue>
task<worker_summary> serve(worker_core& core, Queue& queue) {
  const context surrounding = co_await this_coro::context();
  if (!surrounding.executor.is_serial()) {
    throw std::logic_error(
        "coworker::worker::serve: the awaiting coroutine must be on an executor that runs one thing at a "
        "time, as an event_loop or a simulated_loop does, and not a thread_pool; an executor of your own "
        "says so with `static constexpr bool serial = true;`");
  }
  const stop_callback on_stop(surrounding.stop, [&core] { core.inbox.leave(); });
  worker_run<Queue> run(core, queue, surrounding.executor);
  co_return co_await run.run();
}

// A worker without the types of its handler and its modifier, so that its part for an engine is compiled once
// for all of them.
class bare_worker {
 public:
  bare_worker(handler_ref runs, modifier_ref limits, options chosen)
      : core_(runs, limits, std::move(chosen)) {}

  template <transport Engine>
  worker_summary run(Engine& engine) {
    if constexpr (waiting_transport<Engine>) {
      event_loop loop(engine.waiter());
      return run_on(loop, engine);
    } else {
      event_loop loop;
      return run_on(loop, engine);
    }
  }

  template <transport Engine>
  task<worker_summary> serve(Engine& engine) {
    return detail::serve(core_, engine);
  }

  void stop() { core_.inbox.leave(); }
  // Ends the grace period. To be called after stop().
  void stop_at_once() { core_.inbox.leave_at_once(); }
  void stop_job(std::string id) { core_.inbox.stop_job(std::move(id)); }
  bool preparing() const { return core_.preparing(); }
  metrics measured() const { return core_.control.published(); }

 private:
  template <class Engine>
  worker_summary run_on(event_loop& loop, Engine& engine) {
    if (core_.options.loop_block_limit <= duration::zero()) return coworker::sync_wait(loop, serve(engine));
    watchdog watching(loop, core_.options.loop_block_limit, core_.log);
    const borrowed borrowed(core_.watching, watching);
    return coworker::sync_wait(loop, serve(engine));
  }

  worker_core core_;
};

}  // namespace detail

/// Runs a handler over the jobs of a queue, as many at once as the modifier allows:
///
///     worker w(handle, follow_demand{.min = 1, .max = 10});
///     w.run(queue);
///
/// Does one run at a time.
/// Throws: from the constructor, std::invalid_argument for options out of their range, and std::logic_error
/// for a default in the input's struct that breaks its own rule, where the compiler could not see that.
/// Thread safety: stop(), stop_job(), preparing() and measured() may be called on any thread; the rest
/// belongs to one thread.
template <class Handler, class Modifier = fixed_concurrency>
class worker {
 public:
  /// Whether the handler and the modifier satisfy their concepts. If not, a constructor reports what is wrong
  /// at compile time.
  static constexpr bool fits =
      job_handler<Handler> && !detail::spoiled_handler<Handler> && concurrency_modifier<Modifier>;

  worker(Handler handler, Modifier modifier = Modifier(), worker_options options = {}) requires fits
      : handler_(std::move(handler)),
        modifier_(std::move(modifier)),
        bare_(detail::handler_ref(handler_), detail::modifier_ref(modifier_), std::move(options)) {
    detail::require_sound_defaults<handler_input<Handler>>();
  }

  // One overload for each number of arguments, none of which can throw: g++ then reports one error only.
  worker(const Handler& handler, detail::refusal_of_handler<Handler> = {}) noexcept
      requires(detail::spoiled_handler<Handler>)
      : worker(handler, Modifier(), worker_options(), 0) {}
  worker(const Handler& handler, const Modifier& modifier, detail::refusal_of_handler<Handler> = {}) noexcept
      requires(detail::spoiled_handler<Handler>)
      : worker(handler, modifier, worker_options(), 0) {}
  worker(const Handler& handler, const Modifier& modifier, const worker_options& options,
         detail::refusal_of_handler<Handler> = {}) noexcept requires(detail::spoiled_handler<Handler>)
      : worker(handler, modifier, options, 0) {}

  COWORKER_REFUSE_HANDLER("coworker::worker")
  worker(Handler handler, Modifier modifier = Modifier(),
         worker_options = {}) requires(!job_handler<Handler> && !detail::spoiled_handler<Handler>)
      : handler_(std::move(handler)), modifier_(std::move(modifier)), bare_({}, {}, {}) {}

  COWORKER_REFUSE_MODIFIER("coworker::worker")
  worker(Handler handler, Modifier modifier,
         worker_options = {}) requires(job_handler<Handler> && !detail::spoiled_handler<Handler> &&
                                       !concurrency_modifier<Modifier>)
      : handler_(std::move(handler)), modifier_(std::move(modifier)), bare_({}, {}, {}) {}

  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;

  /// Serves an engine on an event loop of its own. Blocks until the engine is closed or stop() was called.
  /// Returns what the worker did.
  /// Throws: what the engine's take() or attend() throws against its contract, after the jobs in progress
  /// have ended.
  template <class Engine>
  COWORKER_CHECKS_ENGINE worker_summary run(Engine& engine,
                                            detail::engine_checked = detail::check_engine<Engine>()) {
    if constexpr (!fits || !detail::fitting_engine<Engine>) {
      return {};  // the compiler has reported what is wrong
    } else {
      return bare_.run(engine);
    }
  }

  /// Serves an engine on the executor of the awaiting coroutine, which must be serial, as an event_loop or a
  /// simulated_loop is. Otherwise as run().
  /// Throws: also std::logic_error on any other executor.
  /// Cancellation: as stop(); all outcomes are delivered before it returns.
  template <class Engine>
  COWORKER_CHECKS_ENGINE task<worker_summary> serve(Engine& engine,
                                                    detail::engine_checked = detail::check_engine<Engine>()) {
    if constexpr (detail::fitting_engine<Engine>) {
      return bare_.serve(engine);
    } else {
      return detail::nothing_to_serve();
    }
  }

  /// Takes no more jobs, lets those in progress go on for the grace period, then asks them to stop.
  /// Thread safety: any thread.
  void stop() { bare_.stop(); }

  /// Asks one job in progress to stop. A job that waits for a slot ends without being run. Ignores an id that
  /// is not here or has ended.
  /// Thread safety: any thread.
  void stop_job(std::string id) { bare_.stop_job(std::move(id)); }

  /// Returns whether the handler is still being prepared. If so, no job was taken yet, and after stop() none
  /// will be.
  /// Thread safety: any thread.
  bool preparing() const { return bare_.preparing(); }

  /// Returns what is measured, as a concurrency modifier sees it. While jobs are in progress it is at most
  /// `modifier_interval` old; after that it stays; after a run it is as at its end.
  /// Thread safety: any thread.
  metrics measured() const { return bare_.measured(); }

 private:
  // Runs nothing. Moves from const references because the types may not be copyable; only constructors that
  // are refused at compile time call it.
  worker(const Handler& handler, const Modifier& modifier, const worker_options&, int) noexcept
      : handler_(std::move(const_cast<Handler&>(handler))),
        modifier_(std::move(const_cast<Modifier&>(modifier))),
        bare_({}, {}, {}) {}

  Handler handler_;
  Modifier modifier_;
  detail::bare_worker bare_;
};

// An explicit guide, because clang ignores the constructors' constraints when it deduces.
template <class Handler, class Modifier = fixed_concurrency>
worker(Handler, Modifier = Modifier(), worker_options = worker_options()) -> worker<Handler, Modifier>;

}  // namespace coworker::inline v0_1
