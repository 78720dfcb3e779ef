#pragma once
// futex: a word on which threads of this process sleep, as 64-bit Linux offers it. (On 32 bits there are two
// such calls, with two types of time.) Must not know what the word means.

#include <coworker/exec/timespec.hpp>
#if defined(__linux__) && defined(__LP64__)

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <coworker/coro/clock.hpp>
#include <cstdint>

namespace coworker::inline v0_1::detail {

using futex_word = std::atomic<std::uint32_t>;
static_assert(sizeof(futex_word) == sizeof(std::uint32_t), "the kernel reads the word");

// Sleeps while the word has that value, until futex_wake(), until `due`, or for no reason at all.
inline void futex_wait(futex_word& word, std::uint32_t while_it_is,
                       time_point due = (time_point::max)()) noexcept {
  const timespec moment = detail::monotonic_timespec(due);
  // This form takes a moment of the monotonic clock.
  ::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, while_it_is,
            due == (time_point::max)() ? nullptr : &moment, nullptr, FUTEX_BITSET_MATCH_ANY);
}

inline void futex_wake_one(futex_word& word) noexcept { ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1); }

}  // namespace coworker::inline v0_1::detail

#endif
