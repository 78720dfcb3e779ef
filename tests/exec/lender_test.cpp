#include <doctest/doctest.h>
#include <atomic>
#include <chrono>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/lender.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <coworker/exec/timeout.hpp>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <support/child_process.hpp>
#include <support/tracked.hpp>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace cw = coworker;
using namespace std::chrono_literals;

// Makes numbered values and counts them.
struct lender_maker {
  tracked::account& account;
  int& calls;

  tracked::value operator()() const { return tracked::value(account, ++calls); }
};

cw::task<> lender_use(cw::lender<tracked::value>& from, cw::duration span, std::vector<int>& used) {
  const auto value = co_await from.lend();
  used.push_back(value->number());
  co_await cw::sleep_for(span);
}

template <class Call>
std::string lender_logic_error(Call call) {
  try {
    call();
  } catch (const std::logic_error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("values are made when they are first needed, and lent again before others are made") {
  cw::simulated_loop loop;
  tracked::account account;
  int calls = 0;
  const auto run = [](tracked::account& of, int& made) -> cw::task<> {
    cw::lender values(lender_maker{of, made}, 3);
    CHECK(values.size() == 3);
    CHECK(made == 0);
    std::vector<int> used;
    co_await lender_use(values, 1s, used);
    co_await lender_use(values, 1s, used);
    CHECK(made == 1);
    {
      const auto first = co_await values.lend();
      const auto second = co_await values.lend();
      CHECK(first->number() == 1);
      CHECK((*second).number() == 2);
      CHECK(first.index() != second.index());
      CHECK(values.available() == 1);
    }
    CHECK(values.available() == 3);
    CHECK(made == 2);
    CHECK(used == std::vector<int>{1, 1});
  };
  cw::sync_wait(loop, run(account, calls));
  CHECK(account.alive == 0);
}

TEST_CASE("values may be made at once, each with its number, and need not be movable") {
  struct fixed {
    const std::size_t index;
    explicit fixed(std::size_t which) : index(which) {}
    fixed(const fixed&) = delete;
    fixed& operator=(const fixed&) = delete;
  };
  std::vector<std::size_t> made;
  const auto make = [&made](std::size_t index) {
    made.push_back(index);
    return fixed(index);
  };
  cw::lender values(make, 3, cw::lender_options{.make_at_once = true});
  CHECK(made == std::vector<std::size_t>{0, 1, 2});
  const auto first = values.blocking_lend();
  const auto second = values.blocking_lend();
  CHECK(first->index == first.index());
  CHECK(second->index == second.index());
  CHECK(first->index == 0);
  CHECK(second->index == 1);
  CHECK(made.size() == 3);
}

TEST_CASE(
    "users are served in the order in which they asked, and a stop ends one wait without affecting the "
    "others") {
  cw::simulated_loop loop;
  tracked::account account;
  int calls = 0;
  const auto run = [](tracked::account& of, int& made) -> cw::task<> {
    cw::lender values(lender_maker{of, made}, 1);
    std::vector<std::string> order;
    const auto use = [](auto& from, std::string name, std::vector<std::string>& to) -> cw::task<> {
      try {
        const auto value = co_await from.lend();
        to.push_back(name);
        co_await cw::sleep_for(10s);
      } catch (const cw::cancelled&) {
        to.push_back(name + " stopped");
        throw;
      }
    };
    const cw::context here = co_await cw::this_coro::context();
    cw::scope patient(here), impatient(here);
    patient.spawn(use(values, "a", order));
    co_await cw::sleep_for(1s);
    patient.spawn(use(values, "b", order));
    impatient.spawn(use(values, "c", order));
    patient.spawn(use(values, "d", order));
    co_await cw::sleep_for(1s);
    impatient.request_stop();
    co_await impatient.join();
    impatient.spawn(use(values, "e", order));
    co_await impatient.join();
    bool late = false;
    try {
      co_await cw::timeout(1s, values.lend());
    } catch (const cw::timed_out&) {
      late = true;
    }
    CHECK(late);
    co_await patient.join();
    CHECK(order == std::vector<std::string>{"a", "c stopped", "e stopped", "b", "d"});
    CHECK(values.available() == 1);
  };
  cw::sync_wait(loop, run(account, calls));
  CHECK(calls == 1);
}

TEST_CASE("a value marked as broken is destroyed when it is returned, and made again when it is needed") {
  cw::simulated_loop loop;
  tracked::account account;
  int calls = 0;
  const auto run = [](tracked::account& of, int& made) -> cw::task<> {
    cw::lender values(lender_maker{of, made}, 1);
    {
      const auto value = co_await values.lend();
      value.mark_broken();
      CHECK(of.alive == 1);
    }
    CHECK(of.alive == 0);
    CHECK(made == 1);
    std::vector<int> used;
    cw::scope others(co_await cw::this_coro::context());
    {
      const auto value = co_await values.lend();
      CHECK(value->number() == 2);
      others.spawn(lender_use(values, 1s, used));
      co_await cw::sleep_for(1s);
      value.mark_broken();
    }
    co_await others.join();
    co_await lender_use(values, 1s, used);  // the new one is not broken
    CHECK(used == std::vector<int>{3, 3});
  };
  cw::sync_wait(loop, run(account, calls));
  CHECK(account.made == 3);
  CHECK(account.alive == 0);
}

TEST_CASE("if making fails, the user gets the exception, and the next one tries again") {
  cw::simulated_loop loop;
  int calls = 0;
  const auto run = [](int& tries) -> cw::task<> {
    const auto make = [&tries] {
      if (++tries % 2 == 1) throw std::runtime_error("out of memory");
      return tries;
    };
    cw::lender values(make, 1);
    std::vector<std::string> order;
    const auto use = [](auto& from, std::vector<std::string>& to) -> cw::task<> {
      std::string end;
      try {
        const auto value = co_await from.lend();
        end = std::to_string(*value);
        co_await cw::sleep_for(1s);
        value.mark_broken();
      } catch (const std::runtime_error& error) {
        end = error.what();
      }
      to.push_back(end);
    };
    cw::scope users(co_await cw::this_coro::context());
    for (int i = 0; i < 4; ++i) users.spawn(use(values, order));
    co_await users.join();
    CHECK(order == std::vector<std::string>{"out of memory", "2", "out of memory", "4"});
    CHECK(values.available() == 1);
  };
  cw::sync_wait(loop, run(calls));
  CHECK_THROWS_AS(cw::lender([]() -> int { throw std::runtime_error("no"); }, 2,
                             cw::lender_options{.make_at_once = true}),
                  std::runtime_error);
}

TEST_CASE("values may be made by a task, and their users wait for it") {
  cw::simulated_loop loop;
  const auto run = [](cw::simulated_loop& place) -> cw::task<> {
    const auto connect = [](std::size_t index) -> cw::task<std::unique_ptr<std::size_t>> {
      co_await cw::sleep_for(5s);
      co_return std::make_unique<std::size_t>(index);
    };
    cw::lender<std::unique_ptr<std::size_t>> connections(connect, 2);
    const auto first = co_await connections.lend();
    CHECK(**first == 0);
    CHECK(place.elapsed() == 5s);
    CHECK(lender_logic_error([&] { connections.blocking_lend(); }) ==
          "lender::blocking_lend: the values are made by a task, which only a coroutine can await; co_await "
          "lend() instead");
    CHECK(
        lender_logic_error([&] { cw::lender(connect, 2, cw::lender_options{.make_at_once = true}); }) ==
        "lender: make_at_once is for a function that returns a value, and this one returns a task; leave the "
        "option out, and the first loans await it");
  };
  cw::sync_wait(loop, run(loop));
}

TEST_CASE("values are made on the given executor, and used on the executor of their user") {
  cw::thread_pool pool(1);
  cw::event_loop loop;
  const auto run = [](cw::executor_ref place) -> cw::task<> {
    const std::thread::id home = std::this_thread::get_id();
    cw::lender made_on([] { return std::this_thread::get_id(); }, 2, cw::lender_options{.make_on = place});
    const auto thread = co_await made_on.lend();
    CHECK(*thread != home);
    CHECK(std::this_thread::get_id() == home);
    cw::lender made_here([] { return std::this_thread::get_id(); }, 2);
    const auto here = co_await made_here.lend();
    CHECK(*here == home);
  };
  cw::sync_wait(loop, run(pool));
}

TEST_CASE("loans can be moved, kept and returned elsewhere") {
  tracked::account account;
  int calls = 0;
  cw::lender values(lender_maker{account, calls}, 2);
  using loan = cw::lender<tracked::value>::loan;
  std::vector<loan> kept;
  kept.push_back(values.blocking_lend());
  loan other = values.blocking_lend();
  CHECK(values.available() == 0);
  other = std::move(kept.back());
  CHECK(values.available() == 1);
  CHECK(other->number() == 1);
  std::thread([gone = std::move(other)] {}).join();
  CHECK(values.available() == 2);
}

TEST_CASE(
    "blocking_lend waits on a thread of its own, until a stop; on the thread of a loop it throws an error") {
  tracked::account account;
  int calls = 0;
  cw::lender values(lender_maker{account, calls}, 1);
  std::optional<cw::lender<tracked::value>::loan> held(values.blocking_lend());
  std::atomic<int> begun{0};
  std::string first_end, second_end;
  cw::stop_source source;
  const auto wait = [&](std::string& into, cw::stop_token stop) {
    ++begun;
    try {
      const auto value = values.blocking_lend(stop);
      into = "lent";
    } catch (const cw::cancelled&) {
      into = "cancelled";
    }
  };
  std::thread first([&] { wait(first_end, source.get_token()); });
  while (begun < 1) std::this_thread::yield();
  source.request_stop();
  first.join();
  CHECK(first_end == "cancelled");
  CHECK_THROWS_AS(values.blocking_lend(source.get_token()), cw::cancelled);
  std::thread second([&] { wait(second_end, {}); });
  while (begun < 2) std::this_thread::yield();

  const auto on_loop = [](cw::lender<tracked::value>& from) -> cw::task<std::string> {
    co_return lender_logic_error([&] { from.blocking_lend(); });
  };
  CHECK(cw::sync_wait(on_loop(values)) ==
        "lender::blocking_lend: all values are lent, and this thread runs an event loop, which must not "
        "block: what it would wait for may need this very thread; co_await lend() instead");
  held.reset();
  second.join();
  CHECK(second_end == "lent");
  CHECK(values.available() == 1);
}

TEST_CASE("a lender of 0 values is refused") {
  CHECK_THROWS_WITH_AS(cw::lender([] { return 1; }, 0),
                       "lender: count is 0, so there is no value to lend; give 1 or more",
                       std::invalid_argument);
}

#ifdef COWORKER_TESTS_CAN_FORK
TEST_CASE("destroying a lender while a value is lent ends the program with a message") {
  const auto seen = cw::testing::end_of_child([] {
    std::optional<cw::lender<int>> values;
    values.emplace([] { return 1; }, 1);
    const auto held = values->blocking_lend();
    values.reset();
  });
  CHECK(seen.signal == SIGABRT);
  CHECK(seen.words.find("coworker: a lender was destroyed while its values are lent") != std::string::npos);
}
#endif
