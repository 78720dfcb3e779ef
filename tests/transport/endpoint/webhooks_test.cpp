// Webhooks in virtual time: what they send, and how often they are tried.

#include <doctest/doctest.h>
#include <chrono>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/transport/endpoint/webhooks.hpp>
#include <string>
#include <support/captured_log.hpp>
#include <support/scripted_client.hpp>
#include <vector>

namespace coworker::testing {
namespace {

using namespace std::chrono_literals;

struct webhook_world {
  simulated_loop loop;
  captured_log log;
  scripted_client client;

  void end_one_job(duration then) { sync_wait(loop, play(then)); }

  task<void> play(duration then) {
    endpoint_options options;
    options.kind = endpoint_kind::queue_api;
    http_endpoint endpoint(options, log.log);
    webhook_sender<scripted_client> sender(client, endpoint);
    scope sending(co_await this_coro::context());
    sending.spawn(sender.run());
    detail::endpoint_order order;
    order.webhook = "http://hook.example/ended";
    order.input = 1;
    detail::job_table::refusal why{};
    const detail::job_handle job = endpoint.jobs().submit(std::move(order), loop.now(), why);
    take_result taken;
    CHECK(endpoint.jobs().hand_over(1, loop.now(), taken));
    job_result result;
    result.job_id = job->id;
    result.outcome = outcome::success(json("out"));
    const delivery delivered = co_await endpoint.complete(std::move(result));
    CHECK(delivered == delivery::accepted);
    co_await sleep_for(then);
    sender.close();
    co_await sending.join();
  }
};

}  // namespace

TEST_CASE("a webhook gets the status object once") {
  webhook_world world;
  world.end_one_job(60s);
  REQUIRE(world.client.sent.size() == 1);
  CHECK(world.client.sent[0].url == "http://hook.example/ended");
  CHECK(world.client.sent[0].has_header("Content-Type: application/json"));
  const json body = json::parse(world.client.sent[0].body.value());
  CHECK(body.at("status") == "COMPLETED");
  CHECK(body.at("output") == "out");
}

TEST_CASE("a webhook that does not answer 200 is tried three times, ten seconds apart, and then logged") {
  webhook_world world;
  world.client.always("hook", answers(503));
  world.end_one_job(60s);
  REQUIRE(world.client.sent.size() == 3);
  CHECK(world.client.sent[1].at - world.client.sent[0].at == 10s);
  CHECK(world.client.sent[2].at - world.client.sent[1].at == 10s);
  CHECK(world.log.count("The job's webhook failed: it answered 503") == 1);
  webhook_world second;
  second.client.script("hook", {fails(http_failure::unreachable)});
  second.end_one_job(60s);
  CHECK(second.client.sent.size() == 2);
  CHECK(second.log.count("webhook") == 0);
}

TEST_CASE("close() skips the pauses between tries, and each webhook that is due is tried once more") {
  webhook_world world;
  world.client.always("hook", answers(500));
  world.end_one_job(0s);
  CHECK(world.client.sent.size() <= 2);
  CHECK(!world.client.sent.empty());
  CHECK(world.loop.elapsed() < 10s);
}

TEST_CASE("a webhook with an address that is not allowed is tried once") {
  webhook_world world;
  world.client.always("hook", fails(http_failure::unusable, "that is private"));
  world.end_one_job(60s);
  CHECK(world.client.sent.size() == 1);
  CHECK(world.log.count("that is private") == 1);
}

}  // namespace coworker::testing
