#pragma once
// Opens standard input, output and error of a program that was started without one of them: otherwise the
// next file or connection would get that number, and log lines would go into it. Must not know anything else.

#include <coworker/system.hpp>

#if COWORKER_POSIX

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace coworker::inline v0_1::detail {

/// Opens /dev/null for each standard descriptor that is closed.
inline void fill_standard_descriptors() noexcept {
  for (int number = 0; number <= 2; ++number) {
    if (::fcntl(number, F_GETFD) >= 0 || errno != EBADF) continue;
    ::open("/dev/null", O_RDWR);  // gets the lowest free number, which is this one; stays open across exec
  }
}

}  // namespace coworker::inline v0_1::detail

#else

namespace coworker::inline v0_1::detail {

inline void fill_standard_descriptors() noexcept {}  // such numbers are not reused there

}  // namespace coworker::inline v0_1::detail

#endif
