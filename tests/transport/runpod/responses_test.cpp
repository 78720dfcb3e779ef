#include <doctest/doctest.h>
#include <chrono>
#include <coworker/transport/runpod/responses.hpp>
#include <optional>
#include <string>
#include <support/captured_log.hpp>
#include <vector>

namespace coworker::testing {
namespace {

using namespace std::chrono_literals;
using id_list_of_stops = std::vector<std::string>;

http_response answer_of(int status) {
  http_response made;
  made.status = status;
  return made;
}

http_response answer_that(http_failure failed, std::string problem = "no luck") {
  http_response made;
  made.failure = failed;
  made.problem = std::move(problem);
  return made;
}

}  // namespace

TEST_CASE("what the answers to a take mean") {
  CHECK(classify_take(answer_of(200)) == take_answer::jobs);
  CHECK(classify_take(answer_of(204)) == take_answer::none);
  CHECK(classify_take(answer_of(400)) == take_answer::none);
  CHECK(classify_take(answer_of(429)) == take_answer::throttled);
  for (const int status : {301, 302, 401, 403, 404, 500, 502, 503, 504}) {
    CAPTURE(status);
    CHECK(classify_take(answer_of(status)) == take_answer::failed);
  }
  for (const http_failure failed : {http_failure::unreachable, http_failure::timed_out, http_failure::broken,
                                    http_failure::untrusted, http_failure::unusable}) {
    CHECK(classify_take(answer_that(failed)) == take_answer::failed);
  }
}

TEST_CASE("what the answers to a result mean") {
  for (const int status : {200, 201, 202, 204})
    CHECK(classify_post(answer_of(status)) == post_answer::accepted);
  for (const int status : {408, 425, 429, 500, 501, 502, 503, 504, 599}) {
    CAPTURE(status);
    CHECK(classify_post(answer_of(status)) == post_answer::try_again);
  }
  for (const int status : {400, 413, 422})
    CHECK(classify_post(answer_of(status)) == post_answer::body_refused);
  for (const int status : {404, 409, 410})
    CHECK(classify_post(answer_of(status)) == post_answer::unknown_job);
  for (const int status : {301, 302, 307, 401, 403, 405, 418, 451}) {
    CAPTURE(status);
    CHECK(classify_post(answer_of(status)) == post_answer::denied);
  }
  for (const http_failure failed :
       {http_failure::unreachable, http_failure::timed_out, http_failure::broken, http_failure::untrusted}) {
    CHECK(classify_post(answer_that(failed)) == post_answer::try_again);
  }
  CHECK(classify_post(answer_that(http_failure::unusable)) == post_answer::unsendable);
}

TEST_CASE("an answer is described by its status, or by what went wrong on the way") {
  CHECK(describe_answer(answer_of(502)) == "HTTP 502");
  CHECK(describe_answer(answer_that(http_failure::timed_out, "no answer in 60 s")) == "no answer in 60 s");
}

TEST_CASE("an id that a header cannot hold is encoded there, any other is unchanged") {
  CHECK(header_line("X", "a/b c") == "X: a/b c");
  CHECK(header_line("X", "a\r\nX-Evil: 1") == "X: a%0D%0AX-Evil%3A%201");
  CHECK(header_line("X", "\xc3\xa9") == "X: %C3%A9");
}

TEST_CASE("the outcome that replaces a refused one says why, as JSON whatever the reason holds") {
  const json body = json::parse(refusal_body("HTTP 413 \"too large\"\n"));
  CHECK(body.size() == 1);
  CHECK(body.at("error") == "The queue refused the result of this job: HTTP 413 \"too large\"\n");
  CHECK(json::parse(refusal_body("cut off \xd0")) ==
        json{{"error", "The queue refused the result of this job: cut off \xef\xbf\xbd"}});
}

TEST_CASE("the description contains the server's own words, on one line and of limited length") {
  http_response answer = answer_of(400);
  answer.body = "too large:\r\n limit is 10485760\n";
  CHECK(describe_answer(answer) == "HTTP 400: too large: limit is 10485760 ");
  answer.body = std::string(5'000, 'x');
  CHECK(describe_answer(answer) == "HTTP 400: " + std::string(200, 'x') + "...");
}

TEST_CASE("a server's wish for a pause is followed within bounds") {
  http_response answer = answer_of(503);
  CHECK(retry_wait(answer, 2s, 60s) == 2s);
  answer.retry_after = 30s;
  CHECK(retry_wait(answer, 2s, 60s) == 30s);
  answer.retry_after = 3600s;
  CHECK(retry_wait(answer, 2s, 60s) == 60s);
}

TEST_CASE("a take brings the elements of an array, or the one object") {
  captured_log log;
  CHECK(parse_jobs(R"([{"id":"a","input":1},{"id":"b","input":2}])", log.log).items.size() == 2);
  CHECK(parse_jobs(R"({"id":"a","input":1})", log.log).items.size() == 1);
  CHECK(log.lines().empty());
}

TEST_CASE("a body without jobs is no failure and is not logged") {
  captured_log log;
  for (const char* const body : {"[]", "", " \r\n", "null", "{}", "[null]"}) {
    CAPTURE(body);
    const parsed_body<job_envelope> nothing = parse_jobs(body, log.log);
    CHECK(nothing.items.empty());
    CHECK(!nothing.failure);
  }
  CHECK(log.lines().empty());
}

TEST_CASE("a body that is not a list of jobs gives a failure only, whose text does not repeat the body") {
  captured_log log;
  for (const char* const body : {"<html>secret payload</html>", "secret", "{secret"}) {
    CAPTURE(body);
    const parsed_body<job_envelope> nothing = parse_jobs(body, log.log);
    CHECK(nothing.items.empty());
    if (nothing.failure)
      CHECK(nothing.failure->problem.find("HTTP 200 whose body cannot be read: line 1") == 0);
    if (nothing.failure) CHECK(nothing.failure->problem.find("secret") == std::string::npos);
    if (!nothing.failure) CHECK(log.count("ERROR") == 1);
  }
}

TEST_CASE(
    "a body that is neither jobs nor empty is a failure of the channel, logged once and not with each poll") {
  captured_log log;
  for (const char* const body :
       {"7", "true", R"("none")", "\"\"", " 1.5 ", R"({"error":"no jobs"})", R"({"id":null,"input":null})"}) {
    CAPTURE(body);
    const parsed_body<job_envelope> nothing = parse_jobs(body, log.log);
    CHECK(nothing.items.empty());
    REQUIRE(nothing.failure);
    CHECK(nothing.failure->problem ==
          "HTTP 200 whose body cannot be read: neither an array of jobs nor a job");
  }
  CHECK(log.count("ERROR") == 0);
}

TEST_CASE("an item that is not JSON does not cost its batch, and gets a result if its id can be found") {
  for (const char* const bad :
       {R"({"id":"bad","input":{"n":1e400}})", R"({"input":{"n":01}, "id":"bad"})",
        R"({"id":"bad","input":{"p":"\x"}})", R"({"id":"bad","input":"tab	in text"})"}) {
    CAPTURE(bad);
    captured_log log;
    const auto found = parse_jobs(
        R"([{"id":"a","input":"1,2]}"},)" + std::string(bad) + R"(,{"id":"b","input":[[2]]}])", log.log);
    REQUIRE(!found.failure);
    REQUIRE(found.items.size() == 3);
    CHECK(found.items[0].input == "1,2]}");
    CHECK(found.items[1].id == "bad");
    CHECK(found.items[1].problem.starts_with(
        "The queue handed over this job as text that is not JSON: line 1"));
    CHECK(found.items[2].input == json::array({json::array({2})}));
  }
}

TEST_CASE(
    "an item that is not JSON and has no id is logged at ERROR, and so is the rest of a body that is cut "
    "off") {
  captured_log log;
  const auto found = parse_jobs(R"([{"id":"a","input":1},{"input":1e999},{"id":"c","inp)", log.log);
  REQUIRE(found.items.size() == 2);
  CHECK(found.items[1].id == "c");
  CHECK(!found.items[1].problem.empty());
  CHECK(log.count("ERROR") == 1);
  CHECK(log.count("no result can be posted") == 1);
}

TEST_CASE("a bracket too many, a missing comma, or a second list does not cost the jobs that follow") {
  for (const char* const body :
       {R"([{"id":"a","input":1}},{"id":"b","input":2}])", R"([{"id":"a","input":1}]],{"id":"b","input":2}])",
        R"([{"id":"a","input":1} {"id":"b","input":2}])", R"([{"id":"a","input":1}][{"id":"b","input":2}])",
        "[{\"id\":\"a\",\"input\":1}]\n[\n{\"id\":\"b\",\"input\":2}]\n",
        R"({"id":"a","input":1},{"id":"b","input":2})",
        "{\"id\":\"a\",\"input\":1}\n{\"id\":\"b\",\"input\":2}\n",
        R"([{"id":"a","input":1},{"id":"b","input":2}],)",
        R"([{"id":"a","input":1},{"id":"b","input":2}}])"}) {
    CAPTURE(body);
    captured_log log;
    const auto found = parse_jobs(body, log.log);
    REQUIRE(!found.failure);
    REQUIRE(found.items.size() == 2);
    CHECK(found.items[0].id == "a");
    CHECK(found.items[1].id == "b");
    for (const job_envelope& job : found.items) CHECK(job.problem.empty());
    CHECK(log.lines().empty());
  }
}

TEST_CASE("what follows a list and is no job is logged at ERROR") {
  captured_log log;
  CHECK(parse_jobs(R"([{"id":"a","input":1}] and more)", log.log).items.size() == 1);
  CHECK(log.count("No id was found in it") == 1);
}

TEST_CASE("an object that is neither JSON nor a job is a failure of the channel, not an error at each poll") {
  captured_log log;
  CHECK(parse_jobs("{error: no jobs}", log.log).failure);
  CHECK(log.lines().empty());
  CHECK(!parse_jobs(R"({"traceparent":"00-)", log.log, true).failure);  // no memory for the rest: it is lost
  CHECK(log.count("ERROR") == 1);
}

TEST_CASE("a job keeps all its members") {
  captured_log log;
  const auto envelope = read_envelope(
      json::parse(R"({"id":"a","input":{"n":1},"webhook":"http://x","batchId":"b","policy":{"ttl":5}})"),
      log.log);
  REQUIRE(envelope);
  CHECK(envelope->id == "a");
  CHECK(envelope->input == json{{"n", 1}});
  CHECK(envelope->details == json::parse(R"({"webhook":"http://x","batchId":"b","policy":{"ttl":5}})"));
  CHECK(envelope->log_label == "batchId=b");
  CHECK(envelope->problem.empty());
}

TEST_CASE("an input of null, or any other value, is an input") {
  captured_log log;
  for (const char* const text :
       {R"({"id":"a","input":null})", R"({"id":"a","input":7})", R"({"id":"a","input":[]})"}) {
    const auto envelope = read_envelope(json::parse(text), log.log);
    REQUIRE(envelope);
    CHECK(envelope->problem.empty());
  }
}

TEST_CASE("a job without an input still gets a result") {
  captured_log log;
  const auto envelope = read_envelope(json::parse(R"({"id":"a"})"), log.log);
  REQUIRE(envelope);
  CHECK(envelope->problem.find("input") != std::string::npos);
}

TEST_CASE("an item without an id is skipped, and logged") {
  for (const char* const text : {R"({"input":1})", R"({"id":"","input":1})", R"({"id":7,"input":1})",
                                 R"({"id":null,"input":1})", "7", "null", "[]", R"("text")"}) {
    CAPTURE(text);
    captured_log log;
    CHECK(!read_envelope(json::parse(text), log.log));
    CHECK(log.count("without an id") == 1);
  }
}

TEST_CASE("the stop channel names jobs; items that are not ids are skipped, each with an error in the log") {
  captured_log log;
  CHECK(parse_stops(R"({"jobsToStop":["a","b"]})", log.log).items == id_list_of_stops{"a", "b"});
  CHECK(parse_stops(R"({"jobsToStop":["a",7,null,"b"],"more":1})", log.log).items ==
        id_list_of_stops{"a", "b"});
  CHECK(log.count("ERROR") == 2);
  CHECK(parse_stops(R"({"jobsToStop":["",{"id":"a"},["b"],true,"c"]})", log.log).items ==
        id_list_of_stops{"c"});
  CHECK(log.count("ERROR") == 6);
  const parsed_body<std::string> nothing = parse_stops(R"({"jobsToStop":[]})", log.log);
  CHECK(nothing.items.empty());
  CHECK(!nothing.failure);
}

TEST_CASE("an answer of the stop channel that does not follow the protocol stops nothing, and is logged") {
  captured_log log;
  for (const char* const body : {"", "nonsense", "{}", "[]", "7"}) {
    CAPTURE(body);
    const parsed_body<std::string> nothing = parse_stops(body, log.log);
    CHECK(nothing.items.empty());
    CHECK(nothing.failure);
  }
}

TEST_CASE("a stop that is not JSON does not cost the others") {
  captured_log log;
  CHECK(parse_stops(R"({"more":1e999,"jobsToStop":["a",1e400,"b"]})", log.log).items ==
        id_list_of_stops{"a", "b"});
  CHECK(log.count("ERROR") == 1);
}

TEST_CASE("stops that are not a list stop nothing, and are a failure of the channel unless they are null") {
  captured_log log;
  for (const char* const body :
       {R"({"jobsToStop":"a"})", R"({"jobsToStop":{}})", R"({"jobsToStop":{"x":"a"}})"}) {
    CAPTURE(body);
    const parsed_body<std::string> nothing = parse_stops(body, log.log);
    CHECK(nothing.items.empty());
    REQUIRE(nothing.failure);
    CHECK(nothing.failure->problem.find("\"jobsToStop\" is not an array") != std::string::npos);
  }
  CHECK(!parse_stops(R"({"jobsToStop":null})", log.log).failure);
}

TEST_CASE("a channel logs one line for each kind of failure, and one when it works again") {
  captured_log log;
  channel_health health("Posting", log.log);
  time_point now{};
  health.worked();
  CHECK(log.lines().empty());
  for (int i = 0; i < 5; ++i) health.failed(answer_of(500 + i), now, 1s);
  CHECK(log.count("Posting fails (HTTP 500)") == 1);
  for (int i = 0; i < 5; ++i) health.failed(answer_that(http_failure::unreachable, "refused"), now, 1s);
  CHECK(log.count("Posting fails (refused)") == 1);
  for (int i = 0; i < 5; ++i) health.worked();
  CHECK(log.count("Posting works again") == 1);
  CHECK(log.lines().size() == 3);
}

TEST_CASE("an outage with alternating failures logs one line for each kind of failure") {
  captured_log log;
  channel_health health("Posting", log.log);
  time_point now{};
  for (int i = 0; i < 100; ++i) {
    health.failed(answer_of(502), now, 1s);
    health.failed(answer_that(http_failure::timed_out), now, 1s);
    health.failed(answer_of(429), now, 1s);
  }
  CHECK(log.lines().size() == 3);
}

TEST_CASE("a channel that fails and works in turn logs at most two lines in ten seconds") {
  captured_log log;
  channel_health health("Posting", log.log);
  time_point now{};
  for (int i = 0; i < 1000; ++i, now += 5ms) {
    health.failed(answer_of(500), now, 1s);
    health.worked();
  }
  CHECK(log.lines().size() == 2);
  health.failed(answer_of(500), now + 10s, 1s);
  CHECK(log.lines().size() == 3);
}

TEST_CASE("an outage soon after another is logged once it lasts") {
  captured_log log;
  channel_health health("Posting", log.log);
  time_point now{};
  health.failed(answer_of(500), now, 1s);
  health.worked();
  for (; now < time_point(20s); now += 1s) health.failed(answer_of(500), now, 1s);
  health.worked();
  CHECK(log.count("fails") == 2);
  CHECK(log.count("works again") == 2);
}

}  // namespace coworker::testing
