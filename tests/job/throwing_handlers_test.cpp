// Handlers that throw in every possible way, in a worker beside jobs that must not be affected.

#include <doctest/doctest.h>
#include <chrono>
#include <coworker/exec/sleep.hpp>
#include <coworker/worker.hpp>
#include <exception>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/simulated_queue.hpp"

namespace {

using namespace std::chrono_literals;
using coworker::async_generator;
using coworker::job;
using coworker::json;
using coworker::outcome;
using coworker::outcome_status;
using coworker::task;
using coworker::worker;
using coworker::testing::simulation;

const double throwing_nan = std::numeric_limits<double>::quiet_NaN();

// Runs `bad` beside two jobs that end before and after it, and returns its report.
template <class Handler>
json throwing_report(Handler bad, std::size_t chunks_of_bad = 0) {
  simulation world;
  world.queue.add(0s, "early");
  world.queue.add(0s, "bad");
  world.queue.add(0s, "late");
  const auto handle = [&bad](job<> work) -> async_generator<json> {
    if (work.id == "bad") return bad(std::move(work));
    return [](job<> good) -> async_generator<json> {
      co_await coworker::sleep_for(good.id == "early" ? 1s : 100s);
      co_yield json("fine");
    }(std::move(work));
  };
  worker w(handle, coworker::fixed_concurrency{3}, world.options);
  const coworker::worker_summary done = world.serve(w);
  CHECK(done.jobs == 3);
  CHECK(done.failed == 1);
  CHECK(world.queue.chunks.size() == 2 + chunks_of_bad);
  for (const char* id : {"early", "late"}) {
    CHECK(world.queue.result_of(id).body == json{{"output", json::array()}});
  }
  CHECK(world.queue.result_of("bad").status == outcome_status::failed);
  return json::parse(world.queue.result_of("bad").body.at("error").get<std::string>());
}

// Returns the error message of a job whose handler returns that value.
std::string throwing_message(json output) {
  simulation world;
  world.queue.add(0s, "bad");
  worker w([&output](job<>) -> task<json> { co_return output; }, coworker::fixed_concurrency{1},
           world.options);
  world.serve(w);
  CHECK(world.queue.result_of("bad").status == outcome_status::failed);
  const std::string report = world.queue.result_of("bad").body.at("error").get<std::string>();
  return json::parse(report).at("error_message").get<std::string>();
}

struct throwing_destructor {
  throwing_destructor() {}
  ~throwing_destructor() noexcept(false) { throw std::logic_error("from a destructor"); }
};

struct throwing_cleanup {
  bool& done;
  explicit throwing_cleanup(bool& to_set) : done(to_set) {}
  ~throwing_cleanup() {
    try {
      throw std::runtime_error("the disk is full");
    } catch (const std::runtime_error&) {
      done = true;
    }
  }
};

struct throwing_output {
  std::string name;
  std::vector<double> scores;
};

}  // namespace

TEST_CASE("an int thrown midway through a stream fails only its job, and earlier chunks are kept") {
  const auto bad = [](job<>) -> async_generator<json> {
    co_await coworker::sleep_for(2s);
    co_yield json(1);
    throw 42;
  };
  CHECK(throwing_report(bad, 1).at("error_type") == "int");
}

TEST_CASE("an exception of a local's destructor at the end of a handler fails only its job") {
  const auto bad = [](job<>) -> async_generator<json> {
    const throwing_destructor local;
    co_yield json(1);
  };
  CHECK(throwing_report(bad, 1).at("error_message") == "from a destructor");
}

TEST_CASE(
    "a stream that is abandoned is destroyed, whatever its destructors throw; other jobs are unaffected") {
  bool cleaned = false;
  const auto bad = [&cleaned](job<>) -> async_generator<json> {
    const throwing_cleanup outer(cleaned);
    const throwing_destructor inner;
    co_yield json(1);
    co_yield json(throwing_nan);
    co_yield json(3);
  };
  CHECK(throwing_report(bad, 1).at("error_type") == "coworker::json_write_error");
  CHECK(cleaned);
}

TEST_CASE("an exception thrown while another is handled reports both, the outer one first") {
  const auto bad = [](job<>) -> async_generator<json> {
    try {
      co_yield json(1);
      throw std::out_of_range("voice 7");
    } catch (const std::exception&) {
      std::throw_with_nested(std::runtime_error("cannot speak"));
    }
  };
  const json report = throwing_report(bad, 1);
  CHECK(report.at("error_type") == "std::runtime_error");
  CHECK(report.at("error_traceback") ==
        "std::runtime_error: cannot speak\ncaused by std::out_of_range: voice 7");
}

TEST_CASE("a handler that cannot begin fails only its job") {
  const auto bad = [](job<>) -> async_generator<json> { throw std::bad_function_call(); };
  CHECK(throwing_report(bad).at("error_type") == "std::bad_function_call");
}

TEST_CASE("a value that JSON cannot hold is named by its path, anywhere in the output") {
  const json nan(throwing_nan);
  CHECK(throwing_message(nan).starts_with("output: NaN cannot be written as JSON"));
  CHECK(throwing_message(json{{"a", json::array({1, json{{"b", nan}}})}}).starts_with("output.a[1].b: NaN"));
  CHECK(throwing_message(json::array({-std::numeric_limits<double>::infinity()})).starts_with("output[0]: "));
  CHECK(throwing_message(json::array({"fine", "caf\xe9"})).starts_with("output[1]: string"));
  CHECK(throwing_message(json{{"a", json{{"caf\xe9", 1}}}}).starts_with("output.a["));
}

TEST_CASE("so is one in a struct that was converted to JSON, and in a stream's chunk") {
  const auto in_struct = [](job<>) -> async_generator<throwing_output> {
    throwing_output made;
    made.scores = {0.5, throwing_nan};
    co_yield made;
  };
  simulation world;
  world.queue.add(0s, "bad");
  worker w(in_struct, coworker::fixed_concurrency{1}, world.options);
  world.serve(w);
  const std::string report = world.queue.result_of("bad").body.at("error").get<std::string>();
  CHECK(json::parse(report).at("error_message").get<std::string>().starts_with("output[0].scores[1]: NaN"));

  const auto bad_text = [](job<>) -> async_generator<json> { co_yield json("caf\xe9 au lait"); };
  CHECK(throwing_report(bad_text).at("error_type") == "coworker::json_write_error");
}
