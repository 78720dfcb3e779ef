// Handlers that decide for each job whether and how it streams.
#include <doctest/doctest.h>
#include <chrono>
#include <coworker/exec/sleep.hpp>
#include <coworker/job/middleware/prepared.hpp>
#include <coworker/job/test_job.hpp>
#include <coworker/job/whole.hpp>
#include <coworker/worker.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/simulated_queue.hpp"

namespace {

using namespace std::chrono_literals;
using coworker::async_generator;
using coworker::chunk_or_whole;
using coworker::fixed_concurrency;
using coworker::job;
using coworker::json;
using coworker::outcome_status;
using coworker::test_job;
using coworker::whole;
using coworker::worker;
using coworker::testing::simulation;

struct whole_request {
  bool stream = false;
  bool both = false;
};

async_generator<chunk_or_whole<std::string>> whole_or_not(job<whole_request> work) {
  const std::string words[] = {"a", "b", "c"};
  if (work.input.stream || work.input.both) {
    for (const std::string& one : words) co_yield one;
    co_yield "d";
  }
  if (!work.input.stream || work.input.both) {
    const int size = 4;
    co_yield whole(size);
  }
}

static_assert(coworker::is_streaming_handler<decltype(&whole_or_not)>);
static_assert(!coworker::job_handler<chunk_or_whole<int> (*)(job<>)>);
static_assert(!coworker::job_handler<coworker::task<chunk_or_whole<int>> (*)(job<>)>);

}  // namespace

TEST_CASE("a streaming handler yields chunks, a whole value, or both, as the job asks") {
  test_job<whole_request> streamed({.stream = true});
  streamed.run(whole_or_not);
  CHECK(streamed.chunks == std::vector<json>{"a", "b", "c", "d"});
  CHECK(streamed.outcome.output == json::array());
  test_job<whole_request> at_once;
  at_once.run(whole_or_not);
  CHECK(at_once.chunks.empty());
  CHECK(at_once.outcome.output == json(4));
  test_job<whole_request> both({.both = true});
  both.stream.return_aggregate_stream = true;
  both.run(whole_or_not);
  CHECK(both.chunks.size() == 4);
  CHECK(both.outcome.output == json(4));
}

TEST_CASE("the queue learns for each job whether it was streamed") {
  simulation world;
  world.queue.add(0s, "streamed", json{{"stream", true}});
  world.queue.add(0s, "whole", json{{"stream", false}});
  world.queue.add(0s, "both", json{{"both", true}});
  worker w(whole_or_not, fixed_concurrency{1}, world.options);
  world.serve(w);
  CHECK(world.queue.result_of("streamed").streamed);
  CHECK_FALSE(world.queue.result_of("whole").streamed);
  CHECK(world.queue.result_of("whole").body == json{{"output", 4}});
  CHECK(world.queue.result_of("both").streamed);
  CHECK(world.queue.chunks.size() == 8);
}

TEST_CASE("if the queue takes no chunks, a whole value is the output, else the list of elements") {
  simulation world;
  world.queue.stated.chunks = false;
  world.queue.add(0s, "streamed", json{{"stream", true}});
  world.queue.add(0s, "both", json{{"both", true}});
  worker w(whole_or_not, fixed_concurrency{1}, world.options);
  world.serve(w);
  CHECK(world.queue.result_of("streamed").body == json{{"output", {"a", "b", "c", "d"}}});
  CHECK(world.queue.result_of("both").body == json{{"output", 4}});
}

TEST_CASE("the engine interprets a whole value of json, but not one converted from a type") {
  simulation world;
  world.queue.interprets = true;
  world.queue.add(0s, "a");
  SUBCASE("json") {
    const auto handle = [](job<>) -> async_generator<chunk_or_whole<json>> {
      json answer = json::object();
      answer["error"] = "no luck";
      co_yield whole(std::move(answer));
    };
    worker w(handle, fixed_concurrency{1}, world.options);
    world.serve(w);
    CHECK(world.queue.result_of("a").status == outcome_status::failed);
  }
  SUBCASE("a type") {
    const auto handle = [](job<>) -> async_generator<chunk_or_whole<std::string>> {
      json answer = json::object();
      answer["error"] = "no luck";
      co_yield whole(std::move(answer));
    };
    worker w(handle, fixed_concurrency{1}, world.options);
    world.serve(w);
    CHECK(world.queue.result_of("a").status == outcome_status::succeeded);
  }
}

TEST_CASE("two whole values fail the job, and so does an exception after one") {
  test_job<> twice(json(1));
  twice.run([](job<>) -> async_generator<chunk_or_whole<int>> {
    co_yield whole(1);
    co_yield whole(2);
  });
  CHECK(twice.outcome.message() ==
        "the handler gave two whole values, and a job has one output; yield whole() once");
  test_job<> thrown(json(1));
  thrown.run([](job<>) -> async_generator<chunk_or_whole<int>> {
    co_yield whole(1);
    throw std::runtime_error("after that");
  });
  CHECK(thrown.outcome.message() == "after that");
  CHECK(thrown.outcome.output.is_null());
}

TEST_CASE("a plain function's range and a handler with a loaded value yield whole values too") {
  struct one_shot {
    std::vector<chunk_or_whole<int>> items;
    auto begin() { return items.begin(); }
    auto end() { return items.end(); }
  };
  test_job<> range(json(1));
  range.run([](job<>) {
    one_shot made;
    made.items.emplace_back(1);
    made.items.emplace_back(whole(2));
    return made;
  });
  CHECK(range.chunks == std::vector<json>{1});
  CHECK(range.outcome.output == json(2));
  const auto load = [] { return 5; };
  const auto handle = [](int& model, job<>) -> async_generator<chunk_or_whole<int>> {
    co_yield whole(model);
  };
  test_job<> loaded(json(1));
  loaded.run(coworker::prepared(load, handle));
  CHECK(loaded.outcome.output == json(5));
}

TEST_CASE("a job can set its own stream options before its first chunk") {
  const auto handle = [](job<> work) -> async_generator<std::string> {
    if (work.input == true)
      work.stream_with({.gather_for = 50ms, .join_texts = true, .return_aggregate_stream = true});
    for (const char* const one : {"a", "b", "c"}) {
      co_yield one;
      co_await coworker::sleep_for(20ms);
    }
  };
  test_job<> own(json(true));
  own.run(handle);
  CHECK(own.chunks == std::vector<json>{"abc"});
  CHECK(own.outcome.output == json{"a", "b", "c"});
  test_job<> usual(json(false));
  usual.run(handle);
  CHECK(usual.chunks == std::vector<json>{"a", "b", "c"});
  CHECK(usual.outcome.output == json::array());
}

TEST_CASE("a job's own chunk limit applies if it is below the queue's") {
  const auto handle = [](job<> work) -> async_generator<std::string> {
    work.stream_with({.chunk_limit = 10});
    co_yield "short";
    co_yield "much too long for it";
  };
  test_job<> work(json(1));
  work.run(handle);
  CHECK(work.outcome.status == outcome_status::failed);
  CHECK(std::string(work.outcome.message()).find("no more than 10 fit into a chunk (chunk_limit)") !=
        std::string::npos);
}

TEST_CASE("stream options that come too late or are out of range are refused") {
  test_job<> late(json(1));
  late.run([](job<> work) -> async_generator<int> {
    co_yield 1;
    work.stream_with({.gather_for = 1s});
  });
  CHECK(late.outcome.message() ==
        "job::stream_with: the first chunk is on its way already; call it before the handler yields one");
  test_job<> wrong(json(1));
  wrong.run([](job<> work) -> async_generator<int> {
    work.stream_with({.gather_for = -1s});
    co_yield 1;
  });
  CHECK(wrong.outcome.message() == "job::stream_with: gather_for is negative; 0 gathers none");
}
