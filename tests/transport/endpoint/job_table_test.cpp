// The jobs of an HTTP endpoint, without HTTP and without a worker.

#include <doctest/doctest.h>
#include <chrono>
#include <coworker/coro/clock.hpp>
#include <coworker/transport/concept.hpp>
#include <coworker/transport/endpoint/job_table.hpp>
#include <coworker/transport/endpoint/options.hpp>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <string_view>
#include <support/counted_memory.hpp>
#include <utility>
#include <vector>

namespace coworker::testing {
namespace {

using namespace std::chrono_literals;
using detail::endpoint_order;
using detail::endpoint_status;
using detail::job_handle;
using detail::job_table;

job_handle submit(job_table& table, int number, bool kept) {
  detail::endpoint_order order;
  order.input = number;
  order.kept = kept;
  order.trace_parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  job_table::refusal why{};
  return table.submit(std::move(order), time_point(1s), why);
}

struct table_of_jobs {
  endpoint_options options;
  job_table table{options};
  time_point now{1h};

  // Adds jobs that are not kept, and hands them over.
  std::vector<job_handle> run(std::vector<endpoint_order> orders) {
    std::vector<job_handle> made;
    job_table::refusal why{};
    for (endpoint_order& order : orders) {
      order.kept = false;
      made.push_back(table.submit(std::move(order), now, why));
      CHECK_FALSE(table.look_for_end(*made.back(), now));
    }
    take_result taken;
    CHECK(table.waiting() == made.size());
    CHECK(table.hand_over(made.size(), now, taken));
    CHECK(taken.jobs.size() == made.size());
    CHECK(table.waiting() == 0);
    return made;
  }
  std::vector<job_handle> run(std::size_t count) { return run(std::vector<endpoint_order>(count)); }
  bool end(const job_handle& job, endpoint_status status = endpoint_status::completed) {
    return table.end(job->id, status, detail::text_handle(), std::string(), false, now);
  }
};

}  // namespace

TEST_CASE("the worker gets what was ordered, with the id and the deadline that the table gave it") {
  const endpoint_options options;
  job_table table(options);
  detail::endpoint_order order;
  order.input = "an input";
  order.details["path"] = "/";
  order.time_limit = 5s;
  order.time_to_live = 60s;
  order.trace_parent = "a trace";
  job_table::refusal why{};
  const job_handle job = table.submit(std::move(order), time_point(1s), why);
  take_result taken;
  REQUIRE(table.hand_over(2, time_point(2s), taken));
  REQUIRE(taken.jobs.size() == 1);
  CHECK(taken.jobs[0].id == job->id);
  CHECK(taken.jobs[0].input == json("an input"));
  CHECK(taken.jobs[0].details.at("path") == json("/"));
  CHECK(taken.jobs[0].time_limit == 5s);
  CHECK(taken.jobs[0].deadline == time_point(61s));
  CHECK(taken.jobs[0].trace_parent == "a trace");
  CHECK(table.running(job->id).get() == job.get());
}

TEST_CASE("a job that was cancelled while it waited keeps neither its place nor its input") {
  const endpoint_options options;
  job_table table(options);
  const job_handle first = submit(table, 1, false);
  const job_handle second = submit(table, 2, true);
  table.leave(*first, time_point(2s));
  CHECK(first->status == endpoint_status::cancelled);
  CHECK(first->input.is_null());
  take_result taken;
  REQUIRE(table.hand_over(5, time_point(3s), taken));
  REQUIRE(taken.jobs.size() == 1);
  CHECK(taken.jobs[0].id == second->id);
}

TEST_CASE("only a job that clients may ask for later keeps its progress and the text for the console") {
  const endpoint_options options;
  job_table table(options);
  for (const bool kept : {false, true}) {
    CAPTURE(kept);
    const job_handle job = submit(table, 1, kept);
    take_result taken;
    REQUIRE(table.hand_over(1, time_point(2s), taken));
    table.set_progress(*job, "\"half\"");
    std::string chunk = "\"a chunk\"";
    CHECK(table.add_chunk(*job, chunk, time_point(3s)) == job_table::chunk_place::added);
    CHECK(job->kept() == kept);
    if (kept) {
      CHECK(job->texts->progress == "\"half\"");
      CHECK(job->texts->shown_chunks == "\"a chunk\"\n");
    }
    std::vector<std::string> chunks;
    detail::job_view seen;
    CHECK(table.take_chunks(*job, time_point(4s), chunks, seen));
    CHECK(chunks == std::vector<std::string>{"\"a chunk\""});
    CHECK(!table.take_chunks(*job, time_point(4s), chunks, seen));
    CHECK(chunks.empty());
    CHECK(!job->news.is_set());
  }
}

TEST_CASE("a take for which there is no memory loses no job") {
  if (!memory_is_counted()) return;
  const endpoint_options options;
  bool all_at_once = false;
  for (std::int64_t allocations = 0; !all_at_once; ++allocations) {
    CAPTURE(allocations);
    REQUIRE(allocations < 100);
    job_table table(options);
    std::vector<std::string> added;
    for (int i = 0; i < 4; ++i) added.push_back(submit(table, i, i % 2 == 0)->id);
    std::vector<std::string> got;
    const auto take = [&] {
      take_result taken;
      table.hand_over(10, time_point(2s), taken);
      return taken;
    };
    take_result first;
    try {
      const scarce_memory scarce(allocations);
      first = take();
    } catch (const std::bad_alloc&) {
    }
    all_at_once = first.jobs.size() == added.size();
    take_result second = take();
    for (const take_result* const taken : {&first, &second}) {
      for (const job_envelope& one : taken->jobs) {
        CHECK(one.input == json(static_cast<int>(got.size())));
        got.push_back(one.id);
      }
    }
    CHECK(got == added);
    CHECK(table.counts().in_progress == added.size());
    CHECK(table.waiting() == 0);
  }
}

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
  std::vector<endpoint_order> orders(3);
  orders[0].time_limit = 1s;
  orders[1].time_to_live = 1s;
  orders[2].time_to_live = 1s;
  const auto jobs = all.run(std::move(orders));
  all.now += 1s;
  all.end(jobs[0], endpoint_status::failed);
  all.end(jobs[1], endpoint_status::cancelled);
  all.end(jobs[2]);
  CHECK(jobs[0]->status == endpoint_status::timed_out);
  CHECK(jobs[1]->status == endpoint_status::timed_out);
  CHECK(jobs[2]->status == endpoint_status::completed);
}

}  // namespace coworker::testing
