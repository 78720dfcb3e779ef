#include <doctest/doctest.h>
#include <cerrno>
#include <coworker/system.hpp>
#include <cstdio>
#include <string>

#if COWORKER_POSIX
#include <fcntl.h>
#endif

namespace detail = coworker::detail;

TEST_CASE("error numbers have the system's text, and unknown ones have some text too") {
  CHECK(coworker::detail::errno_text(ENOENT) == "No such file or directory");
  CHECK(coworker::detail::errno_text(123456).find("123456") != std::string::npos);
}

#if COWORKER_POSIX
TEST_CASE("a file that is read is not passed on to programs that are started meanwhile") {
  std::FILE* const file = std::fopen("/proc/self/status", coworker::detail::read_mode);
  REQUIRE(file != nullptr);
  CHECK((::fcntl(::fileno(file), F_GETFD) & FD_CLOEXEC) != 0);
  std::fclose(file);
}
#endif

TEST_CASE("an operation that would block is distinguished from one that failed") {
  CHECK(detail::would_block(EAGAIN));
  CHECK(detail::would_block(EWOULDBLOCK));
  CHECK_FALSE(detail::would_block(ENOENT));
}

TEST_CASE("the system's name and processor are known") {
  const detail::system_description system = detail::describe_system();
#if COWORKER_POSIX
  CHECK_FALSE(system.processor.empty());
#endif
  CHECK_FALSE(system.name.empty());
}
