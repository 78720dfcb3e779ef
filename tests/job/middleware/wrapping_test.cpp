#include <doctest/doctest.h>
#include <chrono>
#include <coworker/exec/sleep.hpp>
#include <coworker/job/middleware/retried.hpp>
#include <coworker/job/middleware/wrapping.hpp>
#include <coworker/worker.hpp>
#include <string>
#include <utility>

#include "support/simulated_queue.hpp"

namespace {

using namespace std::chrono_literals;
using coworker::async_generator;
using coworker::job;
using coworker::json;
using coworker::task;
using coworker::wrapped_result;
using coworker::wrapped_job;

// A wrapper as a user writes it, for every kind of handler.
template <class Handler>
struct wrapping_counted {
  Handler handler;
  int* calls;

  wrapped_result<Handler> operator()(wrapped_job<Handler>&& work) {
    ++*calls;
    return handler(std::move(work));
  }
};
template <class Handler>
wrapping_counted(Handler, int*) -> wrapping_counted<Handler>;

// A wrapper for tasks: a coroutine that awaits the handler.
template <class Handler>
struct wrapping_timed {
  Handler handler;
  coworker::duration* took;

  wrapped_result<Handler> operator()(wrapped_job<Handler> work) {
    const coworker::executor_ref clock = co_await coworker::this_coro::executor();
    const coworker::time_point start = clock.now();
    auto result = co_await handler(std::move(work));
    *took = clock.now() - start;
    co_return result;
  }
};
template <class Handler>
wrapping_timed(Handler, coworker::duration*) -> wrapping_timed<Handler>;

double wrapped_plain(job<double> work) { return work.input; }
void wrapped_nothing(const job<double>&) {}
async_generator<double> wrapped_stream(job<double> work) { co_yield work.input; }
task<double> wrapped_task(job<double> work) {
  co_await coworker::sleep_for(3s);
  co_return work.input;
}

task<double> wrapped_by_reference(const job<double>& work) {
  co_await coworker::sleep_for(3s);
  co_return work.input;
}

static_assert(std::same_as<coworker::handler_input<wrapping_counted<decltype(&wrapped_stream)>>, double>);
static_assert(coworker::is_streaming_handler<wrapping_counted<decltype(&wrapped_stream)>>);
static_assert(coworker::job_handler<wrapping_counted<decltype(&wrapped_nothing)>>);
static_assert(coworker::job_handler<wrapping_counted<decltype([](auto work) { return work.input; })>>);

template <class Handler>
json wrapping_output_of(Handler handler) {
  coworker::testing::simulation world;
  world.options.pool = coworker::executor_ref(world.loop);
  world.queue.add(0s, "job-1", 2.5);
  coworker::worker w(std::move(handler), coworker::fixed_concurrency{1}, world.options);
  world.serve(w);
  return world.queue.result_of("job-1").body;
}

}  // namespace

TEST_CASE("a user's wrapper is a handler of the same kind and input as the one that it wraps") {
  int calls = 0;
  CHECK(wrapping_output_of(wrapping_counted{wrapped_plain, &calls}) == json{{"output", 2.5}});
  CHECK(wrapping_output_of(wrapping_counted{wrapped_task, &calls}) == json{{"output", 2.5}});
  CHECK(wrapping_output_of(wrapping_counted{wrapped_stream, &calls}) == json{{"output", json::array()}});
  CHECK(wrapping_output_of(wrapping_counted{wrapped_nothing, &calls}) == json{{"output", json()}});
  CHECK(wrapping_output_of(wrapping_counted{wrapped_by_reference, &calls}) == json{{"output", 2.5}});
  CHECK(calls == 5);
}

TEST_CASE("a wrapper around tasks may await the handler, and be outside or inside the shipped ones") {
  coworker::duration took{};
  CHECK(wrapping_output_of(wrapping_timed{wrapped_task, &took}) == json{{"output", 2.5}});
  CHECK(took == 3s);
  CHECK(wrapping_output_of(wrapping_timed{coworker::retried(wrapped_task), &took}) == json{{"output", 2.5}});
  CHECK(wrapping_output_of(coworker::retried(wrapping_timed{wrapped_task, &took})) == json{{"output", 2.5}});
}
