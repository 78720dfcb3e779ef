// The queue that other tests rely on: its answers, its scripted faults, and its records.

#include <doctest/doctest.h>
#include <chrono>
#include <coworker/json/json.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <support/queue_server.hpp>
#include <support/raw_client.hpp>
#include <vector>

namespace coworker::testing {
namespace {

using namespace std::chrono_literals;
using outcome_of_read = raw_answer::end;
using id_list = std::vector<std::string>;

const std::string take_path = "/v2/test/job-take/w?gpu=CPU&job_in_progress=0";
const std::string stop_path = "/v2/test/job-stop/w?gpu=CPU";

std::string batch_path(int size) {
  return "/v2/test/job-take-batch/w?gpu=CPU&batch_size=" + std::to_string(size) + "&job_in_progress=0";
}

std::string done_path(const std::string& id) {
  return "/v2/test/job-done/w/" + id + "?gpu=CPU&isStream=false";
}

/// Settings of a queue whose polls never wait, so that a take without jobs returns at once.
queue_settings impatient() { return {.hold = 0ms}; }

const queue_settings patient{.hold = answer::never};

const auto one_poll_waits = [](const queue_log& log) { return log.waiting_polls == 1; };
const auto one_is_paused = [](const queue_log& log) { return log.paused == 1; };
const auto none_is_open = [](const queue_log& log) { return log.open == 0; };

}  // namespace

TEST_CASE("a take returns the oldest job, or a 204 when the hold ends without one") {
  queue_server queue(impatient());
  queue.add_job("a", json{{"n", 1}});
  queue.add_job(json{{"id", "b"}, {"input", nullptr}, {"webhook", "w"}});
  raw_client client(queue.port());
  CHECK(json::parse(client.get(take_path).body) == json{{"id", "a"}, {"input", {{"n", 1}}}});
  CHECK(json::parse(client.get(take_path).body).at("webhook") == "w");
  CHECK(client.get(take_path).status() == 204);
  queue.set_hold(1ms);
  CHECK(client.get(take_path).status() == 204);
  const queue_log seen = queue.log();
  CHECK(seen.takes() == 4);
  CHECK(seen.connections == 1);
  CHECK(seen.exchanges[2].held == false);
  CHECK(seen.exchanges[3].held == true);
  CHECK(seen.exchanges[3].request.parameter("job_in_progress") == "0");
}

TEST_CASE("a waiting take gets a job the moment it is added, the longest waiting take first") {
  queue_server queue(patient);
  raw_client first(queue.port());
  first.send_get(take_path);
  REQUIRE(queue.wait_for(one_poll_waits));
  raw_client second(queue.port());
  second.send_get(take_path);
  REQUIRE(queue.wait_for([](const queue_log& log) { return log.waiting_polls == 2; }));
  queue.add_jobs(2, json{});
  CHECK(json::parse(first.read().body).at("id") == "job-0");
  CHECK(json::parse(second.read().body).at("id") == "job-1");
  CHECK(queue.log().waiting_polls == 0);
}

TEST_CASE("a batch take returns as many jobs as requested, or all there are") {
  queue_server queue(impatient());
  queue.add_jobs(5, json{{"n", 1}});
  raw_client client(queue.port());
  CHECK(json::parse(client.get(batch_path(3)).body).size() == 3);
  CHECK(json::parse(client.get(batch_path(3)).body).at(1).at("id") == "job-4");
  CHECK(client.get(batch_path(3)).status() == 204);
  CHECK(queue.log().exchanges[0].jobs == id_list{"job-0", "job-1", "job-2"});
  CHECK(queue.jobs_left() == 0);
}

TEST_CASE("the answer to a batch take may be one object, and contain something that is not a job") {
  queue_server queue(impatient());
  queue.script(endpoint::take_batch, {{.as_object = true}});
  queue.add_job("a", json{});
  queue.add_raw_job(R"({"input":{}})");
  queue.add_raw_job("7");
  queue.add_job("b", json{});
  raw_client client(queue.port());
  CHECK(json::parse(client.get(batch_path(9)).body).at("id") == "a");
  const json rest = json::parse(client.get(batch_path(9)).body);
  REQUIRE(rest.size() == 3);
  CHECK(!rest.at(0).contains("id"));
  CHECK(rest.at(1) == 7);
  CHECK(rest.at(2).at("id") == "b");
}

TEST_CASE("a result is recorded with its decoded id, its headers, and whether it is a duplicate") {
  queue_server queue(impatient());
  queue.add_job("a/b c", json{});
  raw_client client(queue.port());
  client.get(take_path);
  CHECK(client.post(done_path("a%2Fb%20c"), R"({"output":1})", "X-Request-ID: a/b c\r\n").status() == 200);
  CHECK(queue.wait_for_results(1));
  client.post(done_path("a%2Fb%20c"), R"({"output":2})");
  const queue_log seen = queue.log();
  CHECK(seen.result("a/b c") == json{{"output", 2}});
  CHECK(seen.results_of("a/b c").at(0).request.header("x-request-id") == "a/b c");
  CHECK(seen.job("a/b c").results == 2);
  CHECK(seen.jobs_with_result == 1);
  CHECK(seen.duplicates == 1);
}

TEST_CASE("progress and chunks are recorded apart from results, and the history of a job keeps their order") {
  queue_server queue(impatient());
  raw_client client(queue.port());
  client.post("/v2/test/job-stream/w/a?isStream=false", R"({"output":"chunk"})");
  client.post(done_path("a"), R"({"status":"IN_PROGRESS","output":1})");
  client.post(done_path("b"), R"({"status":"IN_PROGRESS","output":1})");
  client.post(done_path("a"), R"({"output":"not IN_PROGRESS"})");
  const std::vector<exchange> course = queue.log().course_of("a");
  REQUIRE(course.size() == 3);
  CHECK(course[0].where == endpoint::stream);
  CHECK(course[1].where == endpoint::progress);
  CHECK(course[2].where == endpoint::done);
  CHECK(queue.log().results == 1);
}

TEST_CASE("the stop channel names jobs to waiting requests, and is missing if it is switched off") {
  queue_server queue(patient);
  raw_client client(queue.port());
  client.send_get(stop_path);
  REQUIRE(queue.wait_for(one_poll_waits));
  queue.stop_job("a");
  CHECK(json::parse(client.read().body) == json{{"jobsToStop", json::array({"a"})}});
  queue.stop_job("b");
  queue.stop_job("c");
  CHECK(json::parse(client.get(stop_path).body).at("jobsToStop").size() == 2);
  queue.set_stop_channel(false);
  CHECK(client.get(stop_path).status() == 404);
}

TEST_CASE("pings are recorded with the jobs that they name, in either form") {
  queue_server queue;
  raw_client client(queue.port());
  client.get("/v2/test/ping/w?job_id=a%2Cb&runpod_version=1");
  client.get("/v2/test/ping/w?runpod_version=1");
  client.get("/v2/test/ping/w?job_id=c&job_id=d");
  CHECK(queue.log().pings() == std::vector<id_list>{{"a", "b"}, {}, {"c", "d"}});
}

TEST_CASE("scripted answers are used once each, and then the usual ones again") {
  queue_server queue(impatient());
  queue.script(endpoint::done, {status(500), retry_after(429, 2s)});
  raw_client client(queue.port());
  CHECK(client.post(done_path("a"), "{}").status() == 500);
  const raw_answer limited = client.post(done_path("a"), "{}");
  CHECK(limited.status() == 429);
  CHECK(limited.header("Retry-After") == "2");
  CHECK(queue.log().results == 0);
  CHECK(client.post(done_path("a"), "{}").status() == 200);
  CHECK(queue.log().job("a").tries == 3);
  CHECK(queue.log().job("a").results == 1);
}

TEST_CASE("an answer with a custom body hands out no job, but a result that gets it is accepted") {
  queue_server queue(impatient());
  queue.add_job("a", json{});
  queue.script(endpoint::take, {garbage(), body("")});
  queue.script(endpoint::done, {garbage()});
  raw_client client(queue.port());
  CHECK_THROWS_AS(json::parse(client.get(take_path).body), json::parse_error);
  CHECK(client.get(take_path).body.empty());
  CHECK(queue.jobs_left() == 1);
  CHECK(client.post(done_path("a"), "{}").status() == 200);
  CHECK(queue.log().job("a").results == 1);
}

TEST_CASE("script() has precedence over always(), and decide_by() over both, until behave() is called") {
  queue_server queue(impatient());
  queue.always(endpoint::take, nothing_at_once());
  queue.script(endpoint::take, {status(502)});
  queue.decide_by([](endpoint, const http_request& request) -> std::optional<answer> {
    if (request.parameter("job_in_progress") == "1") return status(503);
    return std::nullopt;
  });
  queue.add_job("a", json{});
  raw_client client(queue.port());
  CHECK(client.get("/v2/test/job-take/w?job_in_progress=1").status() == 503);
  CHECK(client.get(take_path).status() == 502);
  CHECK(client.get(take_path).status() == 204);
  CHECK(client.get(take_path).status() == 204);
  queue.behave();
  CHECK(client.get("/v2/test/job-take/w?job_in_progress=1").status() == 200);
}

TEST_CASE("a refused request may still take effect") {
  queue_server queue(impatient());
  queue.script(endpoint::done, {{.status = 500, .acts = true}});
  raw_client client(queue.port());
  CHECK(client.post(done_path("a"), "{}").status() == 500);
  CHECK(queue.log().job("a").results == 1);
}

TEST_CASE("a connection that is reset before the server acts loses nothing") {
  queue_server queue(impatient());
  queue.script(endpoint::take, {reset_at(point::before_acting), close_at(point::before_acting)});
  queue.add_job("a", json{});
  CHECK(raw_client(queue.port()).get(take_path).ended == outcome_of_read::reset);
  CHECK(raw_client(queue.port()).get(take_path).ended == outcome_of_read::closed);
  CHECK(queue.jobs_left() == 1);
  CHECK(queue.log().exchanges[0].end == ending::cut);
}

TEST_CASE("a job in an answer that the server cuts off is lost by the server") {
  queue_server queue(impatient());
  queue.script(endpoint::take, {reset_at(point::before_answer), reset_at(point::in_body), truncated()});
  queue.add_jobs(3, json{});
  CHECK(raw_client(queue.port()).get(take_path).ended == outcome_of_read::reset);
  CHECK(!raw_client(queue.port()).get(take_path).complete());
  const raw_answer part = raw_client(queue.port()).get(take_path);
  CHECK(part.ended == outcome_of_read::closed);
  CHECK(part.body == R"({"id":"job-2")");
  CHECK(part.header("Content-Length") == "27");
  CHECK(queue.log().jobs_that(hand_out_result::lost_by_server) == id_list{"job-0", "job-1", "job-2"});
  CHECK(queue.log().jobs_without_result().empty());
}

TEST_CASE("a result whose answer is cut off is still accepted") {
  queue_server queue;
  queue.script(endpoint::done, {reset_at(point::before_answer)});
  CHECK(raw_client(queue.port()).post(done_path("a"), "{}").ended == outcome_of_read::reset);
  CHECK(queue.log().job("a").results == 1);
}

TEST_CASE("a kept connection may fail after an answer, so that the next request fails") {
  queue_server queue(impatient());
  queue.script(endpoint::take, {close_at(point::after_answer)});
  raw_client client(queue.port());
  CHECK(client.get(take_path).status() == 204);
  CHECK(!client.get(take_path).complete());
  CHECK(queue.log().takes() == 1);
}

TEST_CASE("chunked, slow and late answers arrive complete") {
  queue_server queue(impatient());
  queue.script(endpoint::take, {in_chunks(), byte_by_byte(), after(1ms), {.chunked = true, .pace = 1ms}});
  queue.add_jobs(4, json{{"text", "abc"}});
  raw_client client(queue.port());
  for (int i = 0; i < 4; ++i) {
    CAPTURE(i);
    const raw_answer given = client.get(take_path);
    REQUIRE(given.complete());
    CHECK(json::parse(given.body).at("id") == "job-" + std::to_string(i));
    CHECK(given.header("Transfer-Encoding").has_value() == (i == 0 || i == 3));
  }
}

TEST_CASE("a chunked answer that is cut off has no last chunk") {
  queue_server queue;
  queue.script(endpoint::ping, {{.cut_at = point::in_body, .by_reset = false, .chunked = true}});
  CHECK(raw_client(queue.port()).get("/v2/test/ping/w").ended == outcome_of_read::closed);
}

TEST_CASE("paused requests continue when they are released") {
  queue_server queue(impatient());
  raw_client client(queue.port());
  for (const point where : {point::before_acting, point::before_answer, point::in_body}) {
    CAPTURE(static_cast<int>(where));
    queue.add_job("a", json{});
    queue.script(endpoint::take, {paused_at(where)});
    client.send_get(take_path);
    REQUIRE(queue.wait_for(one_is_paused));
    CHECK(queue.jobs_left() == (where == point::before_acting ? 1 : 0));
    queue.release();
    CHECK(client.read().status() == 200);
    CHECK(queue.log().paused == 0);
  }
}

TEST_CASE("a pause may end in a cut connection") {
  queue_server queue(impatient());
  queue.script(endpoint::ping, {{.pause_at = point::before_answer, .cut_at = point::before_answer}});
  raw_client client(queue.port());
  client.send_get("/v2/test/ping/w");
  REQUIRE(queue.wait_for(one_is_paused));
  queue.release();
  CHECK(client.read().ended == outcome_of_read::reset);
}

TEST_CASE("an unanswered request ends when the client disconnects") {
  queue_server queue;
  queue.script(endpoint::done, {unanswered()});
  raw_client client(queue.port());
  client.send_post(done_path("a"), "{}");
  REQUIRE(queue.wait_for([](const queue_log& log) { return log.requests(endpoint::done) == 1; }));
  client.close();
  REQUIRE(queue.wait_for(none_is_open));
  CHECK(queue.log().exchanges[0].end == ending::left);
  CHECK(queue.log().job("a").results == 0);
}

TEST_CASE("a poll whose client disconnects is counted, and takes no job") {
  queue_server queue(patient);
  for (int i = 0; i < 2; ++i) {
    raw_client client(queue.port());
    client.send_get(i == 0 ? take_path : stop_path);
    REQUIRE(queue.wait_for(one_poll_waits));
    if (i == 0) client.reset();
  }
  REQUIRE(queue.wait_for([](const queue_log& log) { return log.aborted_polls == 2; }));
  queue.add_job("a", json{});
  CHECK(queue.jobs_left() == 1);
  CHECK(queue.log().exchanges[0].end == ending::left);
}

TEST_CASE("a job whose answer the client did not read completely is lost by the client") {
  queue_server queue(impatient());
  queue.script(endpoint::take, {paused_at(point::in_body)});
  queue.add_jobs(1, json{});
  raw_client client(queue.port());
  client.send_get(take_path);
  REQUIRE(queue.wait_for(one_is_paused));
  CHECK(queue.log().job("job-0").hand_outs == std::vector{hand_out_result::under_way});
  client.close();
  REQUIRE(queue.wait_for(none_is_open));
  CHECK(queue.log().jobs_that(hand_out_result::lost_by_client) == id_list{"job-0"});
  CHECK(queue.log().jobs_without_result() == id_list{"job-0"});
}

TEST_CASE("a job that is handed out while the client disconnects is lost by it, unless its result arrives") {
  queue_server queue(patient);
  queue.always(endpoint::take, {.when_client_leaves = true});
  queue.add_jobs(2, json{});
  raw_client leaving(queue.port());
  leaving.send_get(take_path);
  REQUIRE(queue.wait_for(one_poll_waits));
  leaving.close();
  REQUIRE(queue.wait_for(none_is_open));

  raw_client half_closing(queue.port());
  half_closing.send_get(take_path);
  REQUIRE(queue.wait_for(one_poll_waits));
  half_closing.half_close();
  CHECK(json::parse(half_closing.read().body).at("id") == "job-1");
  REQUIRE(queue.wait_for(none_is_open));
  CHECK(queue.log().jobs_that(hand_out_result::lost_by_client) == id_list{"job-0", "job-1"});

  raw_client(queue.port()).post(done_path("job-1"), "{}");
  CHECK(queue.log().jobs_that(hand_out_result::lost_by_client) == id_list{"job-0"});
  CHECK(queue.log().jobs_that(hand_out_result::arrived) == id_list{"job-1"});
}

TEST_CASE("a job has arrived when its client sends another request, or closes the connection in order") {
  queue_server queue(impatient());
  queue.add_jobs(3, json{});
  raw_client client(queue.port());
  client.get(take_path);
  CHECK(queue.wait_for(
      [](const queue_log& log) { return log.job("job-0").hand_outs.back() == hand_out_result::written; }));
  client.get(take_path);
  CHECK(queue.log().job("job-0").hand_outs == std::vector{hand_out_result::arrived});
  client.close();
  REQUIRE(queue.wait_for(none_is_open));
  CHECK(queue.log().job("job-1").hand_outs == std::vector{hand_out_result::arrived});

  raw_client resetting(queue.port());
  resetting.get(take_path);
  resetting.reset();
  REQUIRE(queue.wait_for(none_is_open));
  CHECK(queue.log().job("job-2").hand_outs == std::vector{hand_out_result::lost_by_client});
}

TEST_CASE("connections are refused while the queue is down, and the port stays the same") {
  queue_server queue(patient);
  raw_client client(queue.port());
  client.send_get(take_path);
  REQUIRE(queue.wait_for(one_poll_waits));
  queue.go_down();
  CHECK(!raw_client(queue.port()).connected());
  CHECK(client.read().ended == outcome_of_read::reset);
  CHECK(queue.log().aborted_polls == 0);
  queue.come_back();
  CHECK(raw_client(queue.port()).get("/v2/test/ping/w").status() == 200);
  queue.go_down_for(1ms);
  while (!raw_client(queue.port()).connected()) {
  }
  CHECK(raw_client(queue.port()).get("/v2/test/ping/w").status() == 200);
}

TEST_CASE("a restart ends all connections and keeps all jobs") {
  queue_server queue(patient);
  queue.script(endpoint::take, {paused_at(point::before_acting)});
  queue.add_job("a", json{});
  raw_client paused(queue.port());
  paused.send_get(take_path);
  raw_client waiting(queue.port());
  waiting.send_get(stop_path);
  REQUIRE(queue.wait_for([](const queue_log& log) { return log.paused == 1 && log.waiting_polls == 1; }));
  queue.restart();
  CHECK(paused.read().ended == outcome_of_read::closed);
  CHECK(waiting.read().ended == outcome_of_read::closed);
  CHECK(raw_client(queue.port()).get(take_path).status() == 200);
  const queue_log seen = queue.log();
  CHECK(seen.paused == 0);
  CHECK(seen.waiting_polls == 0);
}

TEST_CASE("large bodies pass in both directions") {
  queue_server queue(impatient());
  const std::string large(6 << 20, 'x');
  queue.add_job("a", json(large));
  raw_client client(queue.port());
  CHECK(json::parse(client.get(take_path).body).at("input") == large);
  CHECK(client.post(done_path("a"), json{{"output", large}}.dump()).status() == 200);
  CHECK(queue.log().result("a").at("output") == large);
}

TEST_CASE("requests may be chunked, expect 100 Continue, or ask to close the connection") {
  queue_server queue;
  raw_client client(queue.port());
  client.send("POST " + done_path("a") +
              " HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n");
  CHECK(client.read().status() == 200);
  client.send("POST " + done_path("b") +
              " HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  CHECK(client.read().status() == 100);
  client.send("{}");
  CHECK(client.read().status() == 200);
  CHECK(client.post(done_path("c"), "{}", "Connection: close\r\n").status() == 200);
  CHECK(client.read().ended == outcome_of_read::closed);
  CHECK(queue.log().results == 3);
}

TEST_CASE("bytes that are not HTTP are counted, and the connection is closed") {
  queue_server queue;
  raw_client client(queue.port());
  client.send("\x16\x03\x01 hello\r\n\r\n");
  CHECK(!client.read().complete());
  CHECK(queue.log().malformed == 1);
}

TEST_CASE("the maximum number of requests in a period is counted, wherever it begins") {
  queue_log seen;
  for (const int at : {0, 10, 11, 12, 19, 30}) {
    seen.exchanges.emplace_back().where = endpoint::take;
    seen.exchanges.back().arrived = steady::time_point(std::chrono::milliseconds(at));
  }
  CHECK(seen.most_within(10ms, endpoint::take) == 4);
  CHECK(seen.most_within(1ms, endpoint::take) == 1);
  CHECK(seen.most_within(1ms, endpoint::done) == 0);
}

TEST_CASE("a wait that times out returns false") {
  const queue_server queue;
  CHECK(!queue.wait_for([](const queue_log&) { return false; }, 1ms));
}

TEST_CASE("a queue that records no exchanges still counts them") {
  queue_server queue({.hold = 0ms, .keep_exchanges = false});
  queue.add_jobs(1, json{});
  raw_client client(queue.port());
  client.get(take_path);
  client.post(done_path("job-0"), "{}");
  const queue_log seen = queue.log();
  CHECK(seen.exchanges.empty());
  CHECK(seen.takes() == 1);
  CHECK(seen.jobs_with_result == 1);
  CHECK(seen.job("job-0").hand_outs == std::vector{hand_out_result::arrived});
}

}  // namespace coworker::testing
