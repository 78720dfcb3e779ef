#include <doctest/doctest.h>
#include <cerrno>
#include <coworker/log/system.hpp>
#include <cstdio>
#include <string>

#ifdef __unix__
#include <fcntl.h>
#endif

TEST_CASE("errors have the system's words, and unknown ones some too") {
  CHECK(coworker::detail::errno_text(ENOENT) == "No such file or directory");
  CHECK(coworker::detail::errno_text(123456).find("123456") != std::string::npos);
}

#ifdef __unix__
TEST_CASE("a file that is read is not passed on to programs that are started meanwhile") {
  std::FILE* const file = std::fopen("/proc/self/status", coworker::detail::read_mode);
  REQUIRE(file != nullptr);
  CHECK((::fcntl(::fileno(file), F_GETFD) & FD_CLOEXEC) != 0);
  std::fclose(file);
}
#endif
