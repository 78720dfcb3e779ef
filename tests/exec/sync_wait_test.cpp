#include <doctest/doctest.h>
#include <chrono>
#include <coro/foreign.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace cw = coworker;
using namespace std::chrono_literals;

struct wait_no_default {
  int number;
  explicit wait_no_default(int n) : number(n) {}
};

template <class T>
cw::task<T> wait_give(T value) {
  co_return value;
}

cw::task<int&> wait_refer(int& number) { co_return number; }

cw::task<> wait_fail() {
  throw std::runtime_error("failed");
  co_return;
}

cw::task<int> wait_nested(int depth) {
  if (depth == 0) co_return 0;
  const auto hop_and_wait = [](int below) -> cw::task<int> {
    const cw::executor_ref here = co_await cw::this_coro::executor();
    co_await cw::resume_on(here);
    const int inner = cw::sync_wait(wait_nested(below));
    co_await cw::resume_on(here);
    co_return inner + 1;
  };
  const int deepest = co_await hop_and_wait(depth - 1);
  co_return deepest;
}

const char* const wait_never_ends =
    "sync_wait: the task can never end: nothing is ready and no timer is armed; it waits for an event that "
    "no one will send; a real thread cannot, in virtual time";

}  // namespace

static_assert(cw::runnable_executor<cw::event_loop>);
static_assert(cw::runnable_executor<cw::simulated_loop>);
static_assert(!cw::runnable_executor<cw::thread_pool>);

TEST_CASE("sync_wait returns or throws what the task does: values, references, nothing, exceptions") {
  CHECK(cw::sync_wait(wait_give(7)) == 7);
  CHECK(*cw::sync_wait(wait_give(std::make_unique<int>(8))) == 8);
  CHECK(cw::sync_wait(wait_give(wait_no_default(9))).number == 9);
  int number = 0;
  CHECK(&cw::sync_wait(wait_refer(number)) == &number);
  CHECK_THROWS_WITH_AS(cw::sync_wait(wait_fail()), "failed", std::runtime_error);
}

TEST_CASE("sync_wait runs on the given loop, on the calling thread, again and again") {
  cw::event_loop loop;
  const auto where = [](cw::executor_ref expected) -> cw::task<std::thread::id> {
    const cw::executor_ref here = co_await cw::this_coro::executor();
    CHECK(here == expected);
    co_return std::this_thread::get_id();
  };
  for (int round = 0; round < 3; ++round) {
    CHECK(cw::sync_wait(loop, where(loop)) == std::this_thread::get_id());
  }
  CHECK_FALSE(loop.running());
}

TEST_CASE("sync_wait blocks while the threads of a pool do the work") {
  cw::thread_pool pool(2);
  const auto where = []() -> cw::task<std::thread::id> { co_return std::this_thread::get_id(); };
  int away = 0;
  for (int round = 0; round < 300; ++round) {
    if (cw::sync_wait(pool, where()) != std::this_thread::get_id()) ++away;
  }
  CHECK(away == 300);
  CHECK_THROWS_WITH_AS(cw::sync_wait(pool, wait_fail()), "failed", std::runtime_error);
}

TEST_CASE("a coroutine may block in sync_wait on another loop; such waits nest") {
  CHECK(cw::sync_wait(wait_nested(5)) == 5);
}

TEST_CASE(
    "blocking in a coroutine for a task on its own loop throws an error, and nothing of the task remains") {
  const auto argument = std::make_shared<int>();
  std::string message;
  const auto body = [](auto& on, std::string& into, std::shared_ptr<int> kept) -> cw::task<> {
    try {
      cw::sync_wait(on, wait_give(kept));
    } catch (const std::logic_error& error) {
      into = error.what();
    }
    CHECK(kept.use_count() == 2);
    const cw::executor_ref here = co_await cw::this_coro::executor();
    co_await cw::resume_on(here);
  };
  SUBCASE("on an event loop") {
    cw::event_loop loop;
    cw::sync_wait(loop, body(loop, message, argument));
  }
  SUBCASE("on a simulated loop") {
    cw::simulated_loop loop;
    cw::sync_wait(loop, body(loop, message, argument));
  }
  CHECK(message ==
        "sync_wait: the loop runs already; in a coroutine, co_await the task instead of blocking for it");
}

TEST_CASE(
    "blocking a thread for what only that thread would run throws an error, however the executor is named") {
  constexpr const char* says =
      "sync_wait: this thread belongs to the executor that is to run the task, and would block what it waits "
      "for; in a coroutine, co_await the task; elsewhere, sync_wait(task) runs it on a loop of its own";
  const auto argument = std::make_shared<int>(5);
  const auto blocks = [](auto& on, std::shared_ptr<int> kept) -> cw::task<std::string> {
    std::string message;
    try {
      cw::sync_wait(on, wait_give(kept));
    } catch (const std::logic_error& error) {
      message = error.what();
    }
    CHECK(kept.use_count() <= 3);  // here, in the argument's copy and with the caller: the task is destroyed
    CHECK(cw::sync_wait(wait_give(1)) == 1);
    co_return message;
  };
  SUBCASE("the only thread of a pool") {
    cw::thread_pool pool(1);
    CHECK(cw::sync_wait(pool, blocks(pool, argument)) == says);
  }
  SUBCASE("one of several threads, all of which might do so at once") {
    cw::thread_pool pool(3);
    CHECK(cw::sync_wait(pool, blocks(pool, argument)) == says);
    cw::thread_pool other(1);
    CHECK(cw::sync_wait(pool, blocks(other, argument)) == "");
  }
  SUBCASE("a pool behind a reference") {
    cw::thread_pool pool(1);
    cw::executor_ref place = pool;
    CHECK(cw::sync_wait(place, blocks(place, argument)) == says);
  }
  SUBCASE("a loop behind a reference") {
    cw::event_loop loop;
    cw::executor_ref place = loop;
    CHECK(cw::sync_wait(loop, blocks(place, argument)) == says);
    cw::simulated_loop simulated;
    cw::executor_ref simulated_place = simulated;
    CHECK(cw::sync_wait(simulated, blocks(simulated_place, argument)) == says);
  }
  CHECK(argument.use_count() == 1);
}

TEST_CASE("a stop of the loop by other code does not end sync_wait before its task has ended") {
  const auto body = [](auto& on) -> cw::task<int> {
    const cw::executor_ref here = co_await cw::this_coro::executor();
    for (int i = 0; i < 10; ++i) {
      on.stop();
      co_await cw::resume_on(here);
    }
    co_return 10;
  };
  SUBCASE("on an event loop") {
    cw::event_loop loop;
    loop.stop();
    CHECK(cw::sync_wait(loop, body(loop)) == 10);
  }
  SUBCASE("on a simulated loop") {
    cw::simulated_loop loop;
    loop.stop();
    CHECK(cw::sync_wait(loop, body(loop)) == 10);
  }
}

TEST_CASE("a task may end on a pool's thread; the loop may be destroyed at once") {
  cw::thread_pool pool(2);
  const auto body = [](cw::executor_ref away, int number) -> cw::task<int> {
    co_await cw::resume_on(away);
    co_return number;
  };
  int sum = 0;
  for (int round = 0; round < 1000; ++round) sum += cw::sync_wait(body(pool, 1));
  CHECK(sum == 1000);
}

TEST_CASE("a pool may be destroyed as soon as the task that moved to it has ended") {
  int sum = 0;
  cw::thread_pool first(1);
  for (int round = 0; round < 200; ++round) {
    cw::thread_pool second(2);
    const auto body = [](cw::executor_ref away) -> cw::task<int> {
      co_await cw::resume_on(away);
      co_return 1;
    };
    sum += cw::sync_wait(first, body(second));
  }
  CHECK(sum == 200);
}

TEST_CASE("a task that can never end is detected on a simulated loop, and stopped") {
  cw::simulated_loop loop;
  std::string end = "none";
  const auto body = [](std::string& how) -> cw::task<> {
    try {
      co_await cw::sleep_for(cw::duration::max());
    } catch (const cw::cancelled&) {
      how = "cancelled";
      throw;
    }
  };
  CHECK_THROWS_WITH_AS(cw::sync_wait(loop, body(end)), wait_never_ends, std::logic_error);
  CHECK(end == "cancelled");
  CHECK(cw::sync_wait(loop, wait_give(1)) == 1);
}

TEST_CASE("a task that can never end and ignores the stop is abandoned, with its frames") {
  static auto* const lot = new foreign::parking_lot;  // keeps the frames, which nobody may free
  cw::simulated_loop loop;
  const auto body = []() -> cw::task<> { co_await lot->park(); };
  CHECK_THROWS_WITH_AS(cw::sync_wait(loop, body()), wait_never_ends, std::logic_error);
  CHECK_FALSE(lot->empty());
}

TEST_CASE(
    "an exception that another coroutine throws out of the loop leaves sync_wait, whose task may still be "
    "waiting") {
  static auto* const lot = new foreign::parking_lot;
  struct thrower {
    struct promise_type {
      thrower get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
      std::suspend_always initial_suspend() const noexcept { return {}; }
      std::suspend_always final_suspend() const noexcept { return {}; }
      void return_void() const noexcept {}
      void unhandled_exception() { throw; }
    };
    std::coroutine_handle<promise_type> handle;
  };
  const auto throwing = []() -> thrower {
    throw std::runtime_error("let out");
    co_return;
  };
  const thrower stranger = throwing();
  cw::event_loop loop;
  const auto body = [](cw::event_loop& on, std::coroutine_handle<> other) -> cw::task<> {
    on.post(other);
    co_await lot->park();
  };
  CHECK_THROWS_WITH_AS(cw::sync_wait(loop, body(loop, stranger.handle)), "let out", std::runtime_error);
  CHECK_FALSE(lot->empty());
  stranger.handle.destroy();
}
