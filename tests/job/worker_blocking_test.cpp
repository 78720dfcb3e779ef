#include <doctest/doctest.h>
#include <chrono>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <coworker/job/test_job.hpp>
#include <coworker/job/worker_blocking.hpp>
#include <coworker/transport/memory_queue.hpp>
#include <coworker/worker.hpp>
#include <stdexcept>
#include <support/captured_log.hpp>

namespace coworker::testing {
namespace {

using namespace std::chrono_literals;

int double_of(int number) {
  if (number < 0) throw std::invalid_argument("below zero");
  return 2 * number;
}

bool on_a_pool_of(thread_pool* expected) { return expected == nullptr || expected->runs_on_this_thread(); }

task<int> doubling(job<int> job) {
  const int made = co_await blocking(double_of, job.input);
  co_return made;
}

}  // namespace

TEST_CASE("a handler's blocking call needs no pool of its own, not even in a test_job") {
  test_job<int> given(21);
  given.run(doubling);
  CHECK(given.outcome.output == json(42));
  test_job<int> bad(-1);
  bad.run(doubling);
  CHECK(bad.outcome.message().find("below zero") != std::string::npos);
}

TEST_CASE("a call runs on the worker's pool, and its coroutine then resumes on its own executor") {
  thread_pool pool(2);
  event_loop loop;
  const auto handler = [&](job<> work) -> task<json> {
    const bool on_pool = co_await blocking(on_a_pool_of, &pool);
    const bool back = loop.runs_on_this_thread();
    const bool explicitly = co_await blocking(pool, on_a_pool_of, &pool);
    co_return json::array({on_pool, back, explicitly, work.input});
  };
  captured_log log;
  options how;
  how.log = &log.log;
  how.pool = pool;
  memory_queue queue;
  worker runner(handler, fixed_concurrency{1}, how);
  memory_job one = queue.push(1);
  queue.close();
  const auto serve = [](auto& with, memory_queue& from) -> task<void> { co_await with.serve(from); };
  sync_wait(loop, serve(runner, queue));
  const auto result = [](memory_job& of) -> task<outcome> {
    outcome got = co_await of.result();
    co_return got;
  };
  CHECK(sync_wait(loop, result(one)).output == json::array({true, true, true, 1}));
}

TEST_CASE("a coroutine that runs for no job has no worker's pool") {
  const auto alone = []() -> task<int> {
    const int made = co_await blocking(double_of, 1);
    co_return made;
  };
  CHECK_THROWS_WITH_AS(
      sync_wait(alone()),
      "blocking: the coroutine works for no job, and so for no worker that has a pool; give one: "
      "co_await blocking(pool, the function)",
      std::logic_error);
}

}  // namespace coworker::testing
