#pragma once
// blocking: lets a coroutine call a function that blocks or computes for long, and await its result.
// Must not know what the pool is, only that it is an executor.

#include <coroutine>
#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/quirks.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/resume_on.hpp>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1 {

namespace detail {

template <class T>
inline constexpr bool is_task = false;
template <class T>
inline constexpr bool is_task<task<T>> = true;

template <class Function, class... Args>
struct call_result : std::type_identity<void> {};
template <class Function, class... Args>
requires std::is_invocable_v<Function&, Args...>
struct call_result<Function, Args...> : std::invoke_result<Function&, Args...> {
};

template <class Function, class... Args>
inline constexpr bool is_safe_call = is_safe_temporary<Function> &&
                                     ((is_safe_temporary<Args> || !std::is_aggregate_v<Args>)&&...);

// Result type of a call that is refused, so that the compiler reports only the static_assert.
struct refused_call {
  bool await_ready() const noexcept;
  void await_suspend(std::coroutine_handle<>) const noexcept;
  refused_call await_resume() const noexcept;
  template <class T>
  operator T() const noexcept;
};

template <class Result, class Function, class... Args>
task<Result> call_unless_stopped(Function function, Args... args) {
  const stop_token stop = co_await this_coro::stop_token();
  stop.throw_if_stopped();
  co_return function(std::move(args)...);
}

}  // namespace detail

/// Calls `function(args...)` on a thread of `pool`. The coroutine's own executor is free meanwhile, and the
/// coroutine continues there afterwards. The function and the arguments are copied or moved into the task, as
/// for std::thread; pass std::ref(x) for a reference. With g++ before 13, a lambda that captures more than
/// references and plain values must have a name; a static_assert says so.
/// Returns what the function returns.
/// Throws: what the function throws; std::logic_error if the coroutine is on a simulated_loop and `pool` has
/// real threads (in a test, pass the loop itself as the pool), if it runs on no executor, or if `pool` is
/// empty; std::bad_alloc or std::system_error if the pool cannot start its first thread. Except in the first
/// case, the function was not called.
/// Thread safety: the function runs on another thread, and what it refers to must allow that.
/// Cancellation: if a stop is requested before a thread of the pool is free, throws `cancelled` as soon as
/// one is, without calling the function. Once called, the function runs to its end; pass it the coroutine's
/// stop_token so that it can end early, as block_for does.
/// Example:
///
///     const text transcript = co_await blocking(pool, transcribe, file);
template <class Function, class... Args>
auto blocking(executor_ref pool, Function&& function, Args&&... args) {
  using result = typename detail::call_result<std::decay_t<Function>, std::decay_t<Args>...>::type;
  constexpr bool callable = std::is_invocable_v<std::decay_t<Function>&, std::decay_t<Args>...>;
  static_assert(
      callable,
      "blocking: the function cannot be called with these arguments; it gets copies of its own, as rvalues, "
      "so take them by value or const reference, or pass std::ref(x)");
  constexpr bool no_task = !detail::is_task<result>;
  static_assert(no_task, "blocking: the function returns a task; co_await run_on(pool, the task) instead");
  constexpr bool safe = detail::is_safe_call<Function, Args...>;
  static_assert(
      safe,
      "blocking: g++ before 13 destroys a lambda with captures, or an aggregate, twice when it is made "
      "inside a co_await expression; name it and pass it by name: auto f = [x] { ... }; co_await "
      "blocking(pool, f); pass std::ref(f) if it cannot be copied");
  if constexpr (callable && no_task && safe) {
    return coworker::run_on(
        pool, detail::call_unless_stopped<result, std::decay_t<Function>, std::decay_t<Args>...>(
                  std::forward<Function>(function), std::forward<Args>(args)...));
  } else {
    return detail::refused_call();
  }
}

}  // namespace coworker
