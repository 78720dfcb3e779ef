#include <doctest/doctest.h>
#include <chrono>
#include <coworker/coro/when_all.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <coworker/transport/local_file.hpp>
#include <coworker/worker.hpp>
#include <string>
#include <utility>
#include <vector>

#include "support/captured_log.hpp"

namespace {

using namespace std::chrono_literals;
using coworker::job;
using coworker::json;
using coworker::task;

// A task without access to the job that it works for.
task<void> logged_step(std::string name) {
  co_await coworker::sleep_for(1ms);
  const coworker::job_log log = co_await coworker::this_coro::log();
  log.info(name);
}

coworker::local_file logged_jobs(coworker::logger& log) {
  auto jobs = coworker::read_local_jobs(R"([{"id":"a","input":{}}, {"id":"b","input":{}}])", "test");
  jobs[0].log_label = "batchId=b7";
  return coworker::local_file(std::move(jobs), log);
}

}  // namespace

TEST_CASE("a handler logs under its job's id, also from its tasks and on other executors") {
  coworker::testing::captured_log output(coworker::log_level::info);
  coworker::thread_pool pool(2);
  coworker::local_file queue = logged_jobs(output.log);
  coworker::worker_options options;
  options.log = &output.log;
  coworker::worker logs(
      [&pool](job<> work) -> task<void> {
        work.log().info("begins");
        work.log().debug("is not written at INFO");
        co_await coworker::when_all(logged_step("left of " + work.id), logged_step("right of " + work.id));
        co_await coworker::run_on(pool, logged_step("pool of " + work.id));
      },
      coworker::fixed_concurrency{2}, options);
  logs.run(queue);
  CHECK(output.count("INFO   | a | [batchId=b7] begins") == 1);
  CHECK(output.count("is not written") == 0);
  for (const char* const step : {"left of a", "right of a", "pool of a"})
    CHECK(output.count("INFO   | a | [batchId=b7] " + std::string(step)) == 1);
  for (const char* const step : {"begins", "left of b", "right of b", "pool of b"})
    CHECK(output.count("INFO   | b | " + std::string(step)) == 1);
}

TEST_CASE("logging outside a worker does nothing, and is no error") {
  const job<> alone{"id", {}};
  alone.log().error("nobody hears this");
  CHECK_FALSE(alone.log().writes(coworker::log_level::error));
}

TEST_CASE("each kind of handler runs on local jobs, and its progress and chunks are shown") {
  const auto lines_of = [](auto handler) {
    coworker::testing::captured_log output(coworker::log_level::info);
    coworker::local_file queue = logged_jobs(output.log);
    coworker::worker_options options;
    options.log = &output.log;
    coworker::worker local(std::move(handler), coworker::fixed_concurrency{2}, options);
    local.run(queue);
    return std::pair(output.count("Job result: {\"output\": [1, 2]}"), output.count("Stream output: "));
  };
  const std::vector<int> both{1, 2};
  using seen = std::pair<std::size_t, std::size_t>;
  CHECK(lines_of([&](job<>) { return both; }) == seen(2, 0));
  CHECK(lines_of([&](job<>) -> task<std::vector<int>> { co_return both; }) == seen(2, 0));
  CHECK(lines_of([&](job<>) -> coworker::async_generator<int> {
          for (const int one : both) co_yield one;
        }) == seen(0, 4));
  CHECK(lines_of([&](job<>) { return coworker::streamed{both}; }) == seen(0, 4));
}
