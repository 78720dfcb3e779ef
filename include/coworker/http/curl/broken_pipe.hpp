#pragma once
// Neither a connection nor a reader of our log that goes away may end the process. libcurl leaves that to its users.

#include <signal.h>

namespace coworker::detail {

inline void do_nothing(int) {}

// Sees to it that SIGPIPE does not end the process, unless the program has its own way. A function, not SIG_IGN: programs
// that a handler starts inherit an ignored signal, but not a function.
inline void ignore_broken_pipes() noexcept {
  struct sigaction before {};
  if (::sigaction(SIGPIPE, nullptr, &before) != 0 || before.sa_handler != SIG_DFL) return;
  struct sigaction action {};
  action.sa_handler = &do_nothing;
  ::sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGPIPE, &action, nullptr);
}

}  // namespace coworker::detail
