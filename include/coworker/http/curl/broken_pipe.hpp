#pragma once
// SIGPIPE: neither a connection nor a reader of our log that goes away may end the process, which libcurl leaves to its
// users; and processes that a handler starts are to notice nothing of that.

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace coworker::inline v0_1::detail {

// A handler belongs to the process, so this does too.
inline std::atomic<pid_t> broken_pipe_owner{0};

inline void on_broken_pipe(int number) {
  if (::getpid() == broken_pipe_owner.load()) return;
  const int problem_before = errno;
  ::signal(number, SIG_DFL);  // in a forked process it does what it would have done without us
  ::raise(number);
  errno = problem_before;
}

/// From now on a write to a pipe or a connection that nobody reads any more fails with EPIPE, and does no more.
/// A signal handler sees to it and not SIG_IGN, which would pass to every program that is started from here. Where the
/// program has a way of its own, that stays. Never undone.
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

}  // namespace coworker::detail
