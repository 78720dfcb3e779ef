#include <doctest/doctest.h>
#include <atomic>
#include <chrono>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/signal.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <thread>

namespace {

using namespace std::chrono_literals;
using coworker::duration;
using coworker::simulated_loop;
using coworker::task;
using coworker::time_point;
using wake_signal = coworker::signal;  // as there is ::signal too

struct woken {
  bool was_set;
  duration at;
};

task<woken> wait_for_signal(simulated_loop& loop, wake_signal& awaited, time_point due) {
  const bool was_set = co_await awaited.wait_until(due);
  co_return woken{was_set, loop.elapsed()};
}

task<void> set_signal_at(wake_signal& awaited, duration moment) {
  co_await coworker::sleep_until(time_point(moment));
  awaited.set();
}

// Waits twice for up to ten seconds each, while another coroutine sets the signal at that moment.
struct two_waits {
  woken first{}, second{};

  explicit two_waits(duration set_at, bool setter_begins) {
    simulated_loop loop;
    coworker::sync_wait(loop, run(loop, set_at, setter_begins));
  }

  task<void> run(simulated_loop& loop, duration set_at, bool setter_begins) {
    wake_signal awaited;
    const coworker::context surrounding = co_await coworker::this_coro::context();
    coworker::scope beside(surrounding);
    if (setter_begins) beside.spawn(set_signal_at(awaited, set_at));
    beside.spawn(wait_twice(loop, awaited));
    if (!setter_begins) beside.spawn(set_signal_at(awaited, set_at));
    co_await beside.join();
  }

  task<void> wait_twice(simulated_loop& loop, wake_signal& awaited) {
    first = co_await wait_for_signal(loop, awaited, loop.now() + 10s);
    second = co_await wait_for_signal(loop, awaited, loop.now() + 10s);
  }
};

}  // namespace

TEST_CASE("a wait ends when the signal is set, and takes it") {
  const two_waits done(4s, false);
  CHECK(done.first.was_set);
  CHECK(done.first.at == 4s);
  CHECK_FALSE(done.second.was_set);
  CHECK(done.second.at == 14s);
}

TEST_CASE("a wait ends at its moment when the signal is not set before") {
  const two_waits done(14s, false);
  CHECK_FALSE(done.first.was_set);
  CHECK(done.first.at == 10s);
  CHECK(done.second.was_set);
  CHECK(done.second.at == 14s);
}

TEST_CASE("a signal that is set as the time runs out is not lost, whichever comes first") {
  const two_waits set_before(10s, true);
  CHECK(set_before.first.was_set);
  CHECK_FALSE(set_before.second.was_set);
  const two_waits set_after(10s, false);
  CHECK_FALSE(set_after.first.was_set);
  CHECK(set_after.second.was_set);
  CHECK(set_after.second.at == 10s);
}

TEST_CASE("a signal stays set until it is waited for, and setting it twice counts once") {
  simulated_loop loop;
  wake_signal awaited;
  awaited.set();
  awaited.set();
  const woken first = coworker::sync_wait(loop, wait_for_signal(loop, awaited, time_point::max()));
  CHECK(first.was_set);
  CHECK(first.at == 0s);
  CHECK_FALSE(coworker::sync_wait(loop, wait_for_signal(loop, awaited, loop.now())).was_set);
}

TEST_CASE("a moment that has passed ends the wait at once") {
  simulated_loop loop;
  wake_signal awaited;
  loop.run_for(5s);
  const woken done = coworker::sync_wait(loop, wait_for_signal(loop, awaited, time_point(1s)));
  CHECK_FALSE(done.was_set);
  CHECK(done.at == 5s);
}

TEST_CASE("a stop does not end the wait") {
  simulated_loop loop;
  const auto wait_in_stopped_scope = [](simulated_loop& place) -> task<woken> {
    wake_signal awaited;
    const coworker::context surrounding = co_await coworker::this_coro::context();
    coworker::scope stopped(surrounding);
    woken done{};
    const auto wait = [&]() -> task<void> {
      done = co_await wait_for_signal(place, awaited, time_point(3s));
    };
    stopped.spawn(wait());
    stopped.request_stop();
    co_await stopped.join();
    co_return done;
  };
  CHECK(coworker::sync_wait(loop, wait_in_stopped_scope(loop)).at == 3s);
}

TEST_CASE("a wait without a limit lasts until the signal is set, however far virtual time goes") {
  simulated_loop loop;
  wake_signal awaited;
  const auto wait = [](simulated_loop& place, wake_signal& unlimited) -> task<duration> {
    const bool was_set = co_await unlimited.wait();
    co_return was_set ? place.elapsed() : duration::min();
  };
  const auto set_late = [&](simulated_loop& place) -> task<duration> {
    const coworker::context surrounding = co_await coworker::this_coro::context();
    coworker::scope beside(surrounding);
    beside.spawn(set_signal_at(awaited, 24h * 365 * 100));
    const duration woken_at = co_await wait(place, awaited);
    co_await beside.join();
    co_return woken_at;
  };
  CHECK(coworker::sync_wait(loop, set_late(loop)) == 24h * 365 * 100);
}

TEST_CASE("virtual time does not run to its end for a wait without a limit") {
  simulated_loop loop;
  wake_signal awaited;
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

TEST_CASE("a signal set by other threads again and again is never missed") {
  coworker::event_loop loop;
  wake_signal awaited;
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
  wake_signal there, back;
  const auto answer = [](wake_signal& asked, wake_signal& answered, int times) -> task<void> {
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
