#pragma once
// Runs a function in a fork of the test's process, to test what ends a program: its output on standard error,
// and how it ended. Not with ThreadSanitizer, which cannot follow a fork of a program with threads.

#include <doctest/doctest.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define COWORKER_TESTS_CANNOT_FORK
#endif
#endif

#if defined(__unix__) && !defined(__SANITIZE_THREAD__) && !defined(COWORKER_TESTS_CANNOT_FORK)
#define COWORKER_TESTS_CAN_FORK

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <string>

namespace coworker::testing {

struct child_end {
  std::string words;  // what it wrote to standard error
  int signal = 0;     // the signal that ended it; 0 if the function returned
};

/// Runs `body` in a fork, for 20 seconds at most.
template <class Body>
child_end end_of_child(Body body) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);
    ::alarm(20);
    ::dup2(ends[1], STDERR_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
    body();
    ::_exit(0);
  }
  ::close(ends[1]);
  child_end made;
  char buffer[256];
  for (ssize_t count = 0; (count = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
    made.words.append(buffer, static_cast<std::size_t>(count));
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  made.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  return made;
}

}  // namespace coworker::testing

#endif
