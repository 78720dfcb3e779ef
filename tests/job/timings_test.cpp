#include <doctest/doctest.h>
#include <chrono>
#include <coworker/exec/sleep.hpp>
#include <coworker/version.hpp>
#include <coworker/worker.hpp>
#include <string>

#include "support/simulated_queue.hpp"

namespace {

using namespace std::chrono_literals;
using coworker::job;
using coworker::json;
using coworker::task;
using coworker::testing::simulation;

task<json> timed_steps(job<> work) {
  {
    const auto load = work.checkpoint("load");
    co_await coworker::sleep_for(1s);
  }
  const auto infer = work.checkpoint("infer");
  co_await coworker::sleep_for(250ms);
  if (work.input.contains("text")) co_return "no object";
  co_return json{{"n", 1}};
}

}  // namespace

TEST_CASE("if times are measured, each output has its timings, in the format of the platform's clients") {
  simulation world;
  world.options.measure_times = true;
  world.queue.ready_delay = 20ms;
  world.queue.add(0s, "a");
  world.queue.add(500ms, "b");
  world.queue.add(500ms, "text", {{"text", true}});
  coworker::worker timed(timed_steps, coworker::fixed_concurrency{3}, world.options);
  world.serve(timed);
  for (const char* const id : {"a", "b"}) {
    const json output = world.queue.result_of(id).body.at("output");
    CHECK(output.at("n") == 1);
    const json timings = output.at("rp_debugger");
    CHECK(timings.at("ready_delay_ms") == 20.0);
    CHECK(timings.at("system_info").at("runpod") == COWORKER_VERSION);
    const json stretches = timings.at("timestamps");
    REQUIRE(stretches.size() == 3);
    const double start = id == std::string("a") ? 0.0 : 0.5;
    CHECK(stretches[0] ==
          json{{"name", "load"}, {"start", start}, {"end", start + 1}, {"duration_ms", 1000.0}});
    CHECK(stretches[1].at("name") == "infer");
    CHECK(stretches[1].at("duration_ms") == 250.0);
    CHECK(stretches[2] ==
          json{{"name", "handler"}, {"start", start}, {"end", start + 1.25}, {"duration_ms", 1250.0}});
  }
  CHECK(world.queue.result_of("text").body == json{{"output", "no object"}});
}

TEST_CASE("if times are not measured, outputs are unchanged") {
  simulation world;
  world.queue.add(0s, "a");
  coworker::worker timed(timed_steps, {}, world.options);
  world.serve(timed);
  CHECK(world.queue.result_of("a").body == json{{"output", {{"n", 1}}}});
}
