#include <doctest/doctest.h>
#include <chrono>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <coworker/exec/timeout.hpp>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

namespace {

namespace cw = coworker;
using namespace std::chrono_literals;

cw::task<int> limit_work(cw::duration span) {
  co_await cw::sleep_for(span);
  co_return 7;
}

cw::task<std::unique_ptr<int>> limit_move_only() { co_return std::make_unique<int>(3); }

cw::task<int&> limit_refer(int& number) { co_return number; }

cw::task<> limit_fail_after(cw::duration span) {
  co_await cw::sleep_for(span);
  throw std::runtime_error("failed");
}

cw::task<> limit_cancel_itself_after(cw::duration span) {
  co_await cw::sleep_for(span);
  throw cw::cancelled();
}

// Ends late after a stop.
cw::task<int> limit_stubborn(cw::duration winding_down) {
  const cw::context here = co_await cw::this_coro::context();
  cw::context own(here.executor);
  bool stopped = false;
  try {
    co_await cw::sleep_for(24h);
  } catch (const cw::cancelled&) {
    stopped = true;
  }
  const auto wind_down = [](cw::duration span) -> cw::task<> { co_await cw::sleep_for(span); };
  if (stopped) co_await wind_down(winding_down).in(own);
  co_return 42;
}

class limit_refusing_loop : public cw::simulated_loop {
 public:
  explicit limit_refusing_loop(int posts_before) : posts_left_(posts_before) {}
  void post(std::coroutine_handle<> handle) {
    if (posts_left_-- == 0) throw std::bad_alloc();
    cw::simulated_loop::post(handle);
  }

 private:
  int posts_left_;
};

}  // namespace

TEST_CASE("work that ends in time returns its result, and nobody waits for the limit") {
  cw::simulated_loop loop;
  CHECK(cw::sync_wait(loop, cw::timeout(1h, limit_work(2s))) == 7);
  CHECK(loop.elapsed() == 2s);
  CHECK(*cw::sync_wait(loop, cw::timeout(1h, limit_move_only())) == 3);
  int number = 0;
  CHECK(&cw::sync_wait(loop, cw::timeout(1h, limit_refer(number))) == &number);
  CHECK(loop.elapsed() == 2s);
}

TEST_CASE("work that is stopped at its limit throws timed_out") {
  cw::simulated_loop loop;
  CHECK_THROWS_WITH_AS(cw::sync_wait(loop, cw::timeout(2s, limit_work(1h))),
                       "timed out: the task was stopped at its time limit", cw::timed_out);
  CHECK(loop.elapsed() == 2s);
}

TEST_CASE("a limit may be any duration; beyond the clock's range it is no limit") {
  cw::simulated_loop loop;
  CHECK_THROWS_AS(cw::sync_wait(loop, cw::timeout(std::chrono::duration<double>(0.5), limit_work(1h))),
                  cw::timed_out);
  CHECK(loop.elapsed() == 500ms);
  CHECK(cw::sync_wait(loop, cw::timeout(cw::duration::max(), limit_work(1s))) == 7);
  CHECK(cw::sync_wait(loop, cw::timeout(std::chrono::hours::max(), limit_work(1s))) == 7);
  CHECK(loop.elapsed() == 2500ms);
}

TEST_CASE("work that needs no time ends in time, whatever the limit") {
  cw::simulated_loop loop;
  CHECK(*cw::sync_wait(loop, cw::timeout(0s, limit_move_only())) == 3);
  CHECK(*cw::sync_wait(loop, cw::timeout(-1h, limit_move_only())) == 3);
  CHECK(loop.elapsed() == 0s);
}

TEST_CASE("work that finishes in spite of the stop returns its result, so nothing done is lost") {
  cw::simulated_loop loop;
  CHECK(cw::sync_wait(loop, cw::timeout(1s, limit_stubborn(5s))) == 42);
  CHECK(loop.elapsed() == 6s);
}

TEST_CASE("an exception of the work is rethrown, before the limit and after it") {
  cw::simulated_loop loop;
  CHECK_THROWS_WITH_AS(cw::sync_wait(loop, cw::timeout(1h, limit_fail_after(1s))), "failed",
                       std::runtime_error);
  const auto fail_when_stopped = []() -> cw::task<> {
    try {
      co_await cw::sleep_for(1h);
    } catch (const cw::cancelled&) {
      throw std::runtime_error("failed late");
    }
  };
  CHECK_THROWS_WITH_AS(cw::sync_wait(loop, cw::timeout(1s, fail_when_stopped())), "failed late",
                       std::runtime_error);
}

TEST_CASE("work that ends as cancelled by itself does not throw timed_out") {
  cw::simulated_loop loop;
  CHECK_THROWS_AS(cw::sync_wait(loop, cw::timeout(1h, limit_cancel_itself_after(1s))), cw::cancelled);
}

TEST_CASE("a stop of the chain reaches the work, which ends as cancelled") {
  cw::simulated_loop loop;
  const auto body = []() -> cw::task<std::string> {
    std::string end;
    cw::scope children(co_await cw::this_coro::context());
    children.spawn([&end]() -> cw::task<> {
      try {
        co_await cw::timeout(1h, limit_work(2h));
      } catch (const cw::cancelled&) {
        end = "cancelled";
      } catch (const cw::timed_out&) {
        end = "timed out";
      }
    });
    co_await cw::sleep_for(1s);
    children.request_stop();
    co_await children.join();
    co_return end;
  };
  CHECK(cw::sync_wait(loop, body()) == "cancelled");
  CHECK(loop.elapsed() == 1s);
}

TEST_CASE("nested limits: the shorter one counts, and timed_out comes from that one") {
  cw::simulated_loop loop;
  const auto inner_first = []() -> cw::task<std::string> {
    std::string seen;
    try {
      co_await cw::timeout(1s, limit_work(1h));
    } catch (const cw::timed_out&) {
      seen = "inner";
    }
    co_return seen;
  };
  CHECK(cw::sync_wait(loop, cw::timeout(1min, inner_first())) == "inner");
  CHECK_THROWS_AS(cw::sync_wait(loop, cw::timeout(1s, cw::timeout(1min, limit_work(1h)))), cw::timed_out);
  CHECK(loop.elapsed() == 2s);
}

TEST_CASE("if work and limit end at the same moment, the work has either returned its result or timed out") {
  cw::thread_pool pool(2);
  const auto body = []() -> cw::task<int> {
    int ended = 0;
    for (int round = 0; round < 300; ++round) {
      try {
        ended += co_await cw::timeout(20us, limit_work(20us)) == 7 ? 1 : 0;
      } catch (const cw::timed_out&) {
        ++ended;
      }
    }
    co_return ended;
  };
  CHECK(cw::sync_wait(pool, body()) == 300);
}

TEST_CASE("work whose alarm cannot be started is stopped and waited for") {
  limit_refusing_loop loop(2);  // one post for the task below, one for the work
  const auto body = []() -> cw::task<> { co_await cw::timeout(1s, limit_work(1h)); };
  CHECK_THROWS_AS(cw::sync_wait(loop, body()), std::bad_alloc);
  CHECK(loop.elapsed() == 0s);
}
