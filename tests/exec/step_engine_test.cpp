#include <doctest/doctest.h>
#include <atomic>
#include <chrono>
#include <coworker/coro/collect.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/step_engine.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <csignal>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
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

// Counts up from `first`, `count` times.
struct step_sequence {
  int first;
  int count;
  std::unique_ptr<tracked::value> counted{};
};

using step_test_engine = cw::step_engine<step_sequence, int>;
using step_test_active = std::span<step_test_engine::active* const>;

void step_all(step_test_active all) {
  for (step_test_engine::active* const one : all) {
    one->send((*one)->first++);
    if (--(*one)->count == 0) one->finish();
  }
}

cw::task<> step_collect(step_test_engine& engine, step_sequence sequence, std::vector<int>& into) {
  auto pieces = engine.run(std::move(sequence));
  for (int* one = co_await pieces.next(); one != nullptr; one = co_await pieces.next()) into.push_back(*one);
}

cw::task<> step_collect_three(step_test_engine& engine, std::vector<std::vector<int>>& results) {
  const cw::context here = co_await cw::this_coro::context();
  cw::scope jobs(here);
  for (int i = 0; i != 3; ++i)
    jobs.spawn(step_collect(engine, {i * 10, 2 + i}, results[static_cast<std::size_t>(i)]));
  co_await jobs.join();
}

const std::vector<std::vector<int>> step_expected{{0, 1}, {10, 11, 12}, {20, 21, 22, 23}};

}  // namespace

TEST_CASE("each job receives the pieces of its own sequence, on a real loop and in a simulation") {
  step_test_engine engine(step_all, {.at_once = 2});
  std::vector<std::vector<int>> results(3);
  SUBCASE("on an event loop") {
    cw::event_loop loop;
    cw::sync_wait(loop, step_collect_three(engine, results));
  }
  SUBCASE("on a pool") {
    cw::thread_pool pool(4);
    cw::sync_wait(pool, step_collect_three(engine, results));
  }
  SUBCASE("on a simulated loop") {
    cw::simulated_loop loop;
    cw::sync_wait(loop, step_collect_three(engine, results));
    // 2 + 4 steps of 10 ms, one sequence after the other in one of the two slots
    CHECK(loop.elapsed() == 60ms);
  }
  CHECK(results == step_expected);
  CHECK(engine.measured().active == 0);
  CHECK(engine.measured().stepped == 9);
  CHECK(engine.measured().at_once == 2);
}

TEST_CASE(
    "all active sequences are in one step, each in a slot of its own, and others wait for a slot in their "
    "order") {
  cw::simulated_loop loop;
  std::vector<std::string> steps;
  const auto step = [&steps](step_test_active all) {
    std::string seen;
    for (step_test_engine::active* const one : all) {
      seen += std::to_string((*one)->first) + "@" + std::to_string(one->slot()) + "#" +
              std::to_string(one->steps()) + " ";
      if (--(*one)->count == 0) one->finish();
    }
    steps.push_back(seen);
  };
  step_test_engine engine(
      step, {.at_once = 2, .simulated_step = [](std::size_t n) -> cw::duration { return n * 1s; }});
  const auto run = [](step_test_engine& with) -> cw::task<> {
    const cw::context here = co_await cw::this_coro::context();
    cw::scope jobs(here);
    std::vector<int> none;
    jobs.spawn(step_collect(with, {1, 1}, none));
    jobs.spawn(step_collect(with, {2, 3}, none));
    jobs.spawn(step_collect(with, {3, 1}, none));
    jobs.spawn(step_collect(with, {4, 2}, none));
    co_await jobs.join();
  };
  cw::sync_wait(loop, run(engine));
  CHECK(steps == std::vector<std::string>{"1@0#0 2@1#0 ", "2@1#1 3@0#0 ", "2@1#2 4@0#0 ", "4@0#1 "});
  CHECK(loop.elapsed() == 7s);
}

TEST_CASE("a sequence whose job is stopped is in no further step, and the others continue") {
  tracked::account account;
  std::vector<std::size_t> sizes;
  const auto step = [&sizes](step_test_active all) {
    sizes.push_back(all.size());
    step_all(all);
  };
  const auto run = [](step_test_engine& with, tracked::account& counts, int stopped_first) -> cw::task<> {
    const cw::context here = co_await cw::this_coro::context();
    cw::scope impatient(here), patient(here);
    std::vector<int> cut, whole;
    for (int i = 0; i != 2; ++i) {
      step_sequence one{i * 100, 4, std::make_unique<tracked::value>(counts, 1)};
      if (i == stopped_first) {
        impatient.spawn(step_collect(with, std::move(one), cut));
      } else {
        patient.spawn(step_collect(with, std::move(one), whole));
      }
    }
    co_await cw::sleep_for(25ms);
    impatient.request_stop();
    co_await impatient.join();
    CHECK((co_await cw::this_coro::executor()).now() == cw::time_point(25ms));
    CHECK(cut.size() == 2);
    co_await patient.join();
    CHECK(whole.size() == 4);
  };
  for (const int stopped_first : {0, 1}) {
    cw::simulated_loop loop;
    sizes.clear();
    step_test_engine engine(step, {.at_once = 8});
    cw::sync_wait(loop, run(engine, account, stopped_first));
    CHECK(sizes == std::vector<std::size_t>{2, 2, 1, 1});
    CHECK(loop.elapsed() == 40ms);
    CHECK(account.alive == 0);
  }
}

TEST_CASE("a sequence that waits for a slot can be stopped, and one whose consumer is destroyed is dropped") {
  tracked::account account;
  cw::simulated_loop loop;
  step_test_engine engine(step_all, {.at_once = 1});
  const auto run = [](step_test_engine& with, tracked::account& counts) -> cw::task<> {
    const cw::context here = co_await cw::this_coro::context();
    cw::scope waiting(here);
    std::vector<int> none;
    {
      auto first = with.run({0, 1000, std::make_unique<tracked::value>(counts, 1)});
      int* piece = co_await first.next();
      CHECK(*piece == 0);
      waiting.spawn(step_collect(with, {0, 5, std::make_unique<tracked::value>(counts, 1)}, none));
      co_await cw::sleep_for(5ms);
      CHECK(with.measured().waiting == 1);
      waiting.request_stop();
      co_await waiting.join();
      CHECK(none.empty());
    }
    CHECK(with.measured().active == 0);
    auto last = with.run({7, 2, std::make_unique<tracked::value>(counts, 1)});
    std::vector<int> all = co_await cw::collect(std::move(last));
    CHECK(all == std::vector<int>{7, 8});
  };
  cw::sync_wait(loop, run(engine, account));
  CHECK(account.alive == 0);
}

TEST_CASE(
    "a step that throws ends the sequences in it, and the engine continues; a sequence can fail alone") {
  const auto step = [](step_test_active all) {
    for (step_test_engine::active* const one : all) {
      if ((*one)->first == 13) throw std::runtime_error("out of memory");
      if ((*one)->first == 21) {
        one->send(20);
        one->fail("no such token");
        continue;
      }
      one->send((*one)->first++);
      if (--(*one)->count == 0) one->finish();
    }
  };
  const auto failure_of = [](step_test_engine& with, int first,
                             std::vector<int>& into) -> cw::task<std::string> {
    std::string message;
    try {
      co_await step_collect(with, {first, 3}, into);
    } catch (const std::runtime_error& error) {
      message = error.what();
    }
    co_return message;
  };
  step_test_engine engine(step);
  std::vector<int> pieces;
  CHECK(cw::sync_wait(failure_of(engine, 12, pieces)) == "out of memory");
  CHECK(pieces == std::vector<int>{12});
  CHECK(cw::sync_wait(failure_of(engine, 20, pieces)) == "no such token");
  CHECK(pieces == std::vector<int>{12, 20, 20});
  CHECK(cw::sync_wait(failure_of(engine, 30, pieces)).empty());
}

TEST_CASE("steps and the destruction of sequences happen on one thread, the engine's own") {
  struct bound {
    std::vector<std::thread::id>* seen = nullptr;
    explicit bound(std::vector<std::thread::id>& to) : seen(&to) {}
    bound(bound&& other) noexcept : seen(std::exchange(other.seen, nullptr)) {}
    ~bound() {
      if (seen != nullptr) seen->push_back(std::this_thread::get_id());
    }
  };
  std::vector<std::thread::id> seen;
  {
    using engine_of_bound = cw::step_engine<bound, int>;
    engine_of_bound engine([&seen](std::span<engine_of_bound::active* const> all) {
      seen.push_back(std::this_thread::get_id());
      for (engine_of_bound::active* const one : all) {
        one->send(1);
        if (one->steps() == 2) one->finish();
      }
    });
    CHECK(cw::sync_wait(cw::collect(engine.run(bound(seen)))).size() == 3);
  }
  REQUIRE(seen.size() == 4);
  for (const std::thread::id one : seen) CHECK(one == seen.front());
  CHECK(seen.front() != std::this_thread::get_id());
}

TEST_CASE(
    "when the engine is destroyed, jobs that wait for pieces get an error, and its thread ends after its "
    "step") {
  std::atomic<bool> stepping{false}, go_on{false};
  std::optional<step_test_engine> engine;
  engine.emplace(
      [&](step_test_active all) {
        stepping = true;
        while (!go_on) std::this_thread::yield();
        step_all(all);
      },
      cw::step_engine_options{.at_once = 1});
  const auto use = [](step_test_engine& with) -> cw::task<std::string> {
    std::vector<int> pieces;
    std::string end;
    try {
      co_await step_collect(with, {0, 1'000'000'000}, pieces);
    } catch (const std::runtime_error& error) {
      end = error.what();
    }
    co_return end;
  };
  std::string first, second;
  std::thread one([&] { first = cw::sync_wait(use(*engine)); });
  std::thread two([&] { second = cw::sync_wait(use(*engine)); });
  while (!stepping || engine->measured().waiting == 0) std::this_thread::yield();
  go_on = true;
  engine.reset();
  one.join();
  two.join();
  CHECK(first ==
        "step_engine: it was destroyed before the sequence had ended; let it outlive the jobs that use it");
  CHECK(second == first);
}

TEST_CASE("an engine whose thread runs is refused in a simulation, and 0 slots are refused") {
  step_test_engine engine(step_all);
  CHECK(cw::sync_wait(cw::collect(engine.run({0, 1}))).size() == 1);
  cw::simulated_loop loop;
  std::string said;
  try {
    cw::sync_wait(loop, cw::collect(engine.run({0, 1})));
  } catch (const std::logic_error& error) {
    said = error.what();
  }
  CHECK(said.find(
            "step_engine: a coroutine on a simulated_loop cannot use an engine whose thread has started") ==
        0);
  CHECK_THROWS_WITH_AS(step_test_engine(step_all, {.at_once = 0}),
                       "step_engine_options::at_once must be 1 or more, or no sequence would ever be stepped",
                       std::invalid_argument);
}

#ifdef COWORKER_TESTS_CAN_FORK
namespace {

struct step_test_owner {
  std::shared_ptr<cw::step_engine<step_test_owner, int>> engine;
};
using step_test_owned = cw::step_engine<step_test_owner, int>;

void release_in_step(std::span<step_test_owned::active* const> all) { (*all[0])->engine.reset(); }
void finish_in_step(std::span<step_test_owned::active* const> all) { all[0]->finish(); }

cw::task<void> run_the_last_owner(std::shared_ptr<step_test_owned> engine) {
  step_test_owned& used = *engine;
  auto pieces = used.run(step_test_owner{std::move(engine)});
  co_await pieces.next();
}

}  // namespace

TEST_CASE("an engine whose last owner releases it in a step ends the program with a message") {
  for (const auto step : {release_in_step, finish_in_step}) {
    for (const bool simulated : {false, true}) {
      const auto end = coworker::testing::end_of_child([=] {
        auto engine = std::make_shared<step_test_owned>(step);
        cw::task<void> use = run_the_last_owner(std::move(engine));
        cw::simulated_loop loop;
        simulated ? cw::sync_wait(loop, std::move(use)) : cw::sync_wait(std::move(use));
        std::this_thread::sleep_for(
            20s);  // the engine's thread may destroy a sequence only after its job has ended
      });
      CHECK(end.signal == SIGABRT);
      CHECK(end.words.find("coworker: a step_engine was destroyed by its own step function or a sequence "
                           "in it; keep a reference to it outside of both") != std::string::npos);
    }
  }
}
#endif
