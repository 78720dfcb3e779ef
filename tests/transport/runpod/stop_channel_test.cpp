#include <doctest/doctest.h>
#include <chrono>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/transport/runpod/stop_channel.hpp>
#include <cstddef>
#include <string>
#include <support/captured_log.hpp>
#include <support/scripted_client.hpp>
#include <utility>
#include <vector>

namespace coworker::testing {
namespace {

using namespace std::chrono_literals;
using stop_list = std::vector<std::string>;

struct stop_world {
  simulated_loop loop;
  captured_log log;
  scripted_client client;
  queue_urls urls{{"http://h/job-take/$ID?gpu=A", "http://h/job-done/$ID", "", ""}, "w"};
  stop_channel_options options;
  stop_list stopped;
  bool ended = false;

  void watch_for(duration span) { sync_wait(loop, watching(*this, span)); }

 private:
  static task<void> watch(stop_world& world) {
    const auto note = [&world](std::string id) { world.stopped.push_back(std::move(id)); };
    co_await watch_stops(world.client, world.urls, world.options, world.log.log, note);
    world.ended = true;
  }

  static task<void> watching(stop_world& world, duration span) {
    scope watches(co_await this_coro::context());
    watches.spawn(watch(world));
    co_await sleep_for(span);
    watches.request_stop();
    co_await watches.join();
  }
};

}  // namespace

TEST_CASE("the stop channel is a long poll, asked again as soon as it is answered") {
  stop_world world;
  world.options.headers = {"Authorization: key"};
  world.watch_for(200s);
  REQUIRE(world.client.sent.size() == 3);
  CHECK(world.client.sent[0].url == "http://h/job-stop/w?gpu=A");
  CHECK(world.client.sent[0].timeout == 105s);
  CHECK(world.client.sent[0].has_header("Authorization: key"));
  CHECK(world.client.sent[1].at == 90s);
  CHECK(world.client.sent[2].at == 180s);
  CHECK(world.client.sent[2].cancelled);
  CHECK(world.loop.elapsed() == 200s);
  CHECK(world.log.lines().empty());
}

TEST_CASE("each job that the server names is stopped, the others are not") {
  stop_world world;
  world.client.script("/job-stop/", {answers(200, R"({"jobsToStop":["a","b"]})", 30s),
                                     answers(200, R"({"jobsToStop":[]})", 30s),
                                     answers(200, R"({"jobsToStop":["c"]})", 10ms)});
  world.watch_for(100s);
  CHECK(world.stopped == stop_list{"a", "b", "c"});
  CHECK(world.log.lines().empty());
}

TEST_CASE("a server without a stop channel is asked once and never again, with one line") {
  stop_world world;
  world.client.always("/job-stop/", answers(404));
  world.watch_for(1h);
  CHECK(world.client.sent.size() == 1);
  CHECK(world.ended);
  CHECK(world.log.lines().size() == 1);
  CHECK(world.log.count("no stop channel") == 1);
}

TEST_CASE("without a stop URL in the take URL no stops are asked for") {
  stop_world world;
  world.urls = queue_urls({"http://h/take", "http://h/done/$ID", "", ""}, "w");
  world.watch_for(1h);
  CHECK(world.client.sent.empty());
  CHECK(world.ended);
}

TEST_CASE("a stop channel that fails, or answers at once, is polled at growing intervals, and logged once") {
  for (const scripted_answer& given :
       {answers(500), answers(401), answers(204), answers(200, R"({"jobsToStop":[]})"),
        answers(200, "<html>"), fails(http_failure::unreachable), fails(http_failure::broken)}) {
    CAPTURE(given.answer.status);
    stop_world world;
    world.client.decide = [&given](const sent_request& request) {
      return request.at < 1h ? given : answers(200, R"({"jobsToStop":["a"]})", 10s);
    };
    world.watch_for(62min);
    CHECK(world.client.most_in_a_second("/job-stop/") <= 6);
    CHECK(world.client.sent.size() < 270);
    CHECK(world.client.sent.size() > 100);
    CHECK(!world.stopped.empty());
    CHECK(world.log.count("fails") <= 1);
    CHECK(world.log.count("works again") == world.log.count("fails"));
    CHECK(world.log.lines().size() == 2 * world.log.count("fails"));
  }
}

TEST_CASE("a server that names the same job at once each time is not polled in a tight loop") {
  stop_world world;
  world.client.always("/job-stop/", answers(200, R"({"jobsToStop":["a"]})"));
  world.watch_for(1min);
  CHECK(world.client.most_in_a_second("/job-stop/") <= 11);
  CHECK(world.stopped.size() == world.client.sent.size());
}

TEST_CASE("a stop channel is not polled for as long as the server asks, up to a minute") {
  stop_world world;
  world.client.script("/job-stop/", {answers_retry_after(429, 77s)});
  world.watch_for(100s);
  REQUIRE(world.client.sent.size() == 2);
  CHECK(world.client.sent[1].at == 60s);
}

TEST_CASE("a proxy that gives up the poll before the server answers does not slow it down") {
  stop_world world;
  world.client.always("/job-stop/", answers(504, "", 60s));
  world.watch_for(1h);
  CHECK(world.client.sent.size() >= 59);
}

}  // namespace coworker::testing
