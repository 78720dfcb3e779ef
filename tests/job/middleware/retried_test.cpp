#include <doctest/doctest.h>
#include <chrono>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/timeout.hpp>
#include <coworker/job/middleware/retried.hpp>
#include <coworker/worker.hpp>
#include <limits>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/simulated_queue.hpp"

namespace {

using namespace std::chrono_literals;
using coworker::duration;
using coworker::job;
using coworker::job_handler;
using coworker::json;
using coworker::outcome;
using coworker::outcome_status;
using coworker::retried;
using coworker::retry_options;
using coworker::task;
using coworker::thrown;
using coworker::worker;
using coworker::testing::simulation;

struct retried_request {
  std::string text = "none";
};

task<std::string> retried_typed(job<retried_request> work) { co_return work.input.text; }
json retried_plain(const job<>& work) { return work.input; }
void retried_nothing(job<>) {}
task<void> retried_task_of_nothing(job<>) { co_return; }

static_assert(job_handler<retried<decltype(&retried_typed)>>);
static_assert(std::same_as<coworker::handler_input<retried<decltype(&retried_typed)>>, retried_request>);
static_assert(
    std::same_as<coworker::detail::handler_result<retried<decltype(&retried_typed)>>, task<std::string>>);
static_assert(std::same_as<coworker::detail::handler_result<retried<decltype(&retried_plain)>>, json>);
static_assert(job_handler<retried<decltype(&retried_nothing)>>);
static_assert(job_handler<retried<decltype(&retried_task_of_nothing)>>);
static_assert(job_handler<retried<retried<decltype(&retried_plain)>>>);

struct retried_connection_lost : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A handler that fails a number of times, and the times at which it was run.
struct retried_failing {
  simulation& world;
  int failures;
  std::vector<duration> runs = {};

  void begin(const job<>& work) {
    CHECK(work.input == json{{"n", 1}});
    runs.push_back(world.loop.elapsed());
    if (static_cast<int>(runs.size()) <= failures)
      throw retried_connection_lost("peer " + std::to_string(runs.size()));
  }
};

auto retried_failing_task(retried_failing& state) {
  return [&state](job<> work) -> task<json> {
    state.begin(work);
    work.input = json();  // changes a copy
    co_return json("made it");
  };
}

auto retried_failing_function(retried_failing& state) {
  return [&state](job<> work) -> json {
    state.begin(work);
    work.input = json();
    return "made it";
  };
}

// Runs one job through a worker; plain functions run on the loop, too.
template <class Handler>
coworker::testing::result_note retried_job(simulation& world, Handler handler) {
  world.options.pool = coworker::executor_ref(world.loop);
  world.queue.add(0s, "job-1", json{{"n", 1}});
  worker w(std::move(handler), coworker::fixed_concurrency{1}, world.options);
  world.serve(w);
  REQUIRE(world.queue.results.size() == 1);
  return world.queue.results[0];
}

std::string retried_error_type(const coworker::testing::result_note& result) {
  return json::parse(result.body.at("error").get<std::string>()).at("error_type").get<std::string>();
}

std::vector<std::string> reported_retries;
void retried_tell(const coworker::failed_try& failed) {
  reported_retries.push_back(std::string(failed.job_id) + " " + std::to_string(failed.number) + " " +
                             coworker::describe_exception(failed.thrown).message);
}

}  // namespace

TEST_CASE("a handler that fails is run again on its job, after waits that grow, until it succeeds") {
  simulation world;
  retried_failing state{world, 3};
  reported_retries.clear();
  const auto result = retried_job(
      world, retried(retried_failing_task(state),
                     {.times = 5, .first_wait = 8s, .longest_wait = 20s, .on_failure = retried_tell}));
  CHECK(result.status == outcome_status::succeeded);
  CHECK(result.body == json{{"output", "made it"}});
  REQUIRE(state.runs.size() == 4);
  const duration longest[] = {8s, 16s, 20s};
  for (std::size_t i = 0; i < 3; ++i) {
    const duration wait = state.runs[i + 1] - state.runs[i];
    CHECK(wait <= longest[i]);
    CHECK(wait >= longest[i] / 2);
  }
  CHECK(reported_retries == std::vector<std::string>{"job-1 1 peer 1", "job-1 2 peer 2", "job-1 3 peer 3"});
}

TEST_CASE("a plain function is run again too") {
  simulation world;
  retried_failing state{world, 2};
  const auto result = retried_job(world, retried(retried_failing_function(state), {.first_wait = 0s}));
  CHECK(result.body == json{{"output", "made it"}});
  CHECK(state.runs.size() == 3);
}

TEST_CASE("the result of each kind of handler is passed on") {
  const auto body_of = [](auto handler, json input) {
    simulation world;
    world.options.pool = coworker::executor_ref(world.loop);
    world.queue.add(0s, "job-1", std::move(input));
    auto wrapped = retried(handler);
    worker w(wrapped, coworker::fixed_concurrency{1}, world.options);
    world.serve(w);
    return world.queue.result_of("job-1").body;
  };
  CHECK(body_of(retried_typed, json{{"text", "hi"}}) == json{{"output", "hi"}});
  CHECK(body_of(retried_plain, 7) == json{{"output", 7}});
  CHECK(body_of(retried_nothing, 7) == json{{"output", json()}});
  CHECK(body_of(retried_task_of_nothing, 7) == json{{"output", json()}});
}

TEST_CASE("the last failure is the job's, after `times` runs") {
  for (const bool plain : {false, true}) {
    simulation world;
    retried_failing state{world, 100};
    const retry_options options{.times = 4, .first_wait = 0s};
    const auto result = plain ? retried_job(world, retried(retried_failing_function(state), options))
                              : retried_job(world, retried(retried_failing_task(state), options));
    CHECK(result.status == outcome_status::failed);
    CHECK(retried_error_type(result).find("retried_connection_lost") != std::string::npos);
    CHECK(result.body.at("error").get<std::string>().find("peer 4") != std::string::npos);
    CHECK(state.runs.size() == 4);
  }
}

TEST_CASE("only the chosen exceptions lead to another run") {
  simulation world;
  retried_failing state{world, 100};
  retried_job(world,
              retried(retried_failing_task(state), {.only = thrown<coworker::timed_out, std::logic_error>}));
  CHECK(state.runs.size() == 1);
  simulation other;
  retried_failing again{other, 100};
  retried_job(other, retried(retried_failing_task(again),
                             {.only = thrown<coworker::timed_out, retried_connection_lost>}));
  CHECK(again.runs.size() == 3);
}

TEST_CASE("a thrown value of any type is caught, but never `cancelled`") {
  simulation world;
  int runs = 0;
  const auto throw_number = [&runs](job<>) -> task<int> {
    if (++runs < 3) throw 42;
    co_return runs;
  };
  CHECK(retried_job(world, retried(throw_number)).body == json{{"output", 3}});
  simulation other;
  int cancels = 0;
  const auto cancel = [&cancels](job<>) -> task<int> {
    ++cancels;
    throw coworker::cancelled();
  };
  CHECK(retried_error_type(retried_job(other, retried(cancel))) == "coworker::cancelled");
  CHECK(cancels == 1);
}

TEST_CASE("a job that is stopped while it waits for its next run ends at once, as stopped") {
  simulation world;
  world.options.grace_period = 0s;
  world.queue.ends = false;
  retried_failing state{world, 100};
  world.queue.add(0s, "job-1", json{{"n", 1}});
  worker w(retried(retried_failing_task(state), {.first_wait = 1h, .longest_wait = 1h}),
           coworker::fixed_concurrency{1}, world.options);
  world.serve_and_stop(w, 5s);
  CHECK(world.queue.result_of("job-1").status == outcome_status::stopped);
  CHECK(world.queue.result_of("job-1").at == 5s);
  CHECK(state.runs.size() == 1);
}

TEST_CASE("a job that was stopped before its handler failed is not run again") {
  const coworker::detail::record_ref record(*new coworker::job_record({"job-1", {}}));
  coworker::stop_source& stop = record->stop;
  int runs = 0;
  auto handler = retried([&runs, &stop](job<>) -> int {
    ++runs;
    stop.request_stop();
    throw retried_connection_lost("peer");
  });
  CHECK_THROWS_AS(handler(job<>(record, json())), retried_connection_lost);
  CHECK(runs == 1);
}

TEST_CASE("a stop from another thread ends the wait of a plain function at once") {
  const coworker::detail::record_ref record(*new coworker::job_record({"job-1", {}}));
  coworker::stop_source& stop = record->stop;
  std::thread stopper;
  auto handler = retried(
      [&](job<>) -> int {
        stopper = std::thread([&stop] { stop.request_stop(); });
        throw retried_connection_lost("peer");
      },
      {.first_wait = 1h, .longest_wait = 1h});
  // The stop may also come before the wait begins: then the failure itself is thrown.
  std::string ended;
  try {
    handler(job<>(record, json()));
  } catch (const std::exception& error) {
    ended = error.what();
  }
  stopper.join();
  const bool as_stopped = ended == coworker::cancelled().what();
  CHECK((as_stopped || ended == "peer"));
}

TEST_CASE("the waits of different jobs differ, and those of one job are the same each time") {
  const retry_options options{.first_wait = 1s, .longest_wait = duration::max()};
  using coworker::detail::wait_after;
  CHECK(wait_after(1, "a", options) == wait_after(1, "a", options));
  CHECK(wait_after(1, "a", options) != wait_after(1, "b", options));
  for (int number = 1; number < 100; ++number) {
    CHECK(wait_after(number, "a", options) >= 500ms);
    CHECK(wait_after(number, "a", {.first_wait = 1h, .longest_wait = 2s}) <= 2s);
    CHECK(wait_after(number, "a", {.first_wait = 0s}) == 0s);
  }
}

TEST_CASE("options out of range are refused by name") {
  CHECK_THROWS_WITH_AS(retried(retried_plain, {.times = 0}),
                       "retry_options::times must be 1 or more, or the handler would never be run",
                       std::invalid_argument);
  CHECK_THROWS_AS(retried(retried_plain, {.first_wait = -1s}), std::invalid_argument);
  CHECK_THROWS_AS(retried(retried_plain, {.longest_wait = -1s}), std::invalid_argument);
}
