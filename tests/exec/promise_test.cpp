#include <doctest/doctest.h>
#include <atomic>
#include <chrono>
#include <coro/foreign.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/promise.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <support/tracked.hpp>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace cw = coworker;
using namespace std::chrono_literals;

// Returns what awaiting the future throws; "value" if nothing.
template <class T>
cw::task<std::string> promise_end(cw::future<T> awaited) {
  try {
    co_await std::move(awaited);
  } catch (const std::exception& error) {
    co_return error.what();
  }
  co_return "value";
}

cw::task<> promise_note_end(cw::future<int> awaited, std::string& into) {
  into = co_await promise_end(std::move(awaited));
}

template <class Call>
std::string promise_logic_error(Call call) {
  try {
    call();
  } catch (const std::logic_error& error) {
    return error.what();
  }
  return "";
}

// Throws from its move constructor if the test asks for it.
struct promise_explosive {
  bool explodes;
  explicit promise_explosive(bool when_moved) : explodes(when_moved) {}
  promise_explosive(promise_explosive&& other) : explodes(other.explodes) {
    if (explodes) throw std::runtime_error("moved");
  }
};

}  // namespace

TEST_CASE("a future returns the value of its promise, whether that is set before or after the co_await") {
  cw::simulated_loop loop;
  const auto run = [](cw::simulated_loop& place) -> cw::task<> {
    cw::promise<std::unique_ptr<int>> first;
    cw::future<std::unique_ptr<int>> early = first.get_future();
    CHECK_FALSE(early.ready());
    first.set_value(std::make_unique<int>(1));
    CHECK(early.ready());
    const std::unique_ptr<int> one = co_await std::move(early);
    CHECK(*one == 1);

    cw::promise<std::string> second;
    cw::scope others(co_await cw::this_coro::context());
    const auto set_later = [](cw::promise<std::string> to_set) -> cw::task<> {
      co_await cw::sleep_for(2s);
      to_set.set_value("later");
      co_await cw::sleep_for(2s);
    };
    cw::future<std::string> late = second.get_future();
    others.spawn(set_later(std::move(second)));
    const std::string text = co_await std::move(late);
    CHECK(text == "later");
    CHECK(place.elapsed() == 2s);
    co_await others.join();
  };
  cw::sync_wait(loop, run(loop));
}

TEST_CASE("a promise may have a reference or nothing as its value") {
  cw::simulated_loop loop;
  const auto run = []() -> cw::task<> {
    int number = 0;
    cw::promise<int&> reference;
    reference.set_value(number);
    int& same = co_await reference.get_future();
    CHECK(&same == &number);
    cw::promise<> nothing;
    cw::future<void> done = nothing.get_future();
    nothing.set_value();
    co_await std::move(done);
  };
  cw::sync_wait(loop, run());
}

TEST_CASE("a future rethrows the exception that its promise was set to") {
  cw::simulated_loop loop;
  const auto run = []() -> cw::task<> {
    cw::promise<int> first;
    first.set_exception(std::runtime_error("no luck"));
    std::string end = co_await promise_end(first.get_future());
    CHECK(end == "no luck");
    cw::promise<> second;
    second.set_exception(std::make_exception_ptr(std::runtime_error("nor here")));
    end = co_await promise_end(second.get_future());
    CHECK(end == "nor here");
  };
  cw::sync_wait(loop, run());
}

TEST_CASE("a promise destroyed without a value is broken, before the co_await and after") {
  cw::simulated_loop loop;
  const std::string words =
      "broken promise: the promise was destroyed before it had a value or an exception; let every way out of "
      "the code that keeps it call set_value() or set_exception()";
  const auto run = [](const std::string& expected) -> cw::task<> {
    std::optional<cw::promise<int>> made(std::in_place);
    cw::future<int> early = made->get_future();
    made.reset();
    std::string end = co_await promise_end(std::move(early));
    CHECK(end == expected);

    made.emplace();
    cw::scope waiters(co_await cw::this_coro::context());
    waiters.spawn(promise_note_end(made->get_future(), end));
    co_await cw::sleep_for(1s);
    end.clear();
    *made = cw::promise<int>();
    co_await waiters.join();
    CHECK(end == expected);

    made->set_value(3);
    end = co_await promise_end(made->get_future());
    CHECK(end == "value");
  };
  cw::sync_wait(loop, run(words));
  try {
    throw cw::broken_promise();
  } catch (const std::exception& error) {
    CHECK(error.what() == words);
  }
}

TEST_CASE("misuse of a promise or future throws an error that says what is wrong") {
  cw::simulated_loop loop;
  cw::promise<int> made;
  made.set_value(1);
  CHECK(promise_logic_error([&] { made.set_value(2); }) ==
        "promise::set_value: it has a value or an exception already, and a promise is set once");
  CHECK(promise_logic_error([&] { made.set_exception(std::runtime_error("late")); }) ==
        "promise::set_exception: it has a value or an exception already, and a promise is set once");
  cw::future<int> answer = made.get_future();
  CHECK(promise_logic_error([&] { (void)made.get_future(); }) ==
        "promise::get_future: its future was taken before");
  const cw::promise<int> moved = std::move(made);
  CHECK(promise_logic_error([&] { made.set_value(3); }) == "promise::set_value: the promise was moved from");
  CHECK(promise_logic_error([&] { (void)made.get_future(); }) ==
        "promise::get_future: the promise was moved from");
  CHECK(made.abandoned());
  const auto run = [](cw::future<int>& once) -> cw::task<std::string> {
    const int value = co_await std::move(once);
    CHECK(value == 1);
    const std::string end = co_await promise_end(std::move(once));
    co_return end;
  };
  CHECK(cw::sync_wait(loop, run(answer)) ==
        "future: awaited a second time, or after it was moved from; a promise has one value, so use a "
        "channel for more");
  CHECK(answer.ready());

  std::string message;
  cw::promise<int> homeless;
  const auto await_nowhere = [](cw::future<int> awaited, std::string& into) -> foreign::eager_task {
    try {
      co_await std::move(awaited);
    } catch (const std::logic_error& error) {
      into = error.what();
    }
  };
  const foreign::eager_task awaited = await_nowhere(homeless.get_future(), message);
  CHECK(message.find("future: the awaiting coroutine runs on no executor") == 0);
}

TEST_CASE(
    "a stop ends the wait with cancelled and leaves the promise abandoned; a value that is there is "
    "returned") {
  cw::simulated_loop loop;
  tracked::account account;
  const auto run = [](tracked::account& of) -> cw::task<> {
    const auto wait = [](cw::future<tracked::value> awaited, std::string& into) -> cw::task<> {
      into = co_await promise_end(std::move(awaited));
    };
    cw::scope stopped(co_await cw::this_coro::context());
    cw::promise<tracked::value> first;
    std::string end;
    stopped.spawn(wait(first.get_future(), end));
    co_await cw::sleep_for(1s);
    CHECK_FALSE(first.abandoned());
    stopped.request_stop();
    co_await stopped.join();
    CHECK(end == "cancelled: a stop was requested");
    CHECK(first.abandoned());
    first.set_value(tracked::value(of, 1));

    cw::promise<tracked::value> second;
    stopped.spawn(wait(second.get_future(), end));
    end.clear();
    co_await stopped.join();
    CHECK(end == "cancelled: a stop was requested");

    cw::promise<tracked::value> third;
    third.set_value(tracked::value(of, 3));
    stopped.spawn(wait(third.get_future(), end));
    co_await stopped.join();
    CHECK(end == "value");

    cw::scope stopped_late(co_await cw::this_coro::context());
    cw::promise<tracked::value> fourth;
    stopped_late.spawn(wait(fourth.get_future(), end));
    end.clear();
    co_await cw::sleep_for(1s);
    fourth.set_value(tracked::value(of, 4));
    stopped_late.request_stop();
    co_await stopped_late.join();
    CHECK(end == "value");
  };
  cw::sync_wait(loop, run(account));
  CHECK(account.made == 3);
  CHECK(account.alive == 0);
}

TEST_CASE("a value whose move throws leaves the promise unset") {
  cw::simulated_loop loop;
  const auto run = []() -> cw::task<std::string> {
    cw::promise<promise_explosive> made;
    CHECK_THROWS_AS(made.set_value(promise_explosive(true)), std::runtime_error);
    made.set_value(promise_explosive(false));
    const promise_explosive taken = co_await made.get_future();
    co_return taken.explodes ? "no" : "yes";
  };
  CHECK(cw::sync_wait(loop, run()) == "yes");
}

TEST_CASE("a coroutine that cannot be woken still waits, and the promise can be set again") {
  struct refusing {
    cw::simulated_loop& loop;
    int refusals = 0;
    void post(std::coroutine_handle<> handle) {
      if (refusals-- > 0) throw std::bad_alloc();
      loop.post(handle);
    }
    void arm(cw::timer& alarm) { loop.arm(alarm); }
    void cancel(cw::timer& alarm) { loop.cancel(alarm); }
    cw::time_point now() const { return loop.now(); }
  };
  cw::simulated_loop loop;
  refusing place{loop};
  const auto run = [](refusing& away) -> cw::task<std::string> {
    cw::promise<int> made;
    std::string end;
    cw::scope elsewhere{cw::context(away)};
    elsewhere.spawn(promise_note_end(made.get_future(), end));
    co_await cw::sleep_for(1s);
    away.refusals = 1;
    CHECK_THROWS_AS(made.set_value(1), std::bad_alloc);
    made.set_exception(std::runtime_error("second try"));
    co_await elsewhere.join();
    co_return end;
  };
  CHECK(cw::sync_wait(loop, run(place)) == "second try");
}

TEST_CASE("a thread that sets a promise for a coroutine on a simulated loop gets an error at once") {
  cw::simulated_loop loop;
  const auto run = []() -> cw::task<std::string> {
    cw::promise<int> made;
    std::string end;
    cw::scope waiters(co_await cw::this_coro::context());
    waiters.spawn(promise_note_end(made.get_future(), end));
    co_await cw::sleep_for(1s);
    std::string message;
    std::thread([&] { message = promise_logic_error([&] { made.set_value(1); }); }).join();
    CHECK(message.find("promise::set_value: called on another thread than that of the simulated_loop") == 0);
    made.set_value(2);
    co_await waiters.join();
    co_return end;
  };
  CHECK(cw::sync_wait(loop, run()) == "value");
}

TEST_CASE("eight threads set, break and abandon promises, while coroutines wait and are stopped") {
  cw::thread_pool pool(2);
  cw::event_loop loop;
  tracked::account account;
  std::atomic<int> values{0}, broken{0}, stopped{0}, twice{0};
  const auto wait = [&](cw::executor_ref place, cw::future<tracked::value> awaited) -> cw::task<> {
    co_await cw::resume_on(place);
    try {
      const tracked::value value = co_await std::move(awaited);
      values += value.moved_from() ? 1000 : 1;
    } catch (const cw::broken_promise&) {
      ++broken;
    } catch (const cw::cancelled&) {
      ++stopped;
      throw;
    }
  };
  const int rounds = 25;
  const auto run = [&]() -> cw::task<> {
    for (int round = 0; round < rounds; ++round) {
      const cw::context here = co_await cw::this_coro::context();
      cw::scope patient(here), impatient(here);
      std::vector<cw::promise<tracked::value>> promises(16);
      for (std::size_t i = 0; i < promises.size(); ++i) {
        const cw::executor_ref place = i % 2 == 0 ? cw::executor_ref(pool) : cw::executor_ref(loop);
        (i % 4 < 2 ? patient : impatient).spawn(wait(place, promises[i].get_future()));
      }
      std::vector<std::thread> setters;
      for (std::size_t i = 0; i < 8; ++i) {
        setters.emplace_back([&, i] {
          for (std::size_t j = i / 2; j < promises.size(); j += 4) {  // two threads for each
            if (j == 5) continue;
            try {
              promises[j].set_value(tracked::value(account, 1));
            } catch (const std::logic_error&) {
              ++twice;
            }
          }
        });
      }
      impatient.request_stop();
      for (std::thread& one : setters) one.join();
      std::thread([gone = std::move(promises)] {}).join();
      co_await impatient.join();
      co_await patient.join();
    }
  };
  cw::sync_wait(loop, run());
  CHECK(values + broken + stopped == rounds * 16);
  CHECK(broken == rounds);
  CHECK(twice == rounds * 15);
  CHECK(values >= rounds * 7);
  CHECK(account.alive == 0);
}
