#pragma once
// Waiting for a moment on whatever executor the coroutine runs on, until a stop of its chain cuts the wait
// short.

#include <coroutine>
#include <coworker/coro/clock.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/exec/insist.hpp>
#include <optional>

namespace coworker::inline v0_1 {

namespace detail {

// Cancels a timer wherever it is armed.
struct cancel_timer {
  executor_ref executor;
  timer* alarm;

  cancel_timer(executor_ref place, timer& to_cancel) noexcept : executor(place), alarm(&to_cancel) {}
  void operator()() const noexcept {
    detail::insist([this] { executor.cancel(*alarm); });
  }
};

// Any duration in the clock's units: never shorter than asked, at least zero, at most the clock's range.
template <class Rep, class Period>
duration clock_span(std::chrono::duration<Rep, Period> span) noexcept {
  using seconds = std::chrono::duration<double>;
  const seconds wanted = std::chrono::duration_cast<seconds>(span);
  if (!(wanted > seconds::zero())) return duration::zero();  // not a number counts as zero
  if (wanted >= std::chrono::duration_cast<seconds>((duration::max)())) return (duration::max)();
  if constexpr (sizeof(Rep) < sizeof(double) && std::chrono::treat_as_floating_point_v<Rep>) {
    return std::chrono::ceil<duration>(wanted);  // in float, the nanoseconds would be rounded off
  } else {
    return std::chrono::ceil<duration>(span);
  }
}

}  // namespace detail

/// What sleep_until and sleep_for give; made to be awaited at once.
class sleep_awaiter {
 public:
  explicit sleep_awaiter(time_point due) noexcept : due_(due) {}
  explicit sleep_awaiter(duration span) noexcept : span_(span), relative_(true) {}
  sleep_awaiter(const sleep_awaiter&) = delete;
  sleep_awaiter& operator=(const sleep_awaiter&) = delete;
  ~sleep_awaiter() = default;

  bool await_ready() const noexcept { return false; }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting) {
    const context& here = detail::require_context(awaiting, "sleep");
    const executor_ref executor = here.executor;
    if (here.stop.stop_requested()) {
      alarm_.status = timer::state::cancelled;
      return false;
    }
    alarm_.handle = awaiting;
    alarm_.due = relative_ ? detail::after(executor.now(), span_) : due_;
    // A stop between these two lines finds the timer idle, and arming then posts the handle at once.
    on_stop_.emplace(here.stop, detail::cancel_timer(executor, alarm_));
    executor.arm(alarm_);
    return true;
  }

  void await_resume() {
    on_stop_.reset();
    if (alarm_.status == timer::state::cancelled) throw cancelled();
  }

 private:
  timer alarm_;
  time_point due_{};
  duration span_{};
  bool relative_ = false;
  std::optional<stop_callback<detail::cancel_timer>> on_stop_;
};

/// Awaited, it returns once the executor's clock has reached `due`; at the next opportunity if that has
/// passed. Cancellation: throws `cancelled` as soon as a stop is requested, at once if one was. Errors:
/// std::logic_error when the awaiting coroutine runs on no executor.
inline sleep_awaiter sleep_until(time_point due) noexcept { return sleep_awaiter(due); }

/// Awaited, it returns once `span` has passed, never sooner. Any std::chrono duration fits, floating ones
/// too; a span beyond the clock's range (292 years) means for ever, a negative one or NaN not at all.
/// Cancellation and errors: as sleep_until.
template <class Rep, class Period>
sleep_awaiter sleep_for(std::chrono::duration<Rep, Period> span) noexcept {
  return sleep_awaiter(detail::clock_span(span));
}

}  // namespace coworker::inline v0_1
