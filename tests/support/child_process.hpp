#pragma once

// Runs code that is to end the process in a child of its own, and tells what it wrote to stderr.

#if defined(__unix__) && !defined(__SANITIZE_THREAD__)
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define COWORKER_NO_CHILD_PROCESS  // it hangs in a process that was forked (g++ 12)
#endif
#endif
#ifndef COWORKER_NO_CHILD_PROCESS
#define COWORKER_HAS_CHILD_PROCESS

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

namespace child_process {

struct end_of_child {
  std::string text;  // what it wrote to stderr
  int signal = 0;    // what ended it; 0 when it ended by itself
};

template <class Body>
end_of_child run(Body body) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);
    ::dup2(ends[1], STDERR_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
    body();
    ::_exit(0);
  }
  ::close(ends[1]);
  end_of_child seen;
  char buffer[256];
  for (ssize_t count = 0; (count = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
    seen.text.append(buffer, static_cast<std::size_t>(count));
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  seen.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  return seen;
}

}  // namespace child_process

#endif
#endif
