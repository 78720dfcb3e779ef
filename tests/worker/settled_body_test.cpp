#include <doctest/doctest.h>
#include <coworker/worker/settled_body.hpp>
#include <limits>
#include <string>

namespace {

using coworker::json;
using coworker::outcome;
using coworker::worker_options;
using coworker::detail::settled_body;

json settled_report(const std::string& body) {
  return json::parse(json::parse(body).at("error").get<std::string>());
}

}  // namespace

TEST_CASE("an outcome that can be sent is sent as it is") {
  outcome ended = outcome::success({{"n", 1}});
  CHECK(settled_body(ended, worker_options()) == R"({"output":{"n":1}})");
  CHECK(ended.succeeded());
}

TEST_CASE("an output that JSON cannot hold becomes a failure with the path to the bad value") {
  outcome ended = outcome::success({{"a", {1.0, std::numeric_limits<double>::quiet_NaN()}}});
  ended.stop_pod = true;
  const std::string body = settled_body(ended, worker_options());
  CHECK(ended.ended == outcome::status::failed);
  CHECK(settled_report(body).at("error_message").get<std::string>().find("a[1]") != std::string::npos);
  CHECK(json::parse(body).at("stopPod") == true);
}

TEST_CASE("an outcome longer than the queue takes becomes a failure that says both lengths") {
  worker_options options;
  options.output_limit = 5'000;
  outcome fits = outcome::success(std::string(4'987, 'x'));
  CHECK(settled_body(fits, options).size() == 5'000);
  CHECK(fits.succeeded());
  outcome ended = outcome::success(std::string(4'988, 'x'));
  const json report = settled_report(settled_body(ended, options));
  CHECK(report.at("error_type") == "coworker::output_too_large");
  CHECK(report.at("error_message")
            .get<std::string>()
            .starts_with("the output is 5001 bytes of JSON, and the queue takes 5000 (output_limit)"));
}

TEST_CASE("an error that cannot be sent keeps what can be of its text") {
  worker_options options;
  options.output_limit = 5'000;
  outcome endless = outcome::stop(std::string(100'000, '\x01'));
  CHECK(settled_body(endless, options).size() <= 5'000);
  CHECK(endless.ended == outcome::status::stopped);
  outcome torn = outcome::failure("bad \xff text");
  CHECK(json::parse(settled_body(torn, options)).at("error") == "bad \xef\xbf\xbd text");
  outcome with_output = outcome::failure("too much");
  with_output.output = std::string(10'000, 'x');
  CHECK(settled_body(with_output, options) == R"({"error":"too much"})");
}
