#include <doctest/doctest.h>
#include <coworker/http/client.hpp>

namespace coworker::testing {

TEST_CASE("a response has arrived unless there is a failure") {
  http_response response;
  CHECK(response.arrived());
  response.failure = http_failure::broken;
  CHECK(!response.arrived());
}

}  // namespace coworker::testing
