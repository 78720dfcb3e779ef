#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>
#include <cerrno>
#include <coworker/net/descriptor.hpp>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

namespace {

namespace cw = coworker;

int descriptor_open() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }
bool descriptor_is_open(int number) { return ::fcntl(number, F_GETFD) >= 0; }

static_assert(!std::is_copy_constructible_v<cw::unique_fd>);
static_assert(std::is_nothrow_move_constructible_v<cw::unique_fd>);
static_assert(!std::is_convertible_v<int, cw::unique_fd>);

}  // namespace

TEST_CASE("a unique_fd closes what it owns, once") {
  const int number = descriptor_open();
  {
    const cw::unique_fd owner(number);
    CHECK(owner);
    CHECK(owner.get() == number);
  }
  CHECK(!descriptor_is_open(number));
  const cw::unique_fd none;
  CHECK(!none);
  CHECK(none.get() == -1);
}

TEST_CASE("a unique_fd is moved, reset and given away") {
  cw::unique_fd first(descriptor_open());
  const int number = first.get();
  cw::unique_fd second(std::move(first));
  CHECK(!first);  // NOLINT: the state after a move is specified
  CHECK(second.get() == number);
  cw::unique_fd third(descriptor_open());
  const int replaced = third.get();
  third = std::move(second);
  CHECK(third.get() == number);
  CHECK(!descriptor_is_open(replaced));
  const int released = third.release();
  CHECK(released == number);
  CHECK(!third);
  CHECK(descriptor_is_open(number));
  third.reset(released);
  third.reset();
  CHECK(!descriptor_is_open(number));
}

TEST_CASE("a failed call is reported with its name, the system's text, and the remedy for a shortage") {
  const auto text_of = [](int error) -> std::string {
    try {
      errno = error;
      cw::detail::checked(-1, "accept");
    } catch (const std::system_error& problem) {
      CHECK(problem.code().value() == error);
      return problem.what();
    }
    return {};
  };
  CHECK(text_of(EMFILE) ==
        "accept (this process has as many files and connections open as it may: raise that limit, ulimit -n, "
        "or "
        "lower the concurrency): Too many open files");
  CHECK(text_of(ENFILE).find("fs.file-max") != std::string::npos);
  CHECK(text_of(ENOMEM).find("memory") != std::string::npos);
  CHECK(text_of(ENOBUFS).find("memory") != std::string::npos);
  CHECK(text_of(EINVAL) == "accept: Invalid argument");
  CHECK(cw::detail::checked(7, "accept") == 7);
}
