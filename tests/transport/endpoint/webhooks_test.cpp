// Webhooks in virtual time: who is told what, how often it is tried, and which addresses are let through.

#include <doctest/doctest.h>
#include <chrono>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/transport/endpoint/public_address.hpp>
#include <coworker/transport/endpoint/webhooks.hpp>
#include <string>
#include <support/captured_log.hpp>
#include <support/scripted_client.hpp>
#include <vector>

namespace coworker::testing {
namespace {

using namespace std::chrono_literals;

std::string no_way(const std::string&) { return "that is private"; }

struct webhook_world {
  simulated_loop loop;
  captured_log log;
  scripted_client client;
  std::string (*may_reach)(const std::string&) = nullptr;

  void end_one_job(duration then) { sync_wait(loop, play(then)); }

  task<void> play(duration then) {
    endpoint_options options;
    options.kind = endpoint_kind::queue_api;
    http_endpoint endpoint(options, log.log);
    webhook_sender<scripted_client> sender(client, endpoint, may_reach);
    scope sending(co_await this_coro::context());
    sending.spawn(sender.run());
    detail::endpoint_order order;
    order.webhook = "http://hook.example/told";
    order.envelope.input = 1;
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

socket_address at(const char* address) { return socket_address(address, 80); }

}  // namespace

TEST_CASE("a webhook gets the status object once") {
  webhook_world world;
  world.end_one_job(60s);
  REQUIRE(world.client.sent.size() == 1);
  CHECK(world.client.sent[0].url == "http://hook.example/told");
  CHECK(world.client.sent[0].has_header("Content-Type: application/json"));
  const json body = json::parse(world.client.sent[0].body.value());
  CHECK(body.at("status") == "COMPLETED");
  CHECK(body.at("output") == "out");
}

TEST_CASE("a webhook that does not answer 200 is tried three times, ten seconds apart, and then named") {
  webhook_world world;
  world.client.always("hook", answers(503));
  world.end_one_job(60s);
  REQUIRE(world.client.sent.size() == 3);
  CHECK(world.client.sent[1].at - world.client.sent[0].at == 10s);
  CHECK(world.client.sent[2].at - world.client.sent[1].at == 10s);
  CHECK(world.log.count("webhook was not told: it answered 503") == 1);
  webhook_world second;
  second.client.script("hook", {fails(http_failure::unreachable)});
  second.end_one_job(60s);
  CHECK(second.client.sent.size() == 2);
  CHECK(second.log.count("webhook") == 0);
}

TEST_CASE("at the end nothing is waited for, and what has not been tried is tried once") {
  webhook_world world;
  world.client.always("hook", answers(500));
  world.end_one_job(0s);
  CHECK(world.client.sent.size() <= 2);
  CHECK(!world.client.sent.empty());
  CHECK(world.loop.elapsed() < 10s);
}

TEST_CASE("a webhook that may not go there is not sent") {
  webhook_world world;
  world.may_reach = &no_way;
  world.end_one_job(60s);
  CHECK(world.client.sent.empty());
  CHECK(world.log.count("that is private") == 1);
}

TEST_CASE("private, local and special addresses are not public") {
  for (const char* const one : {"0.0.0.0",
                                "10.1.2.3",
                                "100.64.0.1",
                                "127.0.0.1",
                                "169.254.169.254",
                                "172.16.0.1",
                                "172.31.255.255",
                                "192.0.0.8",
                                "192.0.2.1",
                                "192.168.0.1",
                                "198.18.0.1",
                                "198.51.100.1",
                                "203.0.113.1",
                                "224.0.0.1",
                                "240.0.0.1",
                                "255.255.255.255",
                                "::",
                                "::1",
                                "fe80::1",
                                "fc00::1",
                                "fd12::1",
                                "ff02::1",
                                "::ffff:127.0.0.1",
                                "64:ff9b::7f00:1",
                                "2001:db8::1",
                                "2002:7f00:1::",
                                "2001:0::1"}) {
    CAPTURE(one);
    CHECK(!detail::is_public(at(one)));
  }
  for (const char* const one :
       {"1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.167.0.1",
        "223.255.255.255", "2606:4700::1111", "2a00:1450::1"}) {
    CAPTURE(one);
    CHECK(detail::is_public(at(one)));
  }
  CHECK(detail::why_not_public("http://127.0.0.1:8000/x") ==
        "127.0.0.1 is 127.0.0.1, which is no public address");
  CHECK(detail::why_not_public("http://[::1]/x") == "::1 is ::1, which is no public address");
  CHECK(detail::why_not_public("https://localhost?x").find("no public address") != std::string::npos);
  CHECK(detail::why_not_public("http://user@1.1.1.1/").find("names no host") != std::string::npos);
  CHECK(detail::why_not_public("https://8.8.8.8/x").empty());
}

}  // namespace coworker::testing
