#pragma once
// short_mutex: a mutex for critical sections of a few dozen instructions that two busy threads enter often.
// Must not know what it guards.
//
// While another thread holds it, lock() first tries again for about a microsecond, and blocks only then. A
// thread that blocks, and the one that must wake it, make a system call each, which cost many times what such
// a section does. If the holder is not running, the attempts are wasted; their number is bounded, so that a
// waiting thread uses no more CPU time than that.

#include <mutex>

namespace coworker::inline v0_1::detail {

// Tells the processor that the thread is in a loop that waits for another.
inline void pause_thread() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
  asm volatile("yield");
#endif
}

// Used as std::mutex is, but with no condition.
class short_mutex {
 public:
  short_mutex() noexcept {}
  short_mutex(const short_mutex&) = delete;
  short_mutex& operator=(const short_mutex&) = delete;

  void lock() {
    if (!mutex_.try_lock()) [[unlikely]]
      wait();
  }
  bool try_lock() { return mutex_.try_lock(); }
  void unlock() { mutex_.unlock(); }

 private:
  // Each attempt takes the cache line from the holder, so the pauses between them grow.
  static constexpr int attempts = 6;

  void wait() {
    for (int attempt = 0; attempt < attempts; ++attempt) {
      for (int pauses = 1 << attempt; pauses != 0; --pauses) pause_thread();
      if (mutex_.try_lock()) return;
    }
    mutex_.lock();
  }

  std::mutex mutex_;
};

}  // namespace coworker::inline v0_1::detail
