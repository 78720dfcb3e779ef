// Whole worker programs and what surrounds them: standard output that nobody reads, other programs that their
// handlers start, secrets in their settings.

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <chrono>
#include <coworker/exec/sleep.hpp>
#include <coworker/start.hpp>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>
#include <support/process.hpp>
#include <support/queue_server.hpp>
#include <support/socket.hpp>
#include <support/worker_program.hpp>
#include <vector>

namespace coworker::testing {
namespace {

const queue_settings endless_polls{.hold = answer::never};

std::string output_of(const std::string& command) {
  std::string output;
  FILE* const from = ::popen(command.c_str(), "re");
  if (from == nullptr) return "not started";
  char part[512];
  for (std::size_t count = 0; (count = std::fread(part, 1, sizeof part, from)) > 0;)
    output.append(part, count);
  ::pclose(from);
  return output;
}

// A handler that forks, and ends its child with the signal that asks the worker to leave.
json fork_and_end(int number) {
  const pid_t child = ::fork();
  if (child == 0) {
    for (;;) ::pause();
  }
  ::kill(child, number);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : -1;
}

json standard_descriptors() {
  json names = json::array();
  for (const char* const number : {"0", "1", "2"}) {
    char name[100];
    const ssize_t size = ::readlink((std::string("/proc/self/fd/") + number).c_str(), name, sizeof name);
    names.push_back(std::string(name, size > 0 ? static_cast<std::size_t>(size) : 0));
  }
  return names;
}

json run_as_input_says(job<> work) {
  if (work.input.contains("shell")) return output_of(work.input.at("shell").get<std::string>());
  if (work.input.contains("standard")) return standard_descriptors();
  if (work.input.contains("fork")) return fork_and_end(work.input.at("fork").get<int>());
  return work.input;
}

const std::vector<std::string> tested_program{"/proc/self/exe", "--no-skip", "--no-version",
                                              "--test-case=program under test"};

struct tested_worker : process {
  explicit tested_worker(const queue_server& server, const environment_list& more = {})
      : process(tested_program, worker_environment(server, more)) {}
};

void set_variables(const environment_list& variables) {
  for (const auto& [name, value] : variables) {
    value.empty() ? ::unsetenv(name.c_str()) : ::setenv(name.c_str(), value.c_str(), 1);
  }
}

// The same with a pipe for standard output and standard error that is read only when the test says so.
class unread_worker {
 public:
  explicit unread_worker(const environment_list& variables, bool readable = true) {
    int ends[2];
    checked(::pipe2(ends, O_CLOEXEC), "pipe2");
    read_ = unique_fd(ends[0]);
    const unique_fd write(ends[1]);
    if (!readable) read_ = unique_fd();
    id_ = checked(::fork(), "fork");
    if (id_ != 0) return;
    ::dup2(write.get(), 1);
    ::dup2(write.get(), 2);
    ::signal(SIGPIPE, SIG_IGN);  // for what the test runner prints before the worker starts
    set_variables(variables);
    ::execl("/proc/self/exe", "worker", "--no-skip", "--no-version", "--test-case=program under test",
            nullptr);
    ::_exit(127);
  }
  unread_worker(const unread_worker&) = delete;
  unread_worker& operator=(const unread_worker&) = delete;
  ~unread_worker() {
    if (!ended_) ::kill(id_, SIGKILL);
    wait();
  }

  void send_signal(int number) const { ::kill(id_, number); }

  // Returns its output up to that text.
  std::string read_until(std::string_view text) const {
    std::string said;
    char part[4096];
    pollfd asked{read_.get(), POLLIN, 0};
    while (said.find(text) == std::string::npos && ::poll(&asked, 1, 20'000) > 0) {
      const ssize_t count = ::read(read_.get(), part, sizeof part);
      if (count <= 0) break;
      said.append(part, static_cast<std::size_t>(count));
    }
    return said;
  }

  int wait() {
    if (!ended_) ::waitpid(id_, &status_, 0);
    ended_ = true;
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : 1000 + WTERMSIG(status_);
  }

 private:
  unique_fd read_;
  pid_t id_ = -1;
  bool ended_ = false;
  int status_ = 0;
};

}  // namespace

TEST_CASE("program under test" * doctest::skip()) {
  for (int i = 3; i < 1024; ++i) ::close(i);  // files that the test runner has left open
  for (const int number : {SIGTERM, SIGINT, SIGPIPE})
    ::signal(number, SIG_DFL);  // the default, not the test program's own
  char name[] = "worker";
  char* arguments[] = {name, nullptr};
  std::exit(start(1, arguments, run_as_input_says, fixed_concurrency{4}));
}

TEST_CASE(
    "standard output that nobody reads delays neither jobs nor the end, and missing lines are counted") {
  queue_server server(endless_polls);
  const json large = json{{"text", std::string(3000, 'x')}};
  server.add_jobs(400, large);
  unread_worker worker(worker_environment(server, {{"RUNPOD_LOG_LEVEL", "TRACE"}}));
  REQUIRE(server.wait_for_results(400));
  const std::string said = worker.read_until("dropped: standard output took no more.");
  CHECK(said.find("log lines were dropped") != std::string::npos);
  CHECK(said.find("Started.") < said.find("dropped"));
  server.add_job("one more", large);
  CHECK(server.wait_for_results(401));
  worker.send_signal(SIGTERM);
  CHECK(worker.wait() == 0);
}

TEST_CASE("a program leaves on a signal although nobody ever reads its output") {
  queue_server server(endless_polls);
  server.add_jobs(400, json{{"text", std::string(3000, 'x')}});
  unread_worker worker(worker_environment(server, {{"RUNPOD_LOG_LEVEL", "TRACE"}}));
  REQUIRE(server.wait_for_results(400));
  worker.send_signal(SIGTERM);
  CHECK(worker.wait() == 0);
}

TEST_CASE("a program whose output nobody can read from the start serves its jobs, and ends as usual") {
  queue_server server(endless_polls);
  server.add_jobs(4, json{{"text", "short"}});
  unread_worker worker(worker_environment(server), false);
  REQUIRE(server.wait_for_results(4));
  worker.send_signal(SIGTERM);
  CHECK(worker.wait() == 0);
}

TEST_CASE("a program that was started without standard output writes its lines into no other file") {
  queue_server server(endless_polls);
  server.add_job("a", json{{"standard", true}});
  const environment_list variables = worker_environment(server);
  const pid_t worker = checked(::fork(), "fork");
  if (worker == 0) {
    for (int number = 0; number <= 2; ++number) ::close(number);
    set_variables(variables);
    ::execl("/proc/self/exe", "worker", "--no-skip", "--no-version", "--test-case=program under test",
            nullptr);
    ::_exit(127);
  }
  CHECK(server.wait_for_results(1));
  CHECK(server.log().result("a").at("output") == json{"/dev/null", "/dev/null", "/dev/null"});
  ::kill(worker, SIGTERM);
  int status = 0;
  ::waitpid(worker, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("a program that a handler starts inherits no ignored or blocked signal and no descriptor") {
  queue_server server(endless_polls);
  server.add_jobs(20, json{{"shell", "sed -n 's/^Sig[BI]..:\t//p' /proc/self/status; ls /proc/self/fd"}});
  const tested_worker worker(server);
  REQUIRE(server.wait_for_results(20));
  for (int i = 0; i < 20; ++i) {
    const std::string printed =
        server.log().result("job-" + std::to_string(i)).at("output").get<std::string>();
    CAPTURE(printed);
    REQUIRE(printed.size() > 34);
    CHECK(printed.substr(0, 17) == "0000000000000000\n");  // blocked signals
    const unsigned long ignored = std::stoul(printed.substr(17, 16), nullptr, 16);
    CHECK((ignored & 0x7fff'ffff) == 0);            // 32 and 33 are glibc's own, which popen() ignores
    CHECK(printed.substr(33) == "\n0\n1\n2\n3\n");  // 3 is the folder that ls reads
  }
}

TEST_CASE("a child that a handler forks dies by the signal that it is sent, and the worker goes on") {
  queue_server server(endless_polls);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGPIPE})
    server.add_job(std::to_string(number), json{{"fork", number}});
  tested_worker worker(server);
  REQUIRE(server.wait_for_results(4));
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGPIPE})
    CHECK(server.log().result(std::to_string(number)).at("output") == number);
  CHECK(worker.count("Asked to leave") == 0);
  server.add_job("one more", 1);
  CHECK(server.wait_for_results(5));
  worker.send_signal(SIGHUP);
  CHECK(worker.wait() == 0);
  CHECK(worker.count("Asked to leave") == 1);
}

TEST_CASE("users and passwords in URLs are never logged") {
  queue_server server(endless_polls);
  {
    tested_worker worker(server, {{"RUNPOD_WEBHOOK_POST_OUTPUT", "ftp://user:s3same-open@host/$ID"}});
    CHECK(worker.wait() == 2);
    CHECK(worker.count("RUNPOD_WEBHOOK_POST_OUTPUT: \"ftp://***@host/$ID\" is not a URL") == 1);
  }
  const std::string nowhere = "http://user:s3same-open@127.0.0.1:1/job-take/$ID";
  tested_worker worker(server, {{"RUNPOD_WEBHOOK_GET_JOB", nowhere}, {"RUNPOD_LOG_LEVEL", "TRACE"}});
  REQUIRE(worker.says("Taking jobs fails"));
  worker.send_signal(SIGTERM);
  CHECK(worker.wait() == 0);
  CHECK(worker.count("s3same") == 0);
}

TEST_CASE("the value of a variable breaks no line of the error about it") {
  queue_server server(endless_polls);
  tested_worker worker(server, {{"RUNPOD_PING_INTERVAL", "1\ncoworker: all is well\x1b[2K"}});
  CHECK(worker.wait() == 2);
  CHECK(worker.count("\ncoworker: all is well") == 0);
  CHECK(worker.count("\x1b") == 0);
}

TEST_CASE("a short API key leaves the log readable") {
  queue_server server(endless_polls);
  server.add_job("test", 1);
  tested_worker worker(server, {{"RUNPOD_AI_API_KEY", "t"}});
  REQUIRE(server.wait_for_results(1));
  worker.send_signal(SIGTERM);
  CHECK(worker.wait() == 0);
  CHECK(worker.count("INFO   | test | Started.") == 1);
  CHECK(worker.count("***") == 0);
}

}  // namespace coworker::testing
