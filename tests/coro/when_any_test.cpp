#include <doctest/doctest.h>
#include <chrono>
#include <coworker/coro/when_any.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace cw = coworker;
using namespace std::chrono_literals;

template <class T>
cw::task<T> any_after(cw::duration span, T value) {
  co_await cw::sleep_for(span);
  co_return value;
}

cw::task<> any_sleep(cw::duration span) { co_await cw::sleep_for(span); }

cw::task<int> any_failing(cw::duration span, const char* why) {
  co_await cw::sleep_for(span);
  throw std::runtime_error(why);
}

cw::task<int> any_noting_stop(cw::duration span, int& stopped) {
  try {
    co_await cw::sleep_for(span);
  } catch (const cw::cancelled&) {
    ++stopped;
    throw;
  }
  co_return 0;
}

class any_refusing_loop : public cw::simulated_loop {
 public:
  explicit any_refusing_loop(int posts_before) : posts_left_(posts_before) {}
  void post(std::coroutine_handle<> handle) {
    if (posts_left_-- == 0) throw std::bad_alloc();
    cw::simulated_loop::post(handle);
  }

 private:
  int posts_left_;
};

}  // namespace

TEST_CASE("when_any returns the first result and the index of its task; the others are stopped") {
  cw::simulated_loop loop;
  const auto body = []() -> cw::task<int> {
    int stopped = 0;
    auto any = cw::when_any(any_noting_stop(1h, stopped), any_after(2s, 7), any_noting_stop(3s, stopped));
    const cw::any_result<int> first = co_await std::move(any);
    CHECK(first.index == 1);
    CHECK(first.value == 7);
    co_return stopped;
  };
  CHECK(cw::sync_wait(loop, body()) == 2);
  CHECK(loop.elapsed() == 2s);
}

TEST_CASE("when_any works for void, move-only results and references") {
  cw::simulated_loop loop;
  const auto body = []() -> cw::task<> {
    auto nothing = cw::when_any(any_sleep(3s), any_sleep(2s));
    const cw::any_result<void> ended = co_await std::move(nothing);
    CHECK(ended.index == 1);

    auto pointers =
        cw::when_any(any_after(1s, std::make_unique<int>(4)), any_after(2s, std::make_unique<int>(5)));
    const cw::any_result<std::unique_ptr<int>> pointer = co_await std::move(pointers);
    CHECK(*pointer.value == 4);

    int number = 0;
    const auto refer = [](int& n) -> cw::task<int&> { co_return n; };
    auto references = cw::when_any(refer(number));
    const cw::any_result<int&> reference = co_await std::move(references);
    CHECK(&reference.value == &number);
  };
  cw::sync_wait(loop, body());
  CHECK(loop.elapsed() == 3s);
}

TEST_CASE("when_any rethrows what the first task to end threw, and drops what comes later") {
  cw::simulated_loop loop;
  const auto body = []() -> cw::task<int> {
    std::string caught;
    try {
      auto any = cw::when_any(any_after(1h, 1), any_failing(1s, "first to end"));
      co_await std::move(any);
    } catch (const std::runtime_error& error) {
      caught = error.what();
    }
    CHECK(caught == "first to end");

    const auto fail_when_stopped = []() -> cw::task<int> {
      try {
        co_await cw::sleep_for(1h);
      } catch (const cw::cancelled&) {
        throw std::runtime_error("dropped");
      }
      co_return 0;
    };
    auto any = cw::when_any(fail_when_stopped(), any_after(1s, 2));
    const cw::any_result<int> first = co_await std::move(any);
    co_return first.value;
  };
  CHECK(cw::sync_wait(loop, body()) == 2);
  CHECK(loop.elapsed() == 2s);
}

TEST_CASE("when_any waits for a task that ends late after its stop") {
  cw::simulated_loop loop;
  const auto body = []() -> cw::task<int> {
    const auto slow_to_stop = []() -> cw::task<int> {
      try {
        co_await cw::sleep_for(1h);
      } catch (const cw::cancelled&) {
      }
      co_return 1;
    };
    auto any = cw::when_any(slow_to_stop(), any_after(1s, 2));
    const cw::any_result<int> first = co_await std::move(any);
    co_return first.value;
  };
  CHECK(cw::sync_wait(loop, body()) == 2);
}

TEST_CASE("when_any without tasks throws an error that says that one is needed") {
  cw::simulated_loop loop;
  CHECK_THROWS_WITH_AS(cw::sync_wait(loop, cw::when_any(std::vector<cw::task<int>>())),
                       "when_any: no tasks were given, so none can end; give at least one",
                       std::invalid_argument);
}

TEST_CASE("a stop of the chain reaches all of when_any's tasks, which then throws cancelled") {
  cw::simulated_loop loop;
  const auto body = []() -> cw::task<int> {
    int stopped = 0;
    bool cancelled = false;
    cw::scope outer(co_await cw::this_coro::context());
    outer.spawn([&]() -> cw::task<> {
      try {
        auto any = cw::when_any(any_noting_stop(1h, stopped), any_noting_stop(2h, stopped));
        co_await std::move(any);
      } catch (const cw::cancelled&) {
        cancelled = true;
      }
    });
    co_await cw::sleep_for(1s);
    outer.request_stop();
    co_await outer.join();
    CHECK(cancelled);
    co_return stopped;
  };
  CHECK(cw::sync_wait(loop, body()) == 2);
  CHECK(loop.elapsed() == 1s);
}

TEST_CASE("when_any decides once, also if its tasks end at the same time on several threads") {
  cw::thread_pool pool(2);
  const auto body = []() -> cw::task<int> {
    const auto one = [](int i) -> cw::task<int> {
      const cw::executor_ref here = co_await cw::this_coro::executor();
      co_await cw::resume_on(here);
      co_return i;
    };
    int right = 0;
    for (int round = 0; round < 200; ++round) {
      std::vector<cw::task<int>> tasks;
      for (int i = 0; i < 4; ++i) tasks.push_back(one(i));
      auto any = cw::when_any(std::move(tasks));
      const cw::any_result<int> first = co_await std::move(any);
      if (first.value == static_cast<int>(first.index)) ++right;
    }
    co_return right;
  };
  CHECK(cw::sync_wait(pool, body()) == 200);
}

TEST_CASE("when_any waits for the tasks it has started if another cannot be started") {
  any_refusing_loop loop(2);  // one post for the task below, one for the first of two
  const auto body = []() -> cw::task<> {
    auto any = cw::when_any(any_sleep(1h), any_sleep(2h));
    co_await std::move(any);
  };
  CHECK_THROWS_AS(cw::sync_wait(loop, body()), std::bad_alloc);
  CHECK(loop.elapsed() == 0s);
}
