#pragma once
// thread and condition: threads and how they wait for one another. What the executors need of the standard's
// own, at a fraction of the compile time.
// Must not know any executor.

// libstdc++'s <thread> and <condition_variable> bring stop tokens, shared pointers and the stream classes: an
// eighth of the compile time of all of coworker. On Linux the few lines needed are here, on top of POSIX,
// which its <mutex> brings anyway.
#include <coworker/coro/clock.hpp>
#include <coworker/exec/timespec.hpp>
#include <mutex>
#include <version>
#if defined(__GLIBCXX__) && defined(__linux__)

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <system_error>

namespace coworker::inline v0_1::detail {

/// Like std::condition_variable; wait_until may return early.
class condition {
 public:
  condition() noexcept {
    pthread_condattr_t options;
    ::pthread_condattr_init(&options);
    ::pthread_condattr_setclock(&options, CLOCK_MONOTONIC);  // the clock of clock_type
    ::pthread_cond_init(&condition_, &options);
    ::pthread_condattr_destroy(&options);
  }
  condition(const condition&) = delete;
  condition& operator=(const condition&) = delete;
  ~condition() { ::pthread_cond_destroy(&condition_); }

  void wait(std::unique_lock<std::mutex>& lock) {
    ::pthread_cond_wait(&condition_, lock.mutex()->native_handle());
  }

  void wait_until(std::unique_lock<std::mutex>& lock, time_point due) {
    const timespec moment = detail::monotonic_timespec(due);
    ::pthread_cond_timedwait(&condition_, lock.mutex()->native_handle(), &moment);
  }

  void notify_one() noexcept { ::pthread_cond_signal(&condition_); }
  void notify_all() noexcept { ::pthread_cond_broadcast(&condition_); }

 private:
  pthread_cond_t condition_;
};

/// A running thread, which must be joined exactly once.
class thread {
 public:
  /// Runs `body(argument)`; its result is dropped.
  /// Throws: std::system_error if the system starts no more threads.
  thread(void* (*body)(void*), void* argument) {
    const int problem = ::pthread_create(&handle_, nullptr, body, argument);
    if (problem == 0) return;
    throw std::system_error(
        problem, std::generic_category(),
        "a thread cannot be started (raise the limit on processes, ulimit -u or pids.max of the "
        "container, or give it more memory)");
  }

  void join() { ::pthread_join(handle_, nullptr); }

  static unsigned hardware_concurrency() noexcept {
    const long processors = ::sysconf(_SC_NPROCESSORS_ONLN);
    return processors > 0 ? static_cast<unsigned>(processors) : 0;
  }

 private:
  pthread_t handle_;
};

inline void yield_thread() noexcept { ::sched_yield(); }

}  // namespace coworker::detail

#else

#include <algorithm>
#include <condition_variable>
#include <thread>

namespace coworker::inline v0_1::detail {

class condition {
 public:
  void wait(std::unique_lock<std::mutex>& lock) { condition_.wait(lock); }

  // May return early. Some standard libraries convert the wait to calendar time, which overflows for a wait
  // without end.
  void wait_until(std::unique_lock<std::mutex>& lock, time_point due) {
    condition_.wait_until(lock, (std::min)(due, clock_type::now() + std::chrono::hours(24)));
  }

  void notify_one() noexcept { condition_.notify_one(); }
  void notify_all() noexcept { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

using thread = std::thread;
inline void yield_thread() noexcept { std::this_thread::yield(); }

}  // namespace coworker::detail

#endif
