#include <doctest/doctest.h>
#include <atomic>
#include <chrono>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/event.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

namespace cw = coworker;
using namespace std::chrono_literals;

// Records how each wait ended: when, and whether by set(), by the clock or by a stop.
struct event_log {
  cw::simulated_loop& loop;
  std::vector<std::string> lines{};

  cw::task<> wait(cw::event& awaited, std::string name, cw::time_point due) {
    try {
      const bool was_set = co_await awaited.wait_until(due);
      add(name + (was_set ? " set" : " late"));
    } catch (const cw::cancelled&) {
      add(name + " stopped");
      throw;
    }
  }

  void add(const std::string& what) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(loop.elapsed()).count();
    lines.push_back(std::to_string(seconds) + "s " + what);
  }
};

}  // namespace

TEST_CASE(
    "an event resumes all waiting coroutines in the order in which they began to wait, and later waits "
    "return at once") {
  cw::simulated_loop loop;
  event_log log{loop};
  const auto run = [](event_log& to) -> cw::task<> {
    cw::event loaded;
    cw::scope waiters(co_await cw::this_coro::context());
    for (const char* name : {"a", "b", "c"}) waiters.spawn(to.wait(loaded, name, cw::time_point::max()));
    co_await cw::sleep_for(5s);
    CHECK_FALSE(loaded.is_set());
    loaded.set();
    CHECK(loaded.is_set());
    co_await cw::sleep_for(1s);
    co_await to.wait(loaded, "late comer", cw::time_point::max());
    loaded.set();
    co_await to.wait(loaded, "another", cw::time_point());
    co_await waiters.join();
  };
  cw::sync_wait(loop, run(log));
  CHECK(log.lines ==
        std::vector<std::string>{"5s a set", "5s b set", "5s c set", "6s late comer set", "6s another set"});
}

TEST_CASE("after a reset() waits wait again, but a coroutine that was resumed has seen the event set") {
  cw::simulated_loop loop;
  event_log log{loop};
  const auto run = [](event_log& to) -> cw::task<> {
    cw::event open(true);
    CHECK(open.is_set());
    open.reset();
    CHECK_FALSE(open.is_set());
    cw::scope waiters(co_await cw::this_coro::context());
    waiters.spawn(to.wait(open, "a", cw::time_point(10s)));
    co_await cw::sleep_for(1s);
    open.set();
    open.reset();
    waiters.spawn(to.wait(open, "b", cw::time_point(10s)));
    co_await waiters.join();
  };
  cw::sync_wait(loop, run(log));
  CHECK(log.lines == std::vector<std::string>{"1s a set", "10s b late"});
}

TEST_CASE("each wait has its own time limit") {
  cw::simulated_loop loop;
  event_log log{loop};
  const auto run = [](event_log& to) -> cw::task<> {
    cw::event awaited;
    cw::scope waiters(co_await cw::this_coro::context());
    waiters.spawn(to.wait(awaited, "past", cw::time_point(-1s)));
    waiters.spawn(to.wait(awaited, "short", cw::time_point(2s)));
    waiters.spawn(to.wait(awaited, "long", cw::time_point(20s)));
    co_await cw::sleep_for(3s);
    awaited.set();
    co_await waiters.join();
  };
  cw::sync_wait(loop, run(log));
  CHECK(log.lines == std::vector<std::string>{"0s past late", "2s short late", "3s long set"});
}

TEST_CASE("an event that is set as the time runs out is not lost") {
  cw::simulated_loop loop;
  event_log log{loop};
  const auto run = [](event_log& to) -> cw::task<> {
    cw::event awaited;
    cw::scope waiters(co_await cw::this_coro::context());
    const auto set_at_two = [](cw::event& to_set) -> cw::task<> {
      co_await cw::sleep_until(cw::time_point(2s));
      to_set.set();
    };
    waiters.spawn(set_at_two(awaited));
    waiters.spawn(to.wait(awaited, "a", cw::time_point(2s)));
    co_await waiters.join();
  };
  cw::sync_wait(loop, run(log));
  CHECK(log.lines == std::vector<std::string>{"2s a set"});
}

TEST_CASE("a stop ends a wait at once with cancelled, and the others go on waiting") {
  cw::simulated_loop loop;
  event_log log{loop};
  const auto run = [](event_log& to) -> cw::task<> {
    cw::event awaited;
    const cw::context here = co_await cw::this_coro::context();
    cw::scope patient(here);
    cw::scope impatient(here);
    patient.spawn(to.wait(awaited, "first", cw::time_point::max()));
    impatient.spawn(to.wait(awaited, "stopped", cw::time_point::max()));
    patient.spawn(to.wait(awaited, "last", cw::time_point::max()));
    co_await cw::sleep_for(1s);
    impatient.request_stop();
    co_await impatient.join();
    co_await cw::sleep_for(1s);
    awaited.set();
    impatient.spawn(to.wait(awaited, "stopped before", cw::time_point::max()));
    co_await impatient.join();
    co_await patient.join();
  };
  cw::sync_wait(loop, run(log));
  CHECK(log.lines == std::vector<std::string>{"1s stopped stopped", "2s first set", "2s last set",
                                              "2s stopped before stopped"});
}

TEST_CASE("if set() and a stop come at one moment, set() first, the event is seen as set") {
  cw::simulated_loop loop;
  event_log log{loop};
  const auto run = [](event_log& to) -> cw::task<> {
    cw::event awaited;
    cw::scope waiters(co_await cw::this_coro::context());
    waiters.spawn(to.wait(awaited, "a", cw::time_point::max()));
    co_await cw::sleep_for(1s);
    awaited.set();
    waiters.request_stop();
    co_await waiters.join();
  };
  cw::sync_wait(loop, run(log));
  CHECK(log.lines == std::vector<std::string>{"1s a set"});
}

TEST_CASE(
    "a real thread that sets an event under a simulated loop gets an error, and the event stays unset") {
  cw::simulated_loop loop;
  event_log log{loop};
  const auto run = [](event_log& to) -> cw::task<> {
    cw::event awaited;
    cw::scope waiters(co_await cw::this_coro::context());
    for (const char* name : {"a", "b"}) waiters.spawn(to.wait(awaited, name, cw::time_point(3s)));
    co_await cw::sleep_for(1s);
    std::string message;
    std::thread([&] {
      try {
        awaited.set();
      } catch (const std::logic_error& error) {
        message = error.what();
      }
    }).join();
    CHECK(message.find("event::set: called on another thread than that of the simulated_loop") == 0);
    CHECK_FALSE(awaited.is_set());
    co_await waiters.join();
  };
  cw::sync_wait(loop, run(log));
  CHECK(log.lines == std::vector<std::string>{"3s a late", "3s b late"});
}

TEST_CASE(
    "eight threads set and reset an event that many wait for on loops and pools, with stops and limits") {
  cw::thread_pool pool(2);
  cw::event_loop loop;
  cw::event flag;
  std::atomic<int> seen_set{0};
  std::atomic<int> late{0};
  std::atomic<int> stopped{0};
  std::atomic<bool> done{false};
  const auto wait = [&](cw::executor_ref place) -> cw::task<> {
    co_await cw::resume_on(place);
    for (int i = 0; i < 100; ++i) {
      try {
        const bool was_set = co_await flag.wait_until(place.now() + 50us);
        ++(was_set ? seen_set : late);
      } catch (const cw::cancelled&) {
        ++stopped;
        throw;
      }
    }
  };
  const auto run = [&]() -> cw::task<> {
    const cw::context here = co_await cw::this_coro::context();
    cw::scope patient(here);
    cw::scope impatient(here);
    for (int i = 0; i < 6; ++i)
      patient.spawn(wait(i % 2 == 0 ? cw::executor_ref(pool) : cw::executor_ref(loop)));
    for (int i = 0; i < 6; ++i)
      impatient.spawn(wait(i % 2 == 0 ? cw::executor_ref(pool) : cw::executor_ref(loop)));
    std::vector<std::thread> setters;
    for (int i = 0; i < 8; ++i) {
      setters.emplace_back([&, i] {
        while (!done) {
          flag.set();
          std::this_thread::yield();
          if (i % 2 == 0) flag.reset();
        }
      });
    }
    co_await cw::sleep_for(1ms);
    impatient.request_stop();
    co_await impatient.join();
    co_await patient.join();
    done = true;
    for (std::thread& one : setters) one.join();
  };
  cw::sync_wait(loop, run());
  CHECK(seen_set > 0);
  CHECK(seen_set + late >= 600);
  CHECK(seen_set + late + stopped <= 1200);
}
