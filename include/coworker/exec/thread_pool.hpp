#pragma once
// thread_pool: several threads that resume what is posted, for work that blocks or computes. One queue for
// all threads, because what runs here runs long; idle threads sleep.
// Must not know what runs on it.

#include <atomic>
#include <coroutine>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/transfer.hpp>
#include <coworker/exec/fifo.hpp>
#include <coworker/exec/insist.hpp>
#include <coworker/exec/this_thread.hpp>
#include <coworker/exec/thread.hpp>
#include <coworker/exec/timer_queue.hpp>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <mutex>
#include <vector>

namespace coworker::inline v0_1 {

/// An executor of up to `max_threads` threads; a thread is started when work finds none idle.
///
/// The destructor resumes what is posted already, drops timers that are still armed (their coroutines stay
/// suspended), and waits for its threads. So join the tasks that use a pool before destroying it. On one of
/// its own threads, for example if a task on the pool releases the last shared_ptr to it, the destructor
/// cannot wait: it prints a message and terminates the program.
/// Thread safety: thread-safe.
class thread_pool {
 public:
  static constexpr executor_clock clock = executor_clock::real;

  /// Allows as many threads as the machine runs at once.
  thread_pool() : thread_pool(detail::thread::hardware_concurrency()) {}

  /// `max_threads`: the most threads that it starts; 0 counts as 1.
  explicit thread_pool(std::size_t max_threads) : max_threads_(max_threads == 0 ? 1 : max_threads) {}

  thread_pool(const thread_pool&) = delete;
  thread_pool& operator=(const thread_pool&) = delete;

  ~thread_pool() {
    if (runs_on_this_thread()) {
      std::fputs(
          "coworker: a thread_pool was destroyed on one of its own threads, which it would have to wait for; "
          "keep a reference to it outside of the tasks that it runs\n",
          stderr);
      std::terminate();
    }
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;  // no thread is started any more
      condition_.notify_all();
    }
    for (detail::thread& thread : threads_) thread.join();
    // Whoever posted the last handle may still be notifying its thread, even if that has ended.
    while (notifiers_.load(std::memory_order_acquire) != 0) detail::yield_thread();
  }

  /// Resumes the handle on a thread of the pool.
  /// Throws: std::system_error if the first thread cannot be started; nothing was then posted or armed. If a
  /// later thread cannot be started, the pool goes on without it.
  void post(std::coroutine_handle<> handle) {
    std::unique_lock lock(mutex_);
    start_first_thread();
    push(handle, lock);
  }

  void arm(timer& alarm) {
    std::unique_lock lock(mutex_);
    start_first_thread();
    const std::coroutine_handle<> handle = alarm.handle;
    if (!timers_.arm(alarm)) return push(handle, lock);
    wake_or_start_thread(lock);
  }

  void cancel(timer& alarm) {
    std::unique_lock lock(mutex_);
    const std::coroutine_handle<> handle = alarm.handle;
    queue_.make_room();  // may throw, so before the timer is removed
    if (timers_.cancel(alarm)) push(handle, lock);
  }

  time_point now() const { return clock_type::now(); }

  /// Returns whether the calling thread is one of the pool's.
  bool runs_on_this_thread() const noexcept { return current() == this; }

  /// Lets the pool grow to `count` threads; it never shrinks.
  void set_max_threads(std::size_t count) {
    const std::lock_guard lock(mutex_);
    if (count > max_threads_) max_threads_ = count;
    while (add_a_thread_if_short()) {
    }
  }

  /// Returns the number of threads started so far.
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return threads_.size();
  }

 private:
  static const thread_pool*& current() noexcept {
    static constinit thread_local const thread_pool* pool = nullptr;
    return pool;
  }

  void start_thread() {
    threads_.emplace_back(&work_in, this);
    ++idle_;
  }

  void start_first_thread() {
    if (threads_.empty()) start_thread();
  }

  void push(std::coroutine_handle<> handle, std::unique_lock<std::mutex>& lock) {
    queue_.push(handle);
    wake_or_start_thread(lock);
  }

  // Returns one for each handle in the queue, and one to watch the soonest timer if no thread does.
  std::size_t wanted_threads() const noexcept {
    return queue_.size() + (timers_.next_due() < watched_until_ ? 1 : 0);
  }

  bool add_a_thread_if_short() noexcept {
    if (idle_ >= wanted_threads() || threads_.size() >= max_threads_ || closing_) return false;
    try {
      start_thread();
      return true;
    } catch (...) {
      return false;  // the existing threads will process the queue later
    }
  }

  // Makes sure that a thread processes what has changed. Notifies after unlocking, because the thread would
  // otherwise wake up only to wait for the lock; `notifiers_` keeps the destructor waiting meanwhile.
  void wake_or_start_thread(std::unique_lock<std::mutex>& lock) noexcept {
    const bool notifies = idle_ > 0 && wanted_threads() > 0;
    add_a_thread_if_short();
    if (!notifies) return;
    notifiers_.fetch_add(1, std::memory_order_relaxed);
    lock.unlock();
    condition_.notify_one();
    notifiers_.fetch_sub(1, std::memory_order_release);
  }

  static void* work_in(void* pool) {
    current() = static_cast<thread_pool*>(pool);
    static_cast<thread_pool*>(pool)->work();
    return nullptr;
  }

  void work() {
    std::unique_lock lock(mutex_);
    --idle_;
    for (;;) {
      fire_timers();
      if (!queue_.empty()) {
        const std::coroutine_handle<> handle = queue_.pop();
        detail::role_of_this_thread() = {false, max_threads_ == 1};
        wake_or_start_thread(lock);  // for the rest of the queue, since this thread is now busy
        if (lock.owns_lock()) lock.unlock();
        resume(handle);
        lock.lock();
      } else if (closing_) {
        return;
      } else {
        wait(lock);
      }
    }
  }

  // One idle thread waits for the soonest timer; the others wait to be notified.
  void wait(std::unique_lock<std::mutex>& lock) {
    ++idle_;
    const time_point due = timers_.next_due();
    if (due < watched_until_) {
      watched_until_ = due;
      condition_.wait_until(lock, due);
      if (watched_until_ == due) watched_until_ = (time_point::max)();
    } else {
      condition_.wait(lock);
    }
    --idle_;
  }

  void fire_timers() {
    if (timers_.empty()) return;
    const time_point reached = now();
    while (timers_.next_due() <= reached) {
      detail::insist([this] { queue_.make_room(); });
      queue_.push(timers_.pop());
    }
  }

  std::atomic<int> notifiers_{0};

  mutable std::mutex mutex_;  // guards all members below
  detail::condition condition_;
  detail::fifo<std::coroutine_handle<>> queue_;
  timer_queue timers_;
  std::vector<detail::thread> threads_;
  std::size_t max_threads_;
  std::size_t idle_ = 0;  // threads that wait, or that were started and have not reached the queue
  time_point watched_until_ = (time_point::max)();  // the deadline of the idle thread that watches the timers
  bool closing_ = false;
};

static_assert(thread_aware_executor<thread_pool>);

}  // namespace coworker::inline v0_1
