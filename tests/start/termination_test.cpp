// Signals to a program that watches for them, from outside: the program is this one, started again with the
// test case of that name.

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <atomic>
#include <chrono>
#include <coworker/coro/clock.hpp>
#include <coworker/log.hpp>
#include <coworker/net/broken_pipe.hpp>
#include <coworker/start/last_deadline.hpp>
#include <coworker/start/termination.hpp>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <string_view>
#include <support/process.hpp>
#include <thread>
#include <vector>

namespace coworker::testing {
namespace {

using namespace std::chrono_literals;

void say(const std::string& text) { std::printf("%s\n", text.c_str()), std::fflush(stdout); }

std::atomic<int> questions{0};  // how many SIGUSR1 the test has sent

void on_question(int) { questions.fetch_add(1); }

// What a forked process does on that signal.
std::string fate_of_child(int number) {
  const pid_t child = ::fork();
  if (child == 0) {
    for (;;) ::pause();
  }
  ::kill(child, number);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? "killed by " + std::to_string(WTERMSIG(status))
                             : "exit " + std::to_string(WEXITSTATUS(status));
}

std::string fate_of_writer() {
  const pid_t child = ::fork();
  if (child == 0) {
    int ends[2];
    if (::pipe(ends) == 0) ::close(ends[0]);
    [[maybe_unused]] const auto written = ::write(ends[1], "x", 1);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? "killed by " + std::to_string(WTERMSIG(status))
                             : "exit " + std::to_string(WEXITSTATUS(status));
}

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

struct program : process {
  explicit program(const std::string& name, const environment_list& environment = {})
      : process({"/proc/self/exe", "--no-skip", "--no-version", "--test-case=" + name}, environment) {}
};

// Waits until signals that were sent before have been handled.
void wait_until_seen(program& watching) {
  const std::string answer = "question " + std::to_string(watching.count("question ") + 1);
  watching.send_signal(SIGUSR1);
  REQUIRE(watching.says(answer));
}

// Sends the signal for slightly more than two seconds, or until the program's output contains that text.
void insist(program& watching, int number, std::string_view text) {
  for (int i = 0; i < 250 && watching.count(text) == 0; ++i) {
    watching.send_signal(number);
    std::this_thread::sleep_for(10ms);
  }
}

}  // namespace

TEST_CASE("watching program" * doctest::skip()) {
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGPIPE})
    ::signal(number, SIG_DFL);                // the default, not the test program's own
  for (int i = 3; i < 1024; ++i) ::close(i);  // files that the test runner has left open
  if (const std::string ignored = variable("IGNORES"); !ignored.empty())
    ::signal(std::stoi(ignored), SIG_IGN);
  if (variable("BLOCKS") != "") {
    sigset_t all;
    ::sigfillset(&all);
    ::sigdelset(&all, SIGUSR1);  // by which the test asks
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
    if (variable("BLOCKS") == "pending") ::kill(::getpid(), SIGTERM);
  }
  ::signal(SIGUSR1, &on_question);
  detail::ignore_broken_pipes();
  logger log;
  const std::string hangs = variable("HANGS");
  {
    detail::termination_watch watch(
        [&hangs](int number) {
          say("first " + std::to_string(number));
          while (hangs == "first") ::pause();
        },
        [](int number) { say("second " + std::to_string(number)); });
    if (variable("CHILDREN") != "") {
      for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGKILL}) say("child " + fate_of_child(number));
      say("writer " + fate_of_writer());
      std::fflush(stdout);
      ::execl("/bin/sh", "sh", "-c",
              "sed -n 's/^Sig[BIC]/&/p' /proc/self/status; ls /proc/self/fd; echo inherited", nullptr);
    }
    say("ready");
    for (int answered = 0;;) {
      ::poll(nullptr, 0, 5);
      while (answered < questions.load()) say("question " + std::to_string(++answered));
      if (variable("LEAVES") != "" && answered > 0) break;
    }
  }
  say("left");
  while (variable("LEAVES") == "stays") ::pause();
  std::exit(0);
}

TEST_CASE("signals within two seconds count as one, of whatever kind they are") {
  program watching("watching program");
  REQUIRE(watching.says("ready"));
  watching.send_signal(SIGTERM);
  REQUIRE(watching.says("first 15"));
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGTERM}) {
    watching.send_signal(number);
    wait_until_seen(watching);
  }
  CHECK(watching.count("first") == 1);
  CHECK(watching.count("second") == 0);
}

TEST_CASE("a signal that was blocked when the process was started counts, also one that came before") {
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    program watching("watching program", {{"BLOCKS", "yes"}});
    REQUIRE(watching.says("ready"));
    watching.send_signal(number);
    CHECK(watching.says("first " + std::to_string(number)));
  }
  program late("watching program", {{"BLOCKS", "pending"}});
  CHECK(late.says("first 15"));
}

TEST_CASE("each of the three signals is a first one") {
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    program watching("watching program");
    REQUIRE(watching.says("ready"));
    watching.send_signal(number);
    CHECK(watching.says("first " + std::to_string(number)));
  }
}

TEST_CASE("a later signal is the second, and one after that ends the program at once, whatever hangs") {
  for (const char* const hangs : {"", "first"}) {
    program watching("watching program", {{"HANGS", hangs}});
    REQUIRE(watching.says("ready"));
    watching.send_signal(SIGTERM);
    REQUIRE(watching.says("first 15"));
    if (*hangs == '\0') {
      insist(watching, SIGINT, "second 2");
      CHECK(watching.count("second 2") == 1);
    }
    insist(watching, SIGINT, "never said");
    if (*hangs != '\0') insist(watching, SIGINT, "never said");
    CHECK(watching.wait() == 128 + SIGINT);
    CHECK(watching.count("first") == 1);
  }
}

TEST_CASE("SIGHUP and SIGINT that were ignored at the start stay ignored, SIGTERM does not") {
  for (const int number : {SIGHUP, SIGINT, SIGTERM}) {
    program watching("watching program", {{"IGNORES", std::to_string(number)}});
    REQUIRE(watching.says("ready"));
    watching.send_signal(number);
    wait_until_seen(watching);
    if (number == SIGTERM) {
      CHECK(watching.says("first 15"));
    } else {
      CHECK(watching.count("first") == 0);
    }
  }
}

TEST_CASE("SIGQUIT ends the program as without a watch") {
  program watching("watching program");
  REQUIRE(watching.says("ready"));
  watching.send_signal(SIGQUIT);
  CHECK(watching.wait() == 1000 + SIGQUIT);
}

TEST_CASE("a forked process dies by the signal that it is sent, and its parent is not notified") {
  program watching("watching program", {{"CHILDREN", "some"}});
  CHECK(watching.says("writer killed by 13"));
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGKILL})
    CHECK(watching.count("child killed by " + std::to_string(number) + "\n") == 1);
  CHECK(watching.count("first") == 0);
}

TEST_CASE("a program that is started inherits no ignored or blocked signal and no descriptor") {
  program watching("watching program", {{"CHILDREN", "some"}});
  REQUIRE(watching.says("inherited"));
  CHECK(watching.wait() == 0);
  const std::string output = watching.output();
  const std::string none = std::string(16, '0');
  for (const char* const kind : {"SigBlk:\t", "SigIgn:\t", "SigCgt:\t"})
    CHECK(watching.count(kind + none) == 1);
  CHECK(output.substr(output.find("SigCgt")) ==
        "SigCgt:\t" + none + "\n0\n1\n2\n3\ninherited\n");  // 3 is ls's own
}

TEST_CASE("after the end of a watch, signals do what they did before") {
  program watching("watching program", {{"LEAVES", "stays"}});
  REQUIRE(watching.says("ready"));
  watching.send_signal(SIGUSR1);
  REQUIRE(watching.says("left"));
  watching.send_signal(SIGTERM);
  CHECK(watching.wait() == 1000 + SIGTERM);
}

TEST_CASE("a watch can end while a signal arrives, and another can begin later") {
  for (int i = 0; i < 20; ++i) {
    std::atomic<int> signals{0};
    {
      const detail::termination_watch watch([&signals](int) { ++signals; }, [](int) {});
      ::raise(SIGTERM);
    }
    CHECK(signals == 1);
  }
}

// --- the last deadline -----------------------------------------------------------------------------------

TEST_CASE("late program" * doctest::skip()) {
  struct hanging_sink final : log_sink {
    void write(log_level, std::string_view) noexcept override {
      say("hangs");
      for (;;) ::pause();
    }
  };
  logger log;
  hanging_sink nobody;
  detail::last_deadline deadline(log);
  const std::string way = variable("WAY");
  const auto now = clock_type::now();
  if (way == "sink") log.set_sink(nobody);
  if (way == "unread") {
    for (int i = 0; i < 100'000; ++i) log.info(std::string(100, 'x'));
  }
  if (way == "masked") {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
    log.set_sink(nobody);
  }
  deadline.set(now + 1h, 8, "much later");
  deadline.set(now + 10ms, 7, "It is over.");
  deadline.set(now + 10s, 9, "later");
  for (;;) ::pause();
}

TEST_CASE("the last deadline ends a program that hangs, with its own status and a line that says why") {
  program late("late program");
  CHECK(late.wait() == 7);
  CHECK(late.count("ERROR  | It is over.") == 1);
  CHECK(late.count("later") == 0);
}

TEST_CASE("a log that hangs does not keep the program alive beyond its last deadline") {
  for (const char* const way : {"sink", "masked"}) {
    program late("late program", {{"WAY", way}});
    CHECK(late.wait() == 7);
    CHECK(late.count("hangs") == 1);
  }
}

TEST_CASE("standard output that nobody reads does not keep it alive either") {
  int ends[2];
  checked(::pipe2(ends, O_CLOEXEC), "pipe2");
  const unique_fd unread(ends[0]), out(ends[1]);
  const pid_t child = checked(::fork(), "fork");
  if (child == 0) {
    ::dup2(out.get(), 1);
    ::setenv("WAY", "unread", 1);
    ::execl("/proc/self/exe", "late", "--no-skip", "--no-version", "--test-case=late program", nullptr);
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 7);
}

TEST_CASE("a deadline that is not set, or is destroyed before, ends nothing") {
  logger log;
  for (int i = 0; i < 20; ++i) {
    detail::last_deadline none(log);
    detail::last_deadline set(log);
    set.set(clock_type::now() + 1h, 1, "not reached");
  }
}

}  // namespace coworker::testing
