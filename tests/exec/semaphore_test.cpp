#include <doctest/doctest.h>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/semaphore.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <optional>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using coworker::duration;
using coworker::scope;
using coworker::semaphore;
using coworker::simulated_loop;
using coworker::task;

// Records when it got its permit, and how many had one then.
struct semaphore_visits {
  int inside = 0;
  int most_inside = 0;
  std::vector<std::pair<int, duration>> entered{};
  int cancelled = 0;

  task<void> visit(simulated_loop& loop, semaphore& permits, int number, duration stay) {
    try {
      const semaphore::permit held = co_await permits.acquire();
      entered.emplace_back(number, loop.elapsed());
      most_inside = std::max(most_inside, ++inside);
      co_await coworker::sleep_for(stay);
      --inside;
    } catch (const coworker::cancelled&) {
      ++cancelled;
      throw;
    }
  }
};

}  // namespace

TEST_CASE("a semaphore admits as many as it has permits, in the order in which they asked") {
  simulated_loop loop;
  semaphore permits(2);
  semaphore_visits seen;
  const auto run = [&]() -> task<void> {
    scope visitors(co_await coworker::this_coro::context());
    for (int i = 0; i < 5; ++i) visitors.spawn(seen.visit(loop, permits, i, 10s));
    co_await visitors.join();
  };
  coworker::sync_wait(loop, run());
  CHECK(seen.most_inside == 2);
  CHECK(seen.entered ==
        std::vector<std::pair<int, duration>>{{0, 0s}, {1, 0s}, {2, 10s}, {3, 10s}, {4, 20s}});
}

TEST_CASE(
    "a coroutine that is stopped while it waits for a permit stops waiting, and the others get theirs") {
  simulated_loop loop;
  semaphore permits(1);
  semaphore_visits seen;
  const auto run = [&]() -> task<void> {
    const coworker::context surrounding = co_await coworker::this_coro::context();
    scope visitors(surrounding);
    scope impatient(surrounding);
    visitors.spawn(seen.visit(loop, permits, 0, 10s));
    co_await coworker::sleep_for(1s);
    for (int i = 1; i <= 3; ++i) impatient.spawn(seen.visit(loop, permits, i, 10s));
    co_await coworker::sleep_for(1s);
    visitors.spawn(seen.visit(loop, permits, 4, 10s));
    co_await coworker::sleep_for(1s);
    impatient.request_stop();
    impatient.spawn(seen.visit(loop, permits, 5, 10s));
    co_await impatient.join();
    CHECK(loop.elapsed() == 3s);
    co_await visitors.join();
  };
  coworker::sync_wait(loop, run());
  CHECK(seen.cancelled == 4);
  CHECK(seen.entered == std::vector<std::pair<int, duration>>{{0, 0s}, {4, 10s}});
}

TEST_CASE("a permit that was moved to another owner outlives the coroutine that acquired it") {
  simulated_loop loop;
  semaphore permits(1);
  const auto run = [&]() -> task<void> {
    std::optional<semaphore::permit> kept;
    const auto fetch = [](semaphore& from, std::optional<semaphore::permit>& into) -> task<void> {
      into.emplace(co_await from.acquire());
    };
    co_await fetch(permits, kept);
    scope waiting(co_await coworker::this_coro::context());
    semaphore_visits seen;
    waiting.spawn(seen.visit(loop, permits, 1, 1s));
    co_await coworker::sleep_for(5s);
    CHECK(seen.entered.empty());
    kept.reset();
    co_await waiting.join();
    CHECK(seen.entered == std::vector<std::pair<int, duration>>{{1, 5s}});
  };
  coworker::sync_wait(loop, run());
}

TEST_CASE("permits are acquired and released on many threads, with stops in between") {
  coworker::thread_pool pool(4);
  coworker::event_loop loop;
  semaphore permits(3);
  std::atomic<int> inside{0};
  std::atomic<int> entered{0};
  std::atomic<bool> too_many{false};
  const auto visit = [&]() -> task<void> {
    co_await coworker::resume_on(pool);
    for (int i = 0; i < 50; ++i) {
      const semaphore::permit held = co_await permits.acquire();
      if (inside.fetch_add(1) >= 3) too_many = true;
      entered.fetch_add(1);
      co_await coworker::resume_on(loop);
      inside.fetch_sub(1);
      co_await coworker::resume_on(pool);
    }
  };
  const auto run = [&]() -> task<void> {
    const coworker::context surrounding = co_await coworker::this_coro::context();
    scope patient(surrounding);
    scope impatient(surrounding);
    for (int i = 0; i < 8; ++i) patient.spawn(visit);
    for (int i = 0; i < 8; ++i) impatient.spawn(visit);
    impatient.request_stop();
    co_await impatient.join();
    co_await patient.join();
  };
  coworker::sync_wait(loop, run());
  CHECK_FALSE(too_many);
  CHECK(inside == 0);
  CHECK(entered >= 8 * 50);
}
