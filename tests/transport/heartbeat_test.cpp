#include <doctest/doctest.h>
#include <chrono>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/transport/heartbeat.hpp>
#include <coworker/version.hpp>
#include <cstddef>
#include <functional>
#include <string>
#include <support/captured_log.hpp>
#include <support/scripted_client.hpp>
#include <vector>

namespace coworker::testing {
namespace {

using namespace std::chrono_literals;

/// A heart that beats in virtual time, and what others do meanwhile.
struct heartbeat_world {
  simulated_loop loop;
  captured_log log;
  scripted_client client;
  jobs_in_progress jobs;
  queue_urls urls{{"http://h/job-take/$ID", "http://h/job-done/$ID", "", "http://h/ping/$RUNPOD_POD_ID"},
                  "w"};
  heartbeat_options options;
  std::function<void(duration)> each_second = [](duration) {};

  /// Lets it beat for so long.
  void beat_for(duration span) { sync_wait(loop, beating(*this, span)); }

  std::vector<duration> moments() const {
    std::vector<duration> all;
    for (const sent_request& ping : client.sent) all.push_back(ping.at);
    return all;
  }

 private:
  static task<void> beating(heartbeat_world& world, duration span) {
    scope beats(co_await this_coro::context());
    beats.spawn(heartbeat(world.client, world.urls, world.jobs, world.options, world.log.log));
    for (duration at{}; at < span; at += 1s) {
      world.each_second(at);
      co_await sleep_for(std::min<duration>(1s, span - at));
    }
    beats.request_stop();
    co_await beats.join();
  }
};

using moment_list = std::vector<duration>;
const std::string ping_version = std::string("runpod_version=") + COWORKER_VERSION;

}  // namespace

TEST_CASE("the heart beats at once and then at its interval, with the version and no job while idle") {
  heartbeat_world world;
  world.options.headers = {"Authorization: key"};
  world.beat_for(35s);
  CHECK(world.moments() == moment_list{0s, 10s, 20s, 30s});
  for (const sent_request& ping : world.client.sent) {
    CHECK(ping.url == "http://h/ping/w?" + ping_version);
    CHECK(!ping.body);
    CHECK(ping.timeout == 20s);
    CHECK(ping.has_header("Authorization: key"));
  }
  CHECK(world.log.lines().empty());
}

TEST_CASE("each beat lists exactly the jobs that are in progress in that moment, however many") {
  heartbeat_world world;
  world.each_second = [&](duration at) {
    if (at == 5s) world.jobs.add("a,b/c");
    if (at == 6s) world.jobs.add("d");
    if (at == 15s) world.jobs.remove("d");
    if (at == 25s) world.jobs.remove("a,b/c");
    for (int i = 0; at == 35s && i < 5000; ++i) world.jobs.add("job-" + std::to_string(10'000 + i));
  };
  world.beat_for(45s);
  REQUIRE(world.client.sent.size() == 5);
  const std::string& second = world.client.sent[1].url;  // lists them in any order
  CHECK((second == "http://h/ping/w?job_id=a%2Cb%2Fc%2Cd&" + ping_version ||
         second == "http://h/ping/w?job_id=d%2Ca%2Cb%2Fc&" + ping_version));
  CHECK(world.client.sent[2].url == "http://h/ping/w?job_id=a%2Cb%2Fc&" + ping_version);
  CHECK(world.client.sent[3].url == "http://h/ping/w?" + ping_version);
  for (int i = 0; i < 5000; ++i)
    REQUIRE(world.client.sent[4].url.find("job-" + std::to_string(10'000 + i)) != std::string::npos);
}

TEST_CASE("a beat that fails is tried again up to three times, with the jobs of that moment, and told once") {
  for (const int status : {429, 500, 502, 503, 504}) {
    CAPTURE(status);
    heartbeat_world world;
    world.client.script("/ping/", {answers(status), answers(status), answers(status), answers(status)});
    world.each_second = [&](duration at) {
      if (at == 3s) world.jobs.add("a");
    };
    world.beat_for(15s);
    CHECK(world.moments() == moment_list{0s, 2500ms, 5s, 7500ms, 10s});
    CHECK(world.client.sent[1].url.find("job_id") == std::string::npos);
    CHECK(world.client.sent[2].url.find("job_id=a") != std::string::npos);
    CHECK(world.log.lines().size() == 2);
    CHECK(world.log.count("The heartbeat fails (HTTP " + std::to_string(status) + ")") == 1);
    CHECK(world.log.count("The heartbeat works again") == 1);
  }
}

TEST_CASE("a beat that the server cannot take is not repeated, but said") {
  heartbeat_world world;
  world.client.always("/ping/", answers(414));
  world.beat_for(25s);
  CHECK(world.moments() == moment_list{0s, 10s, 20s});
  CHECK(world.log.lines().size() == 1);
  CHECK(world.log.count("HTTP 414") == 1);
}

TEST_CASE("a server that is down is not asked more often than four times an interval, and makes one line") {
  heartbeat_world world;
  world.client.always("/ping/", fails(http_failure::unreachable, "refused"));
  world.beat_for(1h);
  CHECK(world.client.sent.size() <= 4 * 361);
  CHECK(world.log.lines().size() == 1);
}

TEST_CASE("a beat that takes long does not make the next one late, nor are missed ones made up for") {
  heartbeat_world world;
  world.client.script("/ping/", {answers(200, "", 4s), answers(200, "", 12s), answers(200)});
  world.beat_for(45s);
  CHECK(world.moments() == moment_list{0s, 10s, 22s, 32s, 42s});
}

TEST_CASE("an unanswered beat ends after two intervals") {
  heartbeat_world world;
  world.options.interval = 1s;
  world.client.script("/ping/", {answers(200, "", 1h)});
  world.beat_for(4s);
  REQUIRE(world.client.sent.size() >= 2);
  CHECK(world.client.sent[1].at == 2250ms);
}

TEST_CASE("an interval of one millisecond is kept") {
  heartbeat_world world;
  world.options.interval = 1ms;
  world.beat_for(2s);
  CHECK(world.client.sent.size() == 2000);
}

TEST_CASE("a heart that is stopped in the middle of a beat ends at once") {
  heartbeat_world world;
  world.client.always("/ping/", answers(200, "", 1h));
  world.beat_for(5s);
  CHECK(world.loop.elapsed() == 5s);
  CHECK(world.client.sent.at(0).cancelled);
}

}  // namespace coworker::testing
