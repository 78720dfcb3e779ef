#pragma once
// What every floor asks of the system in the same way: its words for what went wrong, and files to read.

#include <cstring>
#include <string>

namespace coworker::detail {

/// "No such file or directory" for ENOENT: in English whatever the locale, as all other words in a line, where
/// the library is glibc, and thread-safe there.
inline std::string errno_text(int number) {
#if defined(__GLIBC__) && defined(_GNU_SOURCE)
#if __GLIBC_PREREQ(2, 32)
  if (const char* const text = ::strerrordesc_np(number)) return text;
#endif
#endif
  return std::strerror(number);
}

/// How std::fopen opens a file to read its bytes, and not for the programs that a handler may start meanwhile.
#ifdef _WIN32
inline constexpr const char* read_mode = "rbN";
#else
inline constexpr const char* read_mode = "rbe";
#endif

}  // namespace coworker::detail
