#include <doctest/doctest.h>
#include <chrono>
#include <coworker/exec/event.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/step_engine.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <coworker/exec/timeout.hpp>
#include <coworker/job/middleware/batched.hpp>
#include <coworker/job/middleware/prepared.hpp>
#include <coworker/job/middleware/retried.hpp>
#include <coworker/job/test_job.hpp>
#include <coworker/typed/rules.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace cw = coworker;
using namespace std::chrono_literals;
using cw::job;
using cw::json;
using cw::outcome_status;
using cw::test_job;

struct test_job_request {
  std::string prompt = "none";
  int steps = 5;
};

// Reports each step, and sleeps for a second in it.
cw::task<std::string> test_job_steps(job<test_job_request> work) {
  for (int step = 1; step <= work.input.steps; ++step) {
    work.progress(step);
    co_await cw::sleep_for(1s);
  }
  work.log().info("all steps are done");
  co_return work.input.prompt + "!";
}

// The same as a plain function, which checks its stop token.
std::string test_job_plain_steps(job<test_job_request> work) {
  for (int step = 1; step <= work.input.steps; ++step) {
    work.progress(step);
    work.stop_token().throw_if_stopped();
  }
  return work.input.prompt;
}

}  // namespace

TEST_CASE("a test job runs a handler to its outcome, and keeps its progress, its log and its time") {
  test_job<test_job_request> work({.prompt = "fog", .steps = 3});
  const cw::outcome& ended = work.run(test_job_steps);
  CHECK(ended.succeeded());
  CHECK(work.outcome.output == json("fog!"));
  CHECK(work.progress == std::vector<json>{1, 2, 3});
  CHECK(work.elapsed == 3s);
  CHECK(work.awaits == 3);
  CHECK(work.log == std::vector<std::string>{"INFO   | test_job | all steps are done"});
}

TEST_CASE("a test job is stopped at a time, at a progress report, or at an await") {
  test_job<test_job_request> work;
  SUBCASE("at a time") {
    work.stop_at(2500ms);
    work.run(test_job_steps);
    CHECK(work.progress.size() == 3);
    CHECK(work.elapsed == 2500ms);
  }
  SUBCASE("as it begins") {
    work.stop_at(0s);
    work.run(test_job_steps);
    CHECK(work.progress.size() == 1);
    CHECK(work.elapsed == 0s);
  }
  SUBCASE("at the third progress") {
    work.stop_at_progress(3);
    work.run(test_job_steps);
    CHECK(work.progress.size() == 3);
    CHECK(work.elapsed == 2s);
  }
  SUBCASE("at the second await") {
    work.stop_at_await(2);
    work.run(test_job_steps);
    CHECK(work.progress.size() == 2);
    CHECK(work.elapsed == 1s);
    CHECK(work.awaits == 2);
  }
  SUBCASE("a plain function, at the third progress") {
    work.stop_at_progress(3);
    work.run(test_job_plain_steps);
    CHECK(work.progress.size() == 3);
  }
  CHECK(work.outcome.status == outcome_status::stopped);
  CHECK(work.outcome.message() == "stopped: a stop was requested");
}

TEST_CASE("an await anywhere below the handler counts, and a stop there ends it at once") {
  const auto inner = []() -> cw::task<> {
    cw::event never;
    co_await never.wait();
  };
  const auto handle = [inner](job<> work) -> cw::task<std::string> {
    co_await cw::sleep_for(1s);
    co_await cw::timeout(1h, inner());
    work.log().warn("not reached");
    co_return "ended";
  };
  test_job<> stopped(json(1));
  stopped.stop_at_await(2);
  stopped.run(handle);
  CHECK(stopped.outcome.status == outcome_status::stopped);
  CHECK(stopped.elapsed == 1s);
}

TEST_CASE("a deadline fails the job unless the handler still returns a result") {
  test_job<test_job_request> work;
  work.deadline_at(1500ms);
  SUBCASE("it is cancelled") {
    work.run(test_job_steps);
    CHECK(work.outcome.status == outcome_status::failed);
    CHECK(work.outcome.message() == "timed out: it ran longer than it may");
    CHECK(work.elapsed == 1500ms);
  }
  SUBCASE("it returns a result") {
    const auto handle = [](job<test_job_request>) -> cw::task<std::string> {
      std::optional<std::string> half;
      try {
        co_await cw::sleep_for(1h);
      } catch (const cw::cancelled&) {
        half = "half of it";
      }
      co_return *half;
    };
    work.run(handle);
    CHECK(work.outcome.output == json("half of it"));
  }
}

TEST_CASE("chunks of a streaming handler are recorded, formed by its stream options") {
  const auto handle = [](job<> work) -> cw::async_generator<std::string> {
    for (int i = 0; i != 4; ++i) {
      co_yield work.input.get<std::string>() + std::to_string(i);
      co_await cw::sleep_for(10ms);
    }
  };
  test_job<> each(json("a"));
  each.run(handle);
  CHECK(each.chunks == std::vector<json>{"a0", "a1", "a2", "a3"});
  CHECK(each.outcome.output == json::array());
  test_job<> joined(json("a"));
  joined.stream.gather_for = 15ms;
  joined.stream.join_texts = true;
  joined.run(handle);
  CHECK(joined.chunks == std::vector<json>{"a0a1", "a2a3"});
  test_job<> stopped(json("a"));
  stopped.stop_at(25ms);
  stopped.run(handle);
  CHECK(stopped.chunks.size() == 3);
  CHECK(stopped.outcome.status == outcome_status::stopped);
}

TEST_CASE("input is converted through JSON and its rules, and the job has the envelope's contents") {
  test_job<test_job_request> typed({.steps = 1});
  typed.envelope.details = json{{"webhook", "https://example.com"}};
  typed.envelope.deliveries = 2;
  typed.run([](job<test_job_request> work) {
    return work.details.at("webhook").get<std::string>() + std::to_string(work.deliveries()) + work.id;
  });
  CHECK(typed.outcome.output == json("https://example.com2test_job"));
  test_job<> wrong(json{{"steps", "many"}});
  wrong.run(test_job_steps);
  CHECK(wrong.outcome.status == outcome_status::failed);
  CHECK(std::string(wrong.outcome.message()).find("steps") != std::string::npos);
}

TEST_CASE("middleware, prepared and batched handlers and step engines are tested alike") {
  int tries = 0;
  const auto fails_once = [&tries](job<>) -> cw::task<int> {
    if (++tries == 1) throw std::runtime_error("not yet");
    co_return tries;
  };
  test_job<> again(json(1));
  again.run(cw::retried(fails_once));
  CHECK(again.outcome.output == json(2));

  const auto load = [](const cw::preparation& how) -> cw::task<int> {
    how.log().info("loading");
    co_await cw::sleep_for(30s);
    co_return 7;
  };
  const auto many = [](int& factor, std::vector<int> batch) {
    for (int& one : batch) one *= factor;
    return batch;
  };
  test_job<> both(json(6));
  both.run(cw::prepared(load, cw::batched(many, {.most = 4, .within = 1h})));
  CHECK(both.outcome.output == json(42));
  CHECK(both.elapsed == 0s);  // no other job can come, so the batch does not wait
  CHECK(both.log.front() == "INFO   | loading");

  struct countdown {
    int left;
  };
  using engine = cw::step_engine<countdown, int>;
  engine steps([](std::span<engine::active* const> all) {
    for (engine::active* const one : all) {
      one->send((*one)->left);
      if (--(*one)->left == 0) one->finish();
    }
  });
  const auto handle = [&steps](job<int> work) { return steps.run(countdown{work.input}); };
  test_job<int> streamed(3);
  streamed.run(handle);
  CHECK(streamed.chunks == std::vector<json>{3, 2, 1});
  CHECK(streamed.elapsed == 30ms);
}

TEST_CASE("a second run, real threads and a wait that never ends are refused") {
  test_job<> work(json(1));
  work.run([](job<>) { return 1; });
  CHECK_THROWS_WITH_AS(work.run([](job<>) { return 1; }),
                       "test_job::run: it has run already; make another test_job", std::logic_error);
  cw::thread_pool pool(1);
  test_job<> hops(json(1));
  hops.run([&pool](job<>) -> cw::task<int> {
    co_await cw::resume_on(pool);
    co_return 1;
  });
  CHECK(std::string(hops.outcome.message()).find("a coroutine on a simulated_loop cannot move") !=
        std::string::npos);
}
