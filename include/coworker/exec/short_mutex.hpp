#pragma once
// short_mutex: a mutex for critical sections of a few dozen instructions that two busy threads enter often.
// Must not know what it guards.
//
// While another thread holds it, lock() first tries again for about a microsecond, and blocks only then. A
// thread that blocks, and the one that must wake it, make a system call each, which cost many times what such
// a section does. If the holder is not running, the attempts are wasted; their number is bounded, so that a
// waiting thread uses no more CPU time than that.

#include <atomic>
#include <coworker/exec/futex.hpp>
#include <cstdint>
#include <mutex>

namespace coworker::inline v0_1::detail {

// Tells the processor that the thread is in a loop that waits for another.
inline void pause_thread() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

#if defined(__linux__) && defined(__LP64__)

// Four bytes, on a futex: locking and unlocking take one atomic instruction each if no other thread is there.
class futex_lock {
 public:
  bool try_lock() noexcept {
    std::uint32_t expected = unlocked;
    return state_.compare_exchange_strong(expected, locked, std::memory_order_acquire,
                                          std::memory_order_relaxed);
  }
  bool looks_locked() const noexcept { return state_.load(std::memory_order_relaxed) != unlocked; }

  // Whoever has set `awaited` before it slept takes the lock with `awaited` too, because it does not know
  // whether others sleep as well; its unlock() then makes one call too many at most.
  void lock_or_block() noexcept {
    while (state_.exchange(awaited, std::memory_order_acquire) != unlocked)
      detail::futex_wait(state_, awaited);
  }

  void unlock() noexcept {
    if (state_.exchange(unlocked, std::memory_order_release) == awaited) [[unlikely]]
      detail::futex_wake_one(state_);
  }

 private:
  // The order of states: `unlocked` to `locked` by try_lock(); any to `awaited` by a thread that blocks unless
  // it was `unlocked`, and otherwise holds the lock; any to `unlocked` by the holder. A thread sleeps only
  // while the state is `awaited`, which the kernel checks, so no unlock() between can be missed.
  static constexpr std::uint32_t unlocked = 0;
  static constexpr std::uint32_t locked = 1;   // nobody sleeps
  static constexpr std::uint32_t awaited = 2;  // locked, and others may sleep
  futex_word state_{unlocked};
};

#else

class futex_lock {
 public:
  bool try_lock() { return mutex_.try_lock(); }
  bool looks_locked() const noexcept { return false; }
  void lock_or_block() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

#endif

// Used as std::mutex is, but with no condition.
class short_mutex {
 public:
  short_mutex() noexcept {}
  short_mutex(const short_mutex&) = delete;
  short_mutex& operator=(const short_mutex&) = delete;

  void lock() {
    if (!lock_.try_lock()) [[unlikely]]
      wait();
  }
  bool try_lock() { return lock_.try_lock(); }
  void unlock() { lock_.unlock(); }

 private:
  static constexpr int attempts = 40;

  void wait() {
    for (int attempt = 0; attempt < attempts; ++attempt) {
      pause_thread();
      if (!lock_.looks_locked() && lock_.try_lock()) return;
    }
    lock_.lock_or_block();
  }

  futex_lock lock_;
};

}  // namespace coworker::inline v0_1::detail
