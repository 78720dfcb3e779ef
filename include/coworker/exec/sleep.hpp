#pragma once
// sleep_until and sleep_for: wait on the coroutine's own executor, until a stop of its chain ends the wait
// early.
// Must not know any concrete executor.

#include <coroutine>
#include <coworker/coro/clock.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/exec/insist.hpp>
#include <optional>

namespace coworker::inline v0_1 {

namespace detail {

// Cancels a timer on the executor where it is armed.
struct cancel_timer {
  executor_ref executor;
  timer* alarm;

  cancel_timer(executor_ref place, timer& to_cancel) noexcept : executor(place), alarm(&to_cancel) {}
  void operator()() const noexcept {
    detail::insist([this] { executor.cancel(*alarm); });
  }
};

// Converts any duration to the clock's unit: never shorter than given, at least zero, at most the clock's
// range.
template <class Rep, class Period>
duration clock_span(std::chrono::duration<Rep, Period> span) noexcept {
  using seconds = std::chrono::duration<double>;
  const seconds wanted = std::chrono::duration_cast<seconds>(span);
  if (!(wanted > seconds::zero())) return duration::zero();  // NaN counts as zero
  if (wanted >= std::chrono::duration_cast<seconds>((duration::max)())) return (duration::max)();
  if constexpr (sizeof(Rep) < sizeof(double) && std::chrono::treat_as_floating_point_v<Rep>) {
    return std::chrono::ceil<duration>(wanted);  // in float, the nanoseconds would be rounded away
  } else {
    return std::chrono::ceil<duration>(span);
  }
}

}  // namespace detail

/// The awaiter of sleep_until and sleep_for; to be awaited at once.
class sleep_awaiter {
 public:
  explicit sleep_awaiter(time_point due) noexcept : alarm_(due, nullptr) {}
  explicit sleep_awaiter(duration span) noexcept : alarm_(time_point(span), nullptr), relative_(true) {}
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
    if (relative_) alarm_.due = detail::after(executor.now(), alarm_.due.time_since_epoch());
    // If a stop comes between these two lines, it finds the timer idle, and arm() then posts the handle at
    // once.
    on_stop_.emplace(here.stop, detail::cancel_timer(executor, alarm_));
    executor.arm(alarm_);
    return true;
  }

  void await_resume() {
    on_stop_.reset();
    if (alarm_.status == timer::state::cancelled) throw cancelled();
  }

 private:
  timer alarm_;  // due that long after the start, if it is relative
  bool relative_ = false;
  std::optional<stop_callback<detail::cancel_timer>> on_stop_;
};

/// Waits, when awaited, until the executor's clock reaches `due`; if that has passed, until the next
/// opportunity to run.
/// Throws: std::logic_error if the awaiting coroutine runs on no executor.
/// Cancellation: throws `cancelled` as soon as a stop is requested; at once if it was before.
inline sleep_awaiter sleep_until(time_point due) noexcept { return sleep_awaiter(due); }

/// Waits, when awaited, until `span` has passed, never less. `span` is any std::chrono duration, also a
/// floating-point one; a span beyond the clock's range (292 years) waits forever, a negative one or NaN not
/// at all.
/// Throws: as sleep_until().
/// Cancellation: as sleep_until().
template <class Rep, class Period>
sleep_awaiter sleep_for(std::chrono::duration<Rep, Period> span) noexcept {
  return sleep_awaiter(detail::clock_span(span));
}

}  // namespace coworker::inline v0_1
