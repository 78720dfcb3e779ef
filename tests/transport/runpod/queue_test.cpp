// The protocol's decisions, on a simulated network in virtual time: what is requested when, what is tried
// again, and that nothing is lost. What libcurl and real sockets add is in queue_curl_test.cpp.

#include <doctest/doctest.h>
#include <algorithm>
#include <chrono>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/transport/runpod/queue.hpp>
#include <coworker/worker.hpp>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <support/captured_log.hpp>
#include <support/scripted_client.hpp>
#include <support/temporary_folder.hpp>
#include <utility>
#include <vector>

namespace coworker::testing {
namespace {

using namespace std::chrono_literals;

/// Sleeps for as long as the job's id says after its dash, in seconds: "a-5"; without one it ends at once.
task<json> sleep_by_id(job<> work) {
  const std::size_t dash = work.id.find('-');
  if (dash != std::string::npos)
    co_await sleep_for(std::chrono::seconds(std::stoi(work.id.substr(dash + 1))));
  co_return json("done " + work.id);
}

/// Only records what the queue's attendant receives.
struct control_keeper {
  std::optional<worker_control>* kept = nullptr;

  task<void> run(const queue_urls&, attendant_settings, worker_control control, logger&) {
    *kept = control;
    event never;
    co_await never.wait();
  }
};

/// An attendant that fails.
struct failing_attendant {
  task<void> run(const queue_urls&, attendant_settings, worker_control, logger&) {
    co_await sleep_for(1s);
    throw std::runtime_error("no thread for heartbeats");
  }
};

/// A worker on a queue over a scripted client.
struct queue_world {
  simulated_loop loop;
  captured_log log{log_level::info};
  scripted_client client;
  runpod_options options;
  worker_options settings;
  std::vector<std::pair<duration, std::string>> stops;  ///< of single jobs, sorted by time

  queue_world() {
    options.urls = {"http://h/job-take/$ID?gpu=A", "http://h/job-done/$RUNPOD_POD_ID/$ID?gpu=A",
                    "http://h/job-stream/$RUNPOD_POD_ID/$ID", ""};
    options.identity.worker_id = "w";
    options.api_key = "key";
    settings.log = &log.log;
  }

  /// Lets the worker serve, and asks it to stop at that time.
  template <class Handler>
  worker_summary serve(Handler handler, int concurrency, duration stop_at) {
    runpod_queue<scripted_client> queue(client, options, log.log);
    worker w(handler, fixed_concurrency{concurrency}, settings);
    return sync_wait(loop, serving(w, queue, stop_at));
  }

  worker_summary serve(int concurrency, duration stop_at) { return serve(sleep_by_id, concurrency, stop_at); }

  std::vector<sent_request> takes() const { return client.sent_to("/job-take"); }
  std::vector<sent_request> posts_of(const std::string& id) const {
    return client.sent_to("/job-done/w/" + id + "?");
  }

 private:
  template <class Worker>
  static task<void> stop_later(Worker& w, duration at) {
    co_await sleep_until(time_point(at));
    w.stop();
  }

  template <class Worker>
  static task<void> stop_jobs(Worker& w, const std::vector<std::pair<duration, std::string>>& stops) {
    for (const auto& [at, id] : stops) {
      co_await sleep_until(time_point(at));
      w.stop_job(id);
    }
  }

  template <class Worker, class Queue>
  task<worker_summary> serving(Worker& w, Queue& queue, duration stop_at) {
    scope beside(co_await this_coro::context());
    beside.spawn(stop_later(w, stop_at));
    beside.spawn(stop_jobs(w, stops));
    const worker_summary done = co_await w.serve(queue);
    beside.request_stop();
    co_await beside.join();
    co_return done;
  }
};

scripted_answer brings(const std::vector<std::string>& ids, duration wait = {}) {
  return answers(200, jobs_body(ids), wait);
}

}  // namespace

// --- taking --------------------------------------------------------------------------------------------

TEST_CASE(
    "a worker with one slot takes one job at a time, and sends the next take when the result is accepted") {
  queue_world world;
  world.client.script("/job-take/", {answers(200, R"({"id":"a-5","input":1})", 2s), brings({"b"})});
  world.client.script("/job-done/", {answers(200, "", 3s)});
  const worker_summary done = world.serve(1, 60s);
  CHECK(done.jobs == 2);
  const std::vector<sent_request> takes = world.takes();
  REQUIRE(takes.size() == 3);
  CHECK(takes[0].url == "http://h/job-take/w?gpu=A&job_in_progress=0");
  CHECK(takes[0].timeout == 105s);
  CHECK(takes[0].has_header("Authorization: key"));
  CHECK(takes[1].at == 10s);
  CHECK(takes[2].cancelled);
  const std::vector<sent_request> posts = world.posts_of("a-5");
  REQUIRE(posts.size() == 1);
  CHECK(posts[0].at == 7s);
  CHECK(posts[0].url == "http://h/job-done/w/a-5?gpu=A&isStream=false");
  CHECK(posts[0].body == R"({"output":"done a-5"})");
  CHECK(posts[0].has_header("Authorization: key"));
  CHECK(posts[0].has_header("Content-Type: application/x-www-form-urlencoded"));
  CHECK(posts[0].has_header("charset: utf-8"));
  CHECK(posts[0].has_header("X-Request-ID: a-5"));
}

TEST_CASE("a take asks for as many jobs as there are free slots, and says whether any is in progress") {
  queue_world world;
  world.client.script("/job-take", {brings({"a-100", "b-100"})});
  world.serve(5, 10s);
  const std::vector<sent_request> takes = world.takes();
  REQUIRE(takes.size() == 2);
  CHECK(takes[0].url == "http://h/job-take-batch/w?gpu=A&batch_size=5&job_in_progress=0");
  CHECK(takes[1].url == "http://h/job-take-batch/w?gpu=A&batch_size=3&job_in_progress=1");
  CHECK(takes[1].at == 0s);
}

TEST_CASE("a long poll that ends with nothing is sent again at once") {
  queue_world world;
  world.serve(1, 300s);
  const std::vector<sent_request> takes = world.takes();
  REQUIRE(takes.size() == 4);
  CHECK(takes[3].at == 270s);
  CHECK(world.log.count("fails") == 0);
}

TEST_CASE("a server that says at once that there is nothing is polled with pauses, and nothing is logged") {
  for (const int status : {204, 400}) {
    CAPTURE(status);
    queue_world world;
    world.client.always("/job-take", answers(status));
    world.serve(1, 1h);
    CHECK(world.client.most_in_a_second("/job-take") <= 12);
    CHECK(world.takes().size() < 3600);
    CHECK(world.takes().size() > 1700);
    CHECK(world.log.count("fails") == 0);
  }
}

TEST_CASE("a job after an idle time is taken within the longest pause, and the next ones without a pause") {
  queue_world world;
  world.client.decide = [n = 0](const sent_request& request) mutable -> std::optional<scripted_answer> {
    if (request.url.find("/job-take") == std::string::npos) return std::nullopt;
    if (request.at < 100s || n == 50) return answers(204);
    return brings({"job" + std::to_string(n++)});
  };
  world.serve(1, 110s);
  std::vector<sent_request> results = world.client.sent_to("/job-done/");
  REQUIRE(results.size() == 50);
  CHECK(results.front().at <= 102s);
  CHECK(results.back().at == results.front().at);
}

TEST_CASE("a take that fails is tried again at growing intervals, for hours, with one line for each change") {
  const std::vector<scripted_answer> faults = {answers(500),
                                               answers(502),
                                               answers(401),
                                               answers(302),
                                               answers(200, "<html>"),
                                               answers(200, "<html>"),
                                               fails(http_failure::unreachable, "refused"),
                                               fails(http_failure::broken),
                                               fails(http_failure::untrusted, "certificate")};
  for (const scripted_answer& fault : faults) {
    CAPTURE(fault.answer.status);
    queue_world world;
    world.client.decide = [&fault](const sent_request& request) -> std::optional<scripted_answer> {
      if (request.url.find("/job-take") == std::string::npos || request.at > 2h) return std::nullopt;
      return fault;
    };
    world.serve(10, 3h);
    CHECK(world.client.most_in_a_second("/job-take") <= 6);
    CHECK(world.takes().size() < 600);
    CHECK(world.log.count("Taking jobs fails") == 1);
    CHECK(world.log.count("Taking jobs works again") == 1);
    CHECK(world.log.lines().size() == 2);
  }
}

TEST_CASE("after a failure the first success makes the intervals short again") {
  queue_world world;
  world.client.script("/job-take/", {answers(500), answers(500), answers(500), answers(500), answers(500),
                                     answers(204, "", 2s), answers(500)});
  world.serve(1, 60s);
  const std::vector<sent_request> takes = world.takes();
  REQUIRE(takes.size() >= 8);
  CHECK(takes[5].at - takes[4].at >= 1600ms);
  CHECK(takes[6].at - takes[5].at == 2s);
  CHECK(takes[7].at - takes[6].at <= 200ms);
}

TEST_CASE("if a proxy gives up polls before the server answers, the next poll follows at once") {
  queue_world world;
  world.client.always("/job-take", answers(504, "", 60s));
  world.serve(1, 1h);
  CHECK(world.takes().size() >= 59);
  CHECK(world.log.count("HTTP 504") == 1);
}

TEST_CASE("too many requests: takes wait as long as the server says, or else five seconds") {
  queue_world world;
  world.client.script("/job-take",
                      {answers_retry_after(429, 17s), answers(429), answers_retry_after(503, 3s)});
  world.serve(1, 60s);
  const std::vector<sent_request> takes = world.takes();
  REQUIRE(takes.size() == 4);
  CHECK(takes[1].at == 17s);
  CHECK(takes[2].at == 22s);
  CHECK(takes[3].at == 25s);
}

TEST_CASE("a delay of takes holds for all of them, also for those that already wait") {
  queue_world world;
  scripted_answer later = answers_retry_after(429, 50s);
  later.wait = 4s;
  world.client.script("/job-take-batch/", {brings({"a-3", "b-1000"})});
  world.client.script("/job-take/", {later, answers(429)});
  world.serve(3, 100s);
  std::vector<duration> moments;
  for (const sent_request& take : world.takes()) moments.push_back(take.at);
  CHECK(moments == std::vector<duration>{0s, 0s, 3s, 54s, 54s});
}

TEST_CASE("a stop ends a pause at once") {
  queue_world world;
  world.client.always("/job-take", answers_retry_after(429, 1h));
  CHECK(world.serve(1, 10s).elapsed == 10s);
}

TEST_CASE("a stop ends an idle poll at once, but not one that is being answered, whose jobs still run") {
  queue_world idle;
  CHECK(idle.serve(4, 10s).elapsed == 10s);
  CHECK(idle.takes().at(0).cancelled);

  queue_world answered;
  scripted_answer slow = brings({"a-3"}, 9s);
  slow.arrival = 5s;
  answered.client.script("/job-take", {slow});
  const worker_summary done = answered.serve(4, 10s);
  CHECK(done.jobs == 1);
  CHECK(done.elapsed == 16s);
  CHECK(answered.posts_of("a-3").size() == 1);
  CHECK(answered.takes().size() == 1);
}

TEST_CASE("the bad items of a batch get a result, or are skipped, without the others") {
  queue_world world;
  world.client.script("/job-take",
                      {answers(200, R"([{"id":"a","input":1},{"id":"no-input"},{"input":1},7,null,
                                                    {"id":"b","input":null},{"id":"a","input":2}])")});
  const worker_summary done = world.serve(10, 5s);
  CHECK(done.jobs == 3);
  CHECK(world.posts_of("a").size() == 1);
  CHECK(world.posts_of("b").size() == 1);
  REQUIRE(world.posts_of("no-input").size() == 1);
  CHECK(json::parse(*world.posts_of("no-input")[0].body).at("error").get<std::string>().find("input") !=
        std::string::npos);
  CHECK(world.log.count("without an id") == 2);
  CHECK(world.log.count("already in progress here") == 1);
}

TEST_CASE("a batch that is answered with one object brings that job") {
  queue_world world;
  world.client.script("/job-take-batch/", {answers(200, R"({"id":"a","input":1})")});
  CHECK(world.serve(10, 5s).jobs == 1);
  CHECK(world.posts_of("a").size() == 1);
}

TEST_CASE("the jobs in a response that breaks off are named at ERROR, as they are not run here") {
  for (const char* const body : {R"([{"id":"a","input":1},{"input":{"n":2},"id":"b"},{"id":"c","inp)",
                                 R"({"id":"a","input":{"n)", R"({"error":"no jobs"})", R"(<p id="a">)"}) {
    CAPTURE(body);
    queue_world world;
    scripted_answer broken = fails(http_failure::broken, "transfer closed");
    broken.answer.body = body;
    world.client.script("/job-take", {broken});
    CHECK(world.serve(2, 60s).jobs == 0);
    const std::string all = body;
    for (const char* const id : {"a", "b", "c"}) {
      const bool stands_in_it = all.find("\"id\":\"" + std::string(id)) != std::string::npos;
      CHECK(world.log.count(std::string("ERROR  | ") + id + " | ") == (stands_in_it ? 1 : 0));
    }
    CHECK(world.log.count("Taking jobs fails (transfer closed)") == 1);
  }
}

TEST_CASE("more jobs than were asked for all run, as slots open") {
  queue_world world;
  world.client.script("/job-take", {brings({"a-1", "b-1", "c-1", "d-1"})});
  const worker_summary done = world.serve(2, 10s);
  CHECK(done.jobs == 4);
  CHECK(done.highest_in_progress == 2);
  CHECK(world.client.sent_to("/job-done/").size() == 4);
}

TEST_CASE(
    "a job that is handed over again while it is in progress runs once, and may come again afterwards") {
  queue_world world;
  world.client.script("/job-take", {brings({"a-10"}), brings({"a-10"}, 5s), brings({"a-10"}, 30s)});
  CHECK(world.serve(3, 60s).jobs == 2);
  CHECK(world.posts_of("a-10").size() == 2);
  CHECK(world.log.count("already in progress here") == 1);
}

// --- posting -------------------------------------------------------------------------------------------

TEST_CASE(
    "a result is posted until it is accepted, each time with its own id, and keeps its slot until then") {
  for (const scripted_answer& fault :
       {answers(408), answers(425), answers(429), answers(500), answers(502), answers(503), answers(504),
        fails(http_failure::unreachable), fails(http_failure::timed_out), fails(http_failure::broken),
        fails(http_failure::untrusted)}) {
    CAPTURE(fault.answer.status);
    queue_world world;
    world.client.script("/job-take", {brings({"a"}), brings({"b"})});
    world.client.script("/job-done/w/a", {fault, fault, fault, fault, fault});
    const worker_summary done = world.serve(1, 60s);
    CHECK(done.undelivered == 0);
    const std::vector<sent_request> posts = world.posts_of("a");
    REQUIRE(posts.size() == 6);
    for (const sent_request& post : posts) {
      CHECK(post.has_header("X-Request-ID: a"));
      CHECK(post.body == R"({"output":"done a"})");
    }
    REQUIRE(world.takes().size() == 3);
    CHECK(world.takes()[1].at == posts[5].at);
    CHECK(world.log.count("Posting results fails") == 1);
    CHECK(world.log.count("Posting results works again") == 1);
  }
}

TEST_CASE("while the server is down a result is posted at growing intervals, and given up at the deadline") {
  queue_world world;
  world.client.script("/job-take", {brings({"a"})});
  world.client.always("/job-done/", fails(http_failure::unreachable, "refused"));
  const worker_summary done = world.serve(1, 20min);
  CHECK(done.undelivered == 1);
  const std::vector<sent_request> posts = world.posts_of("a");
  CHECK(posts.size() < 60);
  CHECK(world.client.most_in_a_second("/job-done/") <= 6);
  CHECK(posts.back().at == 10min);
  CHECK(world.log.count("Posting results fails") == 1);
  CHECK(world.log.count("could not be posted in the time allowed") == 1);
  CHECK(world.log.count("A spool folder would have kept it") == 1);
}

TEST_CASE("a delivery deadline may be as far away as a duration reaches") {
  queue_world world;
  world.options.delivery_deadline = duration::max();
  world.client.script("/job-take", {brings({"a-5"})});
  world.client.script("/job-done/", {answers(500), answers(500), answers(200)});
  CHECK(world.serve(1, 1min).undelivered == 0);
  CHECK(world.posts_of("a-5").size() == 3);
}

TEST_CASE("a result waits as long as the server asks, up to a minute") {
  queue_world world;
  world.client.script("/job-take", {brings({"a"}), brings({"b"})});
  world.client.script("/job-done/w/a", {answers_retry_after(429, 40s)});
  world.client.script("/job-done/w/b", {answers_retry_after(503, 24h)});
  const worker_summary done = world.serve(1, 20min);
  CHECK(done.undelivered == 0);
  CHECK(world.posts_of("a").at(1).at == 40s);
  CHECK(world.posts_of("b").at(1).at == 40s + 60s);
}

TEST_CASE(
    "a result that is finally refused is replaced by one that says why, which is retried like any other") {
  for (const int status : {400, 413, 422}) {
    CAPTURE(status);
    queue_world world;
    world.client.script("/job-take", {brings({"a"})});
    world.client.script("/job-done/", {answers(status), answers(500), answers(200)});
    const worker_summary done = world.serve(1, 60s);
    CHECK(done.undelivered == 1);
    const std::vector<sent_request> posts = world.posts_of("a");
    REQUIRE(posts.size() == 3);
    CHECK(posts[1].body == refusal_body("HTTP " + std::to_string(status)));
    CHECK(posts[2].body == posts[1].body);
    CHECK(posts[2].has_header("X-Request-ID: a"));
    CHECK(world.log.count("finally refuses the result of this job (HTTP " + std::to_string(status) + ")") ==
          1);
  }
}

TEST_CASE(
    "a result of a job that the queue no longer knows is tried once more, and no other is posted instead") {
  for (const int status : {404, 409, 410}) {
    CAPTURE(status);
    queue_world world;
    world.client.script("/job-take", {brings({"a"})});
    world.client.script("/job-done/", {answers(status), answers(status)});
    CHECK(world.serve(1, 60s).undelivered == 0);
    const std::vector<sent_request> posts = world.posts_of("a");
    REQUIRE(posts.size() == 2);
    CHECK(posts[1].body == posts[0].body);
    CHECK(world.log.count("WARN") == 2);
    CHECK(world.log.count("no longer knows this job (HTTP " + std::to_string(status) + ")") == 1);
    CHECK(world.log.count("ERROR") == 0);
  }
}

TEST_CASE("while the server denies posts, results are tried again and no more jobs are taken") {
  for (const int status : {301, 401, 403, 405}) {
    CAPTURE(status);
    queue_world world;
    world.client.script("/job-take", {brings({"a"}), brings({"b"})});
    world.client.script("/job-done/w/a",
                        {answers(status), answers(status), answers(status), answers(status), answers(200)});
    CHECK(world.serve(2, 60s).undelivered == 0);
    const std::vector<sent_request> posts = world.posts_of("a");
    REQUIRE(posts.size() == 5);
    CHECK(posts[4].body == posts[0].body);
    CHECK(world.posts_of("b").size() == 1);
    // One take is already in flight; the next follows once the result is accepted.
    for (const sent_request& take : world.takes()) CHECK((take.at <= posts[0].at || take.at >= posts[4].at));
    CHECK(world.log.count("Posting results fails (HTTP " + std::to_string(status) + ")") == 1);
  }
}

TEST_CASE(
    "a result that the queue may have accepted is not replaced by a failure that says that it was refused") {
  const std::vector<std::pair<scripted_answer, bool>> first_tries{
      {fails(http_failure::timed_out), true},
      {fails(http_failure::broken), true},
      {answers(500), true},
      {answers(504), true},
      {fails(http_failure::unreachable), false},
      {answers(429), false},
      {answers(503), false},
  };
  for (const auto& [first, perhaps_accepted] : first_tries) {
    CAPTURE(first.answer.status);
    queue_world world;
    world.client.script("/job-take", {brings({"a"})});
    world.client.script("/job-done/", {first, answers(400)});
    CHECK(world.serve(1, 60s).undelivered == 1);
    const std::vector<sent_request> posts = world.posts_of("a");
    CHECK(posts.size() == (perhaps_accepted ? 2 : 3));
    CHECK(posts.at(1).body == posts.at(0).body);
    CHECK(world.log.count("a try that it may have accepted") == (perhaps_accepted ? 1 : 0));
  }
}

TEST_CASE("a result whose answer begins and does not end is posted again") {
  queue_world world;
  scripted_answer endless = answers(200);
  endless.arrival = 24h;
  world.client.script("/job-take", {brings({"a"})});
  world.client.script("/job-done/", {endless, answers(200)});
  CHECK(world.serve(1, 5min).undelivered == 0);
  CHECK(world.posts_of("a").size() == 2);
}

TEST_CASE("if the replacement of a refused result is refused too, an error is logged and the slot is free") {
  queue_world world;
  world.client.script("/job-take", {brings({"a"}), brings({"b"})});
  world.client.script("/job-done/w/a", {answers(400), answers(400)});
  CHECK(world.serve(1, 60s).jobs == 2);
  CHECK(world.posts_of("a").size() == 2);
  CHECK(world.posts_of("b").size() == 1);
  CHECK(world.log.count("this result is lost to it") == 1);
}

TEST_CASE("chunks are posted in order, retried, and before the final result") {
  queue_world world;
  const auto stream = [](job<>) -> async_generator<int> {
    for (int i = 0; i < 3; ++i) co_yield i;
  };
  world.client.script("/job-take", {brings({"a/b"})});
  world.client.script("/job-stream/", {answers(200), answers(500), answers(429)});
  world.serve(stream, 1, 60s);
  const std::vector<sent_request> all = world.client.sent_to("a%2Fb");
  REQUIRE(all.size() == 6);
  CHECK(all[0].url == "http://h/job-stream/w/a%2Fb?isStream=false");
  const char* const bodies[] = {R"({"output":0})", R"({"output":1})", R"({"output":1})",
                                R"({"output":1})", R"({"output":2})", R"({"output":[]})"};
  for (std::size_t i = 0; i < all.size(); ++i) CHECK(all[i].body == bodies[i]);
  CHECK(all[5].url == "http://h/job-done/w/a%2Fb?gpu=A&isStream=true");
}

TEST_CASE("a server without a stream URL gets all elements in the outcome") {
  queue_world world;
  world.options.urls.stream.clear();
  const auto stream = [](job<>) -> async_generator<int> {
    co_yield 1;
    co_yield 2;
  };
  world.client.script("/job-take", {brings({"a"})});
  world.serve(stream, 1, 60s);
  REQUIRE(world.posts_of("a").size() == 1);
  CHECK(world.posts_of("a")[0].body == R"({"output":[1,2]})");
  CHECK(world.posts_of("a")[0].url.ends_with("isStream=false"));
}

TEST_CASE("a chunk that the server refuses ends the stream, and the job fails") {
  queue_world world;
  const auto stream = [](job<>) -> async_generator<int> {
    for (int i = 0; i < 3; ++i) co_yield i;
  };
  world.client.script("/job-take", {brings({"a"})});
  world.client.script("/job-stream/", {answers(200), answers(413)});
  world.serve(stream, 1, 60s);
  CHECK(world.client.sent_to("/job-stream/").size() == 2);
  REQUIRE(world.posts_of("a").size() == 1);
  CHECK(world.posts_of("a")[0].body->find("chunk 2 of the stream could not be handed") != std::string::npos);
  CHECK(world.log.count("A chunk of the output could not be delivered (HTTP 413)") == 1);
}

TEST_CASE("a stop ends the attempts for a chunk, but not one in flight, and the outcome follows it") {
  queue_world world;
  const auto stream = [](job<>) -> async_generator<int> {
    for (int i = 0; i < 3; ++i) co_yield i;
    co_await sleep_for(1h);
  };
  world.stops = {{5s, "a"}, {15s, "b"}};
  world.client.script("/job-take", {brings({"a"}), brings({"b"})});
  world.client.script("/job-stream/w/a", {answers(200, "", 10s)});
  world.client.always("/job-stream/w/b", answers(500));
  CHECK(world.serve(stream, 1, 60s).stopped == 2);
  const std::vector<sent_request> slow = world.client.sent_to("/job-stream/w/a");
  REQUIRE(slow.size() == 2);  // what the handler had yielded before the stop
  CHECK_FALSE(slow[0].cancelled);
  CHECK(world.posts_of("a").at(0).at == 10s);
  CHECK(world.client.sent_to("/job-stream/w/b").size() > 1);
  CHECK(world.posts_of("b").at(0).at == 15s);
}

TEST_CASE("progress is posted to the URL of results, one at a time, and the outcome waits for it") {
  queue_world world;
  const auto reports = [](job<> work) -> task<int> {
    for (int percent = 0; percent < 100; percent += 10) {
      work.progress(json{{"percent", percent}});
      co_await sleep_for(1s);
    }
    co_return 1;
  };
  world.client.script("/job-take", {brings({"a"})});
  world.client.script("/job-done/w/a", {answers(200, "", 4500ms), answers(200, "", 3s), answers(200, "", 4s),
                                        answers(200, "", 1s)});
  world.serve(reports, 1, 60s);
  const std::vector<sent_request> posts = world.posts_of("a");
  REQUIRE(posts.size() == 5);
  CHECK(posts[0].body == R"({"status":"IN_PROGRESS","output":{"percent":0}})");
  CHECK(posts[1].body == R"({"status":"IN_PROGRESS","output":{"percent":40}})");
  CHECK(posts[2].body == R"({"status":"IN_PROGRESS","output":{"percent":70}})");
  CHECK(posts[3].body == R"({"status":"IN_PROGRESS","output":{"percent":90}})");
  CHECK(posts[4].body == R"({"output":1})");
  CHECK(posts[4].at == 12500ms);
  for (const sent_request& post : posts) {
    CHECK(post.url.ends_with("isStream=false"));
    CHECK(post.has_header("X-Request-ID: a"));
  }
}

TEST_CASE("progress that the server refuses, or accepts too late, takes no longer than its timeout") {
  queue_world world;
  const auto reports = [](job<> work) -> task<int> {
    work.progress("half");
    co_await sleep_for(1s);
    co_return 1;
  };
  world.client.script("/job-take", {brings({"slow"}), brings({"gone"}), brings({"busy"})});
  world.client.script("/job-done/w/slow", {answers(200, "", 1h)});
  world.client.script("/job-done/w/gone", {answers(404)});
  world.client.script("/job-done/w/busy", {answers(500)});
  world.serve(reports, 1, 60s);
  CHECK(world.posts_of("slow").at(1).at == 10s);
  CHECK(world.posts_of("gone").at(1).at == 11s);
  CHECK(world.posts_of("busy").at(1).at == 12s);
  CHECK(world.log.count("The queue refuses this progress (HTTP 404).") == 1);
  for (const char* const id : {"slow", "gone", "busy"})
    CHECK(world.posts_of(id).back().body == R"({"output":1})");
}

// --- options of the worker, as the queue sees them -----------------------------------------------------

TEST_CASE("with overlapping delivery the next take is sent when the handler has ended") {
  queue_world world;
  world.settings.overlap_delivery = true;
  world.client.script("/job-take", {brings({"a-5"}), brings({"b"})});
  world.client.script("/job-done/", {answers(200, "", 20s)});
  world.serve(1, 60s);
  REQUIRE(world.takes().size() == 3);
  CHECK(world.takes()[1].at == 5s);
  CHECK(world.posts_of("b").at(0).at == 5s);
}

TEST_CASE("with prefetch a job is there the moment the slot is free") {
  queue_world world;
  world.settings.prefetch = true;
  world.client.script("/job-take", {brings({"a-10"}), brings({"b-10"}, 3s), brings({"c"}, 2s)});
  world.serve(1, 60s);
  CHECK(world.posts_of("a-10").at(0).at == 10s);
  CHECK(world.posts_of("b-10").at(0).at == 20s);
  CHECK(world.posts_of("c").at(0).at == 20s);
}

TEST_CASE("jobs are listed as in progress from the take to the accepted result, also those that wait") {
  queue_world world;
  world.settings.prefetch = true;
  std::optional<worker_control> control;
  runpod_queue<scripted_client, spool, control_keeper> queue(world.client, world.options, world.log.log,
                                                             control_keeper{&control});
  std::vector<std::pair<duration, std::string>> seen;
  world.client.script("/job-take", {brings({"a-2", "b-2"})});
  world.client.script("/job-done/", {answers(500), answers(200)});
  world.client.decide = [&](const sent_request& request) -> std::optional<scripted_answer> {
    std::string ids;
    if (control) {
      for (const std::string& id : control->jobs_in_progress()) ids += (ids.empty() ? "" : ",") + id;
    }
    seen.emplace_back(request.at, std::move(ids));
    return std::nullopt;
  };
  worker w(sleep_by_id, fixed_concurrency{1}, world.settings);
  const auto stop = [&w](duration at) -> task<void> {
    co_await sleep_for(at);
    w.stop();
  };
  const auto both = [&]() -> task<void> {
    scope beside(co_await this_coro::context());
    beside.spawn(stop(30s));
    co_await w.serve(queue);
    co_await beside.join();
  };
  sync_wait(world.loop, both());
  REQUIRE(seen.size() >= 5);
  CHECK(seen[0].second.empty());
  CHECK(seen[1].first == 2s);
  for (const std::size_t i : {1U, 2U}) CHECK((seen[i].second == "a-2,b-2" || seen[i].second == "b-2,a-2"));
  CHECK(seen.back().second.empty());
}

TEST_CASE("a job that is named while it runs or waits is stopped alone, and gets its result at once") {
  queue_world world;
  world.settings.prefetch = true;
  world.stops = {{5s, "b-100"}, {6s, "a-100"}, {7s, "nowhere"}, {20s, "c-10"}, {50s, "a-100"}};
  world.client.script("/job-take", {brings({"a-100", "b-100", "c-10"})});
  const worker_summary done = world.serve(1, 60s);
  CHECK(done.jobs == 3);
  CHECK(done.stopped == 2);
  REQUIRE(world.posts_of("b-100").size() == 1);
  CHECK(world.posts_of("b-100")[0].at == 5s);
  CHECK(world.posts_of("b-100")[0].body->find("stopped before it was started") != std::string::npos);
  REQUIRE(world.posts_of("a-100").size() == 1);
  CHECK(world.posts_of("a-100")[0].at == 6s);
  CHECK(world.posts_of("a-100")[0].body->find("stopped") != std::string::npos);
  CHECK(world.posts_of("c-10").at(0).body == R"({"output":"done c-10"})");
}

TEST_CASE("heartbeats that cannot start end the worker; jobs that it has taken are still run and posted") {
  queue_world world;
  world.client.script("/job-take", {brings({"a-5", "b"})});
  runpod_queue<scripted_client, spool, failing_attendant> queue(world.client, world.options, world.log.log,
                                                                {});
  worker w(sleep_by_id, fixed_concurrency{2}, world.settings);
  const auto serving = [&]() -> task<worker_summary> { co_return co_await w.serve(queue); };
  CHECK_THROWS_WITH(sync_wait(world.loop, serving()), "no thread for heartbeats");
  CHECK(world.posts_of("b").at(0).body == R"({"output":"done b"})");
  CHECK(world.posts_of("a-5").at(0).body == R"({"output":"done a-5"})");
  CHECK(world.loop.elapsed() == 5s);
}

TEST_CASE("a job that is named during the drain is stopped before the grace period is over") {
  queue_world world;
  world.settings.grace_period = 30s;
  world.stops = {{10s, "a-100"}};
  world.client.script("/job-take", {brings({"a-100", "b-20"})});
  CHECK(world.serve(2, 5s).elapsed == 20s);
  CHECK(world.posts_of("a-100").at(0).at == 10s);
}

TEST_CASE("refresh_worker is reported to the queue, and then the worker drains by itself") {
  queue_world world;
  const auto refresh = [](job<> work) -> task<json> {
    co_await sleep_for(work.id == "a" ? 5s : 8s);
    json output = json::object();
    if (work.id == "a") output["refresh_worker"] = true;
    output["id"] = work.id;
    co_return output;
  };
  world.client.script("/job-take", {brings({"a", "b"})});
  const worker_summary done = world.serve(refresh, 3, 1h);
  CHECK(done.elapsed == 8s);
  CHECK(json::parse(*world.posts_of("a").at(0).body) == json{{"output", {{"id", "a"}}}, {"stopPod", true}});
  CHECK(json::parse(*world.posts_of("b").at(0).body) == json{{"output", {{"id", "b"}}}});
}

TEST_CASE("a drain lets jobs end within the grace period, stops the others, and posts every outcome") {
  queue_world world;
  world.settings.grace_period = 30s;
  world.client.script("/job-take", {brings({"a-20", "b-200"})});
  world.client.script("/job-done/", {answers(500), answers(500), answers(200)});
  const worker_summary done = world.serve(2, 5s);
  CHECK(done.jobs == 2);
  CHECK(done.stopped == 1);
  CHECK(done.undelivered == 0);
  CHECK(world.posts_of("a-20").at(0).at == 20s);
  CHECK(world.posts_of("b-200").at(0).at == 35s);
  CHECK(json::parse(*world.posts_of("b-200").at(0).body).contains("error"));
}

TEST_CASE("a drain waits for results that are being retried") {
  queue_world world;
  world.client.script("/job-take", {brings({"a"})});
  world.client.script("/job-done/", {answers_retry_after(503, 50s)});
  const worker_summary done = world.serve(1, 5s);
  CHECK(done.elapsed == 35s);
  CHECK(world.posts_of("a").size() == 2);
}

TEST_CASE("while the worker leaves, a progress or a chunk that hangs does not cost the result its attempt") {
  const auto reports = [](job<> work) -> task<int> {
    work.progress("half");
    co_await sleep_for(1s);
    co_return 1;
  };
  const auto streams = [](job<>) -> async_generator<int> { co_yield 1; };
  for (const bool with_chunks : {false, true}) {
    CAPTURE(with_chunks);
    queue_world world;
    world.settings.grace_period = 5s;
    world.options.leave_within = 5s;
    world.client.script("/job-take", {brings({"a"})});
    world.client.always("/job-stream/", answers(200, "", 1h));
    world.client.decide = [](const sent_request& request) -> std::optional<scripted_answer> {
      if (!request.body || request.body->find("IN_PROGRESS") == std::string::npos) return std::nullopt;
      return answers(200, "", 1h);
    };
    const worker_summary done = with_chunks ? world.serve(streams, 1, 2s) : world.serve(reports, 1, 2s);
    CHECK(done.undelivered == 0);
    CHECK(done.elapsed < 8500ms);
    const std::vector<sent_request> posts = world.posts_of("a");
    REQUIRE(!posts.empty());
    CHECK(posts.back().body->find("IN_PROGRESS") == std::string::npos);
    CHECK_FALSE(posts.back().cancelled);
  }
}

// --- short of memory -----------------------------------------------------------------------------------

TEST_CASE("without memory for a list of jobs each job gets a result, complete ones from their handler") {
  queue_world world;
  scripted_answer cut_off = fails(http_failure::broken, "out of memory after 70 bytes");
  cut_off.answer.status = 200;
  cut_off.answer.out_of_memory = true;
  cut_off.answer.body = R"([{"id":"a","input":1},{"delayTime":7,"id":"b","input":{"prompt":"so lo)";
  world.client.script("/job-take", {cut_off});
  const worker_summary done = world.serve(2, 60s);
  CHECK(done.jobs == 2);
  CHECK(world.posts_of("a").at(0).body == R"({"output":"done a"})");
  CHECK(world.posts_of("b").at(0).body ==
        R"({"error":"out of memory: this job could not be received completely"})");
  CHECK(world.log.count("Taking jobs fails (out of memory after 70 bytes)") == 1);
}

// --- the spool -----------------------------------------------------------------------------------------

TEST_CASE(
    "a result that could not be posted waits in the spool for the next start, and is removed when accepted") {
  const temporary_folder folder;
  {
    queue_world world;
    world.options.spool_folder = folder.name();
    world.client.script("/job-take", {brings({"a/1"})});
    world.client.always("/job-done/", answers(500));
    CHECK(world.serve(1, 20min).undelivered == 1);
    CHECK(world.log.count("kept in the spool") == 1);
  }
  CHECK(folder.files() == 1);
  queue_world next;
  next.options.spool_folder = folder.name();
  next.client.script("/job-done/", {answers(503), answers(200)});
  next.serve(1, 60s);
  const std::vector<sent_request> posts = next.posts_of("a%2F1");
  REQUIRE(posts.size() == 2);
  CHECK(posts[1].body == R"({"output":"done a/1"})");
  CHECK(posts[1].has_header("X-Request-ID: a/1"));
  CHECK(folder.files() == 0);
}

TEST_CASE("if the spool cannot keep a result, the log does not recommend a spool") {
  queue_world world;
  world.options.spool_folder = "/proc";
  world.client.script("/job-take", {brings({"a"})});
  world.client.always("/job-done/", answers(500));
  CHECK(world.serve(1, 20min).undelivered == 1);
  CHECK(world.log.count("it is lost to the queue, because the spool could not keep it.") == 1);
}

TEST_CASE("a result is in the spool from its first failure to its acceptance, and never if nothing fails") {
  const temporary_folder folder;
  queue_world world;
  world.options.spool_folder = folder.name();
  world.client.script("/job-take", {brings({"a"}), brings({"b"})});
  world.client.script("/job-done/w/a", {answers(500), answers(200)});
  std::vector<std::size_t> files;
  world.client.decide = [&](const sent_request&) -> std::optional<scripted_answer> {
    files.push_back(folder.files(".result.json"));
    return std::nullopt;
  };
  world.serve(1, 60s);
  // take, post, post again, take, post, take
  CHECK(files == std::vector<std::size_t>{0, 0, 1, 0, 0, 0});
}

TEST_CASE("a result whose first attempt hangs is in the spool meanwhile") {
  const temporary_folder folder;
  queue_world world;
  world.options.spool_folder = folder.name();
  world.client.script("/job-take", {brings({"a"}), answers(204, "", 10s)});
  world.client.script("/job-done/", {answers(200, "", 30s)});
  std::vector<std::size_t> files;
  world.client.decide = [&](const sent_request&) -> std::optional<scripted_answer> {
    files.push_back(folder.files(".result.json"));
    return std::nullopt;
  };
  CHECK(world.serve(2, 60s).undelivered == 0);
  REQUIRE(files.size() >= 4);
  // take, another take and post, take after 10 s
  CHECK(std::vector<std::size_t>(files.begin(), files.begin() + 4) == std::vector<std::size_t>{0, 0, 0, 1});
  CHECK(folder.files() == 0);
}

TEST_CASE("a stop while the spool is being posted leaves in it what was not accepted") {
  const temporary_folder folder;
  folder.write("1.result.json", R"({"id":"a","streamed":false,"body":"{}"})");
  folder.write("2.result.json", R"({"id":"b","streamed":true,"body":"{}"})");
  queue_world world;
  world.options.spool_folder = folder.name();
  world.client.always("/job-done/", answers(500));
  CHECK(world.serve(1, 5s).elapsed == 5s);
  CHECK(folder.files() == 2);
}

TEST_CASE("a result in the spool that is finally refused becomes a failure, and is removed from the spool") {
  const temporary_folder folder;
  folder.write("1.result.json", R"({"id":"a","streamed":false,"body":"{}"})");
  queue_world world;
  world.options.spool_folder = folder.name();
  world.client.script("/job-done/", {answers(404), answers(200)});
  world.serve(1, 5s);
  CHECK(world.posts_of("a").size() == 2);
  CHECK(folder.files() == 0);
}

TEST_CASE("a result in the spool whose job the queue no longer knows is tried once more, and then removed") {
  for (const int status : {404, 409, 410}) {
    CAPTURE(status);
    const temporary_folder folder;
    folder.write("1.result.json", R"({"id":"a","streamed":false,"body":"{}"})");
    queue_world world;
    world.options.spool_folder = folder.name();
    world.client.always("/job-done/", answers(status));
    world.serve(1, 1h);
    CHECK(world.posts_of("a").size() == 2);
    CHECK(world.log.count("no longer knows this job (HTTP " + std::to_string(status) + ")") == 1);
    CHECK(folder.files() == 0);
  }
}

TEST_CASE(
    "a result in the spool that may have been accepted earlier is not replaced by a failure when it is "
    "refused") {
  const temporary_folder folder;
  folder.write("1.result.json", R"({"id":"a","streamed":false,"perhaps_accepted":true,"body":"{}"})");
  queue_world world;
  world.options.spool_folder = folder.name();
  world.client.script("/job-done/", {answers(400), answers(200)});
  world.serve(1, 5s);
  CHECK(world.posts_of("a").size() == 1);
  CHECK(world.log.count("a try that it may have accepted") == 1);
  CHECK(folder.files() == 0);
}

TEST_CASE(
    "the spool records whether the queue may have accepted a result, also if the process is killed in an "
    "attempt") {
  for (const auto& [fault, perhaps_accepted] :
       {std::pair(fails(http_failure::unreachable), false), std::pair(answers(500), true)}) {
    CAPTURE(perhaps_accepted);
    const temporary_folder folder;
    queue_world world;
    const auto says_so = [&] {
      const std::string file = folder.names(".result.json").at(0);
      return json::parse(folder.read(file)).at("perhaps_accepted").get<bool>();
    };
    world.options.spool_folder = folder.name();
    world.client.script("/job-take", {brings({"a"})});
    std::size_t tries = 0;
    world.client.decide = [&](const sent_request& request) -> std::optional<scripted_answer> {
      if (request.url.find("/job-done/") == std::string::npos) return std::nullopt;
      if (++tries == 2) CHECK(says_so());
      return fault;
    };
    CHECK(world.serve(1, 20min).undelivered == 1);
    CHECK(says_so() == perhaps_accepted);
  }
}

// --- many ----------------------------------------------------------------------------------------------

TEST_CASE("a faulty queue in two simulated hours loses no job and no result, in any order of events") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    queue_world world;
    world.options.seed = seed;
    random_source chance(seed);
    std::size_t handed_out = 0;
    std::size_t accepted = 0;
    world.client.decide = [&](const sent_request& request) -> std::optional<scripted_answer> {
      const duration wait = std::chrono::milliseconds(chance.below(3000U));
      const std::uint64_t luck = chance.below(10U);
      const bool take = request.url.find("/job-take") != std::string::npos;
      if (request.at < 1h && luck < 4) {
        if (luck == 0) return fails(http_failure::unreachable);
        if (luck == 1) return answers(502, "", wait);
        if (luck == 2) return answers_retry_after(429, wait);
        return fails(http_failure::broken, "reset", wait);
      }
      if (!take) {
        ++accepted;
        return answers(200, "", wait);
      }
      if (request.at > 1h || luck < 6) return answers(204, "", 30s);
      scripted_answer jobs =
          brings({"j" + std::to_string(handed_out) + "-" + std::to_string(chance.below(200U))}, wait);
      ++handed_out;
      return jobs;
    };
    const worker_summary done = world.serve(20, 2h);
    CHECK(handed_out > 300);
    CHECK(done.jobs == handed_out);
    CHECK(accepted == handed_out);
    CHECK(done.undelivered == 0);
  }
}

}  // namespace coworker::testing
