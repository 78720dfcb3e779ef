#pragma once
// SIGPIPE: a closed connection, or a reader of the log that has gone, must not end the process; programs that
// it starts must not inherit that. Must not know what is written, or where.

#include <coworker/system.hpp>

#if COWORKER_POSIX

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace coworker::inline v0_1::detail {

// Global because signal handlers belong to the process.
inline std::atomic<pid_t> broken_pipe_owner{0};

inline void on_broken_pipe(int number) {
  if (::getpid() == broken_pipe_owner.load()) return;
  const int problem_before = errno;
  ::signal(number, SIG_DFL);  // in a forked process it does what it would have done without us
  ::raise(number);
  errno = problem_before;
}

/// Makes writing to a pipe or a connection that nobody reads fail with EPIPE instead of ending the process.
/// Sets a signal handler and not SIG_IGN, which every program that this process starts would inherit. Keeps a
/// handler that the program has set itself. Cannot be undone.
inline void ignore_broken_pipes() noexcept {
  struct sigaction now {};
  ::sigaction(SIGPIPE, nullptr, &now);
  if ((now.sa_flags & SA_SIGINFO) != 0 || now.sa_handler != SIG_DFL) return;
  broken_pipe_owner.store(::getpid());
  struct sigaction ours {};
  ours.sa_handler = &on_broken_pipe;
  ::sigemptyset(&ours.sa_mask);
  ours.sa_flags = SA_RESTART | SA_ONSTACK;
  ::sigaction(SIGPIPE, &ours, nullptr);
}

}  // namespace coworker::inline v0_1::detail

#else

namespace coworker::inline v0_1::detail {

inline void ignore_broken_pipes() noexcept {}  // this system has no such signal

}  // namespace coworker::inline v0_1::detail

#endif
