#include <doctest/doctest.h>
#include <atomic>
#include <chrono>
#include <cmath>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/worker.hpp>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/captured_log.hpp"
#include "support/simulated_queue.hpp"

namespace {

using namespace std::chrono_literals;
using coworker::delivery;
using coworker::duration;
using coworker::fixed_concurrency;
using coworker::job;
using coworker::json;
using coworker::task;
using coworker::worker;
using coworker::testing::progress_note;
using coworker::testing::simulation;

std::vector<std::string> texts(const std::vector<progress_note>& reports) {
  std::vector<std::string> made;
  for (const progress_note& report : reports) made.push_back(report.text);
  return made;
}

// Reports 1, 2, ... `count`, with a pause after each.
task<std::string> counts_up(job<> work) {
  const int count = work.input.value("count", 3);
  for (int i = 1; i <= count; ++i) {
    work.progress(i);
    co_await coworker::sleep_for(std::chrono::milliseconds(work.input.value("ms", 1000)));
  }
  co_return "done";
}

}  // namespace

TEST_CASE("progress is sent as it is reported, in order, before the outcome") {
  simulation world;
  world.queue.add(0s, "a");
  worker counter(counts_up, {}, world.options);
  world.serve(counter);
  CHECK(texts(world.queue.reports) == std::vector<std::string>{"1", "2", "3"});
  for (int i = 0; i < 3; ++i) CHECK(world.queue.reports[static_cast<std::size_t>(i)].at == i * 1s);
  CHECK(world.queue.result_of("a").at == 3s);
}

TEST_CASE("if the network is slower than the reports, the latest one is sent, and the handler never waits") {
  simulation world;
  world.queue.chunk_time = 10300ms;
  world.queue.add(0s, "a", {{"count", 25}});
  worker counter(counts_up, {}, world.options);
  world.serve(counter);
  CHECK(texts(world.queue.reports) == std::vector<std::string>{"1", "11", "21", "25"});
  // The handler ends after 25 s. The report that was being sent then had to finish, and the last one
  // to be sent.
  CHECK(world.queue.result_of("a").at == 41200ms);
}

TEST_CASE("an outcome waits for the last report also when earlier ones had arrived long before") {
  simulation world;
  world.queue.chunk_time = 700ms;
  world.queue.add(0s, "a");
  worker reporting(
      [](job<> work) -> task<void> {
        work.progress(1);
        co_await coworker::sleep_for(5s);
        work.progress(2);
        co_await coworker::sleep_for(100ms);
      },
      fixed_concurrency{1}, world.options);
  world.serve(reporting);
  CHECK(texts(world.queue.reports) == std::vector<std::string>{"1", "2"});
  CHECK(world.queue.result_of("a").at == 5700ms);
}

TEST_CASE("of a burst of reports only the last is sent") {
  simulation world;
  world.queue.add(0s, "a");
  worker bursting(
      [](job<> work) -> task<void> {
        for (int i = 1; i <= 1000; ++i) work.progress(i);
        co_await coworker::sleep_for(1s);
      },
      fixed_concurrency{1}, world.options);
  world.serve(bursting);
  CHECK(texts(world.queue.reports) == std::vector<std::string>{"1000"});
}

TEST_CASE("progress that is not delivered is sent again while its job runs, unless there is newer") {
  simulation world;
  world.queue.chunk_delivery = delivery::given_up;
  world.queue.add(0s, "a", {{"count", 2}, {"ms", 2500}});
  worker counter(counts_up, {}, world.options);
  world.serve(counter);
  CHECK(texts(world.queue.reports) == std::vector<std::string>{"1", "1", "1", "2", "2"});
  CHECK(world.queue.result_of("a").at == 5s);
}

TEST_CASE("progress that is refused is not sent again, and the next report is sent") {
  simulation world;
  world.queue.chunk_delivery = delivery::refused;
  world.queue.add(0s, "a");
  worker counter(counts_up, {}, world.options);
  world.serve(counter);
  CHECK(texts(world.queue.reports) == std::vector<std::string>{"1", "2", "3"});
  CHECK(world.queue.result_of("a").body == json{{"output", "done"}});
}

TEST_CASE("a queue that does not want a job's progress gets no more of it") {
  simulation world;
  world.queue.chunk_delivery = delivery::unwanted;
  world.queue.add(0s, "a");
  worker counter(counts_up, {}, world.options);
  world.serve(counter);
  CHECK(world.queue.reports.size() == 1);
  CHECK(world.queue.result_of("a").body == json{{"output", "done"}});
}

// Makes sixty reports, one every 11 ms, like a handler that reports with each token.
task<void> counts_fast(job<> work) {
  for (int i = 1; i <= 60; ++i) {
    if (i > 1) co_await coworker::sleep_for(11ms);
    work.progress(i);
  }
}

TEST_CASE("at most two reports a second are sent, and always the last one, before the outcome") {
  simulation world;
  world.queue.add(0s, "a");
  worker fast(counts_fast, fixed_concurrency{1}, world.options);
  world.serve(fast);
  CHECK(texts(world.queue.reports) == std::vector<std::string>{"1", "46", "60"});
  CHECK(world.queue.reports[1].at == 500ms);
  CHECK(world.queue.reports[2].at == 649ms);
  CHECK(world.queue.result_of("a").at == 649ms);
}

TEST_CASE("the pause between reports is an option, and also kept when the handler pauses") {
  for (const auto interval : {0ms, 100ms, 2000ms}) {
    simulation world;
    world.options.progress_interval = interval;
    world.queue.add(0s, "a", {{"count", 3}, {"ms", 1500}});
    worker counter(counts_up, {}, world.options);
    world.serve(counter);
    REQUIRE(world.queue.reports.size() == 3);
    CHECK(world.queue.reports[1].at == (interval == 2000ms ? 2000ms : 1500ms));
    CHECK(world.queue.reports[2].at == (interval == 2000ms ? 4000ms : 3000ms));
  }
  simulation world;
  world.options.progress_interval = 0ms;
  world.queue.add(0s, "a");
  worker fast(counts_fast, fixed_concurrency{1}, world.options);
  world.serve(fast);
  CHECK(world.queue.reports.size() == 60);
  world.options.progress_interval = -1ms;
  CHECK_THROWS_WITH_AS(
      worker(counts_fast, fixed_concurrency{1}, world.options),
      "options::progress_interval is negative; 0 sends each report once the one before has arrived",
      std::invalid_argument);
}

TEST_CASE("a value whose sending throws counts as refused, and the last one is still sent") {
  simulation world;
  world.queue.progress_failure = std::make_exception_ptr(std::runtime_error("no"));
  world.queue.add(0s, "a");
  worker fast(counts_fast, fixed_concurrency{1}, world.options);
  world.serve(fast);
  CHECK(world.output.count("The engine's progress() threw ") == 3);
  CHECK(world.queue.result_of("a").at == 649ms);
}

TEST_CASE("progress that JSON cannot hold is logged and not sent, and costs the job nothing") {
  simulation world;
  world.queue.add(0s, "a");
  worker nan(
      [](job<> work) -> task<int> {
        work.progress(std::nan(""));
        co_await coworker::sleep_for(1s);
        work.progress("\xff");
        co_await coworker::sleep_for(1s);
        work.progress("fine");
        co_await coworker::sleep_for(1s);
        co_return 1;
      },
      fixed_concurrency{1}, world.options);
  world.serve(nan);
  CHECK(texts(world.queue.reports) == std::vector<std::string>{"\"fine\""});
  CHECK(world.output.count("a | This progress is not sent: ") == 2);
  CHECK(world.queue.result_of("a").body == json{{"output", 1}});
}

TEST_CASE("with only_outcomes no progress is sent") {
  simulation world;
  world.options.only_outcomes = true;
  world.queue.add(0s, "a");
  worker counter(counts_up, {}, world.options);
  world.serve(counter);
  CHECK(world.queue.reports.empty());
}

TEST_CASE("a job without a worker, or one that has ended, reports to nobody") {
  const job<> alone{"id", {}};
  alone.progress(1);
  simulation world;
  world.queue.add(0s, "a");
  std::optional<job<>> kept;
  worker keeper(
      [&kept](job<> work) -> task<void> {
        kept = std::move(work);
        co_return;
      },
      fixed_concurrency{1}, world.options);
  world.serve(keeper);
  kept->progress("too late");
  CHECK(world.queue.reports.empty());
}

TEST_CASE("eight threads may report at once, also while their job ends; nothing follows the outcome") {
  struct note_taker {
    std::vector<std::string> notes;

    task<coworker::take_result> take(coworker::take_request) {
      coworker::take_result taken;
      for (int i = 0; i < 20; ++i) {
        coworker::job_envelope envelope;
        envelope.id = "job-" + std::to_string(i);
        taken.jobs.push_back(std::move(envelope));
      }
      taken.closed = true;
      co_return taken;
    }
    task<delivery> complete(coworker::job_result result) {
      notes.push_back(std::string(result.job_id) + " ended");
      co_return delivery::accepted;
    }
    task<delivery> progress(std::string_view job_id, json value) {
      notes.push_back(std::string(job_id) + " " + value.dump());
      co_return delivery::accepted;
    }
  };
  // Each thread continues to report until its job is over, and after that.
  std::vector<std::thread> threads;
  const auto handler = [&threads](job<> work) -> task<int> {
    std::atomic<int> begun{0};
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([work, &begun] {
        begun.fetch_add(1);
        for (int n = 0; n < 200; ++n) work.progress(n);
      });
    }
    while (begun.load() < 8) co_await coworker::sleep_for(1ms);
    co_return 1;
  };
  coworker::testing::captured_log output;
  coworker::worker_options options;
  options.log = &output.log;
  note_taker queue;
  {
    worker reporter(handler, fixed_concurrency{1}, options);
    reporter.run(queue);
  }
  for (std::thread& thread : threads) thread.join();
  std::size_t at = 0;
  for (int i = 0; i < 20; ++i) {
    const std::string id = "job-" + std::to_string(i);
    while (at < queue.notes.size() && queue.notes[at] != id + " ended") {
      CHECK(queue.notes[at].starts_with(id + " "));
      ++at;
    }
    ++at;
  }
  CHECK(at == queue.notes.size());
}
