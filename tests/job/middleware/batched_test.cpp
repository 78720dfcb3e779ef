#include <doctest/doctest.h>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/random.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/job/middleware/authorised.hpp>
#include <coworker/job/middleware/batched.hpp>
#include <coworker/job/middleware/prepared.hpp>
#include <coworker/job/middleware/retried.hpp>
#include <coworker/transport/memory_queue.hpp>
#include <coworker/worker.hpp>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <support/tracked.hpp>
#include <utility>
#include <vector>

#include "support/simulated_queue.hpp"

namespace {

using namespace std::chrono_literals;
using coworker::batch_options;
using coworker::batch_result;
using coworker::batched;
using coworker::duration;
using coworker::fixed_concurrency;
using coworker::job;
using coworker::job_error;
using coworker::json;
using coworker::outcome_status;
using coworker::task;
using coworker::worker;
using coworker::testing::simulation;

struct batched_request {
  std::string text = "";
};

std::vector<std::string> batched_upper(std::vector<batched_request> batch) {
  std::vector<std::string> results;
  for (batched_request& one : batch) results.push_back(std::to_string(batch.size()) + one.text);
  return results;
}

task<std::vector<int>> batched_squares(const std::vector<int>& batch) {
  co_await coworker::sleep_for(1s);
  std::vector<int> results;
  for (const int one : batch) results.push_back(one * one);
  co_return results;
}

std::vector<int> batched_times(int& factor, std::vector<int> batch) {
  for (int& one : batch) one *= factor;
  return batch;
}

static_assert(coworker::job_handler<decltype(batched(batched_upper))>);
static_assert(std::same_as<coworker::handler_input<decltype(batched(batched_upper))>, batched_request>);
static_assert(coworker::batching_handler<decltype(batched(batched_upper))>);
static_assert(coworker::batching_handler<coworker::retried<decltype(batched(batched_upper))>>);
static_assert(!coworker::batching_handler<int (*)(job<>)>);

// A worker's pool runs on the loop. A handler notes when batches began, and their sizes.
struct batched_simulation : simulation {
  struct note {
    duration at;
    std::size_t size;
    bool operator==(const note& other) const = default;
  };
  std::vector<note> batches;

  batched_simulation() { options.pool = coworker::executor_ref(loop); }

  // Takes a second per batch.
  auto noting() {
    return [this](std::vector<int> batch) -> task<std::vector<int>> {
      batches.push_back({loop.elapsed(), batch.size()});
      co_await coworker::sleep_for(1s);
      co_return batch;
    };
  }
};

}  // namespace

TEST_CASE("jobs that come together run in one call, and each gets its own result") {
  batched_simulation world;
  SUBCASE("a plain function over structs") {
    for (const char* const id : {"a", "b", "c"}) world.queue.add(0s, id, json{{"text", id}});
    worker w(batched(batched_upper, {.most = 3}), fixed_concurrency{8}, world.options);
    world.serve(w);
    for (const std::string id : {"a", "b", "c"})
      CHECK(world.queue.result_of(id).body == json{{"output", "3" + id}});
  }
  SUBCASE("a task that takes its batch by reference") {
    world.queue.add(0s, "a", 3);
    world.queue.add(0s, "b", 4);
    worker w(batched(batched_squares, {.most = 2}), fixed_concurrency{8}, world.options);
    CHECK(world.serve(w).elapsed == 1s);
    CHECK(world.queue.result_of("a").body == json{{"output", 9}});
    CHECK(world.queue.result_of("b").body == json{{"output", 16}});
  }
  SUBCASE("with a value that was loaded") {
    world.queue.add(0s, "a", 3);
    world.queue.add(0s, "b", 4);
    const auto load = [] { return 10; };
    auto handle = coworker::prepared(load, batched(batched_times, {.most = 2}));
    worker w(std::move(handle), fixed_concurrency{8}, world.options);
    world.serve(w);
    CHECK(world.queue.result_of("a").body == json{{"output", 30}});
    CHECK(world.queue.result_of("b").body == json{{"output", 40}});
  }
  SUBCASE("whole jobs, which can report progress") {
    world.queue.add(0s, "a", 3);
    const auto many = [](std::vector<job<int>> batch) -> task<std::vector<std::string>> {
      std::vector<std::string> ids;
      for (job<int>& one : batch) {
        one.progress("in a batch");
        ids.push_back(one.id);
      }
      co_await coworker::sleep_for(1s);
      co_return ids;
    };
    worker w(batched(many), fixed_concurrency{8}, world.options);
    world.serve(w);
    CHECK(world.queue.result_of("a").body == json{{"output", "a"}});
    CHECK(world.queue.reports.size() == 1);
  }
  SUBCASE("within other middleware") {
    world.queue.add(0s, "a", 3);
    world.queue.add(0s, "refused", -4);
    const auto allows = [](const job<int>& work) { return work.input > 0; };
    worker w(coworker::authorised(coworker::retried(batched(batched_squares, {.most = 1})), allows),
             fixed_concurrency{8}, world.options);
    world.serve(w);
    CHECK(world.queue.result_of("a").body == json{{"output", 9}});
    CHECK(world.queue.result_of("refused").status == outcome_status::failed);
    CHECK(w.measured().batches.batches == 1);
  }
}

TEST_CASE(
    "a batch starts when it is full, when its first job has waited long enough, or when no other can come") {
  batched_simulation world;
  SUBCASE("full") {
    for (int i = 0; i != 4; ++i) world.queue.add(i * 10ms, std::to_string(i), i);
    worker w(batched(world.noting(), {.most = 3, .within = 50ms}), fixed_concurrency{8}, world.options);
    world.serve(w);
    CHECK(world.batches == std::vector<batched_simulation::note>{{20ms, 3}, {1020ms, 1}});
  }
  SUBCASE("waited") {
    for (int i = 0; i != 4; ++i) world.queue.add(i * 10ms, std::to_string(i), i);
    worker w(batched(world.noting(), {.most = 16, .within = 25ms}), fixed_concurrency{16}, world.options);
    world.serve(w);
    CHECK(world.batches == std::vector<batched_simulation::note>{{25ms, 3}, {1025ms, 1}});
  }
  SUBCASE("no other can come") {
    for (int i = 0; i != 4; ++i) world.queue.add(i * 10ms, std::to_string(i), i);
    worker w(batched(world.noting(), {.most = 16, .within = 1h}), fixed_concurrency{2}, world.options);
    CHECK(world.serve(w).elapsed == 2010ms);
    CHECK(world.batches == std::vector<batched_simulation::note>{{10ms, 2}, {1010ms, 2}});
    CHECK(world.output.count("The worker runs 2 jobs at once, so that a batch never holds the 16 that "
                             "batch_options::most allows") == 1);
  }
  SUBCASE("at once, with no time to wait") {
    for (int i = 0; i != 3; ++i) world.queue.add(i * 400ms, std::to_string(i), i);
    worker w(batched(world.noting(), {.most = 16, .within = 0s}), fixed_concurrency{16}, world.options);
    world.serve(w);
    CHECK(world.batches == std::vector<batched_simulation::note>{{0ms, 1}, {1s, 2}});
    CHECK(world.output.count("The worker runs") == 0);
  }
}

TEST_CASE("at_once batches run at once, and jobs that come meanwhile form the next") {
  batched_simulation world;
  for (int i = 0; i != 8; ++i) world.queue.add(i * 100ms, std::to_string(i), i);
  worker w(batched(world.noting(), {.most = 2, .within = 10ms, .at_once = 2}), fixed_concurrency{16},
           world.options);
  world.serve(w);
  // Two batches start with one job each. When the first has ended, six jobs wait; when the second has, four.
  CHECK(world.batches ==
        std::vector<batched_simulation::note>{{10ms, 1}, {110ms, 1}, {1010ms, 2}, {1110ms, 2}, {2010ms, 2}});
}

TEST_CASE("sizes and waits of batches are in the metrics, also for Prometheus") {
  batched_simulation world;
  for (int i = 0; i != 4; ++i) world.queue.add(i * 10ms, std::to_string(i), i);
  worker w(batched(world.noting(), {.most = 16, .within = 25ms}), fixed_concurrency{16}, world.options);
  world.serve(w);
  const coworker::batch_metrics seen = w.measured().batches;
  CHECK(seen.batches == 2);
  CHECK(seen.jobs == 4);
  CHECK(seen.wait_seconds == doctest::Approx(0.025 + 0.015 + 0.005 + 0.995));
  CHECK(seen.run_seconds == doctest::Approx(2));
}

TEST_CASE("a result may fail its job alone; an exception of the function fails the whole batch") {
  batched_simulation world;
  for (int i = 0; i != 3; ++i) world.queue.add(0s, std::to_string(i), i);
  SUBCASE("one of three") {
    const auto many = [](std::vector<int> batch) {
      std::vector<batch_result<int>> results;
      for (const int one : batch) {
        if (one == 1) {
          results.push_back(job_error("no odd ones", {.recycle_worker = true}));
        } else {
          results.push_back(one);
        }
      }
      return results;
    };
    worker w(batched(many, {.most = 3}), fixed_concurrency{8}, world.options);
    world.serve(w);
    CHECK(world.queue.result_of("0").body == json{{"output", 0}});
    CHECK(world.queue.result_of("1").error.message == "no odd ones");
    CHECK(world.queue.result_of("1").body.contains("recycle"));
    CHECK(world.queue.result_of("2").body == json{{"output", 2}});
  }
  SUBCASE("a kind of std::expected, with a text as its error") {
    struct expected {
      bool good;
      int value;
      bool has_value() const { return good; }
      int& operator*() { return value; }
      std::string error() const { return "bad luck"; }
    };
    const auto many = [](std::vector<int> batch) {
      std::vector<expected> results;
      for (const int one : batch) results.push_back({one != 2, one});
      return results;
    };
    worker w(batched(many, {.most = 3}), fixed_concurrency{8}, world.options);
    world.serve(w);
    CHECK(world.queue.result_of("1").body == json{{"output", 1}});
    CHECK(world.queue.result_of("2").error.message == "bad luck");
  }
  SUBCASE("all of them") {
    const auto many = [](std::vector<int> batch) -> std::vector<int> {
      throw std::runtime_error("out of memory with " + std::to_string(batch.size()));
    };
    worker w(batched(many, {.most = 3}), fixed_concurrency{8}, world.options);
    CHECK(world.serve(w).failed == 3);
    CHECK(world.queue.result_of("2").error.message == "out of memory with 3");
  }
  SUBCASE("results that are not one for each") {
    const auto many = [](std::vector<int>) { return std::vector<int>{1, 2}; };
    worker w(batched(many, {.most = 3}), fixed_concurrency{8}, world.options);
    CHECK(world.serve(w).failed == 3);
    CHECK(world.queue.result_of("0").error.message ==
          "coworker::batched: the function returned 2 results for a batch of 3 jobs; it must return one for "
          "each, in their "
          "order");
  }
}

TEST_CASE("a stopped job leaves its batch before the batch starts, and not afterwards") {
  batched_simulation world;
  world.options.stop_patience = 1h;
  for (int i = 0; i != 3; ++i) world.queue.add(0s, std::to_string(i), i);
  worker w(batched(world.noting(), {.most = 8, .within = 1s}), fixed_concurrency{8}, world.options);
  const auto run = [](auto& runner, auto& queue, std::string id, duration at) -> task<> {
    const coworker::context here = co_await coworker::this_coro::context();
    coworker::scope beside(here);
    const auto stop = [](auto& of, std::string which, duration when) -> task<> {
      co_await coworker::sleep_until(coworker::time_point(when));
      of.stop_job(which);
    };
    beside.spawn(stop(runner, id, at));
    co_await runner.serve(queue);
    co_await beside.join();
  };
  SUBCASE("the first, whose place another takes") {
    coworker::sync_wait(world.loop, run(w, world.queue, "0", 400ms));
    CHECK(world.queue.result_of("0").status == outcome_status::stopped);
    CHECK(world.queue.result_of("0").at == 400ms);
    CHECK(world.batches == std::vector<batched_simulation::note>{{1s, 2}});
  }
  SUBCASE("another") {
    coworker::sync_wait(world.loop, run(w, world.queue, "1", 400ms));
    CHECK(world.queue.result_of("1").status == outcome_status::stopped);
    CHECK(world.batches == std::vector<batched_simulation::note>{{1s, 2}});
  }
  SUBCASE("once the batch runs, also the job that runs it") {
    coworker::sync_wait(world.loop, run(w, world.queue, "0", 1500ms));
    CHECK(world.queue.result_of("0").body == json{{"output", 0}});
    CHECK(world.queue.result_of("1").body == json{{"output", 1}});
    CHECK(world.batches == std::vector<batched_simulation::note>{{1s, 3}});
  }
}

TEST_CASE("options out of range are refused, and so is a plain function without an executor") {
  CHECK_THROWS_WITH_AS(batched(batched_upper, {.most = 0}),
                       "batch_options::most must be 1 or more, or no job would ever run",
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(batched(batched_upper, {.at_once = 0}),
                       "batch_options::at_once must be 1 or more, or no job would ever run",
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(batched(batched_upper, {.within = -1ms}),
                       "batch_options::within is negative; it must be 0 or more", std::invalid_argument);
  coworker::simulated_loop loop;
  auto handle = batched(batched_upper, {.most = 1});
  CHECK_THROWS_WITH_AS(
      coworker::sync_wait(loop, handle(job<batched_request>("a", {"x"}))),
      "coworker::batched: a plain function needs a place to run, and there is no worker to lend its pool; "
      "set batch_options::run_on",
      std::logic_error);
  auto placed = batched(batched_upper, {.most = 1, .run_on = loop});
  CHECK(coworker::sync_wait(loop, placed(job<batched_request>("a", {"x"}))) == "1x");
}

// --- a model of a machine that takes 40 ms per batch and 2 ms per job in it
// -------------------------------------

namespace {

constexpr double batched_fixed = 0.040;
constexpr double batched_each = 0.002;
constexpr std::size_t batched_most = 16;

double batched_seconds(std::size_t jobs) { return batched_fixed + batched_each * static_cast<double>(jobs); }

task<std::vector<int>> batched_machine(std::vector<int> batch) {
  co_await coworker::sleep_for(std::chrono::duration<double>(batched_seconds(batch.size())));
  co_return batch;
}

double batched_percentile(std::vector<double> of, double share) {
  std::sort(of.begin(), of.end());
  return of[static_cast<std::size_t>(share * static_cast<double>(of.size() - 1))];
}

// Arrivals of a Poisson process.
std::vector<double> batched_arrivals(double per_second, std::size_t count, std::uint64_t seed) {
  coworker::random_source random(seed);
  std::vector<double> moments;
  double at = 0;
  for (std::size_t i = 0; i != count; ++i)
    moments.push_back(at += -std::log(1 - random.fraction()) / per_second);
  return moments;
}

// Returns the 99th percentile of the time from arrival to result if the machine, when it is free, starts once
// `enough` jobs wait or the first has waited long enough: the ideal model, without any framework.
double batched_model_p99(const std::vector<double>& arrivals, double within, std::size_t enough) {
  std::vector<double> latencies;
  double free_at = 0;
  for (std::size_t next = 0; next != arrivals.size();) {
    double start = std::max(free_at, arrivals[next]);
    const double patience = std::max(free_at, arrivals[next] + within);
    const std::size_t filled = next + enough - 1;
    start = filled < arrivals.size() && arrivals[filled] < patience ? std::max(start, arrivals[filled])
                                                                    : patience;
    std::size_t end = next;
    while (end != arrivals.size() && end - next < batched_most && arrivals[end] <= start) ++end;
    free_at = start + batched_seconds(end - next);
    for (; next != end; ++next) latencies.push_back(free_at - arrivals[next]);
  }
  return batched_percentile(latencies, 0.99);
}

struct batched_load {
  coworker::simulated_loop loop;
  coworker::testing::captured_log output{coworker::log_level::error};
  coworker::memory_queue queue;
  std::vector<double> latencies;
  double elapsed = 0;

  static task<> client(batched_load& world, std::size_t jobs) {
    for (std::size_t i = 0; i != jobs; ++i) {
      const coworker::memory_job one = world.queue.push(1);
      co_await one.result();
    }
  }

  static task<> request(batched_load& world, double at) {
    co_await coworker::sleep_until(
        coworker::time_point(std::chrono::duration_cast<duration>(std::chrono::duration<double>(at))));
    const coworker::memory_job one = world.queue.push(1);
    co_await one.result();
    world.latencies.push_back(std::chrono::duration<double>(world.loop.elapsed()).count() - at);
  }

  template <class Spawn>
  static task<> run(batched_load& world, int concurrency, Spawn spawn) {
    coworker::worker_options options;
    options.log = &world.output.log;
    worker w(batched(batched_machine, {.most = batched_most, .within = 5ms}), fixed_concurrency{concurrency},
             options);
    const coworker::context here = co_await coworker::this_coro::context();
    coworker::scope serving(here), clients(here);
    const auto serve = [](auto& runner, coworker::memory_queue& from) -> task<> {
      co_await runner.serve(from);
    };
    serving.spawn(serve(w, world.queue));
    spawn(clients);
    co_await clients.join();
    world.elapsed = std::chrono::duration<double>(world.loop.elapsed()).count();
    world.queue.close();
    co_await serving.join();
  }
};

}  // namespace

TEST_CASE("in a closed loop of a full batch, throughput is at least 0.95 of the ideal") {
  for (const int concurrency : {16, 32}) {
    batched_load world;
    constexpr std::size_t each = 200;
    const auto spawn = [&world](coworker::scope& clients) {
      for (std::size_t i = 0; i != batched_most; ++i) clients.spawn(batched_load::client(world, each));
    };
    coworker::sync_wait(world.loop, batched_load::run(world, concurrency, spawn));
    const double throughput = static_cast<double>(batched_most * each) / world.elapsed;
    const double ideal = static_cast<double>(batched_most) / batched_seconds(batched_most);
    MESSAGE("closed loop, concurrency ", concurrency, ": ", throughput / ideal, " of the ideal throughput");
    CHECK(throughput >= 0.95 * ideal);
  }
}

TEST_CASE("with arrivals at 0.8 of the capacity, no job is lost and p99 is within a tenth of the optimum") {
  const double capacity = static_cast<double>(batched_most) / batched_seconds(batched_most);
  const std::vector<double> arrivals = batched_arrivals(0.8 * capacity, 4000, 7);
  double best = batched_model_p99(arrivals, 0, 1);
  for (const double within : {0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1}) {
    for (std::size_t enough = 1; enough <= batched_most; ++enough)
      best = std::min(best, batched_model_p99(arrivals, within, enough));
  }
  batched_load world;
  const auto spawn = [&world, &arrivals](coworker::scope& clients) {
    for (const double at : arrivals) clients.spawn(batched_load::request(world, at));
  };
  coworker::sync_wait(world.loop, batched_load::run(world, 64, spawn));
  const double p99 = batched_percentile(world.latencies, 0.99);
  const double throughput = static_cast<double>(arrivals.size()) / world.elapsed;
  MESSAGE("open arrivals: p99 ", p99 * 1e3, " ms, the best of the model ", best * 1e3, " ms, throughput ",
          throughput / (0.8 * capacity), " of the arrivals");
  CHECK(world.latencies.size() == arrivals.size());
  CHECK(throughput >= 0.95 * 0.8 * capacity);
  CHECK(p99 <= 1.1 * best);
}
