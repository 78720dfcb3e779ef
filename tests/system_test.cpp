#include <doctest/doctest.h>
#include <cerrno>
#include <coworker/system.hpp>
#include <cstdio>
#include <string>

#if COWORKER_POSIX
#include <fcntl.h>
#endif

namespace detail = coworker::detail;

TEST_CASE("errors have the system's words, and unknown ones some too") {
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

TEST_CASE("what would have to wait is told from what failed") {
  CHECK(detail::would_block(EAGAIN));
  CHECK(detail::would_block(EWOULDBLOCK));
  CHECK_FALSE(detail::would_block(ENOENT));
}

TEST_CASE("the system tells its name and processor") {
  const detail::system_description system = detail::describe_system();
#if COWORKER_POSIX
  CHECK_FALSE(system.processor.empty());
#endif
  CHECK_FALSE(system.name.empty());
}
