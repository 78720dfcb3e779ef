#include <doctest/doctest.h>
#include <atomic>
#include <coworker/coro/task.hpp>
#include <coworker/exec/event.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/late_wake.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/waiter.hpp>
#include <thread>

using coworker::event;
using coworker::event_loop;
using coworker::task;
using coworker::time_point;
using coworker::detail::late_wake;

namespace {

struct counting_waiter final : coworker::waiter {
  coworker::condition_waiter inner;
  std::atomic<int> waits{0};
  std::atomic<int> wakes{0};
  void wait(time_point deadline) override {
    if (deadline != (time_point::min)()) ++waits;
    inner.wait(deadline);
  }
  void wake() noexcept override {
    ++wakes;
    inner.wake();
  }
};

task<void> wait_for(event& awaited) { co_await awaited.wait(); }

}  // namespace

TEST_CASE(
    "the first sleeper is woken once, when the outermost late_wake ends; others are left to the caller") {
  counting_waiter one;
  counting_waiter other;
  std::atomic<int> wakers{1};
  std::atomic<int> others{1};
  {
    const late_wake outer;
    {
      const late_wake inner;
      CHECK(late_wake::take_over(one, wakers));
    }
    CHECK(one.wakes == 0);
    CHECK(wakers == 1);
    CHECK_FALSE(late_wake::take_over(other, others));
    wakers = 2;
    CHECK(late_wake::take_over(one, wakers));
    CHECK(wakers == 1);
  }
  CHECK(one.wakes == 1);
  CHECK(wakers == 0);
  CHECK(others == 1);
  CHECK_FALSE(late_wake::take_over(one, wakers));
}

TEST_CASE(
    "a loop that sleeps is woken by each event that another thread sets, and may end at once after it") {
  for (int round = 0; round < 200; ++round) {
    counting_waiter sleeper;
    event_loop loop(sleeper);
    event awaited;
    std::thread other([&] {
      while (round % 2 == 0 && sleeper.waits == 0) std::this_thread::yield();
      awaited.set();
    });
    coworker::sync_wait(loop, wait_for(awaited));
    other.join();
    if (round % 2 == 0) CHECK(sleeper.wakes >= 1);
  }
}
