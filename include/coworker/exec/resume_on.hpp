#pragma once
// resume_on and run_on: move a coroutine to another executor.
// Must not know any concrete executor.

#include <coroutine>
#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/result.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/insist.hpp>
#include <coworker/exec/this_thread.hpp>
#include <stdexcept>
#include <utility>

namespace coworker::inline v0_1 {

/// The awaiter of resume_on; to be awaited at once.
class hop_awaiter {
 public:
  explicit hop_awaiter(const executor_ref& destination) noexcept : destination_(destination) {}
  bool await_ready() const noexcept { return false; }

  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> awaiting) {
    const executor_ref destination = destination_;
    if (!destination) throw std::logic_error("resume_on: the executor_ref is empty; give it an executor");
    context& chain = detail::require_context(awaiting, "resume_on");
    if (chain.executor.clock() == executor_clock::simulated && destination.clock() == executor_clock::real) {
      throw std::logic_error(
          "resume_on: a coroutine on a simulated_loop cannot move to an executor of real threads, because "
          "none of them could bring it back; in a test, give the simulated_loop itself in place of the "
          "thread_pool or event_loop");
    }
    if (detail::role_of_this_thread().blocks_pool && destination.runs_on_this_thread() &&
        chain.executor != destination) {
      throw std::logic_error(
          "resume_on: the only thread of that thread_pool blocks in a sync_wait() for this coroutine, which "
          "could never go on there; in a coroutine, co_await the task instead of blocking for it");
    }
    const executor_ref origin = std::exchange(chain.executor, destination);
    try {
      destination.post(awaiting);
    } catch (...) {
      chain.executor = origin;
      throw;
    }
  }

  void await_resume() const noexcept {}

 private:
  executor_ref destination_;
};

/// Moves the awaiting coroutine to another executor. After `co_await resume_on(pool);` this coroutine, what
/// it awaits, and the coroutines that await it run there, until the next move. To come back, keep the
/// executor: `auto home = co_await this_coro::executor();`. If the coroutine is on `destination` already, it
/// lets others run first.
/// Throws: std::logic_error if the awaiting coroutine runs on no executor, if `destination` is empty, or if
/// the move leads from a simulated_loop to real threads, or to a thread_pool whose only thread blocks for this
/// coroutine in a sync_wait(); what the destination's post() throws. The coroutine
/// then continues where it was.
/// Cancellation: not cancelled by a stop.
inline hop_awaiter resume_on(const executor_ref& destination) noexcept { return hop_awaiter(destination); }

namespace detail {

// `co_await home;` moves the coroutine back to the executor where it was, unless it is there. Lack of memory
// does not keep it away, because it can continue nowhere else.
class home_executor {
 public:
  explicit home_executor(const executor_ref& home) noexcept : home_(home) {}
  bool await_ready() const noexcept { return false; }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting) {
    if (detail::require_context(awaiting, "home_executor").executor == home_) return false;
    hop_awaiter hop(home_);
    detail::insist([&] { hop.await_suspend(awaiting); });
    return true;
  }

  void await_resume() const noexcept {}

 private:
  executor_ref home_;
};

// `home_executor home = co_await current_home();`
class current_home : public context_awaiter<current_home> {
 public:
  static constexpr const char* name = "current_home";
  current_home() noexcept {}
  home_executor await_resume() const noexcept { return home_executor(context_->executor); }
};

}  // namespace detail

/// Runs `work` on another executor and comes back.
/// Returns the result of `work`.
/// Throws: what `work` throws; as resume_on().
template <class T>
task<T> run_on(executor_ref destination, task<T> work) {
  const executor_ref home = co_await this_coro::executor();
  co_await resume_on(destination);
  detail::result<T> outcome;
  co_await detail::capture(std::move(work), outcome);
  co_await resume_on(home);
  co_return outcome.take();
}

}  // namespace coworker::inline v0_1
