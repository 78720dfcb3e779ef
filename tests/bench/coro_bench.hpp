#pragma once

// What the coroutine benchmark asks of a library, and the coroutines that are the same for each of them.
// It must not know any library: each comes with its own coro_<library>.cpp and adds itself to libraries().

#include "bench.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace coworker::bench {

/// How long a set of timers took: from the first coroutine's start until all of them slept, and from the
/// moment the last deadline had passed (or the first cancellation) until the last coroutine had ended.
struct timer_times {
  nanoseconds arming;
  nanoseconds ending;
};

/// One library's way of doing each thing that is measured; null for what it has no means for. Each function
/// sets up what it needs, checks that what it measured was done, and returns the time of the measured part
/// alone.
struct library {
  const char* name;
  /// One coroutine awaits `count` others in turn, each of which returns at once and is not visible to its
  /// caller.
  nanoseconds (*leaf)(std::uint64_t count) = nullptr;
  /// The same with a callee the compiler may inline, and whose frame it may elide.
  nanoseconds (*visible_leaf)(std::uint64_t count) = nullptr;
  /// Recursive fibonacci numbers; fibonacci_calls(n) coroutines are started and awaited.
  nanoseconds (*fibonacci)(int n) = nullptr;
  /// A coroutine on a one-thread executor starts `at_once` others there and waits for all of them, `rounds`
  /// times.
  nanoseconds (*spawn)(std::size_t rounds, std::size_t at_once) = nullptr;
  /// As many coroutines as `at_once` each go `trips` times from a one-thread executor to a one-thread pool
  /// and back.
  nanoseconds (*hop)(std::size_t trips, std::size_t at_once) = nullptr;
  /// As many coroutines as `count` sleep, each until its own moment, and are woken by it.
  timer_times (*fire)(std::size_t count) = nullptr;
  /// The same, but their sleep is cancelled an hour early.
  timer_times (*cancel)(std::size_t count) = nullptr;
};

/// All libraries this program was linked with.
inline std::vector<library>& libraries() {
  static std::vector<library> all;
  return all;
}

/// Adds a library; to be called while static objects are initialised.
inline bool add(const library& one) {
  libraries().push_back(one);
  return true;
}

/// The calls it takes to compute fibonacci(n), itself included.
[[nodiscard]] inline std::uint64_t fibonacci_calls(int n) {
  std::uint64_t calls = 1;
  for (std::uint64_t previous = 1; n > 1; --n) {
    const std::uint64_t next = 1 + calls + previous;
    previous = calls;
    calls = next;
  }
  return calls;
}

/// The coroutines that await one another without leaving their thread, for any task type.
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

  // Two named results: g++ before 13 gets two awaits in one expression wrong.
  static Task<std::uint64_t> fibonacci(int n) {
    if (n < 2) co_return static_cast<std::uint64_t>(n);
    const std::uint64_t first = co_await fibonacci(n - 1);
    const std::uint64_t second = co_await fibonacci(n - 2);
    co_return first + second;
  }
};

/// Times `drive(task)`, a library's own way to run a task to its end on this thread, on the task that sums
/// leaves.
template <template <class> class Task, class Drive>
nanoseconds time_leaves(std::uint64_t count, Drive drive) {
  const std::uint64_t first = unknown<std::uint64_t>(1);
  const stopwatch watch;
  const std::uint64_t sum = drive(calls<Task>::sum_leaves(first, count));
  const nanoseconds elapsed = watch.elapsed();
  require(sum == count * (count + 3) / 2, "the leaves' sum is wrong");
  return elapsed;
}

/// The same for leaves the compiler can see.
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

/// Ends at once, and leaves a trace of it.
template <class Task>
Task end_at_once(std::size_t& ended) {
  ++ended;
  co_return;
}

/// Names the thread that calls it. Opaque, because compilers keep what they know of a thread across a
/// suspension.
[[gnu::noinline]] inline const void* this_thread_mark() {
  static thread_local char mark;
  const void* volatile opaque = &mark;
  return opaque;
}

/// What the travellers between two threads have done.
struct journeys {
  std::size_t ended = 0;
  std::size_t strays = 0;
};

/// Goes `trips` times to the pool and back to the thread it was started on, by what the two callables return.
template <class Task, class ToPool, class ToLoop>
Task travel(std::size_t trips, ToPool to_pool, ToLoop to_loop, journeys& done) {
  const void* const home = this_thread_mark();
  std::size_t strays = 0;
  for (std::size_t trip = 0; trip != trips; ++trip) {
    co_await to_pool();
    if (this_thread_mark() == home) ++strays;
    co_await to_loop();
    if (this_thread_mark() != home) ++strays;
  }
  done.strays += strays;
  ++done.ended;
}

/// Different deadlines in no order, within a tenth of a second from the first.
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

/// Far enough ahead that `count` coroutines can be put to sleep before the first of them is due, also where
/// something else has the processor for a while.
[[nodiscard]] inline nanoseconds soon(std::size_t count) {
  return std::chrono::milliseconds(100) + std::chrono::microseconds(4) * static_cast<std::int64_t>(count);
}

/// Never, for a benchmark.
inline constexpr std::chrono::hours far_ahead{1};

}  // namespace coworker::bench
