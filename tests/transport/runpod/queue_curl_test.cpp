// The queue protocol over libcurl, against a faulty queue on loopback: no job and no result is lost, no job
// is run twice for one take, and a server that is down is not flooded.

#include <doctest/doctest.h>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <coworker/json/json.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <support/queue_server.hpp>
#include <support/running_worker.hpp>
#include <support/temporary_folder.hpp>
#include <thread>
#include <vector>

namespace coworker::testing {
namespace {

using namespace std::chrono_literals;

struct fault_case {
  const char* name;
  answer given;
  bool server_loses_job = false;  // of a take: the answer with the job does not arrive completely
  bool accepts_unheard = false;   // of a result: it is accepted, but the answer does not arrive completely
};

answer accepts_anyway(int code) { return {.status = code, .acts = true}; }

const std::vector<fault_case> faults_of_a_take = {
    {"429", status(429)},
    {"429 with Retry-After", retry_after(429, 1s)},
    {"400", status(400)},
    {"401", status(401)},
    {"500", status(500)},
    {"502", status(502)},
    {"503 with Retry-After", retry_after(503, 1s)},
    {"204 at once", nothing_at_once()},
    {"reset before acting", reset_at(point::before_acting)},
    {"close before acting", close_at(point::before_acting)},
    {"reset before the answer", reset_at(point::before_answer), true},
    {"close before the answer", close_at(point::before_answer), true},
    {"reset in the body", reset_at(point::in_body), true},
    {"truncated", truncated(), true},
    {"truncated chunks", {.cut_at = point::in_body, .by_reset = false, .chunked = true}, true},
    {"garbage", garbage()},
    {"empty", body("")},
    {"an array of nothing", body("[]")},
    {"chunked", in_chunks()},
    {"byte by byte", byte_by_byte()},
    {"chunked byte by byte", {.chunked = true, .pace = 1ms}},
    {"late", after(80ms)},
    {"one object", {.as_object = true}},
    {"close after the answer", close_at(point::after_answer)},
    {"reset after the answer", reset_at(point::after_answer)},
};

const std::vector<fault_case> faults_of_a_result = {
    {"408", status(408)},
    {"425", status(425)},
    {"429", status(429)},
    {"429 with Retry-After", retry_after(429, 1s)},
    {"500", status(500)},
    {"502", status(502)},
    {"503", status(503)},
    {"500 though accepted", accepts_anyway(500), false, true},
    {"reset before acting", reset_at(point::before_acting)},
    {"close before acting", close_at(point::before_acting)},
    {"reset before the answer", reset_at(point::before_answer), false, true},
    {"close before the answer", close_at(point::before_answer), false, true},
    {"truncated", truncated(), false, true},
    {"garbage", garbage()},
    {"empty", body("")},
    {"chunked", in_chunks()},
    {"byte by byte", byte_by_byte()},
    {"late", after(80ms)},
    {"close after the answer", close_at(point::after_answer)},
    {"reset after the answer", reset_at(point::after_answer)},
};

const queue_settings short_polls{.hold = 200ms};

void check_that_all_is_well(const queue_log& seen, const running_worker& worker, std::size_t jobs,
                            std::size_t lost_by_server) {
  CHECK(seen.jobs_that(hand_out_result::lost_by_server).size() == lost_by_server);
  CHECK(seen.jobs_that(hand_out_result::lost_by_client).empty());
  CHECK(seen.jobs_without_result().empty());
  CHECK(seen.jobs_with_result == jobs - lost_by_server);
  std::size_t run_twice = 0;
  for (const auto& [id, story] : seen.jobs) run_twice += worker.runs.of(id) > story.hand_outs.size() ? 1 : 0;
  CHECK(run_twice == 0);
  std::size_t wrong_ids = 0;
  for (const exchange& one : seen.with(endpoint::done)) {
    wrong_ids += one.request.header("X-Request-ID") == one.job_id ? 0 : 1;
  }
  CHECK(wrong_ids == 0);
}

bool all_were_handed_out(const queue_log& seen, std::size_t jobs) {
  return seen.jobs.size() == jobs && seen.jobs_without_result().empty();
}

}  // namespace

TEST_CASE("a take that fails, in any way, loses no job that the server has not lost itself") {
  for (const int concurrency : {1, 4}) {
    for (const fault_case& fault : faults_of_a_take) {
      CAPTURE(concurrency);
      CAPTURE(fault.name);
      queue_server server(short_polls);
      const endpoint where = concurrency == 1 ? endpoint::take : endpoint::take_batch;
      server.script(where, {fault.given, fault.given});
      server.add_jobs(6, json{{"n", 1}});
      running_worker_options options;
      options.concurrency = concurrency;
      running_worker worker(server, options);
      REQUIRE(server.wait_for([](const queue_log& log) { return all_were_handed_out(log, 6); }));
      const worker_summary done = worker.stop();
      const queue_log seen = server.log();
      const std::size_t lost =
          fault.server_loses_job ? seen.jobs_that(hand_out_result::lost_by_server).size() : 0;
      if (fault.server_loses_job) CHECK(lost > 0);
      check_that_all_is_well(seen, worker, 6, lost);
      CHECK(done.jobs == 6 - lost);
      CHECK(done.undelivered == 0);
      CHECK(seen.duplicates == 0);
      CHECK(seen.most_within(1000ms, where) <= 40);
    }
  }
}

TEST_CASE("a result that meets a fault, of any kind, is posted until it is accepted") {
  for (const int concurrency : {1, 4}) {
    for (const fault_case& fault : faults_of_a_result) {
      CAPTURE(concurrency);
      CAPTURE(fault.name);
      queue_server server(short_polls);
      server.script(endpoint::done, {fault.given, fault.given});
      server.add_jobs(6, json{{"n", 1}});
      running_worker_options options;
      options.concurrency = concurrency;
      running_worker worker(server, options);
      REQUIRE(server.wait_for_results(6));
      const worker_summary done = worker.stop();
      const queue_log seen = server.log();
      check_that_all_is_well(seen, worker, 6, 0);
      CHECK(done.jobs == 6);
      CHECK(done.undelivered == 0);
      if (fault.accepts_unheard) {
        CHECK(seen.duplicates == 2);
      } else {
        CHECK(seen.duplicates == 0);
      }
      CHECK(seen.result("job-0") == json{{"output", {{"n", 1}}}});
    }
  }
}

TEST_CASE("a result that is finally refused becomes one failure that says why") {
  queue_server server(short_polls);
  server.script(endpoint::done, {status(413)});
  server.add_jobs(1, json(1));
  running_worker worker(server);
  REQUIRE(server.wait_for_results(1));
  CHECK(worker.stop().undelivered == 1);
  CHECK(server.log().job("job-0").tries == 2);
  CHECK(server.log().result("job-0").at("error").get<std::string>().find("HTTP 413") != std::string::npos);
}

TEST_CASE("what a request carries") {
  queue_server server(short_polls);
  server.add_job("a/b c\xc3\xa9", json(1));
  running_worker worker(server);
  REQUIRE(server.wait_for_results(1));
  worker.stop();
  const queue_log seen = server.log();
  const exchange take = seen.with(endpoint::take).at(0);
  CHECK(take.request.header("Authorization") == "test-key");
  CHECK(take.request.header("User-Agent") == "coworker-test");
  CHECK(take.request.header("Accept-Encoding")->find("gzip") != std::string::npos);
  const exchange post = seen.with(endpoint::done).at(0);
  CHECK(post.job_id == "a/b c\xc3\xa9");
  CHECK(post.request.header("Authorization") == "test-key");
  CHECK(post.request.header("Content-Type") == "application/x-www-form-urlencoded");
  CHECK(post.request.header("charset") == "utf-8");
  CHECK(post.request.header("X-Request-ID") == "a%2Fb%20c%C3%A9");
  CHECK(!post.request.header("Expect"));
}

TEST_CASE("the result of a job whose id is . or .. is posted under its own id") {
  queue_server server(short_polls);
  for (const char* const id : {".", "..", "a/../b"}) server.add_job(id, json{{"n", 1}});
  running_worker worker(server, {});
  REQUIRE(server.wait_for_results(3));
  worker.stop();
  for (const char* const id : {".", "..", "a/../b"}) CHECK(server.log().result(id).contains("output"));
}

TEST_CASE("a result of several megabytes is posted without asking first") {
  queue_server server(short_polls);
  const std::string large(5 << 20, 'x');
  server.add_job("a", json(large));
  running_worker worker(server);
  REQUIRE(server.wait_for_results(1));
  CHECK(server.log().result("a").at("output") == large);
  CHECK(!server.log().with(endpoint::done).at(0).request.header("Expect"));
}

TEST_CASE(
    "when the limit grows while all slots are full, the next take asks at once for as many as have opened") {
  queue_server server({.hold = answer::never});
  server.add_jobs(250, json{{"ms", 600'000}});
  captured_log log(log_level::warn);
  curl_client client;
  runpod_options options;
  options.urls = urls_of(server);
  runpod_queue queue(client, options, log.log);
  std::atomic<int> limit{100};
  worker_options settings;
  settings.log = &log.log;
  settings.modifier_interval = 10ms;
  settings.grace_period = 0ms;
  worker runner(
      [](job<> work) -> task<json> {
        co_await sleep_for(std::chrono::milliseconds(work.input.at("ms").get<int>()));
        co_return json();
      },
      [&limit](int) { return limit.load(); }, settings);
  std::thread thread([&] { runner.run(queue); });
  const auto handed_out = [](std::size_t jobs) {
    return [jobs](const queue_log& seen) { return seen.jobs_without_result().size() >= jobs; };
  };
  CHECK(server.wait_for(handed_out(100)));
  limit = 200;
  CHECK(server.wait_for(handed_out(200)));
  const queue_log seen = server.log();
  runner.stop();
  thread.join();
  const std::vector<exchange> takes = seen.with(endpoint::take_batch);
  REQUIRE(takes.size() == 2);
  for (const exchange& take : takes) {
    CHECK(take.request.target().find("batch_size=100&") != std::string::npos);
    CHECK(take.jobs.size() == 100);
  }
}

TEST_CASE("one connection serves a slot's takes and results") {
  queue_server server(short_polls);
  server.add_jobs(200, json(1));
  running_worker worker(server);
  REQUIRE(server.wait_for_results(200));
  worker.stop();
  CHECK(server.log().connections <= 2);
}

TEST_CASE("while connections are refused nothing is lost, and the network is not flooded") {
  queue_server server(short_polls);
  server.add_jobs(300, json{{"ms", 5}});
  running_worker_options options;
  options.concurrency = 10;
  running_worker worker(server, options);
  REQUIRE(server.wait_for_results(50));
  server.go_down_for(400ms);
  REQUIRE(server.wait_for([](const queue_log& log) { return all_were_handed_out(log, 300); }));
  worker.stop();
  const queue_log seen = server.log();
  check_that_all_is_well(seen, worker, 300, seen.jobs_that(hand_out_result::lost_by_server).size());
  CHECK(worker.log.count("fails") <= 4);
  CHECK(worker.log.count("works again") <= worker.log.count("fails"));
}

TEST_CASE("a server that restarts loses no job and no result of ours") {
  for (const bool by_reset : {false, true}) {
    CAPTURE(by_reset);
    queue_server server(short_polls);
    server.add_jobs(1000, json{{"ms", 1}});
    running_worker_options options;
    options.concurrency = 10;
    running_worker worker(server, options);
    for (std::size_t i = 1; i <= 5; ++i) {
      REQUIRE(server.wait_for_results(i * 100));
      server.restart(by_reset);
    }
    REQUIRE(server.wait_for([](const queue_log& log) { return all_were_handed_out(log, 1000); }));
    worker.stop();
    const queue_log seen = server.log();
    check_that_all_is_well(seen, worker, 1000, seen.jobs_that(hand_out_result::lost_by_server).size());
  }
}

TEST_CASE("ten thousand jobs over a hundred slots all come back once") {
  queue_server server({.hold = 200ms, .keep_exchanges = false});
  server.add_jobs(10'000, json{{"n", 1}});
  running_worker_options options;
  options.concurrency = 100;
  running_worker worker(server, options);
  REQUIRE(server.wait_for_results(10'000, 60s));
  CHECK(worker.stop().jobs == 10'000);
  const queue_log seen = server.log();
  CHECK(seen.results == 10'000);
  CHECK(seen.duplicates == 0);
  CHECK(worker.runs.jobs() == 10'000);
}

TEST_CASE("a take that the server never answers is given up at the poll timeout and sent again") {
  queue_server server(short_polls);
  server.script(endpoint::take, {unanswered()});
  server.add_jobs(1, json(1));
  running_worker_options options;
  options.queue.poll_timeout = 100ms;
  running_worker worker(server, options);
  CHECK(server.wait_for_results(1));
  CHECK(worker.log.count("Taking jobs fails") == 1);
}

TEST_CASE("an idle worker that is stopped ends its poll at once") {
  queue_server server({.hold = answer::never});
  running_worker_options options;
  options.client.linger = 1h;
  running_worker worker(server, options);
  REQUIRE(server.wait_for([](const queue_log& log) { return log.waiting_polls == 1; }));
  CHECK(worker.stop().jobs == 0);
  CHECK(server.log().aborted_polls == 1);
}

TEST_CASE("a job that is handed over while the poll is being ended is run and gets its result") {
  for (const int concurrency : {1, 4}) {
    queue_server server({.hold = answer::never});
    server.always(concurrency == 1 ? endpoint::take : endpoint::take_batch, {.when_client_leaves = true});
    server.add_jobs(1, json(1));
    running_worker_options options;
    options.concurrency = concurrency;
    options.client.linger = 1h;
    running_worker worker(server, options);
    REQUIRE(server.wait_for([](const queue_log& log) { return log.waiting_polls == 1; }));
    CHECK(worker.stop().jobs == 1);
    CHECK(server.log().jobs_that(hand_out_result::lost_by_client).empty());
    CHECK(server.log().result("job-0") == json{{"output", 1}});
  }
}

TEST_CASE("an answer that has begun when the worker is stopped is received, and its jobs run") {
  queue_server server(short_polls);
  server.script(endpoint::take, {paused_at(point::in_body)});
  server.add_jobs(1, json(1));
  running_worker_options options;
  options.client.linger = 0ms;
  running_worker worker(server, options);
  REQUIRE(server.wait_for([](const queue_log& log) { return log.paused == 1; }));
  worker.ask_to_stop();
  server.release();
  CHECK(worker.stop().jobs == 1);
  CHECK(server.log().jobs_without_result().empty());
}

TEST_CASE("a body that takes longer than the poll timeout is received to its end") {
  queue_server server(short_polls);
  server.script(endpoint::take, {byte_by_byte(10ms)});
  server.add_job("a", json("a text that is long enough to take its time"));
  running_worker_options options;
  options.queue.poll_timeout = 300ms;
  running_worker worker(server, options);
  CHECK(server.wait_for([](const queue_log& log) {
    return log.jobs_with_result == 1 || !log.jobs_that(hand_out_result::lost_by_client).empty();
  }));
  CHECK(server.log().jobs_that(hand_out_result::lost_by_client).empty());
}

TEST_CASE("results that no server accepted wait in the spool, and are posted at the next start") {
  const temporary_folder folder;
  queue_server server(short_polls);
  server.add_jobs(3, json(1));
  running_worker_options options;
  options.concurrency = 3;
  options.queue.spool_folder = folder.name();
  options.queue.delivery_deadline = 100ms;
  {
    server.always(endpoint::done, status(500));
    running_worker worker(server, options);
    REQUIRE(server.wait_for([](const queue_log& log) { return log.requests(endpoint::done) >= 9; }));
    CHECK(worker.stop().undelivered == 3);
  }
  CHECK(folder.files() == 3);
  server.behave();
  running_worker worker(server, options);
  REQUIRE(server.wait_for_results(3));
  worker.stop();
  CHECK(folder.files() == 0);
  CHECK(server.log().duplicates == 0);
}

TEST_CASE("a linger ends when its time is over, also if the server does not answer") {
  queue_server server({.hold = answer::never});
  server.always(endpoint::take, {.delay = answer::never});
  running_worker_options options;
  options.client.linger = 20ms;
  running_worker worker(server, options);
  REQUIRE(server.wait_for([](const queue_log& log) { return log.takes() == 1; }));
  CHECK(worker.stop().jobs == 0);
}

}  // namespace coworker::testing
