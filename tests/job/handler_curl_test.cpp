// Each kind of handler with a queue on loopback, over libcurl: what the server receives, and in which order.

#include <doctest/doctest.h>
#include <chrono>
#include <coworker/exec/sleep.hpp>
#include <coworker/http/curl/client.hpp>
#include <coworker/transport/runpod/queue.hpp>
#include <coworker/typed/write.hpp>
#include <coworker/worker.hpp>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <support/captured_log.hpp>
#include <support/queue_server.hpp>
#include <support/running_worker.hpp>
#include <thread>
#include <utility>
#include <vector>

namespace coworker::testing {
namespace {

using namespace std::chrono_literals;

// Serves that many jobs, 8 at a time, and returns what the server received.
template <class Handler>
queue_log serve_over_http(Handler handler, std::size_t jobs, worker_options options = {}) {
  queue_server server({.hold = 200ms});
  server.add_jobs(jobs, json{{"n", 3}});
  captured_log log{log_level::info};
  options.log = &log.log;
  running_worker_options usual;
  usual.queue.urls = urls_of(server);
  worker serving(std::move(handler), fixed_concurrency{8}, std::move(options));
  std::thread thread([&] {
    curl_client client(usual.client);
    runpod_queue queue(client, usual.queue, log.log);
    serving.run(queue);
  });
  CHECK(server.wait_for_results(jobs));
  serving.stop();
  thread.join();
  return server.log();
}

// Returns the bodies that the server received for one job, in order, outcome included.
std::vector<std::string> bodies_of(const queue_log& seen, const std::string& id) {
  std::vector<std::string> bodies;
  for (const exchange& one : seen.course_of(id)) bodies.push_back(one.request.body);
  return bodies;
}

async_generator<int> http_count(job<> work) {
  for (int i = 1; i <= work.input.value("n", 0); ++i) {
    co_yield i;
    co_await sleep_for(1ms);
  }
}

async_generator<int> http_count_and_fail(job<> work) {
  for (int i = 1; i < work.input.value("n", 0); ++i) co_yield i;
  throw std::runtime_error("no more");
}

struct http_size {
  int n = 0;
  int width = 512;
};

}  // namespace

TEST_CASE("a plain function and a task give their outputs over HTTP") {
  const queue_log plain = serve_over_http([](job<> work) { return work.input.value("n", 0) * 2; }, 50);
  const queue_log task_log = serve_over_http(
      [](job<> work) -> task<int> {
        co_await sleep_for(1ms);
        co_return work.input.value("n", 0) * 2;
      },
      50);
  for (const auto& [id, story] : plain.jobs)
    CHECK(bodies_of(plain, id) == std::vector<std::string>{R"({"output":6})"});
  for (const auto& [id, story] : task_log.jobs)
    CHECK(bodies_of(task_log, id) == std::vector<std::string>{R"({"output":6})"});
}

TEST_CASE("a stream's chunks arrive in order over HTTP, and its outcome last") {
  const queue_log seen = serve_over_http(http_count, 50);
  CHECK(seen.jobs.size() == 50);
  for (const auto& [id, story] : seen.jobs) {
    CHECK(bodies_of(seen, id) == std::vector<std::string>{R"({"output":1})", R"({"output":2})",
                                                          R"({"output":3})", R"({"output":[]})"});
  }
}

TEST_CASE("a plain function's range is streamed over HTTP, and a coroutine on the pool streams as well") {
  const queue_log ranges = serve_over_http(
      [](job<> work) {
        return streamed{std::vector<int>(static_cast<std::size_t>(work.input.value("n", 0)), 7)};
      },
      20);
  for (const auto& [id, story] : ranges.jobs) {
    CHECK(bodies_of(ranges, id) == std::vector<std::string>{R"({"output":7})", R"({"output":7})",
                                                            R"({"output":7})", R"({"output":[]})"});
  }
  worker_options options;
  options.coroutines_on_pool = true;
  options.stream.return_aggregate_stream = true;
  const queue_log pooled = serve_over_http(http_count, 20, options);
  for (const auto& [id, story] : pooled.jobs) {
    CHECK(bodies_of(pooled, id) == std::vector<std::string>{R"({"output":1})", R"({"output":2})",
                                                            R"({"output":3})", R"({"output":[1,2,3]})"});
  }
}

TEST_CASE("a stream that fails midway has sent its chunks over HTTP, and lists them if asked to") {
  for (const bool lists : {false, true}) {
    worker_options options;
    options.stream.return_aggregate_stream = lists;
    const queue_log seen = serve_over_http(http_count_and_fail, 20, options);
    CHECK(seen.jobs.size() == 20);
    for (const auto& [id, story] : seen.jobs) {
      const std::vector<std::string> bodies = bodies_of(seen, id);
      REQUIRE(bodies.size() == 3);
      CHECK(bodies[0] == R"({"output":1})");
      CHECK(bodies[1] == R"({"output":2})");
      const json failure = json::parse(bodies[2]);
      CHECK(failure.at("error").get<std::string>().find("no more") != std::string::npos);
      CHECK(failure.value("output", json()) == (lists ? json{1, 2} : json()));
    }
  }
}

TEST_CASE("with only_outcomes each job makes one post over HTTP, whatever its handler streams") {
  worker_options options;
  options.only_outcomes = true;
  const queue_log seen = serve_over_http(http_count, 20, options);
  CHECK(seen.jobs.size() == 20);
  for (const auto& [id, story] : seen.jobs)
    CHECK(bodies_of(seen, id) == std::vector<std::string>{R"({"output":[1,2,3]})"});
}

TEST_CASE("a typed handler returns a struct over HTTP, and a job that ran too long says so") {
  const queue_log typed = serve_over_http([](job<http_size> work) { return work.input; }, 20);
  CHECK(typed.jobs.size() == 20);
  for (const auto& [id, story] : typed.jobs)
    CHECK(bodies_of(typed, id) == std::vector<std::string>{R"({"output":{"n":3,"width":512}})"});
  worker_options options;
  options.job_timeout = 10ms;
  const queue_log late = serve_over_http([](job<>) -> task<void> { co_await sleep_for(1h); }, 8, options);
  CHECK(late.jobs.size() == 8);
  for (const auto& [id, story] : late.jobs) {
    CHECK(bodies_of(late, id) ==
          std::vector<std::string>{R"({"error":"timed out: it ran longer than its limit of 0.01 s"})"});
  }
}

TEST_CASE("progress arrives over HTTP in order, and never after the outcome") {
  const queue_log seen = serve_over_http(
      [](job<> work) -> task<std::string> {
        for (int i = 0; i < 20; ++i) {
          work.progress(i);
          co_await sleep_for(1ms);
        }
        co_return "done";
      },
      20);
  CHECK(seen.jobs.size() == 20);
  for (const auto& [id, story] : seen.jobs) {
    const std::vector<std::string> bodies = bodies_of(seen, id);
    REQUIRE(bodies.size() >= 2);
    CHECK(bodies.back() == R"({"output":"done"})");
    int last = -1;
    for (std::size_t i = 0; i + 1 < bodies.size(); ++i) {
      const json report = json::parse(bodies[i]);
      CHECK(report.at("status") == "IN_PROGRESS");
      CHECK(report.at("output").get<int>() > last);
      last = report.at("output").get<int>();
    }
  }
}

}  // namespace coworker::testing
