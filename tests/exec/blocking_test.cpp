#include <doctest/doctest.h>
#include <atomic>
#include <chrono>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/block_for.hpp>
#include <coworker/exec/blocking.hpp>
#include <coworker/exec/event.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace {

namespace cw = coworker;
using namespace std::chrono_literals;

int blocking_sum(int a, int b) { return a + b; }

std::string blocking_join(const std::string& a, std::unique_ptr<std::string> b) { return a + *b; }

int& blocking_same(int& number) { return number; }

void blocking_fail(const std::string& why) { throw std::runtime_error(why); }

}  // namespace

TEST_CASE(
    "blocking returns what the function returns: a value, a reference or nothing, from arguments of every "
    "kind") {
  cw::thread_pool pool(1);
  const auto run = [](cw::executor_ref place) -> cw::task<> {
    const int sum = co_await cw::blocking(place, blocking_sum, 1, 2);
    CHECK(sum == 3);
    const std::string kept = "kept ";
    auto moved = std::make_unique<std::string>("moved");
    const std::string joined = co_await cw::blocking(place, blocking_join, kept, std::move(moved));
    CHECK(joined == "kept moved");
    CHECK(moved == nullptr);
    int number = 5;
    int& same = co_await cw::blocking(place, blocking_same, std::ref(number));
    CHECK(&same == &number);
    co_await cw::blocking(place, [&number] { ++number; });
    CHECK(number == 6);
    const auto owner = [held = std::make_shared<int>(8)] { return *held; };
    const int eight = co_await cw::blocking(place, owner);
    CHECK(eight == 8);
    auto only_moved = [held = std::make_unique<int>(9)] { return *held; };
    const int nine = co_await cw::blocking(place, std::ref(only_moved));
    CHECK(nine == 9);
  };
  cw::sync_wait(run(pool));
}

TEST_CASE(
    "the function runs on the pool, the coroutine continues on its executor, and others run meanwhile") {
  cw::thread_pool pool(1);
  cw::event_loop loop;
  const auto run = [](cw::executor_ref place) -> cw::task<> {
    const std::thread::id home = std::this_thread::get_id();
    const cw::executor_ref home_loop = co_await cw::this_coro::executor();
    std::atomic<bool> go_on{false};
    cw::scope others(co_await cw::this_coro::context());
    const auto release = [](std::atomic<bool>& to_set) -> cw::task<> {
      to_set = true;
      co_return;
    };
    others.spawn(release(go_on));
    const std::thread::id away = co_await cw::blocking(place, [&go_on] {
      while (!go_on) std::this_thread::yield();  // ends only if the loop is free
      return std::this_thread::get_id();
    });
    CHECK(away != home);
    CHECK(std::this_thread::get_id() == home);
    const cw::executor_ref here = co_await cw::this_coro::executor();
    CHECK(here == home_loop);
    co_await others.join();
  };
  cw::sync_wait(loop, run(pool));
}

TEST_CASE("an exception of the function arrives at the caller, on the coroutine's own thread") {
  cw::thread_pool pool(1);
  const auto run = [](cw::executor_ref place) -> cw::task<> {
    const std::thread::id home = std::this_thread::get_id();
    std::string message;
    try {
      co_await cw::blocking(place, blocking_fail, "no luck");
    } catch (const std::runtime_error& error) {
      message = error.what();
    }
    CHECK(message == "no luck");
    CHECK(std::this_thread::get_id() == home);
  };
  cw::sync_wait(run(pool));
}

TEST_CASE("a stop while the pool is busy keeps the function from being called") {
  cw::thread_pool pool(1);
  cw::event_loop loop;
  const auto run = [](cw::executor_ref place) -> cw::task<> {
    std::atomic<bool> busy{true};
    int calls = 0;
    int cancelled = 0;
    const cw::context here = co_await cw::this_coro::context();
    cw::scope first(here), stopped(here);
    const auto occupy = [](cw::executor_ref in, std::atomic<bool>& until) -> cw::task<> {
      co_await cw::blocking(in, [&until] {
        while (until) std::this_thread::yield();
      });
    };
    const auto call = [](cw::executor_ref in, int& count, int& ended) -> cw::task<> {
      try {
        co_await cw::blocking(in, [&count] { ++count; });
      } catch (const cw::cancelled&) {
        ++ended;
        throw;
      }
    };
    first.spawn(occupy(place, busy));
    stopped.spawn(call(place, calls, cancelled));
    co_await cw::resume_on(here.executor);
    stopped.request_stop();
    busy = false;
    co_await stopped.join();
    stopped.spawn(call(place, calls, cancelled));  // and one that comes after the stop
    co_await stopped.join();
    co_await first.join();
    CHECK(calls == 0);
    CHECK(cancelled == 2);
  };
  cw::sync_wait(loop, run(pool));
}

TEST_CASE(
    "a function that runs already returns its result in spite of a stop, and may read the stop token "
    "itself") {
  cw::thread_pool pool(2);
  cw::event_loop loop;
  const auto run = [](cw::executor_ref place) -> cw::task<> {
    cw::event begun;
    int given = 0;
    std::string end;
    cw::scope stopped(co_await cw::this_coro::context());
    const auto insist = [](cw::executor_ref in, cw::event& started, int& into) -> cw::task<> {
      const cw::stop_token stop = co_await cw::this_coro::stop_token();
      into = co_await cw::blocking(in, [&started, stop] {
        started.set();
        while (!stop.stop_requested()) std::this_thread::yield();
        return 7;
      });
    };
    const auto yield = [](cw::executor_ref in, std::string& into) -> cw::task<> {
      const cw::stop_token stop = co_await cw::this_coro::stop_token();
      try {
        co_await cw::blocking(in, [stop] { cw::block_for(1h, stop); });
      } catch (const cw::cancelled& error) {
        into = error.what();
      }
    };
    stopped.spawn(insist(place, begun, given));
    stopped.spawn(yield(place, end));
    co_await begun.wait();
    stopped.request_stop();
    co_await stopped.join();
    CHECK(given == 7);
    CHECK(end == "cancelled: a stop was requested");
  };
  cw::sync_wait(loop, run(pool));
}

TEST_CASE("under a simulated loop a pool of real threads is refused, and the loop itself works as the pool") {
  cw::simulated_loop loop;
  cw::thread_pool real(1);
  const auto run = [](cw::executor_ref simulated, cw::executor_ref pool) -> cw::task<> {
    int calls = 0;
    std::string message;
    try {
      co_await cw::blocking(pool, [&calls] { ++calls; });
    } catch (const std::logic_error& error) {
      message = error.what();
    }
    CHECK(message.find(
              "resume_on: a coroutine on a simulated_loop cannot move to an executor of real threads") == 0);
    CHECK(calls == 0);
    const int sum = co_await cw::blocking(simulated, blocking_sum, 1, 2);
    CHECK(sum == 3);
    try {
      co_await cw::blocking(cw::executor_ref(), blocking_sum, 1, 2);
    } catch (const std::logic_error& error) {
      message = error.what();
    }
    CHECK(message == "resume_on: the executor_ref is empty; give it an executor");
  };
  cw::sync_wait(loop, run(loop, real));
}

TEST_CASE("many coroutines call at once, on eight threads, and each receives its own result") {
  cw::thread_pool pool(8);
  cw::event_loop loop;
  const auto run = [](cw::executor_ref place) -> cw::task<int> {
    int sum = 0;
    cw::scope callers(co_await cw::this_coro::context());
    const auto call = [](cw::executor_ref in, int number, int& into) -> cw::task<> {
      for (int i = 0; i < 5; ++i) {
        const int given = co_await cw::blocking(in, blocking_sum, number, i);
        into += given;  // on the loop's thread, so that no lock is needed
      }
    };
    for (int i = 0; i < 100; ++i) callers.spawn(call(place, i, sum));
    co_await callers.join();
    co_return sum;
  };
  CHECK(cw::sync_wait(loop, run(pool)) == 5 * 4950 + 100 * 10);
}
