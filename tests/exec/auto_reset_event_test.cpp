#include <doctest/doctest.h>
#include <atomic>
#include <chrono>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/auto_reset_event.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <csignal>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>

namespace whole_namespace {

using namespace coworker;

// Compiles only while coworker has no name `signal` of its own.
inline bool signal_can_be_ignored() {
  const auto before = signal(SIGUSR2, SIG_IGN);
  return before != SIG_ERR && signal(SIGUSR2, before) == SIG_IGN;
}

}  // namespace whole_namespace

namespace {

using namespace std::chrono_literals;
using coworker::auto_reset_event;
using coworker::duration;
using coworker::simulated_loop;
using coworker::task;
using coworker::time_point;

struct woken {
  bool was_set;
  duration at;
};

task<woken> wait_for_event(simulated_loop& loop, auto_reset_event& awaited, time_point due) {
  const bool was_set = co_await awaited.wait_until(due);
  co_return woken{was_set, loop.elapsed()};
}

task<void> set_event_at(auto_reset_event& awaited, duration moment) {
  co_await coworker::sleep_until(time_point(moment));
  awaited.set();
}

// Waits twice for up to ten seconds each, while another coroutine sets the event at that moment.
struct two_waits {
  woken first{}, second{};

  explicit two_waits(duration set_at, bool setter_begins) {
    simulated_loop loop;
    coworker::sync_wait(loop, run(loop, set_at, setter_begins));
  }

  task<void> run(simulated_loop& loop, duration set_at, bool setter_begins) {
    auto_reset_event awaited;
    const coworker::context surrounding = co_await coworker::this_coro::context();
    coworker::scope beside(surrounding);
    if (setter_begins) beside.spawn(set_event_at(awaited, set_at));
    beside.spawn(wait_twice(loop, awaited));
    if (!setter_begins) beside.spawn(set_event_at(awaited, set_at));
    co_await beside.join();
  }

  task<void> wait_twice(simulated_loop& loop, auto_reset_event& awaited) {
    first = co_await wait_for_event(loop, awaited, loop.now() + 10s);
    second = co_await wait_for_event(loop, awaited, loop.now() + 10s);
  }
};

}  // namespace

TEST_CASE("a program that uses all of namespace coworker can still call POSIX's signal()") {
  CHECK(whole_namespace::signal_can_be_ignored());
}

TEST_CASE("a wait ends when the event is set, and resets it") {
  const two_waits done(4s, false);
  CHECK(done.first.was_set);
  CHECK(done.first.at == 4s);
  CHECK_FALSE(done.second.was_set);
  CHECK(done.second.at == 14s);
}

TEST_CASE("a wait ends at its deadline if the event is not set before") {
  const two_waits done(14s, false);
  CHECK_FALSE(done.first.was_set);
  CHECK(done.first.at == 10s);
  CHECK(done.second.was_set);
  CHECK(done.second.at == 14s);
}

TEST_CASE("an event that is set when the time runs out is not lost, in either order") {
  const two_waits set_before(10s, true);
  CHECK(set_before.first.was_set);
  CHECK_FALSE(set_before.second.was_set);
  const two_waits set_after(10s, false);
  CHECK_FALSE(set_after.first.was_set);
  CHECK(set_after.second.was_set);
  CHECK(set_after.second.at == 10s);
}

TEST_CASE("an event stays set until it is waited for, and setting it twice counts once") {
  simulated_loop loop;
  auto_reset_event awaited;
  awaited.set();
  awaited.set();
  const woken first = coworker::sync_wait(loop, wait_for_event(loop, awaited, time_point::max()));
  CHECK(first.was_set);
  CHECK(first.at == 0s);
  CHECK_FALSE(coworker::sync_wait(loop, wait_for_event(loop, awaited, loop.now())).was_set);
}

TEST_CASE("a deadline that has passed ends the wait at once") {
  simulated_loop loop;
  auto_reset_event awaited;
  loop.run_for(5s);
  const woken done = coworker::sync_wait(loop, wait_for_event(loop, awaited, time_point(1s)));
  CHECK_FALSE(done.was_set);
  CHECK(done.at == 5s);
}

TEST_CASE("a stop does not end the wait") {
  simulated_loop loop;
  const auto wait_in_stopped_scope = [](simulated_loop& place) -> task<woken> {
    auto_reset_event awaited;
    const coworker::context surrounding = co_await coworker::this_coro::context();
    coworker::scope stopped(surrounding);
    woken done{};
    const auto wait = [&]() -> task<void> { done = co_await wait_for_event(place, awaited, time_point(3s)); };
    stopped.spawn(wait());
    stopped.request_stop();
    co_await stopped.join();
    co_return done;
  };
  CHECK(coworker::sync_wait(loop, wait_in_stopped_scope(loop)).at == 3s);
}

TEST_CASE("a wait without a deadline lasts until the event is set, however far virtual time goes") {
  simulated_loop loop;
  auto_reset_event awaited;
  const auto wait = [](simulated_loop& place, auto_reset_event& unlimited) -> task<duration> {
    const bool was_set = co_await unlimited.wait();
    co_return was_set ? place.elapsed() : duration::min();
  };
  const auto set_late = [&](simulated_loop& place) -> task<duration> {
    const coworker::context surrounding = co_await coworker::this_coro::context();
    coworker::scope beside(surrounding);
    beside.spawn(set_event_at(awaited, 24h * 365 * 100));
    const duration woken_at = co_await wait(place, awaited);
    co_await beside.join();
    co_return woken_at;
  };
  CHECK(coworker::sync_wait(loop, set_late(loop)) == 24h * 365 * 100);
}

TEST_CASE("virtual time does not jump to its end for a wait without a deadline") {
  simulated_loop loop;
  auto_reset_event awaited;
  bool woken_up = false;
  {
    coworker::scope waiting{coworker::context(loop)};
    const auto wait = [&]() -> task<void> { woken_up = co_await awaited.wait(); };
    waiting.spawn(wait());
    CHECK_FALSE(loop.run());
    CHECK(loop.elapsed() == 0s);
    CHECK_FALSE(woken_up);
    awaited.set();
    coworker::sync_wait(loop, [](coworker::scope& joined) -> task<void> { co_await joined.join(); }(waiting));
  }
  CHECK(woken_up);
}

TEST_CASE("an event that other threads set again and again is never missed") {
  coworker::event_loop loop;
  auto_reset_event awaited;
  std::atomic<int> announced{0};
  constexpr int last = 2000;
  std::thread setter([&] {
    for (int i = 1; i <= last; ++i) {
      announced.store(i, std::memory_order_release);
      awaited.set();
    }
  });
  const auto wait_for_last = [&]() -> task<int> {
    while (announced.load(std::memory_order_acquire) < last) {
      const bool was_set = co_await awaited.wait();
      if (!was_set) co_return -1;
    }
    co_return announced.load();
  };
  CHECK(coworker::sync_wait(loop, wait_for_last()) == last);
  setter.join();
}

TEST_CASE("a wait on a thread pool may be woken from its other threads") {
  coworker::thread_pool pool(3);
  auto_reset_event there, back;
  const auto answer = [](auto_reset_event& asked, auto_reset_event& answered, int times) -> task<void> {
    for (int i = 0; i < times; ++i) {
      co_await asked.wait();
      answered.set();
    }
  };
  const auto ask = [&]() -> task<int> {
    const coworker::context surrounding = co_await coworker::this_coro::context();
    coworker::scope beside(surrounding);
    beside.spawn(answer(there, back, 500));
    int answers = 0;
    for (int i = 0; i < 500; ++i) {
      there.set();
      const bool was_set = co_await back.wait();
      answers += was_set ? 1 : 0;
    }
    co_await beside.join();
    co_return answers;
  };
  CHECK(coworker::sync_wait(pool, ask()) == 500);
}

TEST_CASE("a second waiter causes an error that says so, and the first is still woken") {
  simulated_loop loop;
  const auto run = [](simulated_loop& place) -> task<void> {
    auto_reset_event awaited;
    coworker::scope beside(co_await coworker::this_coro::context());
    woken first{};
    const auto wait = [&]() -> task<void> {
      first = co_await wait_for_event(place, awaited, time_point::max());
    };
    beside.spawn(wait());
    co_await coworker::sleep_for(1s);
    std::string message;
    try {
      co_await awaited.wait_until(time_point(5s));
    } catch (const std::logic_error& error) {
      message = error.what();
    }
    CHECK(message ==
          "auto_reset_event: another coroutine is waiting for this event already, and only one can; use an "
          "event for several waiters, or give each waiter an auto_reset_event of its own");
    awaited.set();
    co_await beside.join();
    CHECK(first.was_set);
    CHECK(first.at == 1s);
  };
  coworker::sync_wait(loop, run(loop));
}

TEST_CASE("a coroutine that begins to wait before the woken one has continued is not forgotten") {
  simulated_loop loop;
  const auto run = [](simulated_loop& place) -> task<void> {
    auto_reset_event awaited;
    coworker::scope beside(co_await coworker::this_coro::context());
    woken first{}, second{};
    const auto wait = [&](woken& into) -> task<void> {
      into = co_await wait_for_event(place, awaited, time_point(10s));
    };
    beside.spawn(wait(first));
    co_await coworker::sleep_for(1s);
    beside.spawn(wait(second));  // is resumed before the first, which set() posts after it
    awaited.set();
    co_await coworker::sleep_for(1s);
    CHECK(first.at == 1s);
    awaited.set();
    co_await beside.join();
    CHECK(second.was_set);
    CHECK(second.at == 2s);
  };
  coworker::sync_wait(loop, run(loop));
}

namespace {

// An executor that cannot arm a timer, like one that is out of memory.
struct auto_reset_unarmed {
  simulated_loop& loop;
  void post(std::coroutine_handle<> handle) { loop.post(handle); }
  void arm(coworker::timer&) { throw std::bad_alloc(); }
  void cancel(coworker::timer& alarm) { loop.cancel(alarm); }
  time_point now() const { return loop.now(); }
};

}  // namespace

TEST_CASE("a wait that cannot begin throws, and has no effect") {
  simulated_loop loop;
  auto_reset_unarmed unarmed{loop};
  const auto run = [](simulated_loop& place, coworker::executor_ref away) -> task<void> {
    auto_reset_event awaited;
    const coworker::executor_ref home = co_await coworker::this_coro::executor();
    co_await coworker::resume_on(away);
    bool refused = false;
    try {
      co_await awaited.wait();
    } catch (const std::bad_alloc&) {
      refused = true;
    }
    CHECK(refused);
    co_await coworker::resume_on(home);
    awaited.set();
    const woken done = co_await wait_for_event(place, awaited, time_point::max());
    CHECK(done.was_set);
  };
  coworker::sync_wait(loop, run(loop, unarmed));
}

TEST_CASE(
    "a real thread that sets an event under a simulated loop gets an error at once, and nothing is set") {
  simulated_loop loop;
  const auto run = [](simulated_loop& place) -> task<void> {
    auto_reset_event awaited;
    coworker::scope beside(co_await coworker::this_coro::context());
    woken done{};
    const auto wait = [&]() -> task<void> {
      done = co_await wait_for_event(place, awaited, time_point(10s));
    };
    beside.spawn(wait());
    co_await coworker::sleep_for(1s);
    std::string message;
    std::thread foreign([&] {
      try {
        awaited.set();
      } catch (const std::logic_error& error) {
        message = error.what();
      }
    });
    foreign.join();
    CHECK(message.find("auto_reset_event::set: called on another thread than that of the simulated_loop "
                       "whose coroutines it would wake. A simulated loop has one thread") == 0);
    co_await beside.join();
    CHECK_FALSE(done.was_set);
    CHECK(done.at == 10s);
  };
  coworker::sync_wait(loop, run(loop));
}
