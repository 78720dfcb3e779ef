#include <doctest/doctest.h>
#include <coworker/job/job.hpp>
#include <string>

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

TEST_CASE("a batch id is a text among the other members, or none") {
  job_envelope envelope;
  CHECK(envelope.batch_id().empty());
  envelope.details["batchId"] = "b-1";
  CHECK(envelope.batch_id() == "b-1");
  envelope.details["batchId"] = 7;
  CHECK(envelope.batch_id().empty());
}

TEST_CASE("a job's stop token is asked when its record is, and outlives the worker's interest in it") {
  record_ref record(*new coworker::job_record({"first", {}}));
  const job<> work(record, json());
  const job<> copy = work;
  CHECK_FALSE(work.stop_token().stop_requested());
  record->stop.request_stop();
  CHECK(work.stop_token().stop_requested());
  record = record_ref();
  CHECK(copy.stop_token().stop_requested());
}
