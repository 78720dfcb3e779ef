#include <doctest/doctest.h>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/transport/runpod/job_list.hpp>
#include <coworker/transport/traced_engine.hpp>
#include <coworker/worker.hpp>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/captured_log.hpp"

namespace coworker::testing {
namespace {

using detail::span_list;
using detail::traced_engine;

constexpr const char* parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
constexpr const char* unsampled = "00-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203331-00";

// Hands over three jobs: the first came with a trace, the second with a trace that is not sampled, the third
// without one.
struct three_jobs {
  bool given = false;
  condition_waiter blocks_on;

  task<take_result> take(take_request) {
    take_result taken;
    for (const char* const trace : {parent, unsampled, ""}) {
      if (given) break;
      job_envelope one;
      one.id = "job-" + std::to_string(taken.jobs.size());
      one.trace_parent = trace;
      taken.jobs.push_back(std::move(one));
    }
    given = taken.closed = true;
    co_return taken;
  }
  task<delivery> complete(job_result) { co_return delivery::accepted; }
  coworker::waiter& waiter() noexcept { return blocks_on; }
};

std::uint64_t tick() {
  static std::uint64_t now = 0;
  return ++now;
}

json fail_the_last(job<> work) {
  if (work.id == "job-2") throw std::runtime_error("no");
  return 1;
}

std::vector<job_span> run_traced(span_list* spans) {
  captured_log output;
  worker_options settings;
  settings.log = &output.log;
  worker runner(fail_the_last, fixed_concurrency{4}, settings);
  three_jobs jobs;
  traced_engine<three_jobs> traced(jobs, spans);
  runner.run(traced);
  return spans != nullptr ? spans->take() : std::vector<job_span>();
}

}  // namespace

TEST_CASE(
    "each job of an engine with its own waiter gets a span, whose parent is the span the job came with") {
  static_assert(waiting_transport<traced_engine<three_jobs>> &&
                !counted_transport<traced_engine<three_jobs>>);
  span_list spans(1, &tick);
  const std::vector<job_span> seen = run_traced(&spans);
  REQUIRE(seen.size() == 2);
  const job_span& first = seen[0].job_id == "job-0" ? seen[0] : seen[1];
  const job_span& last = seen[0].job_id == "job-0" ? seen[1] : seen[0];
  CHECK(first.trace_id == "0af7651916cd43dd8448eb211c80319c");
  CHECK(first.parent_span_id == "b7ad6b7169203331");
  CHECK(first.span_id.size() == 16);
  CHECK(!first.failed);
  CHECK(first.start < first.end);
  CHECK(last.job_id == "job-2");
  CHECK(last.trace_id.size() == 32);
  CHECK(last.parent_span_id.empty());
  CHECK(last.failed);
  CHECK(last.error == "no");
  CHECK(last.trace_id != first.trace_id);
}

TEST_CASE("without a list no span is recorded, and the jobs are run") { CHECK(run_traced(nullptr).empty()); }

TEST_CASE("a job of the platform's queue has its trace beside its input or in it") {
  captured_log output;
  const auto trace_of = [&output](const char* text) {
    const auto made = coworker::read_envelope(json::parse(text), output.log);
    REQUIRE(made.has_value());
    return made->trace_parent;
  };
  CHECK(trace_of(R"({"id": "a", "input": {}, "traceparent": "beside"})") == "beside");
  CHECK(trace_of(R"({"id": "a", "input": {"traceparent": "within"}})") == "within");
  CHECK(trace_of(R"({"id": "a", "input": {"traceparent": "within"}, "traceparent": "beside"})") == "beside");
  CHECK(trace_of(R"({"id": "a", "input": {"traceparent": 7}, "traceparent": null})") == "");
  CHECK(trace_of(R"({"id": "a", "input": "text"})") == "");
}

}  // namespace coworker::testing
