#pragma once
// Standard input, output and error of a program that was started without one of them: what it opens first would get that
// number, and log lines would go into a connection or a file. Knows nothing else.

#include <coworker/system.hpp>

#if COWORKER_POSIX

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace coworker::inline v0_1::detail {

/// Opens /dev/null in place of those that are closed.
inline void fill_standard_descriptors() noexcept {
  for (int number = 0; number <= 2; ++number) {
    if (::fcntl(number, F_GETFD) >= 0 || errno != EBADF) continue;
    ::open("/dev/null", O_RDWR);  // gets the lowest free number, which is this one, and is for all programs
  }
}

}  // namespace coworker::detail

#else

namespace coworker::inline v0_1::detail {

inline void fill_standard_descriptors() noexcept {}  // numbers are not given out again there

}  // namespace coworker::detail

#endif
