#pragma once
// What coworker needs from the operating system beyond the standard library. The one place that distinguishes
// POSIX from other systems: headers that need more of POSIX than this are inside `#if COWORKER_POSIX`. Must
// not know the rest of coworker.

// POSIX: processes with signals, file descriptors that can be polled, sockets, folders.
#ifdef _WIN32
#define COWORKER_POSIX 0
#else
#define COWORKER_POSIX 1
#endif

#if COWORKER_POSIX
#include <sys/utsname.h>
#include <unistd.h>
#ifdef __APPLE__
#include <sys/random.h>
#endif
#endif

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

#if !COWORKER_POSIX && !defined(_CRT_RAND_S)
// Declared as in the C library, which declares it only if _CRT_RAND_S was defined before <stdlib.h>; that may
// already be included.
extern "C" int rand_s(unsigned* value);
#endif

namespace coworker::inline v0_1::detail {

/// Returns the text of an error number, such as "No such file or directory" for ENOENT. With glibc it is in
/// English whatever the locale, as all other words in a line, and the call is thread-safe.
inline std::string errno_text(int number) {
#if defined(__GLIBC__) && defined(_GNU_SOURCE)
#if __GLIBC_PREREQ(2, 32)
  if (const char* const text = ::strerrordesc_np(number)) return text;
#endif
#endif
  return std::strerror(number);
}

/// The mode in which std::fopen opens a file to read bytes, without passing it to programs that a
/// handler may start.
#if COWORKER_POSIX
inline constexpr const char* read_mode = "rbe";
#else
inline constexpr const char* read_mode = "rbN";
#endif

/// Returns whether an operation failed because it would have blocked. EAGAIN and EWOULDBLOCK are equal
/// on some systems.
inline bool would_block(int problem) noexcept {
#if EAGAIN != EWOULDBLOCK
  if (problem == EWOULDBLOCK) return true;
#endif
  return problem == EAGAIN;
}

/// A static_cast between types that are the same on some systems, where g++'s -Wuseless-cast would
/// warn about one.
template <class To, class From>
constexpr To number_cast(From value) noexcept {
  return static_cast<To>(value);
}

/// The system's name and release, such as "Linux 6.1.0", and the processor's, such as "x86_64";
/// empty if unknown.
struct system_description {
  std::string name;
  std::string processor;
};

#if COWORKER_POSIX

/// Returns bits that nobody can predict, for seeds and ids; 0 if the system provides none.
inline std::uint64_t random_bits() noexcept {
  std::uint64_t bits = 0;
  if (::getentropy(&bits, sizeof bits) == 0) return bits;
  if (std::FILE* const source = std::fopen("/dev/urandom", read_mode)) {
    if (std::fread(&bits, sizeof bits, 1, source) != 1) bits = 0;
    std::fclose(source);
  }
  return bits;
}

inline system_description describe_system() {
  system_description made;
  utsname found{};
  if (::uname(&found) != 0) return made;
  made.name.append(found.sysname).append(" ").append(found.release);
  made.processor = found.machine;
  return made;
}

#else  // Windows

inline std::uint64_t random_bits() noexcept {
  unsigned high = 0;
  unsigned low = 0;
  if (::rand_s(&high) != 0 || ::rand_s(&low) != 0) return 0;
  return std::uint64_t{high} << 32 | low;
}

inline system_description describe_system() {
  system_description made;
  made.name = "Windows";
  return made;
}

#endif

}  // namespace coworker::inline v0_1::detail
