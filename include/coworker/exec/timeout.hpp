#pragma once
// timeout: a task with a limit on its time, measured by the executor's clock.

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

/// What timeout throws when the time ran out.
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

/// Runs `work` and asks it to stop when `limit` has passed; then waits for it to end, however long that
/// takes. Gives its result or exception, also when it finishes in spite of the request, so that nothing done
/// is lost. Any std::chrono duration fits, as with sleep_for. A stop of the chain reaches `work`.
/// Errors: `timed_out` when it ended as cancelled because of the limit.
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
    (both.fail)(std::current_exception());  // what was started is waited for
  }
  co_await both.join();
  if (ran_out && outcome.state() == detail::result_state::exception && !surrounding.stop.stop_requested() &&
      detail::is_cancelled(outcome.exception())) {
    throw timed_out();
  }
  co_return outcome.take();
}

}  // namespace coworker
