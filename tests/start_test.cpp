#include <doctest/doctest.h>
#include <chrono>
#include <coworker/exec/sleep.hpp>
#include <coworker/start.hpp>
#include <initializer_list>
#include <string>
#include <vector>

#include "support/captured_log.hpp"

// What start() does that can be seen from inside a program; tests/checks/start_test.py looks at it from
// outside.

namespace {

using namespace std::chrono_literals;
using coworker::job;
using coworker::json;
using coworker::task;
using coworker::testing::captured_log;

// Calls start() with those arguments, in a test that keeps what is logged.
template <class... Rest>
int start_with(std::vector<std::string> arguments, captured_log& output, Rest... rest) {
  arguments.insert(arguments.begin(), "program");
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  const int count = static_cast<int>(pointers.size());
  pointers.push_back(nullptr);
  coworker::options settings;
  settings.sink = &output;
  return coworker::start(count, pointers.data(), rest..., settings);
}

const std::string three_jobs = R"([{"input": 1}, {"input": 2}, {"input": 3}])";

}  // namespace

TEST_CASE("all that a run has to say goes to the program's own sink, its first line too") {
  captured_log output;
  const auto handle = [](job<> work) { return work.input; };
  CHECK(start_with({"--test_input", R"({"input": [1]})"}, output, handle, coworker::fixed_concurrency{1}) ==
        0);
  CHECK(output.lines() == std::vector<std::string>{
                              "--- Starting coworker |  Version " COWORKER_VERSION " ---",
                              "INFO   | Using --test_input as job input.",
                              "DEBUG  | Retrieved local job: {\"id\": \"local_test\", \"input\": [1]}",
                              "INFO   | local_test | Started.", "DEBUG  | local_test | Handler output: [1]",
                              "INFO   | Job local_test completed successfully.",
                              "INFO   | Job result: {\"output\": [1]}",
                              "INFO   | Local testing complete, exiting."});
}

TEST_CASE("the chunks of a streaming handler are shown as they come, between start and result") {
  captured_log output(coworker::log_level::info);
  const auto handle = [](job<> work) -> coworker::async_generator<std::string> {
    co_yield "one";
    co_yield work.id;
  };
  const std::vector<std::string> arguments{"--test_input", R"({"input": 1})", "--rp_log_level=INFO"};
  CHECK(start_with(arguments, output, handle, coworker::fixed_concurrency{1}) == 0);
  const std::vector<std::string> lines = output.lines();
  REQUIRE(lines.size() == 8);
  CHECK(lines[2] == "INFO   | local_test | Started.");
  CHECK(lines[3] == "INFO   | local_test | Stream output: \"one\"");
  CHECK(lines[4] == "INFO   | local_test | Stream output: \"local_test\"");
  CHECK(lines[6] == "INFO   | Job result: {\"output\": []}");
}

TEST_CASE("handlers of every kind can be started, with and without a modifier") {
  captured_log output;
  const std::vector<std::string> arguments{"--test_input", three_jobs, "--test_output", three_jobs};
  const std::vector<std::string> expecting{"--test_input", three_jobs, "--test_output", "[2, 4, 6]"};
  const auto plain = [](job<int> work) { return 2 * work.input; };
  const auto coroutine = [](job<> work) -> task<int> { co_return 2 * work.input.get<int>(); };
  CHECK(start_with(expecting, output, plain, coworker::follow_demand()) == 0);
  CHECK(start_with(expecting, output, coroutine, [](int current) { return current + 1; }) == 0);
  CHECK(start_with(arguments, output, coroutine, [](int, const coworker::metrics&) { return 3; }) == 1);
  CHECK(output.count("Job local_test gave 2 where --test_output expects {\"input\": 1}.") == 1);
}

TEST_CASE("the closing summary counts jobs and failures, and tells the highest concurrency reached") {
  captured_log output;
  const auto handle = [](job<> work) -> task<int> {
    co_await coworker::sleep_for(1ms);
    if (work.input == 2) throw 2;
    co_return 1;
  };
  CHECK(start_with({"--test_input", three_jobs}, output, handle, coworker::fixed_concurrency{2}) == 1);
  CHECK(output.count("INFO   | 3 jobs, 1 failed, 0.") == 1);
  CHECK(output.count(" s, highest concurrency 2.") == 1);
}
