#include <doctest/doctest.h>
#include <coworker/job/job_list.hpp>

namespace {

using coworker::job_record;
using coworker::detail::job_list;

}  // namespace

TEST_CASE("a list of jobs keeps their order, and gives up any of them") {
  job_record first({"first", {}});
  job_record second({"second", {}});
  job_record third({"third", {}});
  job_list jobs;
  CHECK(jobs.empty());
  for (job_record* const record : {&first, &second, &third}) jobs.push_back(*record);
  CHECK(jobs.front() == &first);
  CHECK(jobs.back() == &third);
  CHECK(jobs.find("second") == &second);
  CHECK(jobs.find("fourth") == nullptr);
  jobs.remove(second);
  CHECK(jobs.find("second") == nullptr);
  CHECK(jobs.find("third") == &third);
  jobs.remove(first);
  CHECK(jobs.front() == &third);
  jobs.push_back(first);
  jobs.remove(third);
  CHECK(jobs.front() == &first);
  CHECK(jobs.back() == &first);
  jobs.remove(first);
  CHECK(jobs.empty());
}
