#pragma once
// event_loop: one thread that resumes what is posted, fires timers, and sleeps in its waiter when there is
// neither. It knows nothing of sockets or HTTP; whoever brings such things brings a waiter (see waiter.hpp).
//
// A loop without one sleeps on a condition variable, which is the fastest way to be woken by another thread.
// When a coroutine first watches a descriptor there, the loop takes on the waiter that the watch brings along.

#include <atomic>
#include <coroutine>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/transfer.hpp>
#include <coworker/exec/thread.hpp>
#include <coworker/exec/timer_queue.hpp>
#include <coworker/exec/waiter.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <vector>

namespace coworker {

/// An executor of one thread: the one that calls run(). Handles are resumed in the order in which they were
/// posted; timers in the order of their deadlines, never early. While idle it makes no wake-ups. All but
/// run() is thread-safe.
class event_loop {
 public:
  static constexpr executor_clock clock = executor_clock::real;

  event_loop() noexcept {}

  /// The loop blocks in `blocks_on`, which must outlive it, and lets it look around once in each round of
  /// work.
  explicit event_loop(waiter& blocks_on) noexcept : waiter_(&blocks_on) {}

  event_loop(const event_loop&) = delete;
  event_loop& operator=(const event_loop&) = delete;

  /// Not while it runs: a coroutine on the loop must not let go of the last reference to it.
  ~event_loop() {
    if (running()) {
      std::fputs(
          "coworker: an event_loop was destroyed while it runs; let its owner outlive the call of run()\n",
          stderr);
      std::terminate();
    }
    // A thread that has just posted the last thing, or called stop(), may still be waking the loop.
    while (wakers_.load(std::memory_order_acquire) != 0) detail::yield_thread();
    delete taken_on_;
  }

  void post(std::coroutine_handle<> handle) {
    if (current() == this) return ready_.push_back(handle);
    std::unique_lock lock(mutex_);
    post_locked(handle, lock);
  }

  void arm(timer& alarm) {
    std::unique_lock lock(mutex_);
    const std::coroutine_handle<> handle = alarm.handle;
    const time_point due = alarm.due;
    if (timers_.arm(alarm)) return wake_if_asleep(lock, due);
    post_locked(handle, lock);
  }

  void cancel(timer& alarm) {
    std::unique_lock lock(mutex_);
    const std::coroutine_handle<> handle = alarm.handle;
    if (timers_.cancel(alarm)) post_locked(handle, lock);
  }

  time_point now() const { return clock_type::now(); }

  /// See watching_executor. Errors besides: std::logic_error when called anywhere but in a coroutine that this
  /// loop runs.
  void watch(descriptor_watch& watch) {
    if (current() != this) {
      throw std::logic_error(
          "event_loop::watch: called on another thread than the loop's; co_await resume_on(the loop) before "
          "awaiting a descriptor there");
    }
    if (waiter_ == &own_waiter_ && watch.make_waiter != nullptr) take_on(watch.make_waiter());
    waiter_->watch(watch);
  }

  void unwatch(descriptor_watch& watch) noexcept { waiter_->unwatch(watch); }

  /// Resumes what is ready, as it becomes ready, until stop(). What is then still posted or armed waits for
  /// the next run(). Errors: std::logic_error when it runs already; rethrows what a coroutine lets out of its
  /// resumption, which tasks never do.
  void run() {
    const running_guard guard(*this);
    while (!collect()) {
      while (resumed_ < batch_.size()) take_turn(batch_[resumed_++]);
      batch_.clear();
      resumed_ = 0;
    }
  }

  /// What the loop is at: how many coroutines it has resumed so far, and which one it is in; null between
  /// them. For whoever watches that none keeps it for long.
  struct turn {
    std::uint64_t number = 0;
    void* coroutine = nullptr;
  };
  turn current_turn() const noexcept {
    return {turns_.load(std::memory_order_acquire), in_turn_.load(std::memory_order_relaxed)};
  }

  /// Whether the calling thread is the one that the loop runs on.
  bool runs_on_this_thread() const noexcept { return current() == this; }

  /// Whether a run() is in progress, on whatever thread.
  bool running() const {
    const std::lock_guard lock(mutex_);
    return running_;
  }

  /// Makes run() return once the current round of work is through; if none is running, the next one.
  void stop() {
    std::unique_lock lock(mutex_);
    stop_ = true;
    wake_if_asleep(lock, (time_point::min)());
  }

 private:
  void take_turn(std::coroutine_handle<> handle) {
    in_turn_.store(handle.address(), std::memory_order_relaxed);
    turns_.store(turns_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    resume(handle);
    in_turn_.store(nullptr, std::memory_order_relaxed);
  }

  static event_loop*& current() noexcept {
    static constinit thread_local event_loop* loop = nullptr;
    return loop;
  }

  struct running_guard {
    event_loop& loop;
    event_loop* const outer;

    explicit running_guard(event_loop& to_run) : loop(to_run), outer(current()) {
      const std::lock_guard lock(loop.mutex_);
      if (loop.running_) {
        throw std::logic_error(
            "event_loop::run: the loop runs already, on another thread or below this call; in a coroutine, "
            "co_await instead of blocking");
      }
      loop.running_ = true;
      current() = &loop;
    }
    running_guard(const running_guard&) = delete;
    running_guard& operator=(const running_guard&) = delete;

    ~running_guard() {
      const std::lock_guard lock(loop.mutex_);
      loop.running_ = false;
      current() = outer;
    }
  };

  void post_locked(std::coroutine_handle<> handle, std::unique_lock<std::mutex>& lock) {
    if (current() == this) return ready_.push_back(handle);
    inbox_.push_back(handle);
    wake_if_asleep(lock, (time_point::min)());
  }

  // Other threads read the pointer under the lock. One that read it before still wakes the old waiter, which
  // lives as long as the loop; but then this loop is not asleep.
  void take_on(waiter* made) noexcept {
    const std::lock_guard lock(mutex_);
    taken_on_ = waiter_ = made;
  }

  // Fills the batch with all that is ready, waiting for it where there is nothing. True: stop() was called.
  bool collect() {
    if (waiter_ != &own_waiter_) waiter_->wait((time_point::min)());
    for (;;) {
      time_point deadline;
      {
        const std::lock_guard lock(mutex_);
        asleep_ = false;
        if (stop_) {
          stop_ = false;
          return true;
        }
        fire_timers();
        if (resumed_ == batch_.size()) {
          batch_.clear();
          resumed_ = 0;
          batch_.swap(ready_);
        }
        for (const std::coroutine_handle<> handle : inbox_) batch_.push_back(handle);
        inbox_.clear();
        if (!batch_.empty()) return false;
        asleep_ = true;
        deadline = wakes_at_ = timers_.next_due();
      }
      waiter_->wait(deadline);
    }
  }

  void fire_timers() {
    if (timers_.empty()) return;
    const time_point reached = now();
    while (timers_.next_due() <= reached) inbox_.push_back(timers_.pop());
  }

  // Wakes after the unlock, or the loop would wake only to wait for the lock. `wakers_` keeps the loop alive
  // so long.
  void wake_if_asleep(std::unique_lock<std::mutex>& lock, time_point due) noexcept {
    if (!asleep_ || due >= wakes_at_) return;
    asleep_ = false;
    wakers_.fetch_add(1, std::memory_order_relaxed);
    waiter* const asleep_in = waiter_;
    lock.unlock();
    asleep_in->wake();
    wakers_.fetch_sub(1, std::memory_order_release);
  }

  // The loop's thread only.
  std::vector<std::coroutine_handle<>> ready_;  // posted by the batch itself
  std::vector<std::coroutine_handle<>> batch_;
  std::size_t resumed_ = 0;              // of the batch
  std::atomic<std::uint64_t> turns_{0};  // written by the loop's thread alone, as is the next
  std::atomic<void*> in_turn_{nullptr};

  condition_waiter own_waiter_;
  waiter* waiter_ = &own_waiter_;  // changed by the loop's thread, under the lock, to...
  waiter* taken_on_ = nullptr;     // ...the one that the first watch made, which the loop owns

  std::atomic<int> wakers_{0};

  mutable std::mutex mutex_;  // guards what follows
  std::vector<std::coroutine_handle<>> inbox_;
  timer_queue timers_;
  time_point wakes_at_ = (time_point::max)();
  bool asleep_ = false;  // in the waiter until wakes_at_ or on the way there; whoever wakes it clears this
  bool stop_ = false;
  bool running_ = false;
};

static_assert(thread_aware_executor<event_loop>);
static_assert(watching_executor<event_loop>);

}  // namespace coworker
