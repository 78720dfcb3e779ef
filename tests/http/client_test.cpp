#include <doctest/doctest.h>
#include <coworker/http/client.hpp>

namespace coworker::testing {

TEST_CASE("an answer has arrived unless something went wrong on the way") {
  http_response answer;
  CHECK(answer.arrived());
  answer.failure = http_failure::broken;
  CHECK(!answer.arrived());
}

}  // namespace coworker::testing
