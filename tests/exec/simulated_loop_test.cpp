#include <doctest/doctest.h>
#include <chrono>
#include <coro/foreign.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/semaphore.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <support/child_process.hpp>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace cw = coworker;
using namespace std::chrono_literals;

// Runs twenty tasks that each yield and sleep, and returns the order in which they ran.
cw::task<std::vector<int>> simulated_history() {
  std::vector<int> order;
  cw::scope children(co_await cw::this_coro::context());
  const auto child = [](int number, std::vector<int>& to) -> cw::task<> {
    const cw::executor_ref here = co_await cw::this_coro::executor();
    for (int i = 0; i < 3; ++i) {
      to.push_back(number);
      co_await cw::resume_on(here);
      co_await cw::sleep_for(1s);
    }
  };
  for (int i = 0; i < 20; ++i) children.spawn(child(i, order));
  co_await children.join();
  co_return order;
}

std::vector<int> simulated_history_with(std::uint64_t seed) {
  cw::simulated_loop loop(seed);
  return cw::sync_wait(loop, simulated_history());
}

cw::task<> simulated_tick(int ticks, cw::simulated_loop& loop, std::vector<cw::duration>& times) {
  for (int i = 0; i < ticks; ++i) {
    co_await cw::sleep_for(10s);
    times.push_back(loop.elapsed());
  }
}

}  // namespace

TEST_CASE("virtual time stands still while there is work, and jumps to the next timer when there is none") {
  cw::simulated_loop loop;
  const auto body = [](cw::simulated_loop& on) -> cw::task<> {
    CHECK(on.elapsed() == 0s);
    for (int i = 0; i < 1000; ++i) co_await cw::resume_on(on);
    CHECK(on.elapsed() == 0s);
    co_await cw::sleep_for(365 * 24h);
    CHECK(on.elapsed() == 365 * 24h);
    co_await cw::sleep_until(cw::time_point(1s));
    CHECK(on.elapsed() == 365 * 24h);
  };
  cw::sync_wait(loop, body(loop));
  CHECK(loop.idle());
  CHECK(loop.steps() >= 1002);
}

TEST_CASE("without a seed, what is ready is resumed in the order in which it was posted") {
  cw::simulated_loop loop;
  const std::vector<int> order = cw::sync_wait(loop, simulated_history());
  std::vector<int> expected;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 20; ++i) expected.push_back(i);
  }
  CHECK(order == expected);
  CHECK(loop.elapsed() == 3s);
}

TEST_CASE("one seed gives one order, every time; other seeds give others") {
  const std::vector<int> order = simulated_history_with(1);
  CHECK(order.size() == 60);
  CHECK(simulated_history_with(1) == order);
  CHECK(simulated_history_with(2) != order);
  CHECK(simulated_history_with(3) != simulated_history_with(2));
}

TEST_CASE("run_until and run_for go as far as requested, and the clock shows it") {
  cw::simulated_loop loop;
  std::vector<cw::duration> times;
  cw::scope children{cw::context(loop)};
  children.spawn(simulated_tick(5, loop, times));

  CHECK_FALSE(loop.run_for(25s));
  CHECK(times == std::vector<cw::duration>{10s, 20s});
  CHECK(loop.elapsed() == 25s);
  CHECK_FALSE(loop.idle());

  CHECK_FALSE(loop.run_until(cw::time_point(30s)));
  CHECK(times.size() == 3);
  CHECK_FALSE(loop.run_for(-10s));
  CHECK(loop.elapsed() == 30s);

  CHECK_FALSE(loop.run_for(cw::duration::max()));
  CHECK(times.size() == 5);
  CHECK(loop.elapsed() == 50s);
  CHECK(loop.idle());

  const foreign::eager_task joined = [](cw::scope& all) -> foreign::eager_task {
    co_await all.join();
  }(children);
  CHECK(joined.done());
}

TEST_CASE("stop() ends a run after the coroutine that calls it, and run() reports it") {
  cw::simulated_loop loop;
  int resumed = 0;
  cw::scope children{cw::context(loop)};
  const auto stop_it = [](cw::simulated_loop& to_stop, int& count) -> cw::task<> {
    ++count;
    to_stop.stop();
    co_return;
  };
  children.spawn(stop_it(loop, resumed));
  children.spawn(stop_it(loop, resumed));
  CHECK(loop.run());
  CHECK(resumed == 1);
  CHECK(loop.run());
  CHECK(resumed == 2);
  CHECK_FALSE(loop.run());
  const foreign::eager_task joined = [](cw::scope& all) -> foreign::eager_task {
    co_await all.join();
  }(children);
  CHECK(joined.done());
}

TEST_CASE("a timer at time_point::max() never fires, and nothing waits for it") {
  cw::simulated_loop loop;
  cw::timer never(cw::time_point::max(), std::noop_coroutine());
  loop.arm(never);
  CHECK_FALSE(loop.run());
  CHECK(loop.elapsed() == 0s);
  CHECK(never.status == cw::timer::state::armed);
  loop.cancel(never);
  CHECK_FALSE(loop.run());
  CHECK(loop.idle());
}

TEST_CASE("a jump of the clock makes late what was due in it, and nothing runs meanwhile") {
  cw::simulated_loop loop;
  std::vector<cw::duration> woken;
  const auto sleep = [](std::vector<cw::duration>& into) -> cw::task<> {
    const cw::executor_ref here = co_await cw::this_coro::executor();
    for (int i = 0; i < 3; ++i) {
      co_await cw::sleep_for(1s);
      into.push_back(here.now().time_since_epoch());
    }
  };
  const auto both = [&sleep](cw::simulated_loop& on, std::vector<cw::duration>& into) -> cw::task<> {
    cw::scope children(co_await cw::this_coro::context());
    children.spawn(sleep(into));
    co_await cw::sleep_for(1500ms);
    on.jump(10s);
    co_await children.join();
  };
  cw::sync_wait(loop, both(loop, woken));
  CHECK(woken == std::vector<cw::duration>{1s, 11500ms, 12500ms});
}

TEST_CASE("a limit on steps ends coroutines that never let time pass") {
  cw::simulated_loop loop;
  loop.limit_steps(100);
  const auto spin = [](cw::simulated_loop& on) -> cw::task<> {
    for (int turns = 0; turns < 1000; ++turns) co_await cw::resume_on(on);
  };
  cw::scope spinning{cw::context(loop)};
  spinning.spawn(spin(loop));
  std::string message;
  try {
    loop.run();
  } catch (const std::runtime_error& error) {
    message = error.what();
  }
  CHECK(message.find("more than 100 coroutines") != std::string::npos);
  CHECK(loop.steps() == 101);
  CHECK_FALSE(loop.running());
  loop.limit_steps(UINT64_MAX);
  const auto join = [](cw::scope& all) -> cw::task<> { co_await all.join(); };
  cw::sync_wait(loop, join(spinning));
}

TEST_CASE("running a simulated loop inside itself throws an error that says so") {
  cw::simulated_loop loop;
  std::string message;
  const auto body = [](cw::simulated_loop& on, std::string& into) -> cw::task<> {
    CHECK(on.running());
    try {
      on.run();
    } catch (const std::logic_error& error) {
      into = error.what();
    }
    co_return;
  };
  cw::sync_wait(loop, body(loop, message));
  CHECK(message ==
        "simulated_loop::run: the loop runs already, below this call; in a coroutine, co_await instead of "
        "blocking");
  CHECK_FALSE(loop.running());
}

namespace {

// Returns what the call throws on a thread of its own; empty if nothing.
template <class Call>
std::string simulated_error_elsewhere(Call call) {
  std::string message;
  std::thread([&] {
    try {
      call();
    } catch (const std::logic_error& error) {
      message = error.what();
    }
  }).join();
  return message;
}

}  // namespace

TEST_CASE(
    "a simulated loop refuses every other thread with a message that says what to do, and is unchanged") {
  cw::simulated_loop loop;
  cw::timer armed(cw::time_point(1h), std::noop_coroutine());
  cw::timer idle(cw::time_point(1h), std::noop_coroutine());
  loop.arm(armed);
  const std::string rest =
      ": called on another thread than the one that made the loop. A simulated loop has one thread, and a "
      "real thread knows nothing of its virtual time; let a coroutine on the loop do what the thread does "
      "(its sleep_for stands for the time that the thread takes), or run the test on an event_loop";
  CHECK(simulated_error_elsewhere([&] { loop.post(std::noop_coroutine()); }) ==
        "simulated_loop::post" + rest);
  CHECK(simulated_error_elsewhere([&] { loop.arm(idle); }) == "simulated_loop::arm" + rest);
  CHECK(simulated_error_elsewhere([&] { loop.cancel(armed); }) == "simulated_loop::cancel" + rest);
  CHECK(simulated_error_elsewhere([&] { loop.run(); }) == "simulated_loop::run" + rest);
  CHECK(simulated_error_elsewhere([&] { loop.stop(); }) == "simulated_loop::stop" + rest);
  cw::scope children{cw::context(loop)};
  const auto nothing = []() -> cw::task<> { co_return; };
  CHECK(simulated_error_elsewhere([&] { children.spawn(nothing()); }) == "simulated_loop::post" + rest);
  CHECK(simulated_error_elsewhere([&] { cw::sync_wait(loop, nothing()); }) == "simulated_loop::post" + rest);
  CHECK(children.running() == 0);
  CHECK(armed.status == cw::timer::state::armed);
  CHECK(idle.status == cw::timer::state::idle);
  loop.cancel(armed);
  CHECK_FALSE(loop.run());
  CHECK(loop.steps() == 1);
}

TEST_CASE("a coroutine on a simulated loop cannot move to real threads, which could not bring it back") {
  cw::simulated_loop loop;
  cw::thread_pool pool(1);
  const auto hop = [](cw::simulated_loop& on, cw::executor_ref away) -> cw::task<std::string> {
    std::string message;
    try {
      co_await cw::resume_on(away);
    } catch (const std::logic_error& error) {
      message = error.what();
    }
    const cw::executor_ref here = co_await cw::this_coro::executor();
    CHECK(here == cw::executor_ref(on));
    co_await cw::resume_on(here);
    co_return message;
  };
  CHECK(cw::sync_wait(loop, hop(loop, pool)) ==
        "resume_on: a coroutine on a simulated_loop cannot move to an executor of real threads, because none "
        "of them could bring it back; in a test, give the simulated_loop itself in place of the thread_pool "
        "or event_loop");
  CHECK(pool.size() == 0);
}

#ifdef COWORKER_TESTS_CAN_FORK
TEST_CASE("if another thread's refusal cannot be thrown, the message ends the program") {
  const auto stop_from_thread = [] {
    cw::simulated_loop loop;
    cw::stop_source source;
    cw::scope children{cw::context(loop, source.get_token())};
    const auto sleep = []() -> cw::task<> { co_await cw::sleep_for(1h); };
    children.spawn(sleep());
    loop.run_for(1s);
    std::thread([&] { source.request_stop(); }).join();
  };
  const auto release_on_thread = [] {
    cw::simulated_loop loop;
    cw::semaphore permits(1);
    cw::scope children{cw::context(loop)};
    const auto enter = [](cw::semaphore& of, cw::duration stay) -> cw::task<> {
      auto permit = co_await of.acquire();
      co_await cw::sleep_for(stay);
      std::thread([&] { const cw::semaphore::permit taken = std::move(permit); }).join();
    };
    children.spawn(enter(permits, 1s));
    children.spawn(enter(permits, 1s));
    loop.run();
  };
  coworker::testing::child_end seen = coworker::testing::end_of_child(stop_from_thread);
  CHECK(seen.signal == SIGABRT);
  CHECK(seen.words.find("simulated_loop::cancel: called on another thread than the one that made the loop. A "
                        "simulated loop has one thread") != std::string::npos);
  seen = coworker::testing::end_of_child(release_on_thread);
  CHECK(seen.signal == SIGABRT);
  CHECK(seen.words.find("simulated_loop::post: called on another thread") != std::string::npos);
}
#endif
