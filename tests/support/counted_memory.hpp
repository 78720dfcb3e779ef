#pragma once
// Counts what a thread allocates, and lets allocations fail, for tests of costs and of what happens without
// memory. The operators new and delete that do so are in counted_memory.cpp, which is linked with main.cpp.

#include <doctest/doctest.h>
#include <cstddef>
#include <cstdint>
#include <limits>

// clang's thread sanitizer brings operators new and delete that cannot be replaced.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define COWORKER_TEST_MEMORY_IS_NOT_COUNTED
#endif
#endif

namespace coworker::testing {

/// Returns whether allocations are counted. If not, prints a message; the test must then return.
inline bool memory_is_counted() {
#ifdef COWORKER_TEST_MEMORY_IS_NOT_COUNTED
  MESSAGE("skipped: this sanitizer does not let operator new be replaced");
  return false;
#else
  return true;
#endif
}

/// What one thread has allocated with `new`: in total, and held at the same time.
struct thread_memory {
  std::uint64_t allocations = 0;
  std::int64_t held = 0;  ///< bytes; what another thread frees still counts here
  std::int64_t peak = 0;  ///< the most bytes that were held
  std::uint64_t bytes = 0;
  std::uint64_t failures = 0;
  std::int64_t allocations_left = -1;  ///< how many still succeed before some fail; below 0: all succeed
  std::int64_t failures_left = 0;      ///< how many then fail before all succeed again
};

thread_memory& this_thread_memory() noexcept;

/// Counts what this thread allocates from its construction on.
class counted_memory {
 public:
  counted_memory() noexcept : before_(this_thread_memory()) { this_thread_memory().peak = before_.held; }
  counted_memory(const counted_memory&) = delete;
  counted_memory& operator=(const counted_memory&) = delete;

  std::uint64_t allocations() const noexcept {
    return this_thread_memory().allocations - before_.allocations;
  }
  std::uint64_t bytes() const noexcept { return this_thread_memory().bytes - before_.bytes; }
  std::int64_t held() const noexcept { return this_thread_memory().held - before_.held; }
  std::int64_t peak() const noexcept { return this_thread_memory().peak - before_.held; }

 private:
  thread_memory before_;
};

/// While it exists, the first `allocations` of this thread succeed; the next `failures`, by default all,
/// throw std::bad_alloc.
class scarce_memory {
 public:
  explicit scarce_memory(std::int64_t allocations,
                         std::int64_t failures = std::numeric_limits<std::int64_t>::max()) noexcept
      : before_(this_thread_memory().failures) {
    this_thread_memory().allocations_left = allocations;
    this_thread_memory().failures_left = failures;
  }
  scarce_memory(const scarce_memory&) = delete;
  scarce_memory& operator=(const scarce_memory&) = delete;
  ~scarce_memory() { this_thread_memory().allocations_left = -1; }

  /// Returns how many allocations have failed.
  std::uint64_t failures() const noexcept { return this_thread_memory().failures - before_; }

 private:
  std::uint64_t before_;
};

/// While it exists, all allocations of this thread succeed, for what a test itself does while memory is
/// scarce.
class plentiful_memory {
 public:
  plentiful_memory() noexcept : before_(this_thread_memory().allocations_left) {
    this_thread_memory().allocations_left = -1;
  }
  plentiful_memory(const plentiful_memory&) = delete;
  plentiful_memory& operator=(const plentiful_memory&) = delete;
  ~plentiful_memory() { this_thread_memory().allocations_left = before_; }

 private:
  std::int64_t before_;
};

}  // namespace coworker::testing
