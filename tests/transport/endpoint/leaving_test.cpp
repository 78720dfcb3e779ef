// A worker behind an endpoint: how it leaves, and what it measures under load, in virtual time.

#include <doctest/doctest.h>
#include <chrono>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/sleep.hpp>
#include <string>
#include <support/endpoint_world.hpp>
#include <vector>

namespace coworker::testing {
namespace {

using namespace std::chrono_literals;

// Takes as many milliseconds as its input says.
task<json> take_time(job<> work) {
  co_await sleep_for(std::chrono::milliseconds(work.input.get<int>()));
  co_return "done";
}

struct one_at_a_time : endpoint_world {
  one_at_a_time() : endpoint_world(endpoint_kind::queue_api) { concurrency = 1; }
};

task<std::string> run_job(endpoint_client& client, int milliseconds) {
  const endpoint_answer ran =
      co_await client.post("/run", "{\"input\": " + std::to_string(milliseconds) + "}");
  REQUIRE(ran.status == 200);
  co_return ran.body.at("id").get<std::string>();
}

task<void> run_and_wait(memory_listener& listener, endpoint_answer& got, std::string target,
                        std::string body) {
  endpoint_client client(listener);
  got = co_await client.post(std::move(target), std::move(body));
}

// Keeps the limit at 1, and remembers the last metrics.
struct onlooker {
  metrics* seen;
  int operator()(int, const metrics& measured) const {
    *seen = measured;
    return 1;
  }
};

}  // namespace

TEST_CASE(
    "while the worker drains, the modifier is still asked, so that as many jobs run at once as it allows") {
  endpoint_world world(endpoint_kind::queue_api);
  const worker_summary summary = world.play(
      take_time,
      [](memory_listener& listener, leaving_worker& worker) -> task<void> {
        endpoint_client client(listener);
        for (int i = 0; i < 60; ++i) co_await run_job(client, 300);
        worker.stop();
      },
      [](int current, const metrics& measured) {
        return measured.demand == demand_level::high && current < 10 ? current + 1 : current;
      });
  CHECK(summary.jobs == 60);
  CHECK(summary.stopped == 0);
  CHECK(summary.highest_in_progress == 10);
}

TEST_CASE("jobs that wait when the worker leaves are run within its grace period, and no more are accepted") {
  one_at_a_time world;
  const worker_summary summary =
      world.play(take_time, [](memory_listener& listener, leaving_worker& worker) -> task<void> {
        endpoint_client client(listener);
        std::vector<std::string> ids;
        for (int i = 0; i < 4; ++i) {
          std::string id = co_await run_job(client, 1000);
          ids.push_back(std::move(id));
        }
        co_await sleep_for(500ms);
        worker.stop();
        co_await sleep_for(1ms);
        const endpoint_answer refused = co_await client.post("/run", R"({"input": 1})");
        CHECK(refused.status == 503);
        CHECK(refused.body.at("error") == "the worker is leaving, and takes no more jobs");
        CHECK(refused.response.header("retry-after") == "1");
        const endpoint_answer refused_sync = co_await client.post("/runsync", R"({"input": 1})");
        CHECK(refused_sync.status == 503);
        const endpoint_answer ping = co_await client.get("/ping");
        CHECK(ping.status == 503);
        const endpoint_answer waits = co_await client.get("/status/" + ids[3]);
        CHECK(waits.body.at("status") == "IN_QUEUE");
        co_await sleep_for(4s);
        for (const std::string& id : ids) {
          const endpoint_answer ended = co_await client.get("/status/" + id);
          CHECK(ended.body.at("status") == "COMPLETED");
        }
      });
  CHECK(summary.jobs == 4);
  CHECK(summary.stopped == 0);
}

TEST_CASE(
    "a job that has not ended when the grace period is over is CANCELLED, and its client gets the reason") {
  one_at_a_time world;
  world.settings.grace_period = 5s;
  const worker_summary summary =
      world.play(take_time, [](memory_listener& listener, leaving_worker& worker) -> task<void> {
        endpoint_answer first, second, third;
        scope clients(co_await this_coro::context());
        clients.spawn(run_and_wait(listener, first, "/runsync", R"({"input": 4000})"));
        co_await sleep_for(1ms);
        clients.spawn(run_and_wait(listener, second, "/runsync", R"({"input": 4000})"));
        co_await sleep_for(1ms);
        clients.spawn(run_and_wait(listener, third, "/runsync", R"({"input": 4000})"));
        co_await sleep_for(1ms);
        worker.stop();
        co_await clients.join();
        CHECK(first.body.at("status") == "COMPLETED");
        CHECK(second.body.at("status") == "CANCELLED");
        CHECK(second.body.at("error") == "stopped: the worker leaves, and its grace period is over");
        CHECK(third.body.at("status") == "CANCELLED");
        CHECK(third.body.at("error") == "cancelled: the worker left before it had started the job");
        CHECK(!third.body.contains("executionTime"));
      });
  CHECK(summary.jobs == 2);
  CHECK(summary.stopped == 1);
  CHECK(summary.undelivered == 0);
}

TEST_CASE("a client that disconnects while the worker leaves ends its waiting job") {
  endpoint_world world(endpoint_kind::service);
  world.concurrency = 1;
  const worker_summary summary =
      world.play(take_time, [](memory_listener& listener, leaving_worker& worker) -> task<void> {
        endpoint_answer first;
        scope clients(co_await this_coro::context());
        clients.spawn(run_and_wait(listener, first, "/", "3000"));
        co_await sleep_for(1ms);
        {
          endpoint_client gone(listener);
          co_await gone.raw().send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n3000");
          co_await sleep_for(1ms);
          worker.stop();
          co_await sleep_for(1s);
        }
        co_await clients.join();
        CHECK(first.status == 200);
      });
  CHECK(summary.jobs == 1);
  CHECK(summary.elapsed == 3s);
}

TEST_CASE("a worker that has nothing to do leaves at once") {
  one_at_a_time world;
  const worker_summary summary =
      world.play(take_time, [](memory_listener&, leaving_worker& worker) -> task<void> {
        co_await sleep_for(1s);
        worker.stop();
        co_await sleep_for(1s);
      });
  CHECK(summary.elapsed == 1s);
}

TEST_CASE(
    "requests for jobs count when they come, also those that are refused, and the jobs that wait are "
    "reported") {
  one_at_a_time world;
  world.options.most_waiting = 5;
  static metrics seen;
  const auto clients = [](memory_listener& listener, leaving_worker&) -> task<void> {
    endpoint_client client(listener);
    co_await run_job(client, 60'000);
    co_await sleep_for(1950ms);
    for (int i = 0; i < 5; ++i) co_await run_job(client, 1);
    for (int i = 0; i < 2; ++i) {
      const endpoint_answer full = co_await client.post("/run", R"({"input": 1})");
      CHECK(full.status == 429);
    }
    co_await sleep_for(100ms);
    CHECK(seen.jobs_waiting == 5);
    CHECK(seen.arrivals_per_second == 7);
    co_await sleep_for(1s);
    CHECK(seen.jobs_waiting == 5);
    CHECK(seen.arrivals_per_second == 0);
    co_await client.post("/purge-queue");
    co_await sleep_for(1s);
    CHECK(seen.jobs_waiting == 0);
  };
  world.play(take_time, clients, onlooker{&seen});
}

}  // namespace coworker::testing
