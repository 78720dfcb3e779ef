#include <doctest/doctest.h>
#include <algorithm>
#include <coworker/exec/random.hpp>
#include <coworker/job/job_list.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "support/counted_memory.hpp"

namespace {

using coworker::job_record;
using coworker::detail::indexed_job;
using coworker::detail::job_list;

std::uint64_t job_list_ids_read = 0;

// Counts how many times an id is compared.
struct counted_id_keys : coworker::detail::job_id_keys {
  using job_id_keys::job_id_keys;
  std::uint64_t hash(std::string_view id) const noexcept {
    ++job_list_ids_read;
    return job_id_keys::hash(id);
  }
  std::string_view key_of(const indexed_job& entry) const noexcept {
    ++job_list_ids_read;
    return job_id_keys::key_of(entry);
  }
};
using counted_job_list = coworker::detail::basic_job_list<counted_id_keys>;

std::deque<job_record> listed_jobs(std::size_t count, std::size_t different_ids) {
  std::deque<job_record> records;
  for (std::size_t i = 0; i < count; ++i)
    records.emplace_back(coworker::job_envelope{"job-" + std::to_string(i % different_ids), {}});
  return records;
}

}  // namespace

TEST_CASE("a list of jobs keeps their order, and any of them can be removed") {
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

TEST_CASE("a list of jobs finds the first one with an id, whatever is added and removed") {
  for (const std::size_t different_ids : {1u, 3u, 20u, 300u}) {
    coworker::random_source random(different_ids);
    std::deque<job_record> records = listed_jobs(300, different_ids);
    std::vector<job_record*> expected;
    job_list jobs;
    int differences = 0;
    for (int step = 0; step < 20'000; ++step) {
      job_record& record = records[random.below(records.size())];
      const auto place = std::find(expected.begin(), expected.end(), &record);
      const std::uint64_t action = random.below(10u);
      if (action < 4 && place == expected.end()) {
        jobs.push_back(record);
        expected.push_back(&record);
      } else if (action < 7 && place != expected.end()) {
        jobs.remove(record);
        expected.erase(place);
      } else if (action == 9) {
        const auto first = std::find_if(expected.begin(), expected.end(),
                                        [&record](const job_record* one) { return one->id == record.id; });
        if (jobs.find(record.id) != (first == expected.end() ? nullptr : *first)) ++differences;
      }
      if (jobs.size() != expected.size()) ++differences;
    }
    std::size_t seen = 0;
    for (const job_record* record = jobs.front(); record != nullptr; record = record->next)
      if (seen == expected.size() || record != expected[seen++]) ++differences;
    CHECK(differences == 0);
  }
}

TEST_CASE("finding jobs by id takes time linear in the searches, for present and absent ids") {
  for (const std::size_t count : {1'000u, 10'000u, 50'000u}) {
    std::deque<job_record> records = listed_jobs(count, count);
    counted_job_list jobs;
    for (job_record& record : records) jobs.push_back(record);
    job_list_ids_read = 0;
    std::size_t found = 0;
    for (std::size_t i = 0; i < 2 * count; ++i) {
      job_record* const record = jobs.find("job-" + std::to_string(i));
      if (record == nullptr) continue;
      ++found;
      jobs.remove(*record);
      jobs.push_back(*record);
    }
    CHECK(found == count);
    CHECK(job_list_ids_read < 40 * count);
    for (job_record& record : records) jobs.remove(record);
    CHECK(job_list_ids_read < 60 * count);
  }
}

TEST_CASE("a list of jobs has no index while nobody searches, and drops it soon after a search") {
  if (!coworker::testing::memory_is_counted()) return;
  std::deque<job_record> records = listed_jobs(20'000, 20'000);
  counted_job_list jobs;
  job_list_ids_read = 0;
  const coworker::testing::counted_memory counted;
  for (std::size_t i = 0; i < 1'000; ++i) jobs.push_back(records[i]);
  CHECK(job_list_ids_read == 0);
  CHECK(counted.allocations() == 0);
  CHECK(jobs.find("job-500") == &records[500]);
  CHECK(counted.held() > 0);
  for (std::size_t i = 1'000; i < records.size(); ++i) {
    jobs.remove(records[i - 1'000]);
    jobs.push_back(records[i]);
  }
  CHECK(counted.held() == 0);
  CHECK(job_list_ids_read < 20 * 2'000);
  CHECK(jobs.find("job-500") == nullptr);
  CHECK(jobs.find("job-19500") == &records[19'500]);
}

TEST_CASE("many jobs with the same id cost no more than many with different ids") {
  std::deque<job_record> records = listed_jobs(20'000, 1);
  counted_job_list jobs;
  for (job_record& record : records) jobs.push_back(record);
  CHECK(jobs.find("job-0") == &records.front());
  job_list_ids_read = 0;
  for (std::size_t i = 1; i < records.size(); i += 2) jobs.remove(records[i]);
  for (std::size_t i = 0; i < records.size(); i += 2) {
    CHECK(jobs.find("job-0") == &records[i]);
    jobs.remove(records[i]);
  }
  CHECK(job_list_ids_read < 20 * records.size());
  CHECK(jobs.empty());
}

TEST_CASE("without memory for an index a list of jobs still finds all of them") {
  if (!coworker::testing::memory_is_counted()) return;
  std::deque<job_record> records = listed_jobs(1'000, 1'000);
  job_list jobs;
  for (std::size_t i = 0; i < 900; ++i) jobs.push_back(records[i]);
  std::uint64_t failures = 0;
  bool right = true;
  {
    const coworker::testing::scarce_memory none(0);
    right = right && jobs.find("job-7") == &records[7] && jobs.find("none") == nullptr;
    failures = none.failures();
  }
  CHECK(failures > 0);
  CHECK(right);
  CHECK(jobs.find("job-899") == &records[899]);  // builds the index
  {
    const coworker::testing::scarce_memory none(0);
    for (std::size_t i = 900; i < 1'000; ++i) jobs.push_back(records[i]);
    right = jobs.find("job-999") == &records[999];
  }
  CHECK(right);
  for (std::size_t i = 0; i < 1'000; ++i) CHECK(jobs.find(records[i].id) == &records[i]);
}
