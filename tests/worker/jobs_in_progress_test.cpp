#include <doctest/doctest.h>
#include <coworker/exec/random.hpp>
#include <coworker/worker/jobs_in_progress.hpp>
#include <cstdint>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace coworker::testing {

namespace {

std::set<std::string> named_in_progress(const jobs_in_progress& jobs) {
  std::istringstream text(jobs.joined());
  std::set<std::string> ids;
  for (std::string id; std::getline(text, id, ',');) CHECK(ids.insert(id).second);
  return ids;
}

template <class Id>
concept can_be_added = requires(jobs_in_progress& jobs, Id&& id) {
  jobs.add(static_cast<Id&&>(id));
};
static_assert(can_be_added<const std::string&>);
static_assert(!can_be_added<std::string> && !can_be_added<const char*>, "nobody would keep these");

}  // namespace

TEST_CASE("the jobs in progress are those that were added and not removed, each once") {
  jobs_in_progress jobs;
  jobs.remove("never there");
  CHECK(jobs.joined().empty());
  const std::string a = "a", b = "b", another_a = "a";
  CHECK(jobs.add(b));
  CHECK(jobs.add(a));
  CHECK(!jobs.add(another_a));
  CHECK(named_in_progress(jobs) == std::set<std::string>{"a", "b"});
  jobs.remove("a");
  jobs.remove("never there");
  CHECK(jobs.joined() == "b");
  CHECK(jobs.add(another_a));
  jobs.remove("b");
  CHECK(jobs.joined() == "a");
  CHECK(jobs.ids() == std::vector<std::string>{"a"});
}

TEST_CASE("the jobs in progress are right after any sequence of adding and removing") {
  for (const std::uint64_t range : {4U, 12U, 40U, 700U}) {
    random_source random(range);
    jobs_in_progress jobs;
    std::set<std::string> expected;
    for (int i = 0; i < 3000; ++i) {
      const std::string id = "job-" + std::to_string(random.next() % range);
      if (random.next() % 2 == 0) {
        const auto [owner, is_new] = expected.insert(id);
        CHECK(jobs.add(*owner) == is_new);
      } else {
        jobs.remove(id);
        expected.erase(id);
      }
      if (i % 50 == 0) CHECK(named_in_progress(jobs) == expected);
    }
    CHECK(named_in_progress(jobs) == expected);
  }
}

}  // namespace coworker::testing
