#pragma once

// The functions that the coroutine benchmark needs from a library, and the coroutines that are the same for
// all libraries. Must not know any library: each has its own coro_<library>.cpp and adds itself to
// libraries().

#include "bench.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace coworker::bench {

/// The time that a set of timers took: from the start of the first coroutine until all of them slept, and
/// from the last deadline (or the first cancellation) until the last coroutine had ended.
struct timer_times {
  nanoseconds arming;
  nanoseconds ending;
};

/// A library's implementation of each measured operation; null if the library cannot do it. Each function
/// sets up what it needs, checks that the work was done, and returns the time of the measured part only.
struct library {
  const char* name;
  /// One coroutine awaits `count` others in turn. Each returns at once, and its definition is not visible to
  /// the caller.
  nanoseconds (*leaf)(std::uint64_t count) = nullptr;
  /// The same with a callee that the compiler may inline, and whose frame it may elide.
  nanoseconds (*visible_leaf)(std::uint64_t count) = nullptr;
  /// Computes fibonacci(n) recursively, which starts and awaits fibonacci_calls(n) coroutines.
  nanoseconds (*fibonacci)(int n) = nullptr;
  /// A coroutine on a one-thread executor starts `at_once` others there and waits for all of them; repeated
  /// `rounds` times.
  nanoseconds (*spawn)(std::size_t rounds, std::size_t at_once) = nullptr;
  /// `at_once` coroutines each switch `trips` times from a one-thread executor to a one-thread pool and back.
  nanoseconds (*hop)(std::size_t trips, std::size_t at_once) = nullptr;
  /// `count` coroutines sleep, each until its own deadline, which wakes it.
  timer_times (*fire)(std::size_t count) = nullptr;
  /// The same, but each sleep is cancelled an hour before its deadline.
  timer_times (*cancel)(std::size_t count) = nullptr;
};

/// All libraries that this program is linked with.
inline std::vector<library>& libraries() {
  static std::vector<library> all;
  return all;
}

/// Adds a library. Called while static objects are initialised.
inline bool add(const library& one) {
  libraries().push_back(one);
  return true;
}

/// The number of calls that compute fibonacci(n), including the first.
[[nodiscard]] inline std::uint64_t fibonacci_calls(int n) {
  std::uint64_t calls = 1;
  for (std::uint64_t previous = 1; n > 1; --n) {
    const std::uint64_t next = 1 + calls + previous;
    previous = calls;
    calls = next;
  }
  return calls;
}

/// Coroutines that await one another on one thread, for any task type.
template <template <class> class Task>
struct calls {
  [[gnu::noinline]] static Task<std::uint64_t> leaf(std::uint64_t value) { co_return value + 1; }

  static Task<std::uint64_t> visible_leaf(std::uint64_t value) { co_return value + 1; }

  static Task<std::uint64_t> sum_leaves(std::uint64_t first, std::uint64_t count) {
    std::uint64_t sum = 0;
    for (std::uint64_t value = first; value != first + count; ++value) {
      const std::uint64_t result = co_await leaf(value);
      sum += result;
    }
    co_return sum;
  }

  static Task<std::uint64_t> sum_visible_leaves(std::uint64_t first, std::uint64_t count) {
    std::uint64_t sum = 0;
    for (std::uint64_t value = first; value != first + count; ++value) {
      const std::uint64_t result = co_await visible_leaf(value);
      sum += result;
    }
    co_return sum;
  }

  // Two named results, because g++ before 13 miscompiles two awaits in one expression.
  static Task<std::uint64_t> fibonacci(int n) {
    if (n < 2) co_return static_cast<std::uint64_t>(n);
    const std::uint64_t first = co_await fibonacci(n - 1);
    const std::uint64_t second = co_await fibonacci(n - 2);
    co_return first + second;
  }
};

/// Times `drive(task)`, which runs the task that sums leaves to its end on this thread, in the library's own
/// way.
template <template <class> class Task, class Drive>
nanoseconds time_leaves(std::uint64_t count, Drive drive) {
  const std::uint64_t first = unknown<std::uint64_t>(1);
  const stopwatch watch;
  const std::uint64_t sum = drive(calls<Task>::sum_leaves(first, count));
  const nanoseconds elapsed = watch.elapsed();
  require(sum == count * (count + 3) / 2, "the leaves' sum is wrong");
  return elapsed;
}

/// The same for leaves that the compiler can see.
template <template <class> class Task, class Drive>
nanoseconds time_visible_leaves(std::uint64_t count, Drive drive) {
  const std::uint64_t first = unknown<std::uint64_t>(1);
  const stopwatch watch;
  const std::uint64_t sum = drive(calls<Task>::sum_visible_leaves(first, count));
  const nanoseconds elapsed = watch.elapsed();
  require(sum == count * (count + 3) / 2, "the visible leaves' sum is wrong");
  return elapsed;
}

/// The same for recursive fibonacci numbers.
template <template <class> class Task, class Drive>
nanoseconds time_fibonacci(int n, Drive drive) {
  std::uint64_t expected = 0;
  for (std::uint64_t next = 1, i = 0; i != static_cast<std::uint64_t>(n); ++i) {
    const std::uint64_t sum = expected + next;
    expected = next;
    next = sum;
  }
  const stopwatch watch;
  const std::uint64_t result = drive(calls<Task>::fibonacci(unknown(n)));
  const nanoseconds elapsed = watch.elapsed();
  require(result == expected, "the fibonacci number is wrong");
  return elapsed;
}

/// Counts itself in `ended` and ends at once.
template <class Task>
Task end_at_once(std::size_t& ended) {
  ++ended;
  co_return;
}

/// Returns a pointer that identifies the calling thread. Opaque to the optimiser, because compilers keep
/// thread-local addresses across a suspension.
[[gnu::noinline]] inline const void* this_thread_mark() {
  static thread_local char mark;
  const void* volatile opaque = &mark;
  return opaque;
}

/// Counts of the coroutines that hop between two threads: how many ended, and how often one ran on the wrong
/// thread.
struct hop_counts {
  std::size_t ended = 0;
  std::size_t on_wrong_thread = 0;
};

/// Switches `trips` times to the pool and back to the thread where it started, by awaiting what the two
/// callables return.
template <class Task, class ToPool, class ToLoop>
Task hop_repeatedly(std::size_t trips, ToPool to_pool, ToLoop to_loop, hop_counts& done) {
  const void* const start = this_thread_mark();
  std::size_t on_wrong_thread = 0;
  for (std::size_t trip = 0; trip != trips; ++trip) {
    co_await to_pool();
    if (this_thread_mark() == start) ++on_wrong_thread;
    co_await to_loop();
    if (this_thread_mark() != start) ++on_wrong_thread;
  }
  done.on_wrong_thread += on_wrong_thread;
  ++done.ended;
}

/// Different deadlines in no particular order, within a tenth of a second after the first.
class deadlines {
 public:
  explicit deadlines(nanoseconds from_now) : first_(clock::now() + from_now) {}

  [[nodiscard]] clock::time_point operator[](std::size_t index) const {
    std::uint64_t mixed = (index + 1) * 0x9e3779b97f4a7c15U;
    mixed ^= mixed >> 32U;
    return first_ + nanoseconds(static_cast<std::int64_t>(mixed % spread));
  }

  [[nodiscard]] clock::time_point last() const { return first_ + nanoseconds(spread); }

 private:
  static constexpr std::uint64_t spread = 100'000'000;

  clock::time_point first_;
};

/// Far enough in the future that `count` coroutines can start to sleep before the first deadline, even if
/// another process uses the core for a while.
[[nodiscard]] inline nanoseconds soon(std::size_t count) {
  return std::chrono::milliseconds(100) + std::chrono::microseconds(4) * static_cast<std::int64_t>(count);
}

/// Longer than any benchmark runs.
inline constexpr std::chrono::hours far_ahead{1};

}  // namespace coworker::bench
