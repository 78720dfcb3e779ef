#pragma once
// What is asked of the operating system that the standard library does not offer. The one place that tells POSIX from
// other systems: headers that need more of POSIX than this stand inside `#if COWORKER_POSIX`. Knows nothing of ours.

// Processes with signals, file descriptors that can be polled, sockets, folders.
#ifdef _WIN32
#define COWORKER_POSIX 0
#else
#define COWORKER_POSIX 1
#endif

#if COWORKER_POSIX
#include <sys/utsname.h>
#include <unistd.h>
#else
#include <process.h>
#endif

#include <string>

namespace coworker::detail {

/// The system's name and release, as in "Linux 6.1.0", and the processor's, as in "x86_64"; empty where unknown.
struct system_description {
  std::string name;
  std::string processor;
};

#if COWORKER_POSIX

inline long long process_number() noexcept { return ::getpid(); }

inline system_description describe_system() {
  system_description made;
  utsname found{};
  if (::uname(&found) != 0) return made;
  made.name.append(found.sysname).append(" ").append(found.release);
  made.processor = found.machine;
  return made;
}

#else  // Windows

inline long long process_number() noexcept { return ::_getpid(); }

inline system_description describe_system() {
  system_description made;
  made.name = "Windows";
  return made;
}

#endif

}  // namespace coworker::detail
