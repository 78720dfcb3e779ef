#include <doctest/doctest.h>
#include <chrono>
#include <coroutine>
#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/side_chain.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/event.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <new>

namespace coworker::testing {
namespace {

using namespace std::chrono_literals;
using detail::side_chain;

// Counts how many of its objects there are.
class counted {
 public:
  explicit counted(int& count) noexcept : count_(count) { ++count_; }
  counted(const counted&) = delete;
  counted& operator=(const counted&) = delete;
  ~counted() { --count_; }

 private:
  int& count_;
};

struct sleeper {
  int in_frames = 0;
  int ended = 0;
  bool stopped = false;
  event over{};

  side_chain sleep(const context&) {
    const counted one(in_frames);
    try {
      co_await sleep_for(5s);
    } catch (const cancelled&) {
      stopped = true;
    }
    ++ended;
    over.set();
  }
};

// Has no memory.
struct full_executor {
  void post(std::coroutine_handle<>) { throw std::bad_alloc(); }
  void arm(timer&) {}
  void cancel(timer&) {}
  time_point now() const { return {}; }
};

}  // namespace

TEST_CASE("a side chain runs beside the coroutine that starts it, and frees its frame at its end") {
  simulated_loop loop;
  sleeper one;
  const auto run = [](sleeper& of, simulated_loop& on) -> task<void> {
    const context here = co_await this_coro::context();
    for (int round = 1; round <= 3; ++round) {
      const duration begin = on.elapsed();
      of.sleep(here).start();
      CHECK(of.ended == round - 1);
      co_await of.over.wait();
      of.over.reset();
      CHECK(of.ended == round);
      CHECK(of.in_frames == 0);
      CHECK(on.elapsed() == begin + 5s);
    }
  };
  sync_wait(loop, run(one, loop));
  CHECK(!one.stopped);
}

TEST_CASE("a side chain gets the stop of the context that it was given") {
  simulated_loop loop;
  sleeper one;
  const auto run = [](sleeper& of, simulated_loop& on) -> task<void> {
    const context here = co_await this_coro::context();
    stop_source source;
    of.sleep(context(here.executor, source.get_token())).start();
    co_await sleep_for(1s);
    source.request_stop();
    co_await of.over.wait();
    CHECK(on.elapsed() == 1s);
  };
  sync_wait(loop, run(one, loop));
  CHECK(one.stopped);
  CHECK(one.in_frames == 0);
}

TEST_CASE("a side chain that cannot be started never runs, and its frame is freed") {
  full_executor full;
  sleeper one;
  CHECK_THROWS_AS(one.sleep(context(executor_ref(full))).start(), std::bad_alloc);
  { const side_chain never_started = one.sleep(context(executor_ref(full))); }
  CHECK(one.ended == 0);
  CHECK(one.in_frames == 0);
}

}  // namespace coworker::testing
