// Whole worker programs over one spool folder: killed during a post, started side by side, and with files of
// others in the folder.

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>
#include <chrono>
#include <coworker/exec/sleep.hpp>
#include <coworker/scale/resources.hpp>
#include <coworker/start.hpp>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <support/queue_server.hpp>
#include <support/temporary_folder.hpp>
#include <support/worker_program.hpp>
#include <vector>

namespace coworker::testing {
namespace {

const queue_settings endless_polls{.hold = answer::never};
const char* const results = ".result.json";

task<json> run_as_input_says(job<> work) {
  if (work.input.contains("peak")) {
    co_return detail::kilobytes_after(detail::file_text("/proc/self/status"), "VmHWM:") / 1'000'000;
  }
  co_return work.input;
}

struct spooling_worker : process {
  spooling_worker(const queue_server& server, const temporary_folder& folder)
      : process({"/proc/self/exe", "--no-skip", "--no-version", "--test-case=spooling program"},
                worker_environment(server, {{"WORKER_SPOOL", folder.name()}})) {}
};

// Sanitizers need memory of their own.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#elif defined(__has_feature)
constexpr bool sanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool sanitized = false;
#endif

std::string left_over(const std::string& id, const std::string& body = R"({"output":"kept"})") {
  return json{{"id", id}, {"streamed", false}, {"body", body}}.dump();
}

std::size_t posts_of(const queue_log& log, const std::string& id) {
  std::size_t count = 0;
  for (const exchange& one : log.exchanges) count += one.where == endpoint::done && one.job_id == id ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("spooling program" * doctest::skip()) {
  char name[] = "worker";
  char* arguments[] = {name, nullptr};
  options settings;
  settings.spool_folder = std::getenv("WORKER_SPOOL");
  std::exit(start(1, arguments, run_as_input_says, fixed_concurrency{1}, settings));
}

TEST_CASE("a left-over result that was accepted as its process was killed is not replaced by an error") {
  const temporary_folder folder;
  folder.write("1-2-3.result.json", left_over("a"));
  queue_server server(endless_polls);
  server.script(endpoint::done, {paused_at(point::before_answer)});
  {
    spooling_worker killed(server, folder);
    REQUIRE(server.wait_for([](const queue_log& log) { return log.paused == 1; }));
    killed.send_signal(SIGKILL);
    CHECK(killed.wait() == 1000 + SIGKILL);
  }
  CHECK(folder.files(results) == 1);
  server.release();
  server.always(endpoint::done, status(404));
  spooling_worker next(server, folder);
  REQUIRE(server.wait_for([](const queue_log& log) { return posts_of(log, "a") >= 2; }));
  server.add_job("b", 1);
  REQUIRE(server.wait_for([](const queue_log& log) { return posts_of(log, "b") >= 1; }));
  next.send_signal(SIGTERM);
  CHECK(next.wait() == 0);
  CHECK(server.log().result("a") == json{{"output", "kept"}});
  for (const exchange& one : server.log().with(endpoint::done)) {
    if (one.job_id == "a") CHECK(one.request.body == R"({"output":"kept"})");
  }
}

TEST_CASE("two workers that are started on one folder post each left-over result once") {
  const temporary_folder folder;
  constexpr std::size_t count = 60;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string id = "job-" + std::to_string(i);
    folder.write(id + results, left_over(id));
  }
  queue_server server(endless_polls);
  spooling_worker one(server, folder);
  spooling_worker other(server, folder);
  REQUIRE(server.wait_for_results(count));
  for (spooling_worker* each : {&one, &other}) {
    each->send_signal(SIGTERM);
    CHECK(each->wait() == 0);
  }
  CHECK(server.log().requests(endpoint::done) == count);
  CHECK(folder.files() == 0);
}

TEST_CASE(
    "a result that a running worker still tries to post is left to it, and taken over once it was killed") {
  const temporary_folder folder;
  queue_server server(endless_polls);
  server.always(endpoint::done, status(503));
  server.add_job("a", 7);
  spooling_worker owner(server, folder);
  REQUIRE(server.wait_for([](const queue_log& log) { return posts_of(log, "a") >= 2; }));
  spooling_worker other(server, folder);
  server.add_job("b", 8);
  REQUIRE(other.says("b | Started."));
  CHECK(other.count("a result that an earlier run left") == 0);
  owner.send_signal(SIGKILL);
  CHECK(owner.wait() == 1000 + SIGKILL);
  server.behave();
  spooling_worker next(server, folder);
  REQUIRE(server.wait_for_results(2));
  CHECK(next.says("a | Posting a result that an earlier run left"));
  for (spooling_worker* each : {&other, &next}) {
    each->send_signal(SIGTERM);
    CHECK(each->wait() == 0);
  }
  CHECK(server.log().duplicates == 0);
  CHECK(server.log().result("a") == json{{"output", 7}});
  CHECK(folder.files() == 0);
}

TEST_CASE(
    "with any files in the folder jobs run, results are posted, and memory holds one result at a time") {
  const temporary_folder folder;
  const temporary_folder elsewhere;
  elsewhere.write("target", "mine");
  constexpr std::size_t count = 20;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string id = "large-" + std::to_string(i);
    folder.write(id + results, left_over(id, R"({"output":")" + std::string(3'000'000, 'x') + R"("})"));
  }
  folder.write("failing always.result.json", left_over("failing always"));
  folder.write("1.2.result.json.part", "half");
  folder.write("broken.result.json", "{");
  std::filesystem::create_symlink(elsewhere.name() + "/target", folder.name() + "/link.result.json");
  std::filesystem::create_symlink("/dev/zero", folder.name() + "/zero.result.json");
  REQUIRE(::mkfifo((folder.name() + "/pipe.result.json").c_str(), 0600) == 0);
  queue_server server(endless_polls);
  server.decide_by([](endpoint where, const http_request& request) -> std::optional<answer> {
    if (where == endpoint::done && request.target().find("failing%20always") != std::string::npos)
      return status(500);
    return std::nullopt;
  });
  server.add_job("early", 1);
  spooling_worker worker(server, folder);
  REQUIRE(server.wait_for_results(count + 1));
  server.add_job("late", json{{"peak", true}});
  REQUIRE(server.wait_for_results(count + 2));
  const queue_log log = server.log();
  if (!sanitized)
    CHECK(log.result("late").at("output").get<int>() < 50);  // MB; all of them would be 60 or more
  CHECK(posts_of(log, "failing always") >= 1);
  worker.send_signal(SIGTERM);
  CHECK(worker.wait() == 0);
  std::size_t others_before = 0;
  for (const exchange& one : log.with(endpoint::done)) {
    if (one.job_id == "early") break;
    ++others_before;
  }
  CHECK(others_before < count);
  CHECK(elsewhere.read("target") == "mine");
  CHECK(folder.files(results) == 5);
  CHECK(folder.files(".part") == 0);
  for (const char* const name : {"broken", "link", "zero", "pipe"})
    CHECK(worker.count(std::string("/") + name + ".result.json: ") == 1);
}

}  // namespace coworker::testing
