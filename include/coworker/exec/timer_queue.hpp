#pragma once
// The armed timers of one executor, soonest first. Not thread-safe and without a clock: the executor that owns
// it brings the lock and the time.

#include <coroutine>
#include <coworker/coro/executor.hpp>
#include <coworker/exec/due_heap.hpp>
#include <cstddef>

namespace coworker::inline v0_1 {

class timer_queue {
 public:
  bool empty() const noexcept { return armed_.empty(); }
  std::size_t size() const noexcept { return armed_.size(); }

  /// When the soonest timer is due; time_point::max() when none is armed.
  time_point next_due() const noexcept { return armed_.next_due(); }

  /// False: the timer had been cancelled before, and its handle is to be posted at once.
  bool arm(timer& alarm) {
    if (alarm.status == timer::state::cancelled) return false;
    armed_.push(alarm, alarm.due);
    alarm.status = timer::state::armed;
    return true;
  }

  /// True: the timer was armed, and its handle is to be posted at once.
  bool cancel(timer& alarm) noexcept {
    const timer::state before = alarm.status;
    if (before == timer::state::fired || before == timer::state::cancelled) return false;
    alarm.status = timer::state::cancelled;
    if (before == timer::state::idle) return false;
    armed_.remove(alarm);
    return true;
  }

  /// The handle of the soonest timer, which counts as fired. Only when next_due() has come. Those due at one
  /// moment fire in the order in which they were armed.
  std::coroutine_handle<> pop() noexcept {
    timer& alarm = armed_.pop();
    alarm.status = timer::state::fired;
    return alarm.handle;
  }

 private:
  detail::due_heap<timer, &timer::slot> armed_;
};

}  // namespace coworker
