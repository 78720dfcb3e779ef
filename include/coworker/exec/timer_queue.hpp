#pragma once
// timer_queue: the armed timers of one executor, soonest first.
// Must not read a clock; not thread-safe. The executor that owns it provides the lock and the time.

#include <coroutine>
#include <coworker/coro/executor.hpp>
#include <coworker/exec/due_heap.hpp>
#include <cstddef>

namespace coworker::inline v0_1 {

/// Orders armed timers by their deadline, for the implementation of an executor.
/// Thread safety: not thread-safe.
class timer_queue {
 public:
  bool empty() const noexcept { return armed_.empty(); }
  std::size_t size() const noexcept { return armed_.size(); }

  /// Returns when the soonest timer is due; time_point::max() if none is armed.
  time_point next_due() const noexcept { return armed_.next_due(); }

  /// Arms a timer. Returns false if the timer was cancelled before; its handle must then be posted at once.
  bool arm(timer& alarm) {
    if (alarm.status == timer::state::cancelled) return false;
    armed_.push(alarm, alarm.due);
    alarm.status = timer::state::armed;
    return true;
  }

  /// Cancels a timer. Returns true if the timer was armed; its handle must then be posted at once.
  bool cancel(timer& alarm) noexcept {
    const timer::state before = alarm.status;
    if (before == timer::state::fired || before == timer::state::cancelled) return false;
    alarm.status = timer::state::cancelled;
    if (before == timer::state::idle) return false;
    armed_.remove(alarm);
    return true;
  }

  /// Removes the soonest timer, marks it as fired and returns its handle. Requires that next_due() has come.
  /// Timers due at the same moment fire in the order in which they were armed.
  std::coroutine_handle<> pop() noexcept {
    timer& alarm = armed_.pop();
    alarm.status = timer::state::fired;
    return alarm.handle;
  }

 private:
  detail::due_heap<timer, &timer::slot> armed_;
};

}  // namespace coworker
