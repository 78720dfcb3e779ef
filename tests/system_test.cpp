#include <doctest/doctest.h>
#include <cerrno>
#include <coworker/system.hpp>
#include <cstdio>
#include <string>
#include <support/temporary_folder.hpp>
#include <vector>

#if COWORKER_POSIX
#include <fcntl.h>
#include <sys/stat.h>
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

TEST_CASE("a file comes back as it was written, under a new name too, where it replaces what was there") {
  const coworker::testing::temporary_folder folder;
  const std::string first = folder.name() + "/first", second = folder.name() + "/second";
  const std::string content = std::string("\r\n\0\x1a", 4) + std::string(100'000, 'x');
  REQUIRE(detail::write_file(first, content));
  REQUIRE(detail::write_file(second, "old"));
#if COWORKER_POSIX
  struct stat found {};
  REQUIRE(::stat(first.c_str(), &found) == 0);
  CHECK((found.st_mode & 0777) == 0600);
#endif
  REQUIRE(detail::rename_file(first, second));
  detail::sync_folder(folder.name());
  std::string read = "before ";
  REQUIRE(detail::read_file(second, read));
  CHECK(read == "before " + content);
  std::vector<std::string> names;
  REQUIRE(detail::list_folder(folder.name(), names));
  CHECK(names.size() == 3);  // with . and ..
}

TEST_CASE("what cannot be done with a file says why in errno") {
  const coworker::testing::temporary_folder folder;
  const std::string missing = folder.name() + "/missing/file";
  std::vector<std::string> names;
  std::string text;
  const auto fails_as_missing = [](bool done) { return !done && errno == ENOENT; };
  CHECK(fails_as_missing(detail::write_file(missing, "text")));
  CHECK(fails_as_missing(detail::read_file(missing, text)));
  CHECK(fails_as_missing(detail::list_folder(missing, names)));
  CHECK(fails_as_missing(detail::rename_file(missing, folder.name() + "/other")));
  CHECK(text.empty());
  CHECK(names.empty());
}

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
