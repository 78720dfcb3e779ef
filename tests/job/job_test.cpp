#include <doctest/doctest.h>
#include <coworker/coro/stop.hpp>
#include <coworker/job/job.hpp>
#include <string>

namespace {

using coworker::job;
using coworker::job_envelope;
using coworker::json;

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

TEST_CASE("a job's stop token is asked when its record is, or when all jobs are") {
  coworker::stop_source all;
  coworker::job_record first({"first", {}}, all.get_token());
  coworker::job_record second({"second", {}}, all.get_token());
  const job<> work("first", json(), json::object(), first.stop.get_token());
  first.stop.request_stop();
  CHECK(work.stop_token().stop_requested());
  CHECK_FALSE(second.stop.stop_requested());
  all.request_stop();
  CHECK(second.stop.stop_requested());
}
