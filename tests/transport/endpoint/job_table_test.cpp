#include <doctest/doctest.h>
#include <chrono>
#include <coworker/coro/clock.hpp>
#include <coworker/transport/endpoint/job_table.hpp>
#include <string>
#include <utility>
#include <vector>

using namespace coworker;
using namespace coworker::detail;
using namespace std::chrono_literals;

namespace {

struct table_of_jobs {
  endpoint_options options;
  job_table table{options};
  time_point now{1h};

  std::vector<job_handle> run(std::size_t count) {
    std::vector<job_handle> made;
    job_table::refusal why{};
    for (std::size_t i = 0; i < count; ++i) {
      endpoint_order order;
      order.kept = false;
      made.push_back(table.submit(std::move(order), now, why));
      CHECK_FALSE(table.look_for_end(*made.back(), now));
    }
    take_result taken;
    CHECK(table.waiting() == count);
    CHECK(table.hand_over(count, now, taken));
    CHECK(taken.jobs.size() == count);
    CHECK(table.waiting() == 0);
    return made;
  }
  bool end(const job_handle& job, endpoint_status status = endpoint_status::completed) {
    return table.end(job->id, status, text_handle(), std::string(), false, now);
  }
};

}  // namespace

TEST_CASE("a client is not woken when its job starts, but when it ends") {
  table_of_jobs all;
  const auto jobs = all.run(1);
  CHECK_FALSE(jobs[0]->news.is_set());
  CHECK(all.end(jobs[0]));
  CHECK(jobs[0]->news.is_set());
  CHECK(all.table.look_for_end(*jobs[0], all.now));
  CHECK_FALSE(all.end(jobs[0]));  // the worker has no such job any more
}

TEST_CASE("while ends are gathered, clients are woken together, and none is forgotten when that stops") {
  table_of_jobs all;
  const auto jobs = all.run(3);
  std::vector<job_handle> ended;
  all.table.gather_ends(true);
  CHECK(all.end(jobs[0]));
  CHECK(all.end(jobs[1], endpoint_status::failed));
  CHECK(all.table.some_ended().is_set());
  CHECK_FALSE(jobs[0]->news.is_set());
  all.table.wake_clients(ended);
  CHECK_FALSE(all.table.some_ended().is_set());
  CHECK(jobs[0]->news.is_set());
  CHECK(jobs[1]->news.is_set());
  CHECK(all.end(jobs[2]));
  CHECK(all.table.some_ended().is_set());
  all.table.gather_ends(false);
  all.table.wake_clients(ended);
  CHECK(jobs[2]->news.is_set());
}

TEST_CASE("a job that was cancelled before the worker ends it keeps no other client asleep") {
  table_of_jobs all;
  const auto jobs = all.run(2);
  std::vector<job_handle> ended;
  all.table.gather_ends(true);
  CHECK(all.table.cancel(*jobs[0], "cancelled", all.now));
  CHECK(jobs[0]->news.is_set());
  CHECK(all.end(jobs[0]));
  CHECK(jobs[0]->status == endpoint_status::cancelled);
  CHECK_FALSE(all.table.some_ended().is_set());
  CHECK(all.end(jobs[1]));
  CHECK(all.table.some_ended().is_set());
  all.table.wake_clients(ended);
  CHECK(jobs[1]->news.is_set());
}

TEST_CASE("a job that fails after its time limit or its deadline has timed out; one that succeeds has not") {
  table_of_jobs all;
  const auto jobs = all.run(3);
  jobs[0]->time_limit = 1s;
  jobs[1]->deadline = all.now + 1s;
  jobs[2]->deadline = all.now + 1s;
  all.now += 1s;
  all.end(jobs[0], endpoint_status::failed);
  all.end(jobs[1], endpoint_status::cancelled);
  all.end(jobs[2]);
  CHECK(jobs[0]->status == endpoint_status::timed_out);
  CHECK(jobs[1]->status == endpoint_status::timed_out);
  CHECK(jobs[2]->status == endpoint_status::completed);
}
