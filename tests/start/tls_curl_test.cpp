// Whole worker programs behind TLS: a real nginx with certificates made for the test, in front of the queue.
// Skipped without nginx or openssl.

#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>
#include <algorithm>
#include <chrono>
#include <coworker/json/json.hpp>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <support/process.hpp>
#include <support/queue_server.hpp>
#include <support/raw_client.hpp>
#include <support/tls_front.hpp>
#include <support/worker_program.hpp>
#include <thread>
#include <vector>

namespace coworker::testing {
namespace {

using namespace std::chrono_literals;

/// Returns the environment of a worker that connects through `front`.
environment_list variables_for(const tls_front& front, const environment_list& more = {}) {
  const std::string base = front.url() + "/v2/test/";
  environment_list all = {{"RUNPOD_WEBHOOK_GET_JOB", base + "job-take/$ID?gpu=CPU"},
                          {"RUNPOD_WEBHOOK_POST_OUTPUT", base + "job-done/$RUNPOD_POD_ID/$ID?gpu=CPU"},
                          {"RUNPOD_WEBHOOK_PING", base + "ping/$RUNPOD_POD_ID"},
                          {"CURL_CA_BUNDLE", ""},
                          {"SSL_CERT_FILE", ""},
                          {"SSL_CERT_DIR", ""}};
  for (const auto& variable : more) {
    std::erase_if(all, [&variable](const auto& one) { return one.first == variable.first; });
    all.push_back(variable);
  }
  return all;
}

std::set<std::string> front_header(const queue_log& seen, const char* name,
                                   std::initializer_list<endpoint> of) {
  std::set<std::string> values;
  for (const exchange& one : seen.exchanges) {
    if (std::find(of.begin(), of.end(), one.where) != of.end())
      values.emplace(one.request.header(name).value_or(""));
  }
  return values;
}

using name_set = std::set<std::string>;

}  // namespace

TEST_CASE(
    "a server is trusted if an authority named by the environment has signed its certificate, and used with "
    "HTTP/2") {
  if (!tls_can_be_tested()) return;
  const test_authority authority;
  authority.sign("good", "IP:127.0.0.1");
  const environment_list variables = {{"CURL_CA_BUNDLE", authority.ca_file()},
                                      {"SSL_CERT_FILE", authority.ca_file()},
                                      {"SSL_CERT_DIR", authority.ca_folder()}};
  for (const auto& variable : variables) {
    CAPTURE(variable.first);
    queue_server queue({.hold = 100ms});
    const tls_front front(queue.url(), authority, "good");
    queue.add_jobs(50, json{{"ms", 1}});
    worker_program worker(queue, variables_for(front, {variable, {"WORKER_CONCURRENCY", "10"}}));
    REQUIRE(queue.wait_for_results(50));
    worker.send_signal(SIGTERM);
    CHECK(worker.wait() == 0);
    const queue_log seen = queue.log();
    const auto all = {endpoint::take, endpoint::take_batch, endpoint::done, endpoint::ping, endpoint::stop};
    CHECK(front_header(seen, "X-Front-Protocol", all) == name_set{"HTTP/2.0"});
    CHECK(front_header(seen, "X-Front-Connection", {endpoint::take, endpoint::take_batch, endpoint::done})
              .size() == 1);
    CHECK(seen.duplicates == 0);
    CHECK(worker.count("fails") == 0);
  }
}

TEST_CASE("a server without HTTP/2 is used with HTTP/1.1") {
  if (!tls_can_be_tested()) return;
  const test_authority authority;
  authority.sign("good", "IP:127.0.0.1");
  queue_server queue({.hold = 100ms});
  const tls_front front(queue.url(), authority, "good", "ssl");
  queue.add_jobs(20, json::object());
  worker_program worker(queue, variables_for(front, {{"CURL_CA_BUNDLE", authority.ca_file()}}));
  REQUIRE(queue.wait_for_results(20));
  worker.send_signal(SIGTERM);
  CHECK(worker.wait() == 0);
  CHECK(front_header(queue.log(), "X-Front-Protocol", {endpoint::take, endpoint::done}) ==
        name_set{"HTTP/1.1"});
}

TEST_CASE("a server with an untrusted certificate, or one for another name, is refused with a clear line") {
  if (!tls_can_be_tested()) return;
  const test_authority authority;
  authority.sign("good", "IP:127.0.0.1");
  authority.sign("other", "DNS:elsewhere.test");
  for (const bool known_authority : {false, true}) {
    CAPTURE(known_authority);
    queue_server queue;
    const tls_front front(queue.url(), authority, known_authority ? "other" : "good");
    queue.add_jobs(1, json::object());
    worker_program worker(
        queue, variables_for(front, {{"CURL_CA_BUNDLE", known_authority ? authority.ca_file() : ""},
                                     {"RUNPOD_WEBHOOK_PING", ""}}));
    REQUIRE(worker.says("Taking jobs fails"));
    worker.send_signal(SIGTERM);
    CHECK(worker.wait() == 0);
    CHECK(worker.count("Taking jobs fails") == 1);
    CHECK(worker.count(known_authority ? "127.0.0.1" : "certificate") >= 1);
    CHECK(queue.log().connections == 0);
  }
}

TEST_CASE(
    "an idle poll is ended once nothing else needs its connection, and the jobs that it brings until then "
    "run") {
  if (!tls_can_be_tested()) return;
  const test_authority authority;
  authority.sign("good", "IP:127.0.0.1");
  for (const bool brings_a_job : {false, true}) {
    CAPTURE(brings_a_job);
    queue_server queue({.hold = answer::never});
    const tls_front front(queue.url(), authority, "good");
    queue.script(endpoint::done, {paused_at(point::before_acting), paused_at(point::before_acting)});
    queue.add_jobs(2, json::object());
    worker_program worker(
        queue, variables_for(front, {{"CURL_CA_BUNDLE", authority.ca_file()}, {"WORKER_CONCURRENCY", "3"}}));
    REQUIRE(queue.wait_for([](const queue_log& log) { return log.paused == 2 && log.takes() == 2; }));
    worker.send_signal(SIGTERM);
    REQUIRE(worker.says("Asked to leave"));
    if (brings_a_job) {
      queue.add_job("late", json::object());
      REQUIRE(queue.wait_for_results(1));
    }
    queue.release();
    CHECK(worker.wait() == 0);
    const queue_log seen = queue.log();
    CHECK(seen.jobs_with_result == (brings_a_job ? 3 : 2));
    CHECK(seen.requests(endpoint::done) == seen.jobs_with_result);
    CHECK(seen.takes() == 2);
    CHECK(worker.count("fails") == 0);
  }
}

TEST_CASE("an idle poll without an earlier answer is ended at once over TLS too") {
  if (!tls_can_be_tested()) return;
  const test_authority authority;
  authority.sign("good", "IP:127.0.0.1");
  for (const char* const listen_options : {"ssl", "ssl http2"}) {
    CAPTURE(listen_options);
    queue_server queue({.hold = answer::never});
    const tls_front front(queue.url(), authority, "good", listen_options);
    worker_program worker(queue, variables_for(front, {{"CURL_CA_BUNDLE", authority.ca_file()}}));
    REQUIRE(queue.wait_for([](const queue_log& log) { return log.takes() == 1 && log.waiting_polls == 2; }));
    worker.send_signal(SIGTERM);
    CHECK(worker.wait() == 0);
    CHECK(queue.wait_for([](const queue_log& log) { return log.aborted_polls == 2; }));
  }
}

}  // namespace coworker::testing
