#include <doctest/doctest.h>
#include <atomic>
#include <chrono>
#include <coworker/coro/async_generator.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <coworker/job/middleware/authorised.hpp>
#include <coworker/job/middleware/prepared.hpp>
#include <coworker/job/middleware/retried.hpp>
#include <coworker/transport/memory_queue.hpp>
#include <coworker/worker.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/simulated_queue.hpp"

namespace {

using namespace std::chrono_literals;
using coworker::async_generator;
using coworker::fixed_concurrency;
using coworker::job;
using coworker::json;
using coworker::outcome_status;
using coworker::preparation;
using coworker::preparation_error;
using coworker::prepared;
using coworker::task;
using coworker::worker;
using coworker::worker_summary;
using coworker::testing::simulation;

// Neither copyable nor movable, like a type that contains a mutex or a GPU's memory.
struct prepared_model {
  const int factor;
  int calls = 0;

  explicit prepared_model(int by) : factor(by) {}
  prepared_model(const prepared_model&) = delete;
  prepared_model& operator=(const prepared_model&) = delete;
};

struct prepared_request {
  int number = 1;
};

prepared_model load_threefold() { return prepared_model(3); }

task<int> multiply(prepared_model& model, job<prepared_request> work) {
  ++model.calls;
  co_return model.factor* work.input.number;
}
int multiply_plainly(const prepared_model& model, job<int> work) { return model.factor * work.input; }
async_generator<int> multiply_twice(prepared_model& model, const job<int>& work) {
  co_yield model.factor* work.input;
  co_yield model.factor* work.input;
}

using prepared_task = decltype(prepared(load_threefold, multiply));
static_assert(coworker::job_handler<prepared_task> && coworker::preparing_handler<prepared_task>);
static_assert(coworker::is_coroutine_handler<prepared_task>);
static_assert(std::same_as<coworker::handler_input<prepared_task>, prepared_request>);
static_assert(coworker::is_streaming_handler<decltype(prepared(load_threefold, multiply_twice))>);
static_assert(!coworker::preparing_handler<decltype(&multiply_plainly)>);
static_assert(coworker::preparing_handler<coworker::retried<prepared_task>>);
static_assert(!coworker::preparing_handler<coworker::retried<task<int> (*)(job<>)>>);

json number(int n) { return json{{"number", n}}; }

// A worker's pool runs on the loop.
struct prepared_simulation : simulation {
  prepared_simulation() { options.pool = coworker::executor_ref(loop); }
};

}  // namespace

TEST_CASE("a handler of any kind gets the loaded value by reference") {
  prepared_simulation world;
  SUBCASE("a task") {
    world.queue.add(0s, "a", number(2));
    world.queue.add(0s, "b", number(4));
    worker w(prepared(load_threefold, multiply), fixed_concurrency{2}, world.options);
    world.serve(w);
    CHECK(world.queue.result_of("a").body == json{{"output", 6}});
    CHECK(world.queue.result_of("b").body == json{{"output", 12}});
  }
  SUBCASE("a plain function") {
    world.queue.add(0s, "a", 2);
    worker w(prepared(load_threefold, multiply_plainly), fixed_concurrency{1}, world.options);
    world.serve(w);
    CHECK(world.queue.result_of("a").body == json{{"output", 6}});
  }
  SUBCASE("a stream") {
    world.queue.add(0s, "a", 2);
    worker w(prepared(load_threefold, multiply_twice), fixed_concurrency{1}, world.options);
    world.serve(w);
    CHECK(world.queue.chunks == std::vector<std::pair<std::string, std::string>>{{"a", "6"}, {"a", "6"}});
  }
  SUBCASE("a generic lambda, which takes its input as json") {
    world.queue.add(0s, "a", number(5));
    const auto handle = [](auto& model, auto work) {
      return model.factor * work.input["number"].template get<int>();
    };
    worker w(prepared(load_threefold, handle), fixed_concurrency{1}, world.options);
    world.serve(w);
    CHECK(world.queue.result_of("a").body == json{{"output", 15}});
  }
}

TEST_CASE("no job is taken before the value is loaded, and the log says how long that took") {
  prepared_simulation world;
  world.queue.add(0s, "a", number(2));
  const auto load = []() -> task<int> {
    co_await coworker::sleep_for(40s);
    co_return 3;
  };
  const auto handle = [](int& factor, job<prepared_request> work) { return factor * work.input.number; };
  worker w(prepared(load, handle), fixed_concurrency{1}, world.options);
  world.serve(w);
  REQUIRE_FALSE(world.queue.takes.empty());
  CHECK(world.queue.takes.front().sent == 40s);
  CHECK(world.queue.result_of("a").body == json{{"output", 6}});
  CHECK(world.output.count("Preparing the handler.") == 1);
  CHECK(world.output.count("The handler is ready after 40.00 s.") == 1);
}

TEST_CASE("the engine attends while the handler is prepared, and sees that it is being prepared") {
  struct attended_queue : coworker::testing::simulated_queue {
    using simulated_queue::simulated_queue;
    std::vector<bool> preparing;

    task<void> attend(coworker::worker_control control) {
      for (;;) {
        preparing.push_back(control.preparing());
        co_await coworker::sleep_for(10s);
      }
    }
  };
  coworker::simulated_loop loop;
  attended_queue queue(loop);
  queue.add(0s, "a", number(1));
  coworker::testing::captured_log output;
  const auto load = []() -> task<int> {
    co_await coworker::sleep_for(35s);
    co_return 1;
  };
  const auto handle = [](int& seconds, job<prepared_request>) -> task<> {
    co_await coworker::sleep_for(seconds * 7s);
  };
  coworker::worker_options options;
  options.log = &output.log;
  worker w(prepared(load, handle), fixed_concurrency{1}, options);
  CHECK_FALSE(w.preparing());
  coworker::sync_wait(loop, w.serve(queue));
  CHECK(queue.preparing == std::vector<bool>{true, true, true, true, false});
}

TEST_CASE("the value is loaded once for one run or several, and is destroyed with the worker") {
  prepared_simulation world;
  int loads = 0;
  int alive = 0;
  struct counted {
    int& alive;
    explicit counted(int& of) : alive(of) { ++alive; }
    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;
    ~counted() { --alive; }
  };
  const auto load = [&loads, &alive] {
    ++loads;
    return counted(alive);
  };
  const auto handle = [](counted& value, job<>) { return value.alive; };
  {
    worker w(prepared(load, handle), fixed_concurrency{1}, world.options);
    CHECK(alive == 0);
    world.queue.add(0s, "a");
    world.serve(w);
    world.queue.add(0s, "b");
    world.serve(w);
    CHECK(world.queue.result_of("b").body == json{{"output", 1}});
    CHECK(alive == 1);
  }
  CHECK(loads == 1);
  CHECK(alive == 0);
}

TEST_CASE("a load that throws ends the run with its type and message, and no job is taken") {
  prepared_simulation world;
  world.queue.add(0s, "a", number(2));
  const auto refused = [&world](auto load) {
    const auto handle = [](int&, job<>) { return 1; };
    worker w(prepared(load, handle), fixed_concurrency{1}, world.options);
    std::string said;
    try {
      world.serve(w);
    } catch (const preparation_error& error) {
      said = error.what();
      CHECK(error.error().type == "std::runtime_error");
      CHECK(error.error().message == "no such model");
    }
    CHECK_FALSE(w.preparing());
    return said;
  };
  const std::string expected =
      "the handler could not be prepared, so no job was taken: std::runtime_error: no such model";
  CHECK(refused([]() -> int { throw std::runtime_error("no such model"); }) == expected);
  CHECK(refused([]() -> task<int> {
          co_await coworker::sleep_for(1s);
          throw std::runtime_error("no such model");
          co_return 1;
        }) == expected);
  CHECK(world.queue.takes.empty());
}

TEST_CASE("a load that throws `cancelled` without a stop fails as well") {
  prepared_simulation world;
  const auto load = []() -> int { throw coworker::cancelled(); };
  worker w(prepared(load, [](int&, job<>) { return 1; }), fixed_concurrency{1}, world.options);
  CHECK_THROWS_AS(world.serve(w), preparation_error);
}

TEST_CASE("a second step runs after the load, and when it throws, the next run loads again") {
  prepared_simulation world;
  std::vector<std::string> steps;
  const auto load = [&steps] {
    steps.push_back("load");
    return std::string("model");
  };
  const auto handle = [](std::string& value, job<>) { return value; };
  SUBCASE("a plain function") {
    bool fails = true;
    const auto warm_up = [&steps, &fails](std::string& value) {
      steps.push_back("warm up");
      if (std::exchange(fails, false)) throw std::runtime_error("cold");
      value += ", warm";
    };
    worker w(prepared(load, warm_up, handle), fixed_concurrency{1}, world.options);
    world.queue.add(0s, "a");
    CHECK_THROWS_WITH_AS(world.serve(w),
                         "the handler could not be prepared, so no job was taken: std::runtime_error: cold",
                         preparation_error);
    world.serve(w);
    CHECK(steps == std::vector<std::string>{"load", "warm up", "load", "warm up"});
  }
  SUBCASE("a task") {
    const auto warm_up = [&steps](std::string& value) -> task<void> {
      co_await coworker::sleep_for(5s);
      steps.push_back("warm up");
      value += ", warm";
    };
    worker w(prepared(load, warm_up, handle), fixed_concurrency{1}, world.options);
    world.queue.add(0s, "a");
    world.serve(w);
    CHECK(world.queue.takes.front().sent == 5s);
    CHECK(steps == std::vector<std::string>{"load", "warm up"});
  }
  CHECK(world.queue.result_of("a").body == json{{"output", "model, warm"}});
}

TEST_CASE("a worker stopped by hand while it loads takes no job, and requests a stop of the load") {
  prepared_simulation world;
  world.queue.add(0s, "a", number(2));
  SUBCASE("a load that obeys it") {
    const auto load = []() -> task<int> {
      co_await coworker::sleep_for(1h);
      co_return 1;
    };
    worker w(prepared(load, [](int&, job<>) { return 1; }), fixed_concurrency{1}, world.options);
    const worker_summary done = world.serve_and_stop(w, 7s);
    CHECK(done.elapsed == 7s);
    CHECK(done.jobs == 0);
  }
  SUBCASE("a load that sees it in its stop token, and continues") {
    bool seen = false;
    const auto load = [&seen](const preparation& how) -> task<int> {
      coworker::auto_reset_event never_set;
      co_await never_set.wait_until(coworker::time_point(9s));
      seen = how.stop_token().stop_requested();
      co_return 1;
    };
    worker w(prepared(load, [](int&, job<>) { return 1; }), fixed_concurrency{1}, world.options);
    const worker_summary done = world.serve_and_stop(w, 7s);
    CHECK(done.elapsed == 9s);
    CHECK(seen);
  }
  CHECK(world.queue.takes.empty());
}

TEST_CASE("a worker that was stopped before its run does not begin to load") {
  prepared_simulation world;
  world.queue.add(0s, "a", number(2));
  int loads = 0;
  worker w(prepared([&loads] { return ++loads; }, [](int&, job<>) { return 1; }), fixed_concurrency{1},
           world.options);
  w.stop();
  CHECK(world.serve(w).jobs == 0);
  CHECK(loads == 0);
  CHECK(world.queue.takes.empty());
}

TEST_CASE("a stop of the worker is not reported as the reason of a load that fails meanwhile") {
  prepared_simulation world;
  const auto load = []() -> task<int> {
    coworker::auto_reset_event never_set;
    co_await never_set.wait_until(coworker::time_point(9s));
    throw std::runtime_error("disk full");
    co_return 1;
  };
  worker w(prepared(load, [](int&, job<>) { return 1; }), fixed_concurrency{1}, world.options);
  CHECK_THROWS_AS(world.serve_and_stop(w, 7s), preparation_error);
}

TEST_CASE("an engine that fails while the handler is prepared ends the run with its own failure") {
  struct failing_queue : coworker::testing::simulated_queue {
    using simulated_queue::simulated_queue;
    task<void> attend(coworker::worker_control) {
      co_await coworker::sleep_for(2s);
      throw std::logic_error("no heartbeat");
    }
  };
  coworker::simulated_loop loop;
  failing_queue queue(loop);
  queue.add(0s, "a");
  coworker::testing::captured_log output;
  coworker::worker_options options;
  options.log = &output.log;
  const auto load = []() -> task<int> {
    co_await coworker::sleep_for(1h);
    co_return 1;
  };
  worker w(prepared(load, [](int&, job<>) { return 1; }), fixed_concurrency{1}, options);
  CHECK_THROWS_WITH_AS(coworker::sync_wait(loop, w.serve(queue)), "no heartbeat", std::logic_error);
  CHECK(queue.takes.empty());
}

TEST_CASE("wrappers forward the preparation, in any order") {
  prepared_simulation world;
  world.queue.add(0s, "a", number(2));
  world.queue.add(0s, "b", number(0));
  const auto allows = [](const job<prepared_request>& work) { return work.input.number > 0; };
  auto allowed = coworker::authorised(coworker::retried(prepared(load_threefold, multiply)), allows);
  worker w(std::move(allowed), fixed_concurrency{1}, world.options);
  world.serve(w);
  CHECK(world.queue.result_of("a").body == json{{"output", 6}});
  CHECK(world.queue.result_of("b").status == outcome_status::failed);
}

TEST_CASE("a user's handler with prepare() is prepared alike, as a plain function or a task") {
  struct plain_step {
    int value = 0;
    void prepare(const preparation& how) {
      how.log().info("half way");
      value = 7;
    }
    int operator()(job<>) const { return value; }
  };
  struct task_step {
    int value = 0;
    task<void> prepare(const preparation&) {
      co_await coworker::sleep_for(3s);
      value = 7;
    }
    int operator()(job<>) const { return value; }
  };
  prepared_simulation world;
  world.queue.add(0s, "a");
  SUBCASE("a plain function") {
    worker w(plain_step(), fixed_concurrency{1}, world.options);
    world.serve(w);
    CHECK(world.output.count("half way") == 1);
  }
  SUBCASE("a task") {
    worker w(task_step(), fixed_concurrency{1}, world.options);
    world.serve(w);
    CHECK(world.queue.takes.front().sent == 3s);
  }
  CHECK(world.queue.result_of("a").body == json{{"output", 7}});
}

TEST_CASE("a copy of a handler loads its own value; called without one, it says what to do") {
  const auto original = prepared(load_threefold, multiply_plainly);
  auto copy = original;
  CHECK_THROWS_WITH_AS(
      copy(job<int>("id", 1)),
      "coworker::prepared: the handler was called before it was prepared; run it by start() or in a "
      "worker, or await prepare_handler() before you call it",
      std::logic_error);
  coworker::simulated_loop loop;
  coworker::testing::captured_log output;
  const preparation how(loop, output.log);
  coworker::sync_wait(loop, coworker::prepare_handler(copy, how));
  CHECK(copy(job<int>("id", 2)) == 6);
  auto moved = std::move(copy);
  CHECK(moved(job<int>("id", 2)) == 6);
  auto second = moved;
  CHECK_THROWS_AS(second(job<int>("id", 1)), std::logic_error);
}

TEST_CASE("a plain load may block: it runs on another thread, and the worker's loop continues") {
  coworker::memory_queue queue;
  coworker::testing::captured_log output;
  std::atomic<bool> attended{false};
  struct beating_queue {
    coworker::memory_queue& queue;
    std::atomic<bool>& attended;
    task<coworker::take_result> take(coworker::take_request request) { return queue.take(request); }
    task<coworker::delivery> complete(coworker::job_result result) {
      return queue.complete(std::move(result));
    }
    task<void> attend(coworker::worker_control control) {
      co_await coworker::sleep_for(1ms);  // returns only if the loop continues to run
      attended = true;
      co_await queue.attend(control);
    }
  };
  beating_queue beating{queue, attended};
  const auto load = [&attended] {
    while (!attended) std::this_thread::yield();
    return std::this_thread::get_id();
  };
  const auto handle = [](std::thread::id& loaded_on, job<>) -> task<bool> {
    co_return loaded_on != std::this_thread::get_id();
  };
  coworker::worker_options options;
  options.log = &output.log;
  worker w(prepared(load, handle), fixed_concurrency{1}, options);
  const coworker::memory_job one = queue.push(1);
  queue.close();
  w.run(beating);
  CHECK(one.blocking_result().output == json(true));
}

TEST_CASE("a worker stopped from another thread while it loads either takes no job or is ready") {
  for (int i = 0; i < 200; ++i) {
    coworker::memory_queue queue;
    coworker::testing::captured_log output(coworker::log_level::error);
    coworker::worker_options options;
    options.log = &output.log;
    std::atomic<bool> loading{false};
    const auto load = [&loading] {
      loading = true;
      return 1;
    };
    worker w(prepared(load, [](int&, job<>) -> task<int> { co_return 1; }), fixed_concurrency{1}, options);
    const coworker::memory_job one = queue.push(1);
    bool was_preparing = false;
    std::thread stopper([&] {
      while (!loading) std::this_thread::yield();
      w.stop();
      was_preparing = w.preparing();
    });
    const worker_summary done = w.run(queue);
    stopper.join();
    if (was_preparing) CHECK(done.jobs == 0);
  }
}
