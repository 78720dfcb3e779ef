#include <doctest/doctest.h>

#include <cmath>
#include <coworker/job/outcome.hpp>
#include <coworker/json/json.hpp>
#include <string>
#include <vector>

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

TEST_CASE("the text of a body is that of the body, and so are the errors of what cannot be written") {
  const auto either = [](const auto& write) -> std::string {
    try {
      return write();
    } catch (const coworker::json_exception& error) {
      return error.what();
    }
  };
  std::vector<outcome> all{outcome::success("done"),
                           outcome::success(json::object()),
                           outcome::success(json()),
                           outcome::success(json::array({json::object({{"of", std::nan("")}})})),
                           outcome::failure("broken: \"\xc3\xa9\""),
                           outcome::failure("no text: \xff")};
  all.push_back(outcome::failure("after two elements"));
  all.back().output = json::array({1, 2});
  for (outcome& one : all) {
    for (const bool stop_pod : {false, true}) {
      one.stop_pod = stop_pod;
      CHECK(either([&] { return one.body_text(); }) == either([&] { return one.body().dump(); }));
    }
  }
}
