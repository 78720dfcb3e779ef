#include <doctest/doctest.h>
#include <coworker/job/outcome.hpp>
#include <coworker/json/json.hpp>
#include <string>
#include <utility>

namespace {

using coworker::error_info;
using coworker::json;
using coworker::outcome;
using coworker::outcome_status;

}  // namespace

TEST_CASE("a success has an output and no error") {
  const outcome made = outcome::success("done");
  CHECK(made.succeeded());
  CHECK(made.output == "done");
  CHECK(made.error() == nullptr);
  CHECK(made.message().empty());
}

TEST_CASE("a failure has an error, and a stopped job too") {
  const outcome failed = outcome::failure("no such model");
  CHECK(failed.status == outcome_status::failed);
  REQUIRE(failed.error() != nullptr);
  CHECK(failed.error()->type.empty());
  CHECK(failed.message() == "no such model");
  const outcome stopped = outcome::stop("stopped");
  CHECK(stopped.status == outcome_status::stopped);
  CHECK(stopped.message() == "stopped");
}

TEST_CASE("an outcome that fails keeps its output, and has the last error") {
  outcome made = outcome::success(json::array({1, 2}));
  made.fail(error_info{.type = "first"});
  made.fail(error_info{.type = "second", .message = "after two elements"});
  CHECK(made.output == json::array({1, 2}));
  CHECK(made.error()->type == "second");
}

TEST_CASE("an outcome is a value: copies have errors of their own") {
  outcome made = outcome::failure("one");
  made.recycle_worker = made.untyped = true;
  outcome copy = made;
  copy.fail(error_info{.message = "two"});
  CHECK(made.message() == "one");
  CHECK(copy.message() == "two");
  CHECK(copy.recycle_worker);
  CHECK(copy.untyped);
  const outcome moved = std::move(made);
  CHECK(moved.message() == "one");
  copy = moved;
  CHECK(copy.message() == "one");
}

TEST_CASE("a failure without an error, for which there was no memory, says so") {
  outcome made;
  made.status = outcome_status::failed;
  CHECK(made.message() == "out of memory: there was none left to say what became of the job");
}
