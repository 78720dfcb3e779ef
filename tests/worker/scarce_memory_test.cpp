// From the take of a job to the end of its delivery each allocation fails once: the job still gets exactly
// one result, and the worker goes on.

#include <doctest/doctest.h>
#include <chrono>
#include <coworker/coro/async_generator.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/transport/runpod/queue.hpp>
#include <coworker/worker.hpp>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "support/captured_log.hpp"
#include "support/counted_memory.hpp"

namespace coworker::testing {
namespace {

using namespace std::chrono_literals;

constexpr int scarce_jobs = 3;
constexpr int most_scarce_points = 3000;
constexpr std::string_view scarce_text = "a text that is too long for a string to keep in itself";

std::string scarce_id(int number) {
  return "a-job-with-an-id-that-is-no-short-string-" + std::to_string(number);
}

json scarce_input() { return {{"text", std::string(scarce_text)}, {"list", {1, 2, 3}}}; }

// The results of one run in which one allocation failed.
struct scarce_notes {
  std::int64_t allocations = 0;  // successful ones before the first failure
  std::int64_t failures = 1;
  std::optional<scarce_memory> scarce;
  bool failed_one = false;
  std::map<std::string, int> started;
  std::map<std::string, std::vector<std::string>> answers;

  void begin() {
    if (!scarce) scarce.emplace(allocations, failures);
  }
  void answer(std::string_view id, std::string text) {
    answers[std::string(id)].push_back(std::move(text));
    if (answers.size() < scarce_jobs) return;
    failed_one = scarce->failures() > 0;
    this_thread_memory().allocations_left = -1;
  }
  void start(const std::string& id) {
    const plentiful_memory own;
    ++started[id];
  }
  bool all_well() const {
    bool well = answers.size() == scarce_jobs;
    for (const auto& [id, texts] : answers) {
      bool explained = texts[0] == "[]";  // of a stream
      well = well && texts.size() == 1;
      for (const std::string_view known :
           {scarce_text, std::string_view("bad_alloc"), std::string_view("out of memory"),
            std::string_view("of the stream could not")})
        explained = explained || texts[0].find(known) != std::string::npos;
      well = well && explained;
    }
    for (const auto& [id, times] : started) well = well && times == 1;
    return well;
  }
};

// Its own work never lacks memory; the frames of its coroutines may.
class noting_engine {
 public:
  explicit noting_engine(scarce_notes& notes) noexcept : notes_(notes) {}

  task<take_result> take(take_request) {
    take_result taken;
    {
      const plentiful_memory own;
      for (int i = 0; i < scarce_jobs; ++i) {
        job_envelope one;
        one.id = scarce_id(i);
        one.input = scarce_input();
        one.time_limit = 1h;
        taken.jobs.push_back(std::move(one));
      }
      taken.closed = true;
    }
    notes_.begin();
    co_return taken;
  }

  task<delivery> complete(job_result result) {
    const plentiful_memory own;
    notes_.answer(result.job_id, result.outcome.succeeded() ? result.outcome.output.dump()
                                                            : std::string(result.outcome.message()));
    co_return delivery::accepted;
  }

  task<delivery> chunk(std::string_view, json) { co_return delivery::accepted; }
  task<delivery> progress(std::string_view, json) { co_return delivery::accepted; }

 private:
  scarce_notes& notes_;
};

// A client whose server hands over all jobs at once, fails at the first result, and accepts the rest.
class noting_client {
 public:
  explicit noting_client(scarce_notes& notes) noexcept : notes_(notes) {}

  task<coworker::http_response> send(const coworker::http_request& request) {
    coworker::http_response answer;
    {
      const plentiful_memory own;
      if (request.body) {
        note(request, answer);
      } else {
        take(answer);
      }
    }
    if (request.body == std::nullopt && !handed_over_) notes_.begin();
    if (request.body == std::nullopt && std::exchange(handed_over_, true)) co_await sleep_for(1h);
    co_return answer;
  }

 private:
  void take(coworker::http_response& answer) const {
    answer.status = handed_over_ ? 204 : 200;
    if (handed_over_) return;
    json jobs = json::array();
    for (int i = 0; i < scarce_jobs; ++i) jobs.push_back({{"id", scarce_id(i)}, {"input", scarce_input()}});
    answer.body = jobs.dump();
  }

  void note(const coworker::http_request& request, coworker::http_response& answer) {
    answer.status = 200;
    const json body = json::parse(*request.body);
    if (body.contains("status")) return;  // progress
    const bool first = !std::exchange(failed_, true);
    if (first) {
      answer.status = 500;
      answer.body = "the server's own words, which no short string holds";
    } else {
      notes_.answer(request.own_header.substr(request.own_header.find(": ") + 2), *request.body);
    }
  }

  scarce_notes& notes_;
  bool handed_over_ = false;
  bool failed_ = false;
};

// Runs `run(notes)` with a failure at each allocation in turn; in every second run several failures follow
// each other. Each run has a thread of its own, where no frames are kept from earlier runs. Returns the
// number of runs.
template <class Run>
int fail_each_once(Run run) {
  for (int i = 0; i < 2 * most_scarce_points; ++i) {
    scarce_notes notes;
    notes.allocations = i / 2;
    notes.failures = i % 2 == 0 ? 1 : 25;
    std::string problem;
    std::thread([&] {
      try {
        run(notes);
      } catch (const std::exception& error) {
        this_thread_memory().allocations_left = -1;
        problem = error.what();
      }
    }).join();
    CAPTURE(i);
    CAPTURE(problem);
    CHECK(problem.empty());
    CHECK(notes.all_well());
    if (!notes.failed_one) return i / 2;
  }
  return most_scarce_points;
}

template <class Input = json, class Handler>
int fail_each_of_worker(Handler handler) {
  return fail_each_once([&handler](scarce_notes& notes) {
    simulated_loop loop;
    loop.limit_steps(100'000);
    captured_log output(log_level::debug);
    worker_options options;
    options.log = &output.log;
    options.pool = loop;
    noting_engine engine(notes);
    worker runs([&](job<Input> work) { return handler(std::move(work), notes); }, fixed_concurrency{2},
                options);
    sync_wait(loop, runs.serve(engine));
  });
}

template <class Worker>
task<void> stop_when_answered(Worker& served, scarce_notes& notes) {
  for (int i = 0; i < 1000 && notes.answers.size() < scarce_jobs; ++i) co_await sleep_for(1s);
  const plentiful_memory own;
  served.stop();
}

template <class Worker, class Queue>
task<void> serve_until_answered(Worker& served, Queue& queue, scarce_notes& notes) {
  scope beside(co_await this_coro::context());
  beside.spawn(stop_when_answered(served, notes));
  co_await served.serve(queue);
  co_await beside.join();
}

struct scarce_request {
  std::string text;
  std::vector<int> list;
};

}  // namespace

TEST_CASE("a coroutine's job gets a result whatever allocation fails") {
  if (!memory_is_counted()) return;
  const int points = fail_each_of_worker([](job<> work, scarce_notes& notes) -> task<json> {
    notes.start(work.id);
    work.progress("a text that is too long for a string");
    co_await sleep_for(700ms);
    work.progress("another text that is too long for a string");
    co_return work.input;
  });
  CHECK(points > 30);
  CHECK(points < most_scarce_points);
}

TEST_CASE("a plain function's job with typed input gets a result whatever allocation fails") {
  if (!memory_is_counted()) return;
  const int points = fail_each_of_worker<scarce_request>([](job<scarce_request> work, scarce_notes& notes) {
    notes.start(work.id);
    return work.input;
  });
  CHECK(points > 30);
  CHECK(points < most_scarce_points);
}

TEST_CASE("a job whose handler throws gets a result whatever allocation fails") {
  if (!memory_is_counted()) return;
  const int points = fail_each_of_worker([](job<> work, scarce_notes& notes) -> json {
    notes.start(work.id);
    std::throw_with_nested(std::runtime_error(std::string(scarce_text)));
  });
  CHECK(points > 20);
  CHECK(points < most_scarce_points);
}

TEST_CASE("a streaming job gets a result whatever allocation fails") {
  if (!memory_is_counted()) return;
  const int points = fail_each_of_worker([](job<> work, scarce_notes& notes) -> async_generator<json> {
    notes.start(work.id);
    for (int i = 0; i < 3; ++i) {
      co_await sleep_for(1ms);
      co_yield work.input;
    }
  });
  CHECK(points > 30);
  CHECK(points < most_scarce_points);
}

TEST_CASE("through the platform's queue a job gets a result whatever allocation fails") {
  if (!memory_is_counted()) return;
  const int points = fail_each_once([](scarce_notes& notes) {
    simulated_loop loop;
    loop.limit_steps(100'000);
    captured_log output(log_level::debug);
    worker_options options;
    options.log = &output.log;
    runpod_options platform;
    platform.urls = {"http://h/job-take/$ID", "http://h/job-done/$RUNPOD_POD_ID/$ID", "", ""};
    platform.api_key = "a-key-that-is-no-short-string";
    noting_client client(notes);
    runpod_queue<noting_client> queue(client, platform, output.log);
    const auto handler = [&notes](job<> work) -> task<json> {
      notes.start(work.id);
      work.progress("a text that is too long for a string");
      co_await sleep_for(700ms);
      co_return work.input;
    };
    worker runs(handler, fixed_concurrency{2}, options);
    sync_wait(loop, serve_until_answered(runs, queue, notes));
  });
  CHECK(points > 50);
  CHECK(points < most_scarce_points);
}

}  // namespace coworker::testing
