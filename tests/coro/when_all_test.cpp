#include <doctest/doctest.h>
#include <atomic>
#include <chrono>
#include <coworker/coro/when_all.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace {

namespace cw = coworker;
using namespace std::chrono_literals;

template <class T>
cw::task<T> all_after(cw::duration span, T value) {
  co_await cw::sleep_for(span);
  co_return value;
}

cw::task<> all_step(cw::duration span, int& steps) {
  co_await cw::sleep_for(span);
  ++steps;
}

cw::task<int> all_failing(cw::duration span, const char* why) {
  co_await cw::sleep_for(span);
  throw std::runtime_error(why);
}

cw::task<int&> all_refer(int& number) { co_return number; }

cw::task<int> all_cancelled_by_itself() {
  co_await cw::sleep_for(1s);
  throw cw::cancelled();
}

// Runs `work` in a chain that is stopped after `span`.
template <class T>
cw::task<> all_stopped_after(cw::duration span, cw::task<T> work, bool& saw_cancelled) {
  cw::scope outer(co_await cw::this_coro::context());
  outer.spawn([&work, &saw_cancelled]() -> cw::task<> {
    try {
      co_await std::move(work);
    } catch (const cw::cancelled&) {
      saw_cancelled = true;
    }
  });
  co_await cw::sleep_for(span);
  outer.request_stop();
  co_await outer.join();
}

class all_refusing_loop : public cw::simulated_loop {
 public:
  explicit all_refusing_loop(int posts_before) : posts_left_(posts_before) {}
  void post(std::coroutine_handle<> handle) {
    if (posts_left_-- == 0) throw std::bad_alloc();
    cw::simulated_loop::post(handle);
  }

 private:
  int posts_left_;
};

}  // namespace

TEST_CASE("when_all returns the results of different tasks in a tuple, in the order of the tasks") {
  cw::simulated_loop loop;
  const auto body = []() -> cw::task<std::tuple<int, std::string, std::unique_ptr<int>>> {
    auto all = cw::when_all(all_after(3s, 1), all_after(1s, std::string("two")),
                            all_after(2s, std::make_unique<int>(3)));
    auto values = co_await std::move(all);
    co_return values;
  };
  const auto [number, text, pointer] = cw::sync_wait(loop, body());
  CHECK(number == 1);
  CHECK(text == "two");
  CHECK(*pointer == 3);
  CHECK(loop.elapsed() == 3s);
}

TEST_CASE(
    "when_all returns no_value for void among others, references as they are, and void if all tasks are "
    "void") {
  cw::simulated_loop loop;
  const auto body = []() -> cw::task<> {
    int steps = 0;
    int referred = 5;
    auto mixed = cw::when_all(all_step(1s, steps), all_refer(referred));
    const std::tuple<cw::no_value, int&> values = co_await std::move(mixed);
    CHECK(std::get<0>(values) == cw::no_value());
    CHECK(&std::get<1>(values) == &referred);

    cw::task<> only_void = cw::when_all(all_step(1s, steps), all_step(2s, steps));
    co_await std::move(only_void);
    CHECK(steps == 3);

    cw::task<> none = cw::when_all();
    co_await std::move(none);
  };
  cw::sync_wait(loop, body());
  CHECK(loop.elapsed() == 3s);
}

TEST_CASE("when_all returns the results of many tasks of one type in their order") {
  cw::simulated_loop loop;
  const auto body = []() -> cw::task<> {
    std::vector<cw::task<int>> tasks;
    for (int i = 0; i < 100; ++i) tasks.push_back(all_after(std::chrono::seconds(100 - i), i * i));
    auto all = cw::when_all(std::move(tasks));
    const std::vector<int> squares = co_await std::move(all);
    bool right = squares.size() == 100;
    for (int i = 0; i < 100 && right; ++i) right = squares[static_cast<std::size_t>(i)] == i * i;
    CHECK(right);

    int steps = 0;
    std::vector<cw::task<>> void_tasks;
    for (int i = 0; i < 10; ++i) void_tasks.push_back(all_step(1s, steps));
    auto all_void = cw::when_all(std::move(void_tasks));
    co_await std::move(all_void);
    CHECK(steps == 10);

    auto nothing = cw::when_all(std::vector<cw::task<int>>());
    const std::vector<int> empty = co_await std::move(nothing);
    CHECK(empty.empty());
  };
  cw::sync_wait(loop, body());
  CHECK(loop.elapsed() == 101s);
}

TEST_CASE("if one of when_all's tasks fails, the others are stopped and its exception is rethrown") {
  cw::simulated_loop loop;
  int steps = 0;
  SUBCASE("in a tuple") {
    const auto body = [](int& count) -> cw::task<> {
      auto all = cw::when_all(all_step(1h, count), all_failing(1s, "failed"), all_failing(2s, "too late"));
      co_await std::move(all);
    };
    CHECK_THROWS_WITH_AS(cw::sync_wait(loop, body(steps)), "failed", std::runtime_error);
  }
  SUBCASE("in a vector") {
    const auto body = []() -> cw::task<> {
      std::vector<cw::task<int>> tasks;
      tasks.push_back(all_after(1h, 1));
      tasks.push_back(all_failing(1s, "failed"));
      auto all = cw::when_all(std::move(tasks));
      co_await std::move(all);
    };
    CHECK_THROWS_WITH_AS(cw::sync_wait(loop, body()), "failed", std::runtime_error);
  }
  CHECK(steps == 0);
  CHECK(loop.elapsed() == 1s);
}

TEST_CASE("a stop of the chain reaches all of when_all's tasks, which then throws cancelled") {
  cw::simulated_loop loop;
  bool saw_cancelled = false;
  int steps = 0;
  cw::sync_wait(loop,
                all_stopped_after(1s, cw::when_all(all_step(1h, steps), all_step(2h, steps)), saw_cancelled));
  CHECK(saw_cancelled);
  CHECK(steps == 0);
  CHECK(loop.elapsed() == 1s);
}

TEST_CASE("when_all returns its results in spite of a stop if all tasks finished anyway") {
  cw::simulated_loop loop;
  bool saw_cancelled = false;
  int given = 0;
  const auto stubborn = []() -> cw::task<int> {
    try {
      co_await cw::sleep_for(1h);
    } catch (const cw::cancelled&) {
    }
    co_return 1;
  };
  const auto body = [](auto make, int& into) -> cw::task<> {
    auto all = cw::when_all(make(), make());
    const std::tuple<int, int> values = co_await std::move(all);
    into = std::get<0>(values) + std::get<1>(values);
  };
  cw::sync_wait(loop, all_stopped_after(1s, body(stubborn, given), saw_cancelled));
  CHECK_FALSE(saw_cancelled);
  CHECK(given == 2);
}

TEST_CASE("if one task ends as cancelled by itself, the others finish first and when_all throws cancelled") {
  cw::simulated_loop loop;
  int steps = 0;
  const auto body = [](int& count) -> cw::task<> {
    auto all = cw::when_all(all_cancelled_by_itself(), all_step(5s, count));
    co_await std::move(all);
  };
  CHECK_THROWS_AS(cw::sync_wait(loop, body(steps)), cw::cancelled);
  CHECK(steps == 1);
}

TEST_CASE("when_all on the threads of a pool") {
  cw::thread_pool pool(2);
  const auto body = []() -> cw::task<long> {
    const auto one = [](int i) -> cw::task<int> {
      const cw::executor_ref here = co_await cw::this_coro::executor();
      co_await cw::resume_on(here);
      co_return i;
    };
    long sum = 0;
    for (int round = 0; round < 100; ++round) {
      auto all = cw::when_all(one(1), one(2), one(3));
      const auto [a, b, c] = co_await std::move(all);
      sum += a + b + c;
    }
    co_return sum;
  };
  CHECK(cw::sync_wait(pool, body()) == 600);
}

TEST_CASE("when_all waits for the tasks it has started if another cannot be started") {
  all_refusing_loop loop(3);  // one post for the task below, two for the first two of three
  int ended = 0;
  const auto note_end = [](int& count) -> cw::task<> {
    try {
      co_await cw::sleep_for(1h);
    } catch (const cw::cancelled&) {
      ++count;
      throw;
    }
  };
  SUBCASE("in a tuple") {
    const auto body = [](auto make, int& count) -> cw::task<> {
      auto all = cw::when_all(make(count), make(count), make(count));
      co_await std::move(all);
    };
    CHECK_THROWS_AS(cw::sync_wait(loop, body(note_end, ended)), std::bad_alloc);
  }
  SUBCASE("in a vector") {
    const auto body = [](auto make, int& count) -> cw::task<> {
      std::vector<cw::task<>> tasks;
      for (int i = 0; i < 3; ++i) tasks.push_back(make(count));
      auto all = cw::when_all(std::move(tasks));
      co_await std::move(all);
    };
    CHECK_THROWS_AS(cw::sync_wait(loop, body(note_end, ended)), std::bad_alloc);
  }
  CHECK(ended == 2);
  CHECK(loop.elapsed() == 0s);
}
