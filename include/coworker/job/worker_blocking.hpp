#pragma once
// blocking() on the pool of the worker that runs the job, for handlers without a pool of their own. Must not
// know the worker.

#include <concepts>
#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/blocking.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/job/record.hpp>
#include <coworker/job/worker_view.hpp>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1 {

namespace detail {

template <class Place>
concept place_for_blocking = std::convertible_to<Place, executor_ref> || executor<std::remove_cvref_t<Place>>;

template <class Result>
task<Result> run_on_worker(task<Result> call) {
  const coworker::context here = co_await this_coro::context();
  if (here.job == nullptr || here.job->worker == nullptr) {
    throw std::logic_error(
        "blocking: the coroutine works for no job, and so for no worker that has a pool; give one: "
        "co_await blocking(pool, the function)");
  }
  co_return co_await coworker::run_on(here.job->worker->pool, std::move(call));
}

}  // namespace detail

/// Calls `function(args...)` on the pool of the worker that runs the job, and returns its result or rethrows
/// what it throws. Everything else is as for blocking(pool, function, args...).
/// Throws: std::logic_error also if the coroutine does not run for a job.
///
///     const text transcript = co_await blocking(transcribe, file);
template <class Function, class... Args>
requires(!detail::place_for_blocking<Function>) auto blocking(Function&& function, Args&&... args) {
  // Its static_asserts explain what does not fit.
  using call = decltype(coworker::blocking(executor_ref(), std::forward<Function>(function),
                                           std::forward<Args>(args)...));
  if constexpr (detail::is_task<call>) {
    using result = typename call::value_type;
    return detail::run_on_worker<result>(
        detail::call_unless_stopped<result, std::decay_t<Function>, std::decay_t<Args>...>(
            std::forward<Function>(function), std::forward<Args>(args)...));
  } else {
    return call();
  }
}

}  // namespace coworker::inline v0_1
