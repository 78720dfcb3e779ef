#include <doctest/doctest.h>
#include <coworker/job/job.hpp>
#include <string>
#include <utility>

namespace {

using coworker::job;
using coworker::job_envelope;
using coworker::json;
using coworker::detail::record_ref;

}  // namespace

TEST_CASE("a job can be made without any worker, to test a handler") {
  const job<> simple{"id", {{"n", 1}}};
  CHECK(simple.id == "id");
  CHECK(simple.input.at("n") == 1);
  CHECK(simple.details == json::object());
  CHECK_FALSE(simple.stop_token().stop_possible());
  const job<std::string> typed("id", "text", {{"webhook", "https://example.org"}});
  CHECK(typed.input == "text");
  CHECK(typed.details.at("webhook") == "https://example.org");
}

TEST_CASE("a job knows its number of deliveries and its trace, if its queue states them") {
  job_envelope envelope;
  envelope.id = "first";
  envelope.deliveries = 2;
  envelope.trace_parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const job<> work(record_ref(*new coworker::job_record(std::move(envelope))), json());
  CHECK(work.deliveries() == 2);
  CHECK(work.trace_parent() == "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  const job<> simple{"id", {}};
  CHECK(simple.deliveries() == 0);
  CHECK(simple.trace_parent().empty());
}

TEST_CASE("a stop of a job's record reaches its token, which outlives the worker's use of the record") {
  record_ref record(*new coworker::job_record({"first", {}}));
  const job<> work(record, json());
  const job<> copy = work;
  CHECK_FALSE(work.stop_token().stop_requested());
  record->stop.request_stop();
  CHECK(work.stop_token().stop_requested());
  record = record_ref();
  CHECK(copy.stop_token().stop_requested());
}
