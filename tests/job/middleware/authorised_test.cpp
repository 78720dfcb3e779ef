#include <doctest/doctest.h>
#include <chrono>
#include <coworker/exec/sleep.hpp>
#include <coworker/job/middleware/authorised.hpp>
#include <coworker/job/middleware/retried.hpp>
#include <coworker/worker.hpp>
#include <stdexcept>
#include <string>
#include <utility>

#include "support/simulated_queue.hpp"

namespace {

using namespace std::chrono_literals;
using coworker::async_generator;
using coworker::authorised;
using coworker::job;
using coworker::json;
using coworker::outcome;
using coworker::outcome_status;
using coworker::task;
using coworker::worker;
using coworker::testing::simulation;

struct authorised_request {
  std::string token = "";
};

bool authorised_token(const job<authorised_request>& work) { return work.input.token == "let me in"; }

int authorised_plain(job<authorised_request>) { return 7; }
task<int> authorised_task(job<authorised_request>) { co_return 7; }
async_generator<int> authorised_stream(job<authorised_request>) { co_yield 7; }

using authorised_guarded_stream = authorised<decltype(&authorised_stream), decltype(&authorised_token)>;
static_assert(coworker::job_handler<authorised_guarded_stream> &&
              coworker::is_streaming_handler<authorised_guarded_stream>);
static_assert(std::same_as<coworker::handler_input<authorised_guarded_stream>, authorised_request>);

// Runs the jobs "good" and "bad" through a worker, and returns the error of "bad".
template <class Handler>
std::string authorised_refusal(Handler handler) {
  simulation world;
  world.options.pool = coworker::executor_ref(world.loop);
  world.queue.add(0s, "bad", json{{"token", "guess"}});
  world.queue.add(0s, "good", json{{"token", "let me in"}});
  worker w(std::move(handler), coworker::fixed_concurrency{2}, world.options);
  world.serve(w);
  CHECK(world.queue.result_of("good").status == outcome_status::succeeded);
  CHECK(world.queue.result_of("bad").status == outcome_status::failed);
  for (const auto& [id, chunk] : world.queue.chunks) CHECK(id == "good");
  return world.queue.result_of("bad").body.at("error").get<std::string>();
}

}  // namespace

TEST_CASE(
    "a job that is not authorised fails with that error, and is never passed to a handler of any kind") {
  for (const std::string& error : {authorised_refusal(authorised(authorised_plain, authorised_token)),
                                   authorised_refusal(authorised(authorised_task, authorised_token)),
                                   authorised_refusal(authorised(authorised_stream, authorised_token))}) {
    const json report = json::parse(error);
    CHECK(report.at("error_type") == "coworker::not_authorised");
    CHECK(report.at("error_message").get<std::string>().starts_with("not authorised: "));
    CHECK(error.find("guess") == std::string::npos);
  }
}

TEST_CASE("the exception of a predicate that throws is the error of the job") {
  const auto explain = [](const job<authorised_request>& work) {
    if (work.input.token == "guess") throw std::runtime_error("the token has expired");
    return true;
  };
  CHECK(json::parse(authorised_refusal(authorised(authorised_task, explain))).at("error_message") ==
        "the token has expired");
}

TEST_CASE("a handler that takes its job by reference can use it as long as it runs") {
  const auto outcomes_of = [](auto handler) {
    simulation world;
    world.queue.add(0s, "job-1", json{{"text", std::string(100, 'x')}});
    worker w(std::move(handler), coworker::fixed_concurrency{1}, world.options);
    world.serve(w);
    std::string seen = world.queue.result_of("job-1").body.at("output").dump();
    for (const auto& [id, chunk] : world.queue.chunks) seen += chunk;
    return seen;
  };
  const auto allow = [](const job<>&) { return true; };
  const auto answering = [](const job<>& work) -> task<json> {
    co_await coworker::sleep_for(1s);
    co_return work.input.at("text");
  };
  const auto streaming = [](const job<>& work) -> async_generator<json> {
    co_await coworker::sleep_for(1s);
    co_yield work.input.at("text");
  };
  const std::string text = json(std::string(100, 'x')).dump();
  CHECK(outcomes_of(authorised(answering, allow)) == text);
  CHECK(outcomes_of(authorised(authorised(answering, allow), allow)) == text);
  CHECK(outcomes_of(coworker::retried(authorised(answering, allow))) == text);
  CHECK(outcomes_of(authorised(coworker::retried(answering), allow)) == text);
  CHECK(outcomes_of(authorised(streaming, allow)) == "[]" + text);
}

TEST_CASE("middleware is a handler, so it composes; the outer one is called first") {
  int asked = 0;
  const auto count = [&asked](const job<authorised_request>& work) {
    ++asked;
    return authorised_token(work);
  };
  authorised_refusal(authorised(coworker::retried(authorised_task), count));
  CHECK(asked == 2);
  asked = 0;
  authorised_refusal(coworker::retried(authorised(authorised_task, count), {.times = 3, .first_wait = 0s}));
  CHECK(asked == 4);
}
