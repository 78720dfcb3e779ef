#include <doctest/doctest.h>
#include <coworker/coro/context.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace {

namespace cw = coworker;

struct hop_refusing_executor {
  void post(std::coroutine_handle<>) { throw std::bad_alloc(); }
  void arm(cw::timer&) {}
  void cancel(cw::timer&) {}
  cw::time_point now() const { return {}; }
};

// Refuses the first posts, then passes them to another executor.
struct hop_short_of_memory {
  cw::executor_ref place;
  int refusals_left;

  hop_short_of_memory(cw::executor_ref other, int refusals) : place(other), refusals_left(refusals) {}
  void post(std::coroutine_handle<> handle) {
    if (refusals_left > 0) {
      --refusals_left;
      throw std::bad_alloc();
    }
    place.post(handle);
  }
  void arm(cw::timer& alarm) { place.arm(alarm); }
  void cancel(cw::timer& alarm) { place.cancel(alarm); }
  cw::time_point now() const { return place.now(); }
};

template <class T>
cw::task<T> hop_give(T value) {
  co_return value;
}

cw::task<std::thread::id> hop_thread() { co_return std::this_thread::get_id(); }

cw::task<int&> hop_refer(int& number) { co_return number; }

cw::task<> hop_fail() {
  throw std::runtime_error("failed there");
  co_return;
}

}  // namespace

TEST_CASE("resume_on moves the coroutine and those below and above it, until the next move") {
  cw::thread_pool pool(1);
  cw::event_loop loop;
  const auto hop = [](cw::executor_ref destination) -> cw::task<> { co_await cw::resume_on(destination); };
  const auto body = [](auto& hop_to, cw::executor_ref away) -> cw::task<> {
    const std::thread::id home_thread = std::this_thread::get_id();
    const cw::executor_ref home = co_await cw::this_coro::executor();
    for (int round = 0; round < 100; ++round) {
      co_await hop_to(away);
      const std::thread::id away_thread = std::this_thread::get_id();
      const std::thread::id below = co_await hop_thread();
      const cw::executor_ref here = co_await cw::this_coro::executor();
      co_await cw::resume_on(home);
      const std::thread::id back = std::this_thread::get_id();
      if (away_thread == home_thread || below != away_thread || !(here == away) || back != home_thread) {
        FAIL("lost on the way");
      }
    }
  };
  cw::sync_wait(loop, body(hop, pool));
}

TEST_CASE("resume_on to the executor where a coroutine is already lets others run first") {
  cw::simulated_loop loop;
  const auto body = [](cw::executor_ref here) -> cw::task<std::string> {
    std::string order;
    cw::scope children(co_await cw::this_coro::context());
    const auto other = [](std::string& to) -> cw::task<> {
      to += "other ";
      co_return;
    };
    children.spawn(other(order));
    co_await cw::resume_on(here);
    order += "hopper";
    co_await children.join();
    co_return order;
  };
  CHECK(cw::sync_wait(loop, body(loop)) == "other hopper");
}

TEST_CASE("run_on returns a value, a reference or an exception") {
  cw::thread_pool pool(1);
  cw::event_loop loop;
  const auto body = [](cw::executor_ref away) -> cw::task<> {
    const std::thread::id home_thread = std::this_thread::get_id();
    auto there = cw::run_on(away, hop_thread());
    const std::thread::id away_thread = co_await std::move(there);
    CHECK(away_thread != home_thread);
    CHECK(std::this_thread::get_id() == home_thread);

    auto moved = cw::run_on(away, hop_give(std::make_unique<int>(5)));
    const std::unique_ptr<int> pointer = co_await std::move(moved);
    CHECK(*pointer == 5);

    int number = 0;
    auto referred = cw::run_on(away, hop_refer(number));
    int& same = co_await std::move(referred);
    CHECK(&same == &number);

    std::string caught;
    try {
      auto failing = cw::run_on(away, hop_fail());
      co_await std::move(failing);
    } catch (const std::runtime_error& error) {
      caught = error.what();
    }
    CHECK(caught == "failed there");
    CHECK(std::this_thread::get_id() == home_thread);
  };
  cw::sync_wait(loop, body(pool));
}

TEST_CASE("resume_on to an empty executor_ref throws an error, and the coroutine continues where it was") {
  cw::simulated_loop loop;
  const auto body = []() -> cw::task<std::string> {
    std::string message;
    try {
      co_await cw::resume_on(cw::executor_ref());
    } catch (const std::logic_error& error) {
      message = error.what();
    }
    const cw::executor_ref here = co_await cw::this_coro::executor();
    co_await cw::resume_on(here);
    co_return message;
  };
  CHECK(cw::sync_wait(loop, body()) == "resume_on: the executor_ref is empty; give it an executor");
}

TEST_CASE(
    "a move to a pool whose only thread waits for the coroutine is refused, and works with two threads") {
  for (const std::size_t threads : {1U, 2U}) {
    cw::thread_pool pool(threads);
    const auto compute = []() -> cw::task<int> { co_return 5; };
    const auto on_its_thread = [&]() -> cw::task<std::string> {
      std::string said;
      try {
        said = std::to_string(cw::sync_wait(cw::run_on(cw::executor_ref(pool), compute())));
      } catch (const std::logic_error& error) {
        said = error.what();
      }
      co_return said;
    };
    const std::string said = cw::sync_wait(pool, on_its_thread());
    CAPTURE(said);
    CHECK(said.starts_with(threads == 1 ? "resume_on: the only thread of that thread_pool blocks" : "5"));
  }
}

TEST_CASE("a refused resume_on throws, and the coroutine continues where it was") {
  cw::simulated_loop loop;
  hop_refusing_executor refusing;
  const auto body = [](cw::executor_ref away, cw::executor_ref home) -> cw::task<> {
    bool refused = false;
    try {
      co_await cw::resume_on(away);
    } catch (const std::bad_alloc&) {
      refused = true;
    }
    CHECK(refused);
    const cw::executor_ref here = co_await cw::this_coro::executor();
    CHECK(here == home);
  };
  cw::sync_wait(loop, body(refusing, loop));
}

TEST_CASE("home_executor brings a coroutine back however often it is refused for lack of memory") {
  cw::simulated_loop loop;
  hop_short_of_memory first(loop, 3);
  const auto body = [](cw::executor_ref away) -> cw::task<bool> {
    cw::detail::home_executor home = co_await cw::detail::current_home();
    const cw::executor_ref before = co_await cw::this_coro::executor();
    co_await cw::resume_on(away);
    co_await home;
    const cw::executor_ref after = co_await cw::this_coro::executor();
    co_return before == after;
  };
  cw::context own{cw::executor_ref(first)};
  const auto run = [](auto work, cw::executor_ref away, cw::context& in) -> cw::task<bool> {
    auto working = work(away);
    co_return co_await std::move(working).in(in);
  };
  CHECK(cw::sync_wait(loop, run(body, loop, own)));
  CHECK(first.refusals_left == 0);
}

TEST_CASE("home_executor does not suspend a coroutine that is at home") {
  cw::simulated_loop loop;
  const auto body = []() -> cw::task<std::string> {
    std::string order;
    cw::scope children(co_await cw::this_coro::context());
    const auto other = [](std::string& to) -> cw::task<> {
      to += " other";
      co_return;
    };
    children.spawn(other(order));
    cw::detail::home_executor home = co_await cw::detail::current_home();
    co_await home;
    order += "stayed";
    co_await children.join();
    co_return order;
  };
  CHECK(cw::sync_wait(loop, body()) == "stayed other");
}
