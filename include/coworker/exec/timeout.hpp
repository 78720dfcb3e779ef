#pragma once
// timeout: a time limit for a task, measured by the executor's clock.
// Must not know any concrete executor.

#include <coworker/coro/clock.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/sleep.hpp>
#include <exception>
#include <utility>

namespace coworker::inline v0_1 {

/// What timeout() throws if the time ran out.
class timed_out : public std::exception {
 public:
  const char* what() const noexcept override { return "timed out: the task was stopped at its time limit"; }
};

namespace detail {

inline task<void> stop_at(time_point due, scope& stopped, bool& ran_out) {
  co_await sleep_until(due);
  ran_out = true;
  stopped.request_stop();
}

template <class T>
task<void> capture_and_stop(task<T> work, result<T>& into, scope& stopped) {
  co_await detail::capture(std::move(work), into);
  stopped.request_stop();
}

inline bool is_cancelled(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const cancelled&) {
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace detail

/// Runs `work` and requests it to stop once `limit` has passed; then waits for it to end, however long that
/// takes. `limit` is any std::chrono duration, as for sleep_for.
/// Returns the result of `work`, also if it finishes in spite of the request, so that no finished work is
/// lost.
/// Throws: `timed_out` if `work` ended as cancelled because of the limit; what `work` throws.
/// Cancellation: a stop of the chain reaches `work`.
template <class Rep, class Period, class T>
task<T> timeout(std::chrono::duration<Rep, Period> limit, task<T> work) {
  const context surrounding = co_await this_coro::context();
  const time_point due = detail::after(surrounding.executor.now(), detail::clock_span(limit));
  scope both(surrounding);
  detail::result<T> outcome;
  bool ran_out = false;
  try {
    both.spawn(detail::capture_and_stop(std::move(work), outcome, both));
    both.spawn(detail::stop_at(due, both, ran_out));
  } catch (...) {
    (both.fail)(std::current_exception());  // the tasks already started are waited for
  }
  co_await both.join();
  if (ran_out && outcome.state() == detail::result_state::exception && !surrounding.stop.stop_requested() &&
      detail::is_cancelled(outcome.exception())) {
    throw timed_out();
  }
  co_return outcome.take();
}

}  // namespace coworker
