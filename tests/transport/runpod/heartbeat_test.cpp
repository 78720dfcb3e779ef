#include <doctest/doctest.h>
#include <algorithm>
#include <chrono>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/transport/runpod/heartbeat.hpp>
#include <coworker/version.hpp>
#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <support/captured_log.hpp>
#include <support/fake_control.hpp>
#include <support/scripted_client.hpp>
#include <utility>
#include <vector>

namespace coworker::testing {
namespace {

using namespace std::chrono_literals;

/// A heartbeat in virtual time, and what others do meanwhile.
struct heartbeat_world {
  simulated_loop loop;
  captured_log log;
  scripted_client client;
  fake_control jobs;
  queue_urls urls{{"http://h/job-take/$ID", "http://h/job-done/$ID", "", "http://h/ping/$RUNPOD_POD_ID"},
                  "w"};
  heartbeat_options options;
  std::function<void(duration)> each_second = [](duration) {};

  /// Lets it run for that long.
  void beat_for(duration span) { sync_wait(loop, beating(*this, span)); }

  std::vector<duration> moments() const {
    std::vector<duration> all;
    for (const sent_request& ping : client.sent) all.push_back(ping.at);
    return all;
  }

 private:
  static task<void> beating(heartbeat_world& world, duration span) {
    scope beats(co_await this_coro::context());
    beats.spawn(
        heartbeat(world.client, world.urls, worker_control(world.jobs), world.options, world.log.log));
    for (duration at{}; at < span; at += 1s) {
      world.each_second(at);
      co_await sleep_for(std::min<duration>(1s, span - at));
    }
    beats.request_stop();
    co_await beats.join();
  }
};

using moment_list = std::vector<duration>;

/// The ids that a ping names, still encoded.
std::vector<std::string> heartbeat_ids(const std::string& url) {
  const std::size_t begin = url.find("job_id=") + 7;
  const std::string list = url.substr(begin, url.find('&', begin) - begin);
  std::vector<std::string> ids;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find("%2C", at), list.size());
    ids.push_back(list.substr(at, end - at));
    at = end + 3;
  }
  return ids;
}

const std::string ping_version = std::string("runpod_version=") + COWORKER_VERSION;

}  // namespace

TEST_CASE(
    "heartbeats are sent at once and then at each interval, with the version and without jobs while idle") {
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

TEST_CASE("each heartbeat lists exactly the jobs that are in progress at that time, however many") {
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

TEST_CASE(
    "a heartbeat that fails is tried again up to three times, with the jobs of that time, and logged once") {
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

TEST_CASE("a heartbeat that the server refuses is not repeated, but logged") {
  heartbeat_world world;
  world.client.always("/ping/", answers(414));
  world.beat_for(25s);
  CHECK(world.moments() == moment_list{0s, 10s, 20s});
  CHECK(world.log.lines().size() == 1);
  CHECK(world.log.count("HTTP 414") == 1);
}

TEST_CASE("a server that finds a ping too long gets the same jobs in short ones, and nothing is logged") {
  for (const bool says_so : {true, false}) {
    CAPTURE(says_so);
    heartbeat_world world;
    world.client.decide = [&](const sent_request& ping) -> std::optional<scripted_answer> {
      if (ping.url.size() <= 4096) return answers(200);
      return says_so ? answers(414) : fails(http_failure::broken, "the server hung up");
    };
    for (int i = 0; i < 1000; ++i) world.jobs.add("job-" + std::to_string(10'000 + i));
    world.beat_for(15s);

    for (const duration beat : {0s, 10s}) {
      std::set<std::string> named;
      std::size_t too_long = 0;
      std::size_t pings = 0;
      for (const sent_request& ping : world.client.sent) {
        if (ping.at != beat) continue;
        if (ping.url.size() > 4096) {
          ++too_long;
          continue;
        }
        ++pings;
        CHECK(ping.url.ends_with("&" + ping_version));
        for (const std::string& id : heartbeat_ids(ping.url)) CHECK(named.insert(id).second);
      }
      CHECK(named.size() == 1000);
      CHECK(pings >= 4);
      CHECK(pings <= 5);
      // A length that it has refused by its status is not sent again; a connection that broke may have had
      // other reasons.
      CHECK(too_long == (says_so && beat > 0s ? 0 : 1));
    }
    CHECK(world.log.lines().empty());
  }
}

TEST_CASE("a list that has become short enough is sent whole again") {
  heartbeat_world world;
  world.client.decide = [&](const sent_request& ping) -> std::optional<scripted_answer> {
    return answers(ping.url.size() <= 8000 ? 200 : 431);
  };
  for (int i = 0; i < 1000; ++i) world.jobs.add("job-" + std::to_string(10'000 + i));
  world.each_second = [&](duration at) {
    for (int i = 500; at == 5s && i < 1000; ++i) world.jobs.remove("job-" + std::to_string(10'000 + i));
  };
  world.beat_for(15s);
  const sent_request& last = world.client.sent.back();
  CHECK(last.at == 10s);
  CHECK(last.url.size() > 4096);
  CHECK(heartbeat_ids(last.url).size() == 500);
}

TEST_CASE("a part of a heartbeat that fails is tried again, and the others are sent once") {
  heartbeat_world world;
  bool failed = false;
  world.client.decide = [&](const sent_request& ping) -> std::optional<scripted_answer> {
    if (ping.url.size() > 4096) return answers(414);
    return answers(world.client.sent.size() == 3 && !std::exchange(failed, true) ? 503 : 200);
  };
  for (int i = 0; i < 1000; ++i) world.jobs.add("job-" + std::to_string(10'000 + i));
  world.beat_for(5s);
  REQUIRE(world.client.sent.size() >= 5);
  CHECK(world.client.sent[2].url == world.client.sent[3].url);
  CHECK(world.client.sent[3].at == 2500ms);
  std::multiset<std::string> named;
  for (std::size_t i = 1; i < world.client.sent.size(); ++i) {
    if (i == 2) continue;
    for (const std::string& id : heartbeat_ids(world.client.sent[i].url)) named.insert(id);
  }
  CHECK(named.size() == 1000);
  CHECK(std::set<std::string>(named.begin(), named.end()).size() == 1000);
}

TEST_CASE("an id longer than any ping should be is not cut off") {
  heartbeat_world world;
  const std::string giant(5000, 'x');
  world.client.decide = [&](const sent_request& ping) -> std::optional<scripted_answer> {
    return answers(ping.url.find("%2C") == std::string::npos ? 200 : 414);
  };
  world.jobs.add(giant);
  world.jobs.add("small");
  world.beat_for(5s);
  std::set<std::string> named;
  for (std::size_t i = 1; i < world.client.sent.size(); ++i) {
    for (const std::string& id : heartbeat_ids(world.client.sent[i].url)) named.insert(id);
  }
  CHECK(named == std::set<std::string>{giant, "small"});
}

TEST_CASE("a server that is down gets at most four pings in an interval, and is logged once") {
  heartbeat_world world;
  world.client.always("/ping/", fails(http_failure::unreachable, "refused"));
  world.beat_for(1h);
  CHECK(world.client.sent.size() <= 4 * 361);
  CHECK(world.log.lines().size() == 1);
}

TEST_CASE("a slow heartbeat does not delay the next one, and missed ones are not repeated") {
  heartbeat_world world;
  world.client.script("/ping/", {answers(200, "", 4s), answers(200, "", 12s), answers(200)});
  world.beat_for(45s);
  CHECK(world.moments() == moment_list{0s, 10s, 22s, 32s, 42s});
}

TEST_CASE("an unanswered heartbeat ends after two intervals") {
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

TEST_CASE("a server that takes longer than a short interval is waited for, and then pinged at its own pace") {
  heartbeat_world world;
  world.options.interval = 1ms;
  world.client.always("/ping/", answers(200, "", 100ms));
  world.beat_for(2s);
  CHECK(world.client.sent.size() == 20);
  CHECK(std::none_of(world.client.sent.begin(), world.client.sent.end() - 1,
                     [](const sent_request& ping) { return ping.cancelled; }));
  CHECK(world.log.lines().empty());
}

TEST_CASE("a heartbeat that is stopped while it is sent ends at once") {
  heartbeat_world world;
  world.client.always("/ping/", answers(200, "", 1h));
  world.beat_for(5s);
  CHECK(world.loop.elapsed() == 5s);
  CHECK(world.client.sent.at(0).cancelled);
}

TEST_CASE("an answer that begins and does not end delays heartbeats no longer than one that does not begin") {
  heartbeat_world world;
  scripted_answer endless = answers(200);
  endless.arrival = 24h;
  world.client.script("/ping/", {endless, answers(200)});
  world.beat_for(35s);
  CHECK(world.moments() == moment_list{0s, 22500ms, 22500ms, 32500ms});
}

}  // namespace coworker::testing
