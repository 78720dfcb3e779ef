#include <doctest/doctest.h>
#include <atomic>
#include <chrono>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <cstdint>
#include <limits>
#include <ratio>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace cw = coworker;
using namespace std::chrono_literals;

// Returns how long a sleep lasts in virtual time.
template <class Rep, class Period>
cw::duration sleep_lasts(std::chrono::duration<Rep, Period> span) {
  cw::simulated_loop loop;
  const auto body = [](std::chrono::duration<Rep, Period> time) -> cw::task<> {
    co_await cw::sleep_for(time);
  };
  cw::sync_wait(loop, body(span));
  return loop.elapsed();
}

cw::task<> sleep_through(int depth, cw::duration span) {
  if (depth > 0) {
    co_await sleep_through(depth - 1, span);
  } else {
    co_await cw::sleep_for(span);
  }
}

// Runs `work` in a chain that is stopped after `stop_after`. Returns whether it ended as cancelled.
cw::task<bool> sleep_is_cancelled(cw::task<> work, cw::duration stop_after) {
  bool cancelled = false;
  cw::scope children(co_await cw::this_coro::context());
  children.spawn([&]() -> cw::task<> {
    try {
      co_await std::move(work);
    } catch (const cw::cancelled&) {
      cancelled = true;
    }
  });
  co_await cw::sleep_for(stop_after);
  children.request_stop();
  co_await children.join();
  co_return cancelled;
}

// A thread that requests stops on demand, each at once.
class sleep_stopper {
 public:
  sleep_stopper() : thread_([this] { work(); }) {}
  sleep_stopper(const sleep_stopper&) = delete;
  sleep_stopper& operator=(const sleep_stopper&) = delete;
  ~sleep_stopper() {
    ended_ = true;
    thread_.join();
  }

  void ask(cw::stop_source& source) { wanted_ = &source; }
  void wait() const {
    while (wanted_ != nullptr) std::this_thread::yield();
  }

 private:
  void work() {
    while (!ended_) {
      if (cw::stop_source* const source = wanted_) {
        source->request_stop();
        wanted_ = nullptr;
      } else {
        std::this_thread::yield();
      }
    }
  }

  std::atomic<cw::stop_source*> wanted_ = nullptr;
  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

// Sleepers on `place` whose stop is requested, from a thread of its own, just as they begin to sleep. Returns
// how many ended, with or without the stop.
cw::task<int> sleep_race_with_stop(cw::executor_ref place, cw::duration span, int rounds) {
  sleep_stopper stopper;
  std::atomic<int> slept = 0;
  std::atomic<int> cancelled = 0;
  const auto sleeper = [](cw::duration time, std::atomic<int>& in_full, std::atomic<int>& cut) -> cw::task<> {
    try {
      co_await cw::sleep_for(time);
      ++in_full;
    } catch (const cw::cancelled&) {
      ++cut;
    }
  };
  for (int round = 0; round < rounds; ++round) {
    cw::stop_source source;
    cw::scope children(cw::context(place, source.get_token()));
    stopper.ask(source);
    children.spawn(sleeper(span, slept, cancelled));
    children.spawn(sleeper(span, slept, cancelled));
    co_await children.join();
    stopper.wait();
  }
  co_return slept + cancelled;
}

}  // namespace

TEST_CASE("a sleep lasts as long as asked, in any unit and fraction, never shorter") {
  CHECK(sleep_lasts(3s) == 3s);
  CHECK(sleep_lasts(7ns) == 7ns);
  CHECK(sleep_lasts(std::chrono::duration<double>(0.5)) == 500ms);
  CHECK(sleep_lasts(std::chrono::duration<double, std::nano>(1.5)) == 2ns);
  CHECK(sleep_lasts(std::chrono::duration<double, std::pico>(1.0)) == 1ns);
  CHECK(sleep_lasts(std::chrono::duration<int, std::ratio<1, 3>>(1)) == 333'333'334ns);
  CHECK(sleep_lasts(std::chrono::duration<float>(0.1f)) == 100'000'002ns);  // 0.1f is 0.100000001490...
  CHECK(sleep_lasts(std::chrono::duration<std::uint8_t, std::ratio<3600>>(std::uint8_t{2})) == 2h);
  CHECK(sleep_lasts(std::chrono::duration<long double, std::micro>(2.25L)) == 2250ns);
}

TEST_CASE("zero, negative time and NaN are no sleep") {
  CHECK(sleep_lasts(0s) == 0s);
  CHECK(sleep_lasts(-1s) == 0s);
  CHECK(sleep_lasts(cw::duration::min()) == 0s);
  CHECK(sleep_lasts(std::chrono::duration<double>(-1e300)) == 0s);
  CHECK(sleep_lasts(std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN())) == 0s);
}

TEST_CASE("a sleep beyond the clock's range lasts forever, until a stop") {
  cw::simulated_loop loop;
  const auto body = []() -> cw::task<int> {
    int cancelled = 0;
    const auto sleep = [](auto span) -> cw::task<> { co_await cw::sleep_for(span); };
    cancelled += co_await sleep_is_cancelled(sleep(cw::duration::max()), 300 * 24h) ? 1 : 0;
    cancelled += co_await sleep_is_cancelled(sleep(std::chrono::hours::max()), 1s) ? 1 : 0;
    cancelled += co_await sleep_is_cancelled(sleep(std::chrono::duration<double>(1e300)), 1s) ? 1 : 0;
    cancelled += co_await sleep_is_cancelled(
                     sleep(std::chrono::duration<float>(std::numeric_limits<float>::infinity())), 1s)
                     ? 1
                     : 0;
    co_return cancelled;
  };
  CHECK(cw::sync_wait(loop, body()) == 4);
}

TEST_CASE("the longest sleep in the clock's range is kept exactly") {
  CHECK(sleep_lasts(std::chrono::duration<double>(9.2e9)) == 9'200'000'000s);
  CHECK(sleep_lasts(200 * 365 * 24h) == 200 * 365 * 24h);
}

TEST_CASE("sleeping until a moment that has passed lets others run first") {
  cw::simulated_loop loop;
  const auto body = []() -> cw::task<std::string> {
    std::string order;
    cw::scope children(co_await cw::this_coro::context());
    const auto other = [](std::string& to) -> cw::task<> {
      to += "other ";
      co_return;
    };
    children.spawn(other(order));
    co_await cw::sleep_until(cw::time_point(-5s));
    order += "sleeper";
    co_await children.join();
    co_return order;
  };
  CHECK(cw::sync_wait(loop, body()) == "other sleeper");
  CHECK(loop.elapsed() == 0s);
}

TEST_CASE("a stop ends a sleep at once, however deep in the chain") {
  cw::simulated_loop loop;
  CHECK(cw::sync_wait(loop, sleep_is_cancelled(sleep_through(20, 1h), 3s)));
  CHECK(loop.elapsed() == 3s);
}

TEST_CASE("a sleep in a chain that has been stopped does not begin") {
  cw::simulated_loop loop;
  const auto body = []() -> cw::task<int> {
    int cancelled = 0;
    cw::stop_source source;
    source.request_stop();
    cw::context stopped = co_await cw::this_coro::context();
    stopped.stop = source.get_token();
    for (const cw::duration span : {cw::duration(1h), cw::duration(0)}) {
      try {
        co_await sleep_through(0, span).in(stopped);
      } catch (const cw::cancelled&) {
        ++cancelled;
      }
    }
    co_return cancelled;
  };
  CHECK(cw::sync_wait(loop, body()) == 2);
  CHECK(loop.elapsed() == 0s);
}

TEST_CASE("cleanup after a stop may sleep again only outside the stopped chain") {
  cw::simulated_loop loop;
  const auto clean_up = []() -> cw::task<> {
    const cw::context here = co_await cw::this_coro::context();
    cw::context own(here.executor);
    bool stopped = false;
    try {
      co_await cw::sleep_for(1h);
    } catch (const cw::cancelled&) {
      stopped = true;
    }
    if (stopped) co_await sleep_through(0, 2s).in(own);
  };
  CHECK_FALSE(cw::sync_wait(loop, sleep_is_cancelled(clean_up(), 1s)));
  CHECK(loop.elapsed() == 3s);
}

TEST_CASE("a stop at the moment a sleep begins ends it, on an event loop") {
  cw::event_loop loop;
  CHECK(cw::sync_wait(loop, sleep_race_with_stop(loop, 1h, 1000)) == 2000);
}

TEST_CASE("a stop at the moment a sleep begins ends it, on a pool") {
  cw::thread_pool pool(2);
  CHECK(cw::sync_wait(sleep_race_with_stop(pool, 1h, 1000)) == 2000);
}

TEST_CASE("a sleep ends once if its time runs out just as a stop is requested") {
  cw::thread_pool pool(2);
  cw::event_loop loop;
  for (const cw::duration span : {cw::duration(0), cw::duration(2us), cw::duration(20us)}) {
    CHECK(cw::sync_wait(loop, sleep_race_with_stop(loop, span, 300)) == 600);
    CHECK(cw::sync_wait(sleep_race_with_stop(pool, span, 300)) == 600);
  }
}
