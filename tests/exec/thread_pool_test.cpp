#include <doctest/doctest.h>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <coro/foreign.hpp>
#include <coroutine>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <csignal>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <support/child_process.hpp>
#include <support/counted_memory.hpp>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#if defined(__GLIBC__)
#include <pthread.h>
#endif

namespace {

namespace cw = coworker;
using namespace std::chrono_literals;

// Blocks threads until a given number has arrived.
class pool_gate {
 public:
  explicit pool_gate(int needed) : needed_(needed) {}

  void pass() {
    std::unique_lock lock(mutex_);
    if (--needed_ == 0) condition_.notify_all();
    while (needed_ > 0) condition_.wait(lock);
  }

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  int needed_;
};

cw::task<> pool_pass(pool_gate& gate) {
  gate.pass();
  co_return;
}

cw::task<> pool_sleep_and_pass(cw::duration span, pool_gate& gate) {
  co_await cw::sleep_for(span);
  gate.pass();
}

cw::task<> pool_end_at_once() { co_return; }

cw::task<> pool_hop(int times) {
  const cw::executor_ref here = co_await cw::this_coro::executor();
  for (int i = 0; i < times; ++i) co_await cw::resume_on(here);
}

cw::task<> pool_sleep(int times, cw::duration span) {
  for (int i = 0; i < times; ++i) co_await cw::sleep_for(span);
}

// Runs `work(scope)` in a scope on the pool, and waits for all.
template <class Work>
void pool_run(cw::thread_pool& pool, Work work) {
  const auto body = [](Work& spawn_all) -> cw::task<> {
    cw::scope children(co_await cw::this_coro::context());
    spawn_all(children);
    co_await children.join();
  };
  cw::sync_wait(pool, body(work));
}

}  // namespace

TEST_CASE("a pool starts no thread before there is work, and no more than the work needs") {
  cw::thread_pool pool(4);
  CHECK(pool.size() == 0);
  cw::sync_wait(pool, pool_end_at_once());
  CHECK(pool.size() == 1);
}

TEST_CASE("a pool uses as many threads as it may, if that much work blocks") {
  cw::thread_pool pool(5);
  pool_gate gate(5);
  pool_run(pool, [&](cw::scope& children) {
    for (int i = 0; i < 5; ++i) children.spawn(pool_pass(gate));
  });
  CHECK(pool.size() == 5);
}

TEST_CASE("a pool never uses more threads than it may") {
  cw::thread_pool pool(3);
  std::mutex mutex;
  std::set<std::thread::id> threads;
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  pool_run(pool, [&](cw::scope& children) {
    for (int i = 0; i < 200; ++i) {
      children.spawn([&]() -> cw::task<> {
        const int now = ++running;
        int before = most;
        while (now > before && !most.compare_exchange_weak(before, now)) {
        }
        {
          const std::lock_guard lock(mutex);
          threads.insert(std::this_thread::get_id());
        }
        --running;
        co_return;
      });
    }
  });
  CHECK(most <= 3);
  CHECK(threads.size() <= 3);
  CHECK(pool.size() <= 3);
}

TEST_CASE("a pool of 0 threads counts as a pool of one") {
  cw::thread_pool pool(0);
  cw::sync_wait(pool, pool_hop(3));
  CHECK(pool.size() == 1);
}

TEST_CASE("a timer fires while every other thread is busy, whoever was watching it before") {
  for (int round = 0; round < 20; ++round) {
    cw::thread_pool pool(3);
    pool_gate gate(3);
    pool_run(pool, [&](cw::scope& children) {
      children.spawn(pool_sleep_and_pass(100us, gate));
      children.spawn(pool_pass(gate));
      children.spawn(pool_pass(gate));
    });
  }
}

TEST_CASE("a timer fires while every other thread is idle") {
  cw::thread_pool pool(4);
  pool_gate gate(4);
  pool_run(pool, [&](cw::scope& children) {
    for (int i = 0; i < 4; ++i) children.spawn(pool_pass(gate));
  });
  CHECK(pool.size() == 4);
  cw::sync_wait(pool, pool_sleep(20, 10us));
  CHECK(pool.size() == 4);
}

TEST_CASE("a timer that is due before the one being watched fires first") {
  cw::thread_pool pool(2);
  cw::stop_source source;
  pool_run(pool, [&](cw::scope& children) {
    children.spawn(pool_sleep(1, 1h));
    children.spawn([&children]() -> cw::task<> {
      for (int i = 0; i < 50; ++i) co_await cw::sleep_for(10us);
      children.request_stop();
    });
  });
  CHECK(pool.size() <= 2);
}

TEST_CASE("many timers at once, on several threads, fire once each") {
  cw::thread_pool pool(3);
  std::atomic<int> fired = 0;
  pool_run(pool, [&](cw::scope& children) {
    for (int i = 0; i < 500; ++i) {
      children.spawn([&fired, i]() -> cw::task<> {
        co_await cw::sleep_for(std::chrono::microseconds(i % 7 * 50));
        ++fired;
      });
    }
  });
  CHECK(fired == 500);
}

TEST_CASE("timers that are due while a pool's thread has no memory fire as soon as there is some") {
  if (!coworker::testing::memory_is_counted()) return;
  cw::thread_pool pool(1);
  std::atomic<int> fired = 0;
  const auto sleeper = [](cw::time_point due, std::atomic<int>& count) -> cw::task<> {
    co_await cw::sleep_until(due);
    ++count;
  };
  const auto all = [&sleeper](std::atomic<int>& count) -> cw::task<std::uint64_t> {
    const cw::context here = co_await cw::this_coro::context();
    const cw::time_point due = here.executor.now() + 100ms;
    cw::scope children(here);
    for (int i = 0; i < 100; ++i) {
      children.spawn(sleeper(due, count));
      co_await cw::resume_on(here.executor);  // one after the other, so that the pool makes room for few
    }
    coworker::testing::thread_memory& memory = coworker::testing::this_thread_memory();
    const std::uint64_t before = memory.failures;
    memory.failures_left = 3;
    memory.allocations_left = 0;
    co_await children.join();
    memory.allocations_left = -1;
    co_return memory.failures - before;
  };
  CHECK(cw::sync_wait(pool, all(fired)) == 3);
  CHECK(fired == 100);
}

TEST_CASE("a coroutine that a stop wakes on a pool without memory resumes as soon as there is some") {
  if (!coworker::testing::memory_is_counted()) return;
  cw::thread_pool pool(1);
  std::atomic<int> stopped = 0;
  const auto sleeper = [](std::atomic<int>& count) -> cw::task<> {
    try {
      co_await cw::sleep_for(1h);
    } catch (const cw::cancelled&) {
      ++count;
    }
  };
  const auto all = [&sleeper](std::atomic<int>& count) -> cw::task<std::uint64_t> {
    const cw::context here = co_await cw::this_coro::context();
    cw::scope children(here);
    for (int i = 0; i < 100; ++i) {
      children.spawn(sleeper(count));
      co_await cw::resume_on(here.executor);  // one after the other, so that the pool makes room for few
    }
    coworker::testing::thread_memory& memory = coworker::testing::this_thread_memory();
    const std::uint64_t before = memory.failures;
    memory.failures_left = 3;
    memory.allocations_left = 0;
    children.request_stop();
    memory.allocations_left = -1;
    co_await children.join();
    co_return memory.failures - before;
  };
  CHECK(cw::sync_wait(pool, all(stopped)) == 3);
  CHECK(stopped == 100);
}

TEST_CASE("a pool that may grow starts threads for what was waiting") {
  cw::thread_pool pool(1);
  pool_gate gate(3);
  std::thread raising;
  pool_run(pool, [&](cw::scope& children) {
    for (int i = 0; i < 3; ++i) children.spawn(pool_pass(gate));
    raising = std::thread([&pool] {
      pool.set_max_threads(3);
      pool.set_max_threads(2);  // does not shrink
    });
  });
  raising.join();
  CHECK(pool.size() == 3);
}

TEST_CASE("the destructor resumes all that was posted, and what that posts in turn") {
  for (int round = 0; round < 20; ++round) {
    constexpr int chains = 50;
    constexpr int steps = 20;
    std::atomic<int> resumed = 0;
    std::deque<foreign::eager_task> owner;
    {
      cw::thread_pool pool(4);
      const auto chain = [](cw::thread_pool& place, std::atomic<int>& count) -> foreign::eager_task {
        auto post = [&place](std::coroutine_handle<> self) { place.post(self); };
        for (int i = 0; i < steps; ++i) {
          co_await foreign::suspend_and(post);
          ++count;
        }
      };
      for (int i = 0; i < chains; ++i) owner.push_back(chain(pool, resumed));
    }
    REQUIRE(resumed == chains * steps);
  }
}

TEST_CASE("the destructor drops armed timers: their coroutines stay suspended") {
  cw::timer alarm;
  bool resumed = false;
  const auto sleeper = [](cw::thread_pool& place, cw::timer& armed, bool& went_on) -> foreign::eager_task {
    auto arm = [&](std::coroutine_handle<> self) {
      armed.handle = self;
      armed.due = cw::clock_type::now() + 1h;
      place.arm(armed);
    };
    co_await foreign::suspend_and(arm);
    went_on = true;
  };
  std::deque<foreign::eager_task> owner;
  {
    cw::thread_pool pool(2);
    owner.push_back(sleeper(pool, alarm, resumed));
  }
  CHECK_FALSE(resumed);
  CHECK(alarm.status == cw::timer::state::armed);
}

TEST_CASE("threads may post to a pool until its destructor") {
  for (int round = 0; round < 100; ++round) {
    std::atomic<int> resumed = 0;
    std::deque<foreign::eager_task> owner;
    const auto count = [](std::atomic<int>& to) -> foreign::eager_task {
      co_await std::suspend_always();
      ++to;
    };
    for (int i = 0; i < 4; ++i) owner.push_back(count(resumed));
    {
      cw::thread_pool pool(2);
      std::vector<std::thread> posters;
      for (const foreign::eager_task& task : owner)
        posters.emplace_back([&pool, &task] { pool.post(task.handle()); });
      for (std::thread& poster : posters) poster.join();
    }
    REQUIRE(resumed == 4);
  }
}

#if defined(__GLIBC__)
// Gives new threads a stack that is larger than any address space, so that starting one fails.
class pool_no_threads {
 public:
  pool_no_threads() {
    pthread_getattr_default_np(&before_);
    pthread_attr_t attributes;
    pthread_getattr_default_np(&attributes);
    pthread_attr_setstacksize(&attributes, std::size_t{1} << 47);
    pthread_setattr_default_np(&attributes);
    pthread_attr_destroy(&attributes);
  }
  pool_no_threads(const pool_no_threads&) = delete;
  pool_no_threads& operator=(const pool_no_threads&) = delete;
  ~pool_no_threads() {
    pthread_setattr_default_np(&before_);
    pthread_attr_destroy(&before_);
  }

 private:
  pthread_attr_t before_;
};

TEST_CASE("if no thread can be started, post() and arm() throw and have no effect") {
  cw::thread_pool pool(2);
  int resumed = 0;
  const auto count = [](int& to) -> foreign::eager_task {
    co_await std::suspend_always();
    ++to;
  };
  const foreign::eager_task task = count(resumed);
  cw::timer alarm(cw::time_point::min(), task.handle());
  {
    const pool_no_threads no_threads;
    CHECK_THROWS_AS(pool.post(task.handle()), std::system_error);
    CHECK_THROWS_AS(pool.arm(alarm), std::system_error);
  }
  CHECK(alarm.status == cw::timer::state::idle);
  CHECK(pool.size() == 0);
  cw::sync_wait(pool, pool_hop(1));
  CHECK(resumed == 0);
}

TEST_CASE("if no further thread can be started, the first does all the work") {
  cw::thread_pool pool(4);
  cw::sync_wait(pool, pool_end_at_once());
  const pool_no_threads no_threads;
  std::atomic<int> ended = 0;
  pool_run(pool, [&](cw::scope& children) {
    for (int i = 0; i < 20; ++i) {
      children.spawn([&ended]() -> cw::task<> {
        co_await cw::sleep_for(1us);
        ++ended;
      });
    }
  });
  CHECK(ended == 20);
  CHECK(pool.size() == 1);
}
#endif

TEST_CASE("a pool distinguishes its own threads from others") {
  cw::thread_pool pool(2);
  cw::thread_pool other(1);
  const auto asks = [](cw::thread_pool& first, cw::thread_pool& second) -> cw::task<std::vector<bool>> {
    std::vector<bool> seen{first.runs_on_this_thread(), second.runs_on_this_thread()};
    co_await cw::resume_on(second);
    seen.push_back(first.runs_on_this_thread());
    seen.push_back(second.runs_on_this_thread());
    co_return seen;
  };
  CHECK(cw::sync_wait(pool, asks(pool, other)) == std::vector<bool>{true, false, false, true});
  CHECK_FALSE(pool.runs_on_this_thread());
}

#ifdef COWORKER_TESTS_CAN_FORK
TEST_CASE("a pool whose last owner releases it on one of its own threads ends the program with a message") {
  const auto end = coworker::testing::end_of_child([] {
    auto pool = std::make_shared<cw::thread_pool>(2);
    const auto last_owner = [](std::shared_ptr<cw::thread_pool> owned) -> foreign::eager_task {
      auto post = [&owned](std::coroutine_handle<> self) { owned->post(self); };
      co_await foreign::suspend_and(post);
      while (owned.use_count() > 1) std::this_thread::yield();
      owned.reset();
    };
    const foreign::eager_task started = last_owner(pool);
    pool.reset();
    for (;;) ::pause();
  });
  CHECK(end.signal == SIGABRT);
  CHECK(end.words.find(
            "coworker: a thread_pool was destroyed on one of its own threads, which it would have to "
            "wait for; keep a reference to it outside of the tasks that it runs") != std::string::npos);
}
#endif
