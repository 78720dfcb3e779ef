#pragma once
// event_loop: an executor on one thread. It resumes what is posted, fires timers, and blocks in its waiter
// when there is neither.
// Must not know sockets or HTTP; code that needs them provides a waiter (see waiter.hpp).
//
// A loop without a waiter blocks on a condition variable, which is the fastest way to be woken by another
// thread. When a coroutine first watches a descriptor on such a loop, the loop installs the waiter that the
// watch provides.

#include <atomic>
#include <coroutine>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/transfer.hpp>
#include <coworker/exec/late_wake.hpp>
#include <coworker/exec/short_mutex.hpp>
#include <coworker/exec/this_thread.hpp>
#include <coworker/exec/thread.hpp>
#include <coworker/exec/timer_queue.hpp>
#include <coworker/exec/waiter.hpp>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <vector>

namespace coworker::inline v0_1 {

/// Observes every coroutine that an event_loop resumes. Called on the loop's thread.
class turn_watcher {
 public:
  /// Called just before the loop resumes the coroutine.
  virtual void turn_begins(std::coroutine_handle<> coroutine) noexcept = 0;
  /// Called when the coroutine has suspended again or has ended.
  virtual void turn_ends() noexcept = 0;

 protected:
  ~turn_watcher() = default;
};

/// An executor of one thread: the one that calls run(). Resumes handles in the order in which they were
/// posted, and timers in the order of their deadlines, never early. Makes no wake-ups while idle.
/// Thread safety: thread-safe, except run().
class event_loop {
 public:
  static constexpr executor_clock clock = executor_clock::real;
  static constexpr bool serial = true;

  event_loop() noexcept {}

  /// The loop blocks in `blocks_on`, which must outlive it, and polls it once in each round of work.
  explicit event_loop(waiter& blocks_on) noexcept : waiter_(&blocks_on) {}

  event_loop(const event_loop&) = delete;
  event_loop& operator=(const event_loop&) = delete;

  /// The loop must not be running: a coroutine on the loop must not release the last reference to it.
  ~event_loop() {
    if (running()) {
      std::fputs(
          "coworker: an event_loop was destroyed while it runs; let its owner outlive the call of run()\n",
          stderr);
      std::terminate();
    }
    // A thread that has just posted the last handle, or called stop(), may still be waking the loop.
    while (wakers_.load(std::memory_order_acquire) != 0) detail::yield_thread();
    delete installed_;
  }

  /// See executor.
  void post(std::coroutine_handle<> handle) {
    if (current() == this) return ready_.push_back(handle);
    std::unique_lock lock(mutex_);
    post_locked(handle, lock);
  }

  void arm(timer& alarm) {
    std::unique_lock lock(mutex_);
    const std::coroutine_handle<> handle = alarm.handle;
    const time_point due = alarm.due;
    if (!timers_.arm(alarm)) return post_locked(handle, lock);
    changed_.store(true, std::memory_order_relaxed);
    wake_if_asleep(lock, due);
  }

  void cancel(timer& alarm) {
    std::unique_lock lock(mutex_);
    const std::coroutine_handle<> handle = alarm.handle;
    make_room(current() == this ? ready_ : inbox_);  // before the alarm is removed from the queue
    if (timers_.cancel(alarm)) post_locked(handle, lock);
  }

  time_point now() const { return clock_type::now(); }

  /// See watching_executor.
  /// Throws: also std::logic_error if it is called anywhere but in a coroutine that this loop runs.
  void watch(descriptor_watch& watch) {
    if (current() != this) {
      throw std::logic_error(
          "event_loop::watch: called on another thread than the loop's; co_await resume_on(the loop) before "
          "awaiting a descriptor there");
    }
    if (waiter_ == &own_waiter_ && watch.make_waiter != nullptr) install(watch.make_waiter());
    waiter_->watch(watch);
  }

  void unwatch(descriptor_watch& watch) noexcept { waiter_->unwatch(watch); }

  /// Resumes what is ready, as it becomes ready, until stop(). What is then still posted or armed waits for
  /// the next run().
  /// Throws: std::logic_error if the loop runs already; what a coroutine throws out of its resumption, which
  /// tasks never do.
  void run() {
    const running_guard guard(*this);
    while (!collect()) {
      while (resumed_ < batch_.size()) take_turn(batch_[resumed_++]);
      batch_.clear();
      resumed_ = 0;
    }
  }

  /// Sets who is called on each turn; null: nobody, which is the default. The loop must not be running.
  void watch_turns(turn_watcher* watcher) noexcept { watcher_ = watcher; }

  /// Returns whether the calling thread is the one that the loop runs on.
  bool runs_on_this_thread() const noexcept { return current() == this; }

  /// Returns whether a run() is in progress on any thread.
  bool running() const {
    const std::lock_guard lock(mutex_);
    return running_;
  }

  /// Makes run() return after the current round of work; if no run() is in progress, the next one.
  void stop() {
    std::unique_lock lock(mutex_);
    stop_ = true;
    changed_.store(true, std::memory_order_relaxed);
    wake_if_asleep(lock, (time_point::min)());
  }

 private:
  using handles = std::vector<std::coroutine_handle<>>;

  void take_turn(std::coroutine_handle<> handle) {
    if (watcher_ == nullptr) [[likely]]
      return resume(handle);
    struct watched_turn {
      turn_watcher& watcher;
      ~watched_turn() { watcher.turn_ends(); }
    };
    watcher_->turn_begins(handle);
    const watched_turn ends{*watcher_};
    resume(handle);
  }

  static event_loop*& current() noexcept {
    static constinit thread_local event_loop* loop = nullptr;
    return loop;
  }

  struct running_guard {
    event_loop& loop;
    event_loop* const outer;
    const detail::loop_role role{};

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

  void post_locked(std::coroutine_handle<> handle, std::unique_lock<detail::short_mutex>& lock) {
    if (current() == this) return ready_.push_back(handle);
    inbox_.push_back(handle);
    changed_.store(true, std::memory_order_relaxed);
    wake_if_asleep(lock, (time_point::min)());
  }

  // Returns whether this round needs nothing that the lock guards: there are ready handles, and neither new
  // handles from other threads nor due timers. The lock is not fair: a busy loop that took it in each round
  // would keep other threads from posting for milliseconds.
  bool only_ready_has_work() const {
    return !ready_.empty() && resumed_ == batch_.size() && !changed_.load(std::memory_order_relaxed) &&
           (next_due_ == (time_point::max)() || now() < next_due_);
  }

  void take_ready() noexcept {
    batch_.clear();
    resumed_ = 0;
    batch_.swap(ready_);
  }

  // Other threads read the pointer under the lock. A thread that read it before may still wake the old
  // waiter, which does no harm: that waiter lives as long as the loop, and the loop is awake.
  void install(waiter* made) noexcept {
    const std::lock_guard lock(mutex_);
    installed_ = waiter_ = made;
  }

  // Fills the batch with all that is ready, and waits if nothing is. Returns true if stop() was called.
  bool collect() {
    if (waiter_ != &own_waiter_) waiter_->wait((time_point::min)());
    if (only_ready_has_work()) {
      take_ready();
      return false;
    }
    for (;;) {
      time_point deadline;
      {
        const std::lock_guard lock(mutex_);
        changed_.store(false, std::memory_order_relaxed);
        asleep_ = false;
        if (stop_) {
          stop_ = false;
          return true;
        }
        fire_timers();
        next_due_ = timers_.next_due();
        if (resumed_ == batch_.size()) take_ready();
        take_inbox();
        if (!inbox_.empty()) changed_.store(true, std::memory_order_relaxed);  // there was no memory for it
        if (!batch_.empty()) return false;
        asleep_ = true;
        deadline = wakes_at_ = next_due_;
      }
      waiter_->wait(deadline);
    }
  }

  // Throws std::bad_alloc, or else makes sure that the next push_back does not throw.
  static void make_room(handles& for_one_more) {
    if (for_one_more.size() == for_one_more.capacity()) for_one_more.reserve(for_one_more.size() * 2 + 8);
  }

  // Must not throw on this thread: timers for which there is no memory stay armed until the next round.
  void fire_timers() noexcept {
    // Does not read the clock if no timer will ever fire.
    if (timers_.next_due() == (time_point::max)()) return;
    const time_point reached = now();
    try {
      while (timers_.next_due() <= reached) {
        make_room(inbox_);
        inbox_.push_back(timers_.pop());
      }
    } catch (...) {
    }
  }

  void take_inbox() noexcept {
    if (batch_.empty()) return batch_.swap(inbox_);
    try {
      batch_.insert(batch_.end(), inbox_.begin(), inbox_.end());
      inbox_.clear();
    } catch (...) {
    }
  }

  // Wakes after unlocking, because the loop would otherwise wake up only to wait for the lock. `wakers_`
  // keeps the destructor waiting meanwhile.
  void wake_if_asleep(std::unique_lock<detail::short_mutex>& lock, time_point due) noexcept {
    if (!asleep_ || due >= wakes_at_) return;
    asleep_ = false;
    wakers_.fetch_add(1, std::memory_order_relaxed);
    waiter* const asleep_in = waiter_;
    lock.unlock();
    if (detail::late_wake::take_over(*asleep_in, wakers_)) return;
    asleep_in->wake();
    wakers_.fetch_sub(1, std::memory_order_release);
  }

  // For the loop's thread only.
  handles ready_;  // posted by the batch itself
  handles batch_;
  std::size_t resumed_ = 0;                    // handles of the batch resumed so far
  time_point next_due_ = (time_point::max)();  // when the next timer is due, unless changed_ is set
  turn_watcher* watcher_ = nullptr;

  condition_waiter own_waiter_;
  waiter* waiter_ = &own_waiter_;  // what the loop blocks on; changed only by install()
  waiter* installed_ = nullptr;    // the waiter that the first watch made; owned

  std::atomic<int> wakers_{0};

  // Something guarded by the lock has changed since collect(); a removed timer does not count. Written under
  // the lock, so reading it needs no memory order of its own.
  std::atomic<bool> changed_{false};

  mutable detail::short_mutex mutex_;  // guards the members below
  handles inbox_;
  timer_queue timers_;
  time_point wakes_at_ = (time_point::max)();
  bool asleep_ = false;  // in the waiter until wakes_at_, or about to enter it; whoever wakes it clears this
  bool stop_ = false;
  bool running_ = false;
};

static_assert(thread_aware_executor<event_loop>);
static_assert(watching_executor<event_loop>);

}  // namespace coworker::inline v0_1
