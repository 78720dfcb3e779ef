#pragma once
// The armed timers of one executor, soonest first. A 4-ary heap: shallower than a binary one, and its
// children share a cache line. Not thread-safe and without a clock: the executor that owns it brings the lock
// and the time.

#include <coroutine>
#include <coworker/coro/executor.hpp>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace coworker {

class timer_queue {
 public:
  bool empty() const noexcept { return heap_.empty(); }
  std::size_t size() const noexcept { return heap_.size(); }

  /// When the soonest timer is due; time_point::max() when none is armed.
  time_point next_due() const noexcept { return heap_.empty() ? (time_point::max)() : heap_.front().due; }

  /// False: the timer had been cancelled before, and its handle is to be posted at once.
  bool arm(timer& alarm) {
    if (alarm.status == timer::state::cancelled) return false;
    heap_.push_back({alarm.due, next_order_++, &alarm});
    alarm.status = timer::state::armed;
    sift_up(heap_.size() - 1, heap_.back());
    return true;
  }

  /// True: the timer was armed, and its handle is to be posted at once.
  bool cancel(timer& alarm) noexcept {
    const timer::state before = alarm.status;
    if (before == timer::state::fired || before == timer::state::cancelled) return false;
    alarm.status = timer::state::cancelled;
    if (before == timer::state::idle) return false;
    remove_at(alarm.slot);
    return true;
  }

  /// The handle of the soonest timer, which counts as fired. Only when next_due() has come. Those due at one
  /// moment fire in the order in which they were armed.
  std::coroutine_handle<> pop() noexcept {
    timer& alarm = *heap_.front().alarm;
    remove_at(0);
    alarm.status = timer::state::fired;
    return alarm.handle;
  }

 private:
  struct entry {
    time_point due;
    std::uint64_t order;
    timer* alarm;

    bool before(const entry& other) const noexcept {
      return due < other.due || (due == other.due && order < other.order);
    }
  };

  static constexpr std::size_t arity = 4;

  void place(std::size_t slot, const entry& moved) noexcept {
    heap_[slot] = moved;
    moved.alarm->slot = static_cast<std::uint32_t>(slot);
  }

  void sift_up(std::size_t slot, const entry moved) noexcept {
    while (slot > 0) {
      const std::size_t parent = (slot - 1) / arity;
      if (!moved.before(heap_[parent])) break;
      place(slot, heap_[parent]);
      slot = parent;
    }
    place(slot, moved);
  }

  void sift_down(std::size_t slot, const entry moved) noexcept {
    for (;;) {
      const std::size_t first = slot * arity + 1;
      if (first >= heap_.size()) break;
      const std::size_t end = first + arity < heap_.size() ? first + arity : heap_.size();
      std::size_t soonest = first;
      for (std::size_t candidate = first + 1; candidate < end; ++candidate) {
        if (heap_[candidate].before(heap_[soonest])) soonest = candidate;
      }
      if (!heap_[soonest].before(moved)) break;
      place(slot, heap_[soonest]);
      slot = soonest;
    }
    place(slot, moved);
  }

  void remove_at(std::size_t slot) noexcept {
    const entry last = heap_.back();
    heap_.pop_back();
    if (slot == heap_.size()) return;
    if (slot > 0 && last.before(heap_[(slot - 1) / arity])) {
      sift_up(slot, last);
    } else {
      sift_down(slot, last);
    }
  }

  std::vector<entry> heap_;
  std::uint64_t next_order_ = 0;
};

}  // namespace coworker
