// Lines written to pipes, terminals, sockets and files that are read in time, late, or never.

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <coworker/log.hpp>
#include <coworker/log/output.hpp>
#include <coworker/net/descriptor.hpp>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <support/socket.hpp>
#include <support/temporary_folder.hpp>
#include <thread>
#include <utility>
#include <vector>

namespace coworker::testing {
namespace {

using detail::line_output;

struct ends {
  unique_fd read;
  unique_fd write;
};

ends open_pipe() {
  int made[2];
  checked(::pipe2(made, O_CLOEXEC), "pipe2");
  return {unique_fd(made[0]), unique_fd(made[1])};
}

ends open_socket() {
  int made[2];
  checked(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, made), "socketpair");
  return {unique_fd(made[0]), unique_fd(made[1])};
}

ends open_terminal() {
  unique_fd master(checked(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), "posix_openpt"));
  checked(::grantpt(master.get()), "grantpt");
  checked(::unlockpt(master.get()), "unlockpt");
  unique_fd slave(checked(::open(::ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC), "open"));
  return {std::move(master), std::move(slave)};
}

// Reads until that text has arrived.
std::string read_until(const ends& of, std::string_view last) {
  std::string seen;
  char part[4096];
  while (seen.find(last) == std::string::npos) {
    pollfd asked{of.read.get(), POLLIN, 0};
    if (::poll(&asked, 1, 20'000) <= 0) break;
    const ssize_t count = ::read(of.read.get(), part, sizeof part);
    if (count <= 0) break;
    seen.append(part, static_cast<std::size_t>(count));
    std::erase(seen, '\r');  // added by a terminal
  }
  return seen;
}

std::string numbered_line(std::size_t number) { return "line " + std::to_string(number) + std::string(90, '.'); }

// Returns the numbers of the whole lines in order of arrival, and how many lines the text reports as missing.
struct arrived {
  std::vector<std::size_t> numbers;
  std::size_t reported = 0;
  std::size_t torn = 0;
};

arrived lines_of(std::string_view text) {
  arrived made;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.starts_with("line ")) {
      const std::size_t number = std::stoul(std::string(line.substr(5)));
      made.numbers.push_back(number);
      made.torn += line != numbered_line(number);
    } else if (line.starts_with("WARN   | ") && line.find(" dropped") != std::string_view::npos) {
      made.reported += std::stoul(std::string(line.substr(9)));
    } else if (line != "end") {
      ++made.torn;
    }
  }
  return made;
}

// Checks that each of lines 0 to `count` - 1, and then "end", has arrived or is reported as
// missing, in order.
void check_accounted(const std::string& text, std::size_t count) {
  const arrived seen = lines_of(text);
  CHECK(seen.torn == 0);
  CHECK(std::is_sorted(seen.numbers.begin(), seen.numbers.end()));
  CHECK(std::adjacent_find(seen.numbers.begin(), seen.numbers.end()) == seen.numbers.end());
  CHECK(seen.numbers.size() + seen.reported == count);
}

int flags_of(const unique_fd& of) { return ::fcntl(of.get(), F_GETFL); }

}  // namespace

TEST_CASE("lines that are read in time arrive at once, without a thread, in order") {
  const ends pipe = open_pipe();
  line_output output(pipe.write.get());
  for (int i = 0; i < 3; ++i) {
    output.write("a");
    CHECK(read_until(pipe, "\n") == "a\n");
  }
  output.write("");
  CHECK(read_until(pipe, "\n") == "\n");
}

TEST_CASE("lines that nobody reads block nobody; they are dropped, and their count is reported") {
  for (const auto open : {&open_pipe, &open_socket, &open_terminal}) {
    const ends way = open();
    const int flags = flags_of(way.write);
    line_output output(way.write.get(), 20'000);
    constexpr std::size_t count = 20'000;  // 2 MB: more than a pipe, a socket or a terminal holds
    for (std::size_t i = 0; i < count; ++i) output.write(numbered_line(i));
    CHECK(flags_of(way.write) == flags);  // others who share the descriptor are not affected
    std::string seen = read_until(way, "dropped");
    output.write("end");
    seen += read_until(way, "end\n");
    check_accounted(seen, count);
    CHECK(lines_of(seen).reported > 0);
  }
}

TEST_CASE("a pipe of another user, which cannot be opened again, blocks nobody either") {
  if (::geteuid() != 0) {
    MESSAGE("skipped: only root can become another user");
    return;
  }
  const ends pipe = open_pipe();
  checked(::seteuid(65534), "seteuid");
  std::string seen;
  {
    line_output output(pipe.write.get(), 20'000);
    for (std::size_t i = 0; i < 20'000; ++i) output.write(numbered_line(i));
    seen = read_until(pipe, "dropped");
    output.write(std::string(10'000, 'x'));  // written in pieces
    output.write("end");
    seen += read_until(pipe, "end\n");
  }
  checked(::seteuid(0), "seteuid");
  const std::size_t in_pieces = seen.find(std::string(10'000, 'x') + "\n");
  REQUIRE(in_pieces != std::string::npos);
  check_accounted(seen.erase(in_pieces, 10'001), 20'000);
}

TEST_CASE("the count of dropped lines is reported even if no line follows") {
  const ends pipe = open_pipe();
  line_output output(pipe.write.get(), 20'000);
  for (std::size_t i = 0; i < 2000; ++i) output.write(numbered_line(i));
  const std::string seen = read_until(pipe, "took no more.\n");
  check_accounted(seen, 2000);
}

TEST_CASE("a reader that pauses for a moment misses nothing") {
  for (const auto open : {&open_pipe, &open_socket, &open_terminal}) {
    const ends way = open();
    line_output output(way.write.get());
    constexpr std::size_t count = 5000;  // half a megabyte
    for (std::size_t i = 0; i < count; ++i) output.write(numbered_line(i));
    output.write("end");
    const arrived seen = lines_of(read_until(way, "end\n"));
    CHECK(seen.numbers.size() == count);
    CHECK(seen.reported + seen.torn == 0);
    CHECK(std::is_sorted(seen.numbers.begin(), seen.numbers.end()));
  }
}

TEST_CASE("the count is reported in the form of the missing lines") {
  const ends pipe = open_pipe();
  line_output output(pipe.write.get(), 1000);
  const std::string line =
      R"({"requestId": null, "message": ")" + std::string(70, 'x') + R"(", "level": "INFO"})";
  for (int i = 0; i < 2000; ++i) output.write(line);
  const std::string seen = read_until(pipe, "dropped");
  const std::size_t at = seen.find(" log lines were dropped");
  REQUIRE(at != std::string::npos);
  const std::size_t begin = seen.rfind('\n', at) + 1;
  CHECK(seen.substr(begin).starts_with(R"({"requestId": null, "message": ")"));
}

TEST_CASE("while threads write and a reader comes and goes, each line is whole, and present or counted") {
  const ends pipe = open_pipe();
  std::string seen;
  constexpr std::size_t each = 3000, threads = 4;
  {
    std::atomic<bool> all_written = false;
    std::thread reader([&] {
      char part[1000];
      std::size_t turn = 0;
      for (;;) {
        pollfd asked{pipe.read.get(), POLLIN, 0};
        const bool some = ::poll(&asked, 1, 20) > 0;
        if (!some && all_written) return;
        if (++turn % 50 == 0) ::poll(nullptr, 0, 5);
        if (some) seen.append(part, static_cast<std::size_t>(::read(pipe.read.get(), part, sizeof part)));
      }
    });
    {
      line_output output(pipe.write.get(), 30'000);
      std::vector<std::thread> writers;
      for (std::size_t number = 0; number < threads; ++number) {
        writers.emplace_back([&output] {
          for (std::size_t i = 0; i < each; ++i) output.write(numbered_line(i));
        });
      }
      for (std::thread& writer : writers) writer.join();
    }
    all_written = true;
    reader.join();
  }
  const arrived got = lines_of(seen);
  CHECK(got.torn == 0);
  CHECK(got.numbers.size() + got.reported == threads * each);
}

TEST_CASE("the destructor waits for a slow reader, but not for one that never comes") {
  const ends pipe = open_pipe();
  auto output = std::make_unique<line_output>(pipe.write.get());
  for (std::size_t i = 0; i < 3000; ++i) output->write(numbered_line(i));
  output->write("end");
  std::string seen;
  std::thread slow([&] {
    ::poll(nullptr, 0, 100);
    seen = read_until(pipe, "end\n");
  });
  output.reset();
  slow.join();
  CHECK(lines_of(seen).numbers.size() == 3000);

  line_output never(pipe.write.get());
  for (std::size_t i = 0; i < 3000; ++i) never.write(numbered_line(i));
  never.wait_until_written();
}

TEST_CASE("a descriptor that is closed, without a reader, or full forever drops lines and blocks nobody") {
  const auto before = ::signal(SIGPIPE, SIG_IGN);
  {
    ends pipe = open_pipe();
    line_output output(pipe.write.get());
    output.write("read");
    pipe.read = unique_fd();
    for (int i = 0; i < 10; ++i) output.write("into the void");
    pipe.write = unique_fd();
    for (int i = 0; i < 10; ++i) output.write("nowhere");
    output.wait_until_written();
  }
  {
    const unique_fd full(checked(::open("/dev/full", O_WRONLY | O_CLOEXEC), "open"));
    line_output output(full.get());
    for (int i = 0; i < 10; ++i) output.write("no space");
  }
  ::signal(SIGPIPE, before);
}

TEST_CASE("lines that could not be written are reported when writing works again") {
  const temporary_folder folder;
  const std::string name = folder.name() + "/log";
  const unique_fd full(checked(::open("/dev/full", O_WRONLY | O_CLOEXEC), "open"));
  const unique_fd file(checked(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600), "open"));
  const unique_fd number(checked(::fcntl(full.get(), F_DUPFD_CLOEXEC, 3), "fcntl"));
  line_output output(number.get());
  for (int i = 0; i < 3; ++i) output.write("no space");
  checked(::dup2(file.get(), number.get()), "dup2");  // like a program that redirects its output
  output.write("space");
  char text[200];
  const ssize_t size = ::pread(file.get(), text, sizeof text, 0);
  REQUIRE(size > 0);
  CHECK(std::string_view(text, static_cast<std::size_t>(size)) ==
        "WARN   | 3 log lines were dropped: standard output took no more.\nspace\n");
}

TEST_CASE("a file takes lines longer than a pipe would at once") {
  const temporary_folder folder;
  const std::string name = folder.name() + "/log";
  const unique_fd file(checked(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600), "open"));
  line_output output(file.get());
  const std::string line(100'000, 'x');
  output.write(line);
  std::string text(200'000, ' ');
  const ssize_t size = ::pread(file.get(), text.data(), text.size(), 0);
  CHECK(text.substr(0, static_cast<std::size_t>(size)) == line + "\n");
}

TEST_CASE("no descriptor is left open, and none is passed on to other programs") {
  const ends pipe = open_pipe();
  const int next = ::dup(0);
  ::close(next);
  {
    line_output output(pipe.write.get());
    output.write("a");
    const int flags = ::fcntl(next, F_GETFD);  // the pipe, opened again
    if (flags >= 0) CHECK((flags & FD_CLOEXEC) != 0);
  }
  CHECK(::fcntl(next, F_GETFD) < 0);
}

}  // namespace coworker::testing
