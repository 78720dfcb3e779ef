#include <doctest/doctest.h>
#include <coworker/worker/sendable.hpp>
#include <cstddef>
#include <limits>
#include <string>

namespace {

using coworker::error_info;
using coworker::json;
using coworker::outcome;
using coworker::outcome_status;
using coworker::detail::make_sendable;

constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

}  // namespace

TEST_CASE("an outcome that can be sent stays as it is") {
  outcome made = outcome::success({{"n", 1}});
  make_sendable(made, no_limit);
  CHECK(made.succeeded());
  CHECK(made.output == json{{"n", 1}});
}

TEST_CASE("an output that JSON cannot hold becomes a failure with the path to the bad value") {
  outcome made = outcome::success({{"a", {1.0, std::numeric_limits<double>::quiet_NaN()}}});
  made.recycle_worker = true;
  make_sendable(made, no_limit);
  CHECK(made.status == outcome_status::failed);
  CHECK(made.output.is_null());
  CHECK(made.message().starts_with("output.a[1]: NaN"));
  CHECK(made.recycle_worker);
}

TEST_CASE("an output longer than the queue accepts becomes a failure that says both lengths") {
  outcome fits = outcome::success(std::string(4'998, 'x'));
  make_sendable(fits, 5'000);
  CHECK(fits.succeeded());
  outcome made = outcome::success(std::string(4'999, 'x'));
  make_sendable(made, 5'000);
  REQUIRE(made.error() != nullptr);
  CHECK(made.error()->type == "coworker::output_too_large");
  CHECK(made.message().starts_with(
      "the output is 5001 bytes of JSON, and the queue takes 5000 (output_limit)"));
}

TEST_CASE("an error that is too long keeps the beginning of its texts, and the job's status") {
  outcome endless = outcome::stop(std::string(100'000, 'x'));
  make_sendable(endless, 6'000);
  CHECK(endless.status == outcome_status::stopped);
  CHECK(endless.message() == std::string(1'000, 'x'));
  error_info nested{
      .type = "a", .message = std::string(600, 'b'), .causes = {{"c", std::string(600, 'd')}, {"e", "f"}}};
  outcome caused = outcome::failure(nested);
  make_sendable(caused, 6'000);
  CHECK(caused.message() == nested.message);
  REQUIRE(caused.error()->causes.size() == 1);
  CHECK(caused.error()->causes[0].message == std::string(398, 'd'));
}

TEST_CASE("an output beside an error is dropped if it is too long") {
  outcome made = outcome::failure("too much");
  made.output = std::string(10'000, 'x');
  make_sendable(made, 5'000);
  CHECK(made.output.is_null());
  CHECK(made.message() == "too much");
}
