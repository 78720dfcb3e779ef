#include <doctest/doctest.h>
#include <coworker/transport/jobs_in_progress.hpp>

namespace coworker::testing {

TEST_CASE("the jobs in progress are those that were added and not removed, each once") {
  jobs_in_progress jobs;
  CHECK(jobs.joined().empty());
  CHECK(jobs.add("b"));
  CHECK(jobs.add("a"));
  CHECK(!jobs.add("a"));
  CHECK(jobs.joined() == "a,b");
  jobs.remove("a");
  jobs.remove("never there");
  CHECK(jobs.joined() == "b");
  CHECK(jobs.add("a"));
  jobs.remove("b");
  CHECK(jobs.joined() == "a");
}

}  // namespace coworker::testing
