// endpoint_client against a server that answers as the platform does, and against our own queue API.

#include <doctest/doctest.h>
#include <chrono>
#include <coworker/coro/async_generator.hpp>
#include <coworker/coro/collect.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/scale/modifier.hpp>
#include <coworker/transport/endpoint/engine.hpp>
#include <coworker/transport/endpoint/server.hpp>
#include <coworker/transport/runpod/endpoint_client.hpp>
#include <coworker/worker.hpp>
#include <map>
#include <stdexcept>
#include <string>
#include <support/call_server.hpp>
#include <support/captured_log.hpp>
#include <thread>
#include <utility>
#include <vector>

namespace coworker::testing {
namespace {

using namespace std::chrono_literals;

struct painting {
  std::string prompt;
  int steps = 0;
};

using platform_answers = std::map<std::string, std::vector<std::string>>;

/// Answers each path, without its query, with one body after the other, and then always with the last one.
class platform {
 public:
  explicit platform(platform_answers given)
      : script_(std::move(given)), server_([this](const http_request& asked) {
          const auto found = script_.find(std::string(asked.path()));
          if (found == script_.end()) return respond(404, R"({"error":"no such thing"})");
          const std::string body = found->second.front();
          if (found->second.size() > 1) found->second.erase(found->second.begin());
          return body.empty() ? respond(401, "who are you") : respond(200, body);
        }) {}

  platform(const platform&) = delete;
  platform& operator=(const platform&) = delete;

  endpoint_client client() const {
    endpoint_client_options how;
    how.base_url = server_.url("/v2/");
    how.poll_every = 1ms;
    return endpoint_client("ep", "the-key", how);
  }
  std::vector<call_server::asked> requests() const { return server_.requests(); }

 private:
  platform_answers script_;
  call_server server_;
};

async_generator<json> count_up(job<json> work) {
  const int most = work.input.get<int>();
  if (most < 0) throw std::invalid_argument("below zero");
  for (int i = 1; i <= most; ++i) co_yield json(i);
}

/// A worker of our own behind the queue API, on threads of its own.
class local_endpoint {
 public:
  local_endpoint()
      : endpoint_(queue_api(), log_.log),
        server_(endpoint_, "127.0.0.1", 0, 0, http_server_options()),
        worker_(count_up, fixed_concurrency{4}, quiet(log_)),
        thread_([this] { worker_.run(endpoint_); }) {}
  local_endpoint(const local_endpoint&) = delete;
  local_endpoint& operator=(const local_endpoint&) = delete;
  ~local_endpoint() {
    worker_.stop();
    thread_.join();
  }

  coworker::endpoint_client client() const {
    endpoint_client_options how;
    how.base_url = "http://127.0.0.1:" + std::to_string(server_.port()) + "/v2";
    how.poll_every = 1ms;
    return coworker::endpoint_client("any", "", how);
  }

 private:
  static endpoint_options queue_api() {
    endpoint_options made;
    made.kind = endpoint_kind::queue_api;
    made.streams = true;
    return made;
  }
  static options quiet(captured_log& log) {
    options made;
    made.log = &log.log;
    return made;
  }

  captured_log log_;
  http_endpoint endpoint_;
  endpoint_server server_;
  worker<async_generator<json> (*)(job<json>), fixed_concurrency> worker_;
  std::thread thread_;
};

}  // namespace

TEST_CASE("an endpoint of our own can be called like one of the platform") {
  const local_endpoint local;
  const coworker::endpoint_client client = local.client();
  const auto play = [](const coworker::endpoint_client& at) -> task<void> {
    const remote_job started = co_await at.run(3);
    CHECK(started.status == "IN_QUEUE");
    const std::vector<json> chunks = co_await collect(at.stream(started.id));
    CHECK(json(chunks) == json::array({1, 2, 3}));
    const remote_job ended = co_await at.status(started.id);
    CHECK(ended.completed());
    const remote_job failed = co_await at.run_sync(-1);
    CHECK(failed.status == "FAILED");
    CHECK(failed.error_text().find("below zero") != std::string::npos);
    const remote_health health = co_await at.health();
    CHECK(health.completed == 1);
    CHECK(health.failed == 1);
  };
  sync_wait(play(client));
}

TEST_CASE("a run starts a job, and sends the key and the input, a struct or json") {
  const platform at(platform_answers{{"/v2/ep/run", {R"({"id":"job-1","status":"IN_QUEUE"})"}}});
  const endpoint_client client = at.client();
  const remote_job started = sync_wait(client.run(painting{"a cat", 4}));
  CHECK(started.id == "job-1");
  CHECK(started.status == "IN_QUEUE");
  CHECK(!started.is_final());
  const call_server::asked asked = at.requests().at(0);
  CHECK(asked.method == "POST");
  CHECK(asked.header("Authorization") == "Bearer the-key");
  CHECK(asked.header("Content-Type") == "application/json");
  CHECK(json::parse(asked.body) == json{{"input", {{"prompt", "a cat"}, {"steps", 4}}}});
  sync_wait(client.run(json{{"n", 1}}));
  CHECK(json::parse(at.requests().at(1).body) == json{{"input", {{"n", 1}}}});
  CHECK_THROWS_AS(started.output_as<int>(), std::runtime_error);
}

TEST_CASE("run_sync asks for the status until the job is final, and the output is typed") {
  const platform at(platform_answers{
      {"/v2/ep/runsync", {R"({"id":"a/b","status":"IN_PROGRESS"})"}},
      {"/v2/ep/status/a%2Fb",
       {R"({"id":"a/b","status":"IN_QUEUE"})", R"({"id":"a/b","status":"RUNNING"})",
        R"({"id":"a/b","status":"COMPLETED","executionTime":7,"output":{"prompt":"done","steps":4}})"}}});
  const endpoint_client client = at.client();
  const remote_job ended = sync_wait(client.run_sync(painting{"a cat", 4}));
  CHECK(ended.completed());
  CHECK(ended.output_as<painting>().prompt == "done");
  CHECK(ended.output_as<json>().at("steps") == 4);
  CHECK(ended.details.at("executionTime") == 7);
  CHECK(at.requests().size() == 4);
  CHECK(at.requests().at(0).target == "/v2/ep/runsync?wait=90000");
}

TEST_CASE("a job that failed causes an exception only when its output is asked for") {
  const platform at(
      platform_answers{{"/v2/ep/runsync", {R"({"id":"j","status":"FAILED","error":"out of paint"})"}}});
  const remote_job ended = sync_wait(at.client().run_sync(1));
  CHECK(ended.status == "FAILED");
  CHECK(ended.is_final());
  CHECK_THROWS_WITH_AS(ended.output_as<int>(), "the job j is FAILED: out of paint", std::runtime_error);
}

TEST_CASE("a stream yields each chunk once, in order, until the job is final and no chunks remain") {
  const platform at(platform_answers{{"/v2/ep/stream/j",
                                      {R"({"status":"IN_PROGRESS","stream":[]})",
                                       R"({"status":"IN_PROGRESS","stream":[{"output":1},{"output":[2]}]})",
                                       R"({"status":"COMPLETED","stream":[{"output":"three"}]})",
                                       R"({"status":"COMPLETED","stream":[]})"}}});
  const endpoint_client client = at.client();
  const std::vector<json> all = sync_wait(collect(client.stream("j")));
  CHECK(json(all) == json::array({1, json::array({2}), "three"}));
  CHECK(at.requests().size() == 4);
}

TEST_CASE("a stream is not requested again if its chunks may be lost") {
  const platform at(platform_answers{{"/v2/ep/stream/j", {R"({"status":"IN_PROGRESS","stream":)"}}});
  const endpoint_client client = at.client();
  CHECK_THROWS_AS(sync_wait(collect(client.stream("j"))), http::call_error);
  CHECK(at.requests().size() == 1);
}

TEST_CASE("a job is cancelled, and an endpoint's health is returned") {
  const platform at(
      platform_answers{{"/v2/ep/cancel/j", {R"({"id":"j","status":"CANCELLED"})"}},
                       {"/v2/ep/health",
                        {R"({"jobs":{"completed":5,"failed":1,"inProgress":2,"inQueue":3,"retried":4},)"
                         R"("workers":{"idle":6,"running":7,"throttled":8}})"}}});
  const endpoint_client client = at.client();
  CHECK(sync_wait(client.cancel("j")).status == "CANCELLED");
  CHECK(at.requests().at(0).method == "POST");
  const remote_health health = sync_wait(client.health());
  CHECK(health.completed == 5);
  CHECK(health.failed == 1);
  CHECK(health.in_progress == 2);
  CHECK(health.in_queue == 3);
  CHECK(health.retried == 4);
  CHECK(health.idle == 6);
  CHECK(health.running == 7);
  CHECK(health.details.at("workers").at("throttled") == 8);
}

TEST_CASE("what the platform refuses is reported with the way out, and never with the key") {
  const platform at(platform_answers{{"/v2/ep/run", {""}}});
  const endpoint_client client = at.client();
  const auto error_of = [](task<remote_job> asking) -> std::string {
    try {
      sync_wait(std::move(asking));
    } catch (const http::call_error& error) {
      return std::to_string(error.status()) + " " + error.what();
    }
    return "nothing";
  };
  const std::string refused = error_of(client.run(1));
  CHECK(refused.starts_with("401 POST http://127.0.0.1:"));
  CHECK(refused.ends_with("/v2/ep/run: the status is 401: who are you; check the API key"));
  CHECK(error_of(client.status("none")).ends_with("check the ids of endpoint and job"));
  CHECK_THROWS_WITH_AS(endpoint_client("", "key"), "endpoint_client: the endpoint's id is empty",
                       std::invalid_argument);
}

}  // namespace coworker::testing
