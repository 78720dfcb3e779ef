#include <doctest/doctest.h>
#include <chrono>
#include <coworker/exec/sleep.hpp>
#include <coworker/worker.hpp>
#include <exception>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/simulated_queue.hpp"

namespace {

using namespace std::chrono_literals;
using coworker::async_generator;
using coworker::delivery;
using coworker::error_info;
using coworker::fixed_concurrency;
using coworker::job;
using coworker::json;
using coworker::outcome;
using coworker::outcome_status;
using coworker::task;
using coworker::worker;
using coworker::worker_summary;
using coworker::testing::result_note;
using coworker::testing::simulation;

const double not_a_number = std::numeric_limits<double>::quiet_NaN();

// Outside the generator, because g++ 12 rejects a braced list after co_yield.
json numbered(json n) { return json{{"n", std::move(n)}}; }

// Runs one job through a worker.
template <class Handler>
result_note result_of_one(Handler handler) {
  simulation world;
  world.queue.add(0s, "job-1");
  world.queue.interprets = true;
  worker w(std::move(handler), fixed_concurrency{1}, world.options);
  const worker_summary done = world.serve(w);
  CHECK(done.jobs == 1);
  REQUIRE(world.queue.results.size() == 1);
  CHECK(done.failed == (world.queue.results[0].status == outcome_status::failed ? 1 : 0));
  return world.queue.results[0];
}

// The error that the queue received for a job that failed.
template <class Handler>
error_info error_of_one(Handler handler) {
  const result_note result = result_of_one(std::move(handler));
  CHECK(result.status == outcome_status::failed);
  CHECK(result.body.size() == 1);
  return result.error;
}

}  // namespace

TEST_CASE("whatever a handler throws, its job fails and the queue learns what was thrown") {
  const error_info error = error_of_one([](job<>) -> task<int> {
    co_await coworker::sleep_for(1s);
    throw std::runtime_error("out of memory");
  });
  CHECK(error.type == "std::runtime_error");
  CHECK(error.message == "out of memory");
  CHECK(error.trace() == "std::runtime_error: out of memory");
  CHECK(error_of_one([](job<>) -> task<int> { throw 42; }).type == "int");
  CHECK(error_of_one([](job<>) -> task<int> { throw "a text"; }).message == "a text");
  CHECK(error_of_one([](job<>) -> task<int> { throw coworker::cancelled(); }).type == "coworker::cancelled");
}

TEST_CASE("a job that fails leaves the others alone") {
  simulation world;
  for (int i = 0; i < 20; ++i) world.queue.add(0s, std::to_string(i), json{{"fails", i % 3 == 0}});
  const auto handle = [](job<> work) -> task<int> {
    co_await coworker::sleep_for(std::chrono::milliseconds(work.id.size()));
    if (work.input.at("fails").get<bool>()) throw std::runtime_error("as its input says");
    co_return 1;
  };
  worker w(handle, fixed_concurrency{4}, world.options);
  const worker_summary done = world.serve(w);
  CHECK(done.jobs == 20);
  CHECK(done.failed == 7);
  CHECK(world.queue.results.size() == 20);
}

TEST_CASE("an output that JSON cannot hold fails its job, and the error says where it is") {
  const auto bad_number = [](job<>) -> task<json> {
    co_return json{{"scores", json::array({1.0, json{{"value", not_a_number}}})}};
  };
  const error_info number_error = error_of_one(bad_number);
  CHECK(number_error.type == "coworker::json_write_error");
  CHECK(number_error.message.starts_with("output.scores[1].value: NaN cannot be"));
  const auto bad_text = [](job<>) -> task<std::string> { co_return "caf\xe9"; };
  CHECK(error_of_one(bad_text).message.starts_with("output: string"));
}

TEST_CASE("a request to recycle the worker is kept when JSON cannot hold the output") {
  const auto handle = [](job<>) -> task<json> {
    co_return json{{"refresh_worker", true}, {"value", not_a_number}};
  };
  const result_note result = result_of_one(handle);
  CHECK(result.status == outcome_status::failed);
  CHECK(result.body.at("recycle") == true);
}

TEST_CASE("an error text that is not UTF-8 is still an error") {
  const auto returned = [](job<>) -> task<json> { co_return json{{"error", "bad \xff byte"}}; };
  CHECK(result_of_one(returned).status == outcome_status::failed);
  const auto thrown = [](job<>) -> task<json> { throw std::runtime_error("bad \xff byte"); };
  CHECK(error_of_one(thrown).message == "bad \xff byte");
}

TEST_CASE("chunks are sent one by one while the job runs, and those sent before a failure are kept") {
  simulation world;
  world.queue.add(0s, "good", json{{"last", 3}});
  world.queue.add(0s, "bad", json{{"last", -1}});
  const auto handle = [](job<> work) -> async_generator<json> {
    const int last = work.input.at("last").get<int>();
    for (int i = 1; i <= 3; ++i) {
      co_await coworker::sleep_for(1s);
      if (last < 0 && i == 3) throw std::runtime_error("the tape ran out");
      co_yield numbered(i);
    }
  };
  worker w(handle, fixed_concurrency{1}, world.options);
  world.serve(w);
  const std::vector<std::pair<std::string, std::string>> sent{{"good", "{\"n\":1}"},
                                                              {"good", "{\"n\":2}"},
                                                              {"good", "{\"n\":3}"},
                                                              {"bad", "{\"n\":1}"},
                                                              {"bad", "{\"n\":2}"}};
  CHECK(world.queue.chunks == sent);
  CHECK(world.queue.result_of("good").streamed);
  CHECK(world.queue.result_of("good").body == json{{"output", json::array()}});
  CHECK(world.queue.result_of("bad").status == outcome_status::failed);
}

TEST_CASE("a chunk that JSON cannot hold fails its job, and the error says which it was") {
  const auto handle = [](job<>) -> async_generator<json> {
    co_yield numbered(1);
    co_yield numbered(not_a_number);
    co_yield numbered(3);
  };
  CHECK(error_of_one(handle).message.starts_with("output[1].n: NaN cannot be"));
}

TEST_CASE("an engine whose chunk() throws against its contract fails the job, and the log names chunk()") {
  simulation world;
  world.queue.chunk_failure = std::make_exception_ptr(std::runtime_error("broken pipe"));
  world.queue.add(0s, "job-1");
  worker w(
      [](job<>) -> async_generator<int> {
        for (int i = 0; i < 5; ++i) co_yield i;
      },
      fixed_concurrency{1}, world.options);
  world.serve(w);
  CHECK(world.queue.chunks.size() == 1);
  CHECK(world.queue.result_of("job-1").body.at("error").get<std::string>().find("chunk 1") !=
        std::string::npos);
  CHECK(world.output.count("job-1 | The engine's chunk() threw std::runtime_error: broken pipe") == 1);
}

TEST_CASE("a generator also runs to its end if the queue accepts no chunks") {
  simulation world;
  struct plain_queue {
    coworker::testing::simulated_queue& inner;
    task<coworker::take_result> take(coworker::take_request request) { return inner.take(request); }
    task<delivery> complete(coworker::job_result result) { return inner.complete(std::move(result)); }
  };
  static_assert(!coworker::chunk_transport<plain_queue>);
  plain_queue queue{world.queue};
  world.queue.add(0s, "job-1");
  int given = 0;
  const auto handle = [&given](job<>) -> async_generator<int> {
    for (int i = 0; i < 3; ++i) {
      ++given;
      co_yield i;
    }
  };
  worker w(handle, fixed_concurrency{1}, world.options);
  coworker::sync_wait(world.loop, w.serve(queue));
  CHECK(given == 3);
  CHECK(world.queue.result_of("job-1").status == outcome_status::succeeded);
}

TEST_CASE("a job that the queue says cannot be run gets a result with the reason") {
  simulation world;
  coworker::job_envelope envelope;
  envelope.id = "job-1";
  envelope.problem = "the job has no input";
  world.queue.ends = false;
  world.queue.jobs_when_stopped.push_back(std::move(envelope));
  int calls = 0;
  worker w([&calls](job<>) -> task<int> { co_return ++calls; }, fixed_concurrency{1}, world.options);
  world.serve_and_stop(w, 1s);
  CHECK(world.queue.result_of("job-1").body == json{{"error", "the job has no input"}});
  CHECK(calls == 0);
}

TEST_CASE(
    "outcomes that the queue refuses, or at which complete() throws, are counted and the worker goes on") {
  for (const bool throws : {false, true}) {
    simulation world;
    world.queue.answer = delivery::refused;
    if (throws) world.queue.complete_failure = std::make_exception_ptr(std::runtime_error("broken pipe"));
    for (const char* id : {"a", "b", "c"}) world.queue.add(0s, id);
    worker w([](job<>) -> task<int> { co_return 1; }, fixed_concurrency{1}, world.options);
    const worker_summary done = world.serve(w);
    CHECK(done.jobs == 3);
    CHECK(done.undelivered == 3);
    CHECK(done.failed == 0);
    CHECK(world.output.count("complete() threw std::runtime_error: broken pipe") == (throws ? 3 : 0));
  }
}

TEST_CASE(
    "what take() throws against its contract is rethrown once the jobs in progress have been delivered") {
  simulation world;
  world.queue.hold = 2s;
  world.queue.take_failure = std::make_exception_ptr(std::runtime_error("no such host"));
  world.queue.add(0s, "a", json::object());
  world.queue.add(100s, "never taken", json::object());
  const auto handle = [](job<>) -> task<int> {
    co_await coworker::sleep_for(10s);
    co_return 1;
  };
  worker w(handle, fixed_concurrency{2}, world.options);
  CHECK_THROWS_WITH_AS(world.serve(w), "no such host", std::runtime_error);
  CHECK(world.queue.result_of("a").status == outcome_status::succeeded);
  CHECK(world.loop.elapsed() == 10s);
}

TEST_CASE("a take that throws `cancelled` without having been stopped is an error, and not an endless loop") {
  simulation world;
  world.queue.hold = 1s;
  world.queue.ends = false;
  world.queue.take_failure = std::make_exception_ptr(coworker::cancelled());
  worker w([](job<>) -> task<int> { co_return 1; }, fixed_concurrency{2}, world.options);
  CHECK_THROWS_WITH_AS(world.serve(w), doctest::Contains("was not stopped"), std::logic_error);
}

TEST_CASE("a worker whose queue failed can serve another") {
  simulation world;
  world.queue.ends = false;
  world.queue.hold = 1s;
  world.queue.take_failure = std::make_exception_ptr(std::runtime_error("no such host"));
  worker w([](job<>) -> task<int> { co_return 1; }, fixed_concurrency{2}, world.options);
  CHECK_THROWS_AS(world.serve(w), std::runtime_error);
  simulation other;
  other.queue.add(0s, "a");
  CHECK(other.serve(w).jobs == 1);
}

TEST_CASE(
    "a job that asks for the worker to be recycled is the last: jobs in progress end, no more are taken") {
  simulation world;
  world.queue.interprets = true;
  world.queue.ends = false;
  world.queue.add(0s, "a", json{{"refresh", false}, {"s", 5}});
  world.queue.add(0s, "b", json{{"refresh", true}, {"s", 2}});
  world.queue.add(3s, "never taken", json{{"refresh", false}, {"s", 1}});
  const auto handle = [](job<> work) -> task<json> {
    co_await coworker::sleep_for(std::chrono::seconds(work.input.at("s").get<int>()));
    co_return json{{"refresh_worker", work.input.at("refresh")}};
  };
  worker w(handle, fixed_concurrency{3}, world.options);
  const worker_summary done = world.serve(w);
  CHECK(done.jobs == 2);
  CHECK(done.elapsed == 5s);
  CHECK(world.queue.result_of("a").body == json::object());
  CHECK(world.queue.result_of("b").body == json{{"recycle", true}});
}
