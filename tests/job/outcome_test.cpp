#include <doctest/doctest.h>
#include <coworker/job/outcome.hpp>

namespace {

using coworker::json;
using coworker::outcome;

}  // namespace

TEST_CASE("a success is sent as its output") {
  CHECK(outcome::success("done").body().dump() == R"({"output":"done"})");
  CHECK(outcome::success(json()).body().dump() == R"({"output":null})");
  CHECK(outcome::success(json::array()).body().dump() == R"({"output":[]})");
  CHECK(outcome::success(false).body().dump() == R"({"output":false})");
}

TEST_CASE("an output that is an empty object is left out") {
  CHECK(outcome::success(json::object()).body().dump() == "{}");
}

TEST_CASE("a failure is sent as a text, and a stopped job too") {
  CHECK(outcome::failure("no such model").body().dump() == R"({"error":"no such model"})");
  CHECK(outcome::stop("stopped").body().dump() == R"({"error":"stopped"})");
  CHECK_FALSE(outcome::failure("x").succeeded());
  CHECK_FALSE(outcome::stop("x").succeeded());
  CHECK(outcome::stop("x").ended == outcome::status::stopped);
}

TEST_CASE("the wish to recycle the worker stands beside either") {
  outcome done = outcome::success(json::object());
  done.stop_pod = true;
  CHECK(done.body().dump() == R"({"stopPod":true})");
  outcome failed = outcome::failure("broken");
  failed.stop_pod = true;
  CHECK(failed.body().dump() == R"({"error":"broken","stopPod":true})");
}
