// Results that an ended process left in a spool, passed on in virtual time.

#include <doctest/doctest.h>
#include <chrono>
#include <coworker/coro/context.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/transport/left_over.hpp>
#include <coworker/transport/spool.hpp>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <support/captured_log.hpp>
#include <support/temporary_folder.hpp>
#include <utility>
#include <vector>

namespace coworker::testing {
namespace {

using namespace std::chrono_literals;

struct attempt {
  duration at;
  std::string id;
};

// A spool with left-over results, and their receiver.
struct left_over_world {
  temporary_folder folder;
  simulated_loop loop;
  captured_log log;
  std::optional<spool> kept;
  backoff::options waits{1s, 60s};
  std::vector<attempt> attempts;
  int at_once = 0;
  int most_at_once = 0;
  /// Nothing: the entry is settled, and removed.
  std::function<std::optional<duration>(const spool::entry&)> decide = [](const spool::entry&) {
    return std::nullopt;
  };

  void leave(const std::string& id, const std::string& body = "{}") const {
    folder.write(id + ".result.json",
                 R"({"perhaps_accepted":false,"id":")" + id + R"(","streamed":false,"body":)" + body + "}");
  }

  task<std::optional<duration>> try_once(spool::entry& left) {
    attempts.push_back({loop.elapsed(), left.job_id});
    most_at_once = std::max(most_at_once, ++at_once);
    co_await sleep_for(10ms);
    --at_once;
    const std::optional<duration> wait = decide(left);
    if (!wait) kept->remove(left.ticket);
    co_return wait;
  }

  task<void> hand_on() {
    return detail::hand_on_left_over(*kept, waits, random_source(1), log.log,
                                     [this](spool::entry& left) { return try_once(left); });
  }

  task<void> stopped_after(duration span) {
    scope all(co_await this_coro::context());
    all.spawn(hand_on());
    co_await sleep_for(span);
    all.request_stop();
    co_await all.join();
  }

  void run() {
    kept.emplace(folder.name());
    sync_wait(loop, hand_on());
  }
  void run_for(duration span) {
    kept.emplace(folder.name());
    sync_wait(loop, stopped_after(span));
  }

  std::vector<duration> times_of(const std::string& id) const {
    std::vector<duration> times;
    for (const attempt& one : attempts) {
      if (one.id == id) times.push_back(one.at);
    }
    return times;
  }
};

}  // namespace

TEST_CASE("all left-over results are passed on, one at a time, and are then gone") {
  left_over_world world;
  for (const char* const id : {"a", "b", "c", "d"}) world.leave(id);
  world.run();
  CHECK(world.attempts.size() == 4);
  CHECK(world.most_at_once == 1);
  CHECK(world.loop.elapsed() == 40ms);
  CHECK(world.folder.files() == 0);
  CHECK(world.log.count("Posting a result that an earlier run left in the spool.") == 4);
}

TEST_CASE("without left-over results it returns at once") {
  left_over_world world;
  world.run();
  CHECK(world.loop.elapsed() == 0ms);
}

TEST_CASE("a result that fails waits alone, for growing times, and the others are passed on") {
  left_over_world world;
  for (const char* const id : {"a", "bad", "c", "d", "e"}) world.leave(id);
  world.decide = [](const spool::entry& left) {
    return left.job_id == "bad" ? std::optional<duration>(duration::zero()) : std::nullopt;
  };
  world.run_for(1h);
  for (const char* const id : {"a", "c", "d", "e"}) {
    REQUIRE(world.times_of(id).size() == 1);
    CHECK(world.times_of(id)[0] < 2s);
  }
  const std::vector<duration> times = world.times_of("bad");
  REQUIRE(times.size() > 10);
  CHECK(times.size() < 130);
  CHECK(times[1] - times[0] < 2s);
  CHECK(times.back() - times[times.size() - 2] > 30s);
  CHECK(world.folder.files(".result.json") == 1);
  CHECK(world.log.count("Posting a result") == 5);
}

TEST_CASE("a result waits at least as long as its attempt asks for") {
  left_over_world world;
  world.leave("a");
  world.decide = [&world](const spool::entry&) {
    return world.attempts.size() < 2 ? std::optional<duration>(5min) : std::nullopt;
  };
  world.run();
  const std::vector<duration> times = world.times_of("a");
  REQUIRE(times.size() == 2);
  CHECK(times[1] - times[0] >= 5min);
  CHECK(world.folder.files() == 0);
}

TEST_CASE("while none can be passed on, all results together are tried no more often than one") {
  left_over_world world;
  for (int i = 0; i < 100; ++i) world.leave("job-" + std::to_string(i));
  world.decide = [&world](const spool::entry&) {
    return world.loop.elapsed() < 1h ? std::optional<duration>(duration::zero()) : std::nullopt;
  };
  world.run();
  std::size_t in_vain = 0;
  for (const attempt& one : world.attempts) in_vain += one.at < 1h ? 1 : 0;
  CHECK(in_vain > 60);
  CHECK(in_vain < 150);
  CHECK(world.loop.elapsed() < 1h + 3min);  // once the first succeeds, the others follow
  CHECK(world.folder.files() == 0);
}

TEST_CASE("after a stop the rest stays in the spool for the next process") {
  left_over_world world;
  for (const char* const id : {"a", "b", "c"}) world.leave(id);
  world.run_for(15ms);  // in the middle of the second
  CHECK(world.attempts.size() == 2);
  CHECK(world.folder.files(".result.json") == 2);
  world.kept.reset();
  world.attempts.clear();
  world.run();
  CHECK(world.attempts.size() == 2);
  CHECK(world.folder.files() == 0);
}

TEST_CASE("a long result is read one piece per turn, so that it does not delay the jobs") {
  left_over_world world;
  world.leave("long", "\"" + std::string(10'000'000, 'x') + "\"");
  world.kept.emplace(world.folder.name());
  int turns = 0;
  std::size_t read = 0;
  world.decide = [&read](const spool::entry& left) {
    read = left.body.size();
    return std::nullopt;
  };
  const auto tick = [](const std::vector<attempt>& until, int& count) -> task<void> {
    while (until.empty()) {
      ++count;
      co_await sleep_for(duration::zero());
    }
  };
  const auto both = [](task<void> first, task<void> second) -> task<void> {
    scope all(co_await this_coro::context());
    all.spawn(std::move(first));
    all.spawn(std::move(second));
    co_await all.join();
  };
  sync_wait(world.loop, both(world.hand_on(), tick(world.attempts, turns)));
  CHECK(read == 10'000'002);
  CHECK(turns > 30);
}

TEST_CASE("a result that is removed or damaged while it waits is skipped") {
  left_over_world world;
  for (const char* const id : {"gone", "spoilt", "good"}) world.leave(id);
  int tried = 0;
  world.decide = [&](const spool::entry&) -> std::optional<duration> {
    if (++tried > 3) return std::nullopt;
    for (const std::string& name : world.folder.names(".result.json")) {
      if (tried < 3) break;
      const std::string id = json::parse(world.folder.read(name)).at("id").get<std::string>();
      if (id == "gone") std::filesystem::remove(world.folder.name() + "/" + name);
      if (id == "spoilt") world.folder.write(name, "{");
    }
    return duration::zero();
  };
  world.run();
  CHECK(world.attempts.size() == 4);
  CHECK(world.attempts.back().id == "good");
  CHECK(world.log.count("cannot be used and is left alone") == 1);
  CHECK(world.folder.files(".result.json") == 1);
}

}  // namespace coworker::testing
