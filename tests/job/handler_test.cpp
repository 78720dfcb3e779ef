#include <doctest/doctest.h>
#include <atomic>
#include <chrono>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <coworker/job/handler.hpp>
#include <coworker/transport/runpod/bodies.hpp>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using coworker::async_generator;
using coworker::executor_ref;
using coworker::job;
using coworker::job_handler;
using coworker::json;
using coworker::outcome;
using coworker::outcome_status;
using coworker::task;

// --- which callables are handlers
// -----------------------------------------------------------------------

json handler_plain(job<> work) { return work.input; }
int handler_of_reference(const job<>& work) { return static_cast<int>(work.id.size()); }
task<std::string> handler_task(job<> work) { co_return "done " + work.id; }
async_generator<int> handler_generator(job<> work) {
  for (int i = 1; i <= work.input.value("count", 3); ++i) co_yield i;
}
void handler_void(job<>) {}
task<void> handler_task_void(job<>) { co_return; }
int handler_noexcept(job<>) noexcept { return 1; }
double handler_typed(job<std::vector<double>> work) { return work.input.at(0); }

struct handler_object {
  int calls = 0;
  int operator()(job<>) { return ++calls; }
};
struct handler_const_noexcept {
  int operator()(job<std::string>) const noexcept { return 1; }
};
struct no_json {};

static_assert(job_handler<decltype(&handler_plain)>);
static_assert(job_handler<decltype(&handler_of_reference)>);
static_assert(job_handler<decltype(&handler_task)>);
static_assert(job_handler<decltype(&handler_generator)>);
static_assert(job_handler<decltype(&handler_void)>);
static_assert(job_handler<decltype(&handler_task_void)>);
static_assert(job_handler<decltype(&handler_noexcept)>);
static_assert(job_handler<handler_object>);
static_assert(job_handler<decltype([](auto work) { return work.input; })>);
static_assert(job_handler<std::optional<std::string> (*)(job<>)>);
static_assert(job_handler<std::map<std::string, std::vector<int>> (*)(job<>)>);
static_assert(job_handler<const json& (*)(job<>)>);

static_assert(!job_handler<int>);
static_assert(!job_handler<int (*)()>);
static_assert(!job_handler<int (*)(int)>);
static_assert(!job_handler<int (*)(job<>, int)>);
static_assert(!job_handler<no_json (*)(job<>)>);
static_assert(!job_handler<void* (*)(job<>)>);
static_assert(!job_handler<task<no_json> (*)(job<>)>);
static_assert(!job_handler<async_generator<no_json> (*)(job<>)>);

static_assert(std::same_as<coworker::handler_input<decltype(&handler_plain)>, json>);
static_assert(std::same_as<coworker::handler_input<decltype(&handler_typed)>, std::vector<double>>);
static_assert(std::same_as<coworker::handler_input<handler_const_noexcept>, std::string>);
static_assert(std::same_as<coworker::handler_input<decltype([](auto work) { return work.input; })>, json>);

static_assert(coworker::is_streaming_handler<decltype(&handler_generator)>);
static_assert(!coworker::is_streaming_handler<decltype(&handler_task)>);

// --- running a handler
// ---------------------------------------------------------------------------------------------

struct ran {
  outcome ended;
  std::vector<json> chunks;
};

auto counting_handler() {
  return [counter = std::make_unique<std::atomic<int>>(0)](job<>) { return ++*counter; };
}

// Records what a stream sends, and interprets outputs as the platform does.
struct chunk_taker {
  std::vector<json>& chunks;

  task<bool> send(const coworker::job_record&, json chunk) const {
    chunks.push_back(std::move(chunk));
    co_return true;
  }
  void interpret(outcome& made) const { coworker::read_magic_members(made); }
};

// Runs a handler as a worker would, with a pool of one thread for plain functions.
template <class Handler>
ran run_once(Handler handler, json input = json::object(), bool stopped = false) {
  ran made;
  coworker::event_loop loop;
  coworker::thread_pool pool(1);
  const coworker::detail::record_ref owner(*new coworker::job_record({"job-1", std::move(input)}));
  coworker::job_record& record = *owner;
  if (stopped) record.stop.request_stop();
  chunk_taker taker{made.chunks};
  const coworker::stream_sink sink(taker);
  coworker::handler_place place;
  place.pool = pool;
  const auto run = [&]() -> task<void> {
    coworker::context own(loop, record.stop.get_token(), &record);
    auto running = coworker::run_handler(handler, record, place, sink);
    co_await std::move(running).in(own);
  };
  coworker::sync_wait(loop, run());
  made.ended = std::move(record.outcome);
  return made;
}

template <class Handler>
coworker::error_info error_of(Handler handler, json input = json::object()) {
  const outcome ended = run_once(std::move(handler), std::move(input)).ended;
  CHECK(ended.status == outcome_status::failed);
  REQUIRE(ended.error() != nullptr);
  return *ended.error();
}

}  // namespace

TEST_CASE("each kind of handler runs to its outcome") {
  CHECK(run_once(handler_plain, {{"n", 1}}).ended.output == json{{"n", 1}});
  CHECK(run_once(handler_of_reference).ended.output == 5);
  CHECK(run_once(handler_task).ended.output == "done job-1");
  CHECK(run_once(handler_void).ended.output.is_null());
  CHECK(run_once(handler_task_void).ended.output.is_null());
  CHECK(run_once([](auto work) { return work.id; }).ended.output == "job-1");
  CHECK(run_once(handler_noexcept).ended.output == 1);
  CHECK(run_once(handler_object()).ended.output == 1);
}

TEST_CASE("a generator's chunks are sent one by one, and its output is an empty list") {
  const ran streamed = run_once(handler_generator);
  CHECK(streamed.chunks == std::vector<json>{1, 2, 3});
  CHECK(streamed.ended.output == json::array());
  CHECK(streamed.ended.succeeded());
}

TEST_CASE("a generator that throws has streamed its chunks so far, and its job fails") {
  const auto handle = [](job<>) -> async_generator<std::string> {
    co_yield "first";
    co_yield "second";
    throw std::runtime_error("the tape ran out");
  };
  const ran streamed = run_once(handle);
  CHECK(streamed.chunks == std::vector<json>{"first", "second"});
  CHECK(streamed.ended.message() == "the tape ran out");
}

TEST_CASE("an input that does not fit its type fails the job, and the error names the place") {
  CHECK(run_once(handler_typed, json::array({0.5})).ended.output == 0.5);
  const auto error = error_of(handler_typed, json::array({1.0, "two"}));
  CHECK(error.type == "coworker::input_error");
  CHECK(error.message == "input[1]: expected a number, found string \"two\"");
}

TEST_CASE("a handler may throw anything, before or after it has waited") {
  CHECK(error_of([](job<>) -> task<int> { throw std::runtime_error("at once"); }).message == "at once");
  const auto later = [](job<>) -> task<int> {
    co_await coworker::sleep_for(1ns);
    throw std::logic_error("later");
  };
  CHECK(error_of(later).type == "std::logic_error");
  CHECK(error_of([](job<>) -> int { throw 42; }).type == "int");
  CHECK(error_of([](job<>) -> int { throw "a text"; }).message == "a text");
  CHECK(error_of([](job<>) -> task<int> { throw std::string("a string"); }).message == "a string");
}

TEST_CASE("a handler that throws `cancelled` counts as stopped only if it was asked to stop") {
  const auto give_up = [](job<>) -> int { throw coworker::cancelled(); };
  CHECK(error_of(give_up).type == "coworker::cancelled");
  CHECK(run_once(give_up, json::object(), true).ended.status == outcome_status::stopped);
  struct my_own : coworker::cancelled {};
  const auto give_up_differently = [](job<>) -> int { throw my_own(); };
  CHECK(run_once(give_up_differently, json::object(), true).ended.status == outcome_status::stopped);
}

TEST_CASE("a plain function runs on the pool, a coroutine where the worker is") {
  const auto here = std::this_thread::get_id();
  std::thread::id there;
  run_once([&there](job<>) { there = std::this_thread::get_id(); });
  CHECK(there != here);
  run_once([&there](job<>) -> task<void> {
    there = std::this_thread::get_id();
    co_return;
  });
  CHECK(there == here);
}

TEST_CASE("the awaiter of a handler resumes on its own executor, wherever and however the handler ended") {
  coworker::thread_pool elsewhere(1);
  const auto wander = [&elsewhere](job<> work) -> task<int> {
    co_await coworker::resume_on(elsewhere);
    if (work.input.value("throws", false)) throw std::runtime_error("far away");
    co_return 1;
  };
  for (const bool throws : {false, true}) {
    coworker::event_loop loop;
    const coworker::detail::record_ref owner(*new coworker::job_record({"job-1", {{"throws", throws}}}));
    coworker::job_record& record = *owner;
    coworker::handler_place place;
    place.pool = elsewhere;
    std::vector<json> none;
    chunk_taker taker{none};
    const coworker::stream_sink sink(taker);
    auto handler = wander;
    std::thread::id back;
    const auto run = [&]() -> task<void> {
      coworker::context own(loop, record.stop.get_token(), &record);
      auto running = coworker::run_handler(handler, record, place, sink);
      co_await std::move(running).in(own);
      back = std::this_thread::get_id();
    };
    coworker::sync_wait(loop, run());
    CHECK(back == std::this_thread::get_id());
  }
}

TEST_CASE("a returned object may say that the job failed; its error becomes a text") {
  const auto returning = [](json answer) { return run_once([answer](job<>) { return answer; }).ended; };
  const outcome failed = returning({{"error", "no such voice"}, {"detail", 1}});
  CHECK(failed.status == outcome_status::failed);
  CHECK(failed.message() == "no such voice");
  CHECK(returning({{"error", {{"code", 7}}}}).message() == R"({"code":7})");
  CHECK(returning({{"error", 7}}).message() == "7");
  CHECK(returning({{"error", true}}).message() == "true");
}

TEST_CASE("an error of null, false, 0 or an empty text is no error") {
  for (const json& nothing : {json(), json(false), json(0), json("")}) {
    const outcome ended = run_once([nothing](job<>) { return json{{"error", nothing}, {"n", 1}}; }).ended;
    CHECK(ended.succeeded());
    CHECK(ended.output == json{{"n", 1}});
  }
}

TEST_CASE("a returned object may ask for the worker to be recycled") {
  const auto stop_pod = [](json wish) {
    const outcome ended = run_once([wish](job<>) { return json{{"refresh_worker", wish}}; }).ended;
    CHECK(ended.output == json::object());
    return ended.recycle_worker;
  };
  CHECK(stop_pod(true));
  CHECK(stop_pod(1));
  CHECK_FALSE(stop_pod(false));
  CHECK_FALSE(stop_pod(json()));
  CHECK_FALSE(stop_pod(0));
}

TEST_CASE("a handler sees its job's stop token, and so does everything that it awaits") {
  CHECK(run_once([](job<> work) { return work.stop_token().stop_requested(); }, json(), true).ended.output ==
        true);
  const auto sleep = [](job<>) -> task<int> {
    co_await coworker::sleep_for(1h);
    co_return 1;
  };
  CHECK(run_once(sleep, json(), true).ended.status == outcome_status::stopped);
}

TEST_CASE("a coroutine that takes its job by reference can use it as long as it runs") {
  const auto by_reference = [](const job<>& work) -> task<json> {
    co_await coworker::sleep_for(1ms);
    co_return work.input;
  };
  const auto generic = [](auto&& work) -> task<json> {
    co_await coworker::sleep_for(1ms);
    co_return work.input;
  };
  const auto generator = [](const job<>& work) -> async_generator<json> {
    co_await coworker::sleep_for(1ms);
    co_yield work.input;
  };
  const json input{{"text", std::string(100, 'x')}};
  CHECK(run_once(by_reference, input).ended.output == input);
  CHECK(run_once(generic, input).ended.output == input);
  CHECK(run_once(generator, input).chunks == std::vector<json>{input});
}

TEST_CASE("a handler object is not copied per job, and need not be copyable") {
  using handler = decltype(counting_handler());
  handler calls = counting_handler();
  coworker::event_loop loop;
  coworker::thread_pool pool(1);
  std::vector<json> none;
  chunk_taker taker{none};
  const coworker::stream_sink sink(taker);
  coworker::handler_place place;
  place.pool = pool;
  const auto run = [&](handler& shared) -> task<json> {
    const coworker::detail::record_ref record(*new coworker::job_record({"id", json()}));
    co_await coworker::run_handler(shared, *record, place, sink);
    co_return std::move(record->outcome.output);
  };
  CHECK(coworker::sync_wait(loop, run(calls)) == 1);
  CHECK(coworker::sync_wait(loop, run(calls)) == 2);
}
