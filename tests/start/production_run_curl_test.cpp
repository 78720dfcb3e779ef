// Whole worker programs against the queue: how they start, how they drain, and what they leave behind when
// they are killed.

#include <dlfcn.h>
#include <doctest/doctest.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>
#include <chrono>
#include <coworker/exec/sleep.hpp>
#include <coworker/start.hpp>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <support/queue_server.hpp>
#include <support/socket.hpp>
#include <support/temporary_folder.hpp>
#include <support/worker_program.hpp>
#include <thread>
#include <vector>

// Replaces the system's function in this program: the look-up of one name blocks, as with a name server that
// does not answer.
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** result) {
  if (node != nullptr && std::string_view(node) == "hangs.invalid") {
    std::puts("looking up");
    std::fflush(stdout);
    for (;;) ::pause();
  }
  static const auto system = reinterpret_cast<decltype(&::getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  return system(node, service, hints, result);
}

namespace coworker::testing {
namespace {

using namespace std::chrono_literals;

const queue_settings endless_polls{.hold = answer::never};

int number_variable(const char* name, int fallback) {
  const char* const value = std::getenv(name);
  return value != nullptr ? std::atoi(value) : fallback;
}

task<json> run_as_input_says(job<> work) {
  if (work.input.contains("until")) {
    while (::access(work.input.at("until").get<std::string>().c_str(), F_OK) != 0) {
    }
  }
  co_await sleep_for(std::chrono::milliseconds(work.input.value("ms", 0)));
  json output = json::object();
  if (work.input.contains("refresh")) output["refresh_worker"] = true;
  output["text"] = work.input.value("text", std::string());
  co_return output;
}

const auto a_poll_waits = [](const queue_log& log) {
  for (const exchange& one : log.exchanges) {
    const bool take = one.where == endpoint::take || one.where == endpoint::take_batch;
    if (take && one.held && one.end == ending::open) return true;
  }
  return false;
};

const std::string asked_to_leave = "Asked to leave";
const json done_without_text = json{{"output", {{"text", ""}}}};

}  // namespace

TEST_CASE("worker program" * doctest::skip()) {
  char name[] = "worker";
  char* arguments[] = {name, nullptr};
  options settings;
  settings.grace_period = std::chrono::milliseconds(number_variable("WORKER_GRACE_MS", 30'000));
  settings.delivery_deadline = std::chrono::milliseconds(number_variable("WORKER_DEADLINE_MS", 600'000));
  if (const char* const folder = std::getenv("WORKER_SPOOL")) settings.spool_folder = folder;
  if (number_variable("WORKER_CONCURRENCY", 1) == 0) {
    settings.modifier_interval = 200ms;
    std::exit(start(1, arguments, run_as_input_says, follow_demand{.max = 10}, settings));
  }
  std::exit(start(1, arguments, run_as_input_says,
                  fixed_concurrency{number_variable("WORKER_CONCURRENCY", 1)}, settings));
}

// --- how many jobs at once -------------------------------------------------------------------------------

TEST_CASE(
    "a program that follows the demand runs many of forty waiting jobs at once, and then one at a time "
    "again") {
  queue_server server(endless_polls);
  server.add_jobs(40, json{{"ms", 300}});
  worker_program worker(server, {{"WORKER_CONCURRENCY", "0"}});
  REQUIRE(worker.says("-> 1."));
  CHECK(server.log().results == 40);
  worker.send_signal(SIGTERM);
  CHECK(worker.wait() == 0);
  const std::string output = worker.output();
  const std::string_view summary =
      "40 jobs taken, 0 failed, 0 stopped, 0 not delivered, highest concurrency ";
  const std::size_t found = output.find(summary);
  REQUIRE(found != std::string::npos);
  const int highest = std::atoi(output.c_str() + found + summary.size());
  CHECK(highest >= 8);
  CHECK(highest <= 10);
}

// --- leaving -------------------------------------------------------------------------------------------

TEST_CASE("a signal in an idle poll ends the program at once, with status 0") {
  for (const int number : {SIGTERM, SIGINT}) {
    CAPTURE(number);
    queue_server server(endless_polls);
    worker_program worker(server);
    REQUIRE(server.wait_for(a_poll_waits));
    worker.send_signal(number);
    CHECK(worker.wait() == 0);
    CHECK(worker.count(asked_to_leave) == 1);
    CHECK(worker.count("Drained: 0 jobs taken") == 1);
  }
}

TEST_CASE("a signal while a poll is being answered still lets its job run") {
  for (const point where : {point::before_answer, point::in_body}) {
    CAPTURE(static_cast<int>(where));
    queue_server server(endless_polls);
    server.script(endpoint::take, {paused_at(where)});
    server.add_job("a", json::object());
    worker_program worker(server);
    REQUIRE(server.wait_for([](const queue_log& log) { return log.paused == 1; }));
    if (where == point::before_answer) server.release();
    worker.send_signal(SIGTERM);
    if (where == point::in_body) {
      REQUIRE(worker.says(asked_to_leave));
      server.release();
    }
    CHECK(worker.wait() == 0);
    CHECK(server.log().result("a") == done_without_text);
  }
}

TEST_CASE("a job that the server hands over while the program ends its poll is run") {
  queue_server server(endless_polls);
  server.always(endpoint::take, {.when_client_leaves = true});
  server.add_job("a", json::object());
  worker_program worker(server);
  REQUIRE(server.wait_for([](const queue_log& log) { return log.takes() == 1; }));
  REQUIRE(server.wait_for(a_poll_waits));
  worker.send_signal(SIGTERM);
  CHECK(worker.wait() == 0);
  CHECK(server.log().jobs_that(hand_out_result::lost_by_client).empty());
  CHECK(server.log().result("a") == done_without_text);
}

TEST_CASE("jobs that end within the grace period end as usual") {
  queue_server server(endless_polls);
  server.add_jobs(3, json{{"ms", 300}});
  worker_program worker(server, {{"WORKER_CONCURRENCY", "3"}});
  REQUIRE(server.wait_for([](const queue_log& log) { return log.jobs.size() == 3; }));
  worker.send_signal(SIGTERM);
  server.add_job("late", json::object());
  CHECK(worker.wait() == 0);
  for (const char* const id : {"job-0", "job-1", "job-2"})
    CHECK(server.log().result(id) == done_without_text);
  CHECK(worker.count("3 jobs taken, 0 failed, 0 stopped, 0 not delivered") == 1);
  CHECK(server.jobs_left() == 1);
}

TEST_CASE("jobs that take longer are stopped, and their outcomes posted") {
  queue_server server(endless_polls);
  server.add_jobs(3, json{{"ms", 3'600'000}});
  server.script(endpoint::done, {status(503), reset_at(point::before_acting)});
  worker_program worker(server, {{"WORKER_CONCURRENCY", "3"}, {"WORKER_GRACE_MS", "50"}});
  REQUIRE(server.wait_for([](const queue_log& log) { return log.jobs.size() == 3; }));
  REQUIRE(worker.says("job-2 | Started."));
  worker.send_signal(SIGTERM);
  CHECK(worker.wait() == 0);
  for (const char* const id : {"job-0", "job-1", "job-2"}) CHECK(server.log().result(id).contains("error"));
  CHECK(worker.count("3 jobs taken, 0 failed, 3 stopped, 0 not delivered") == 1);
}

TEST_CASE("results that are being retried when the signal comes are still delivered") {
  queue_server server(endless_polls);
  server.always(endpoint::done, status(500));
  server.add_job("a", json::object());
  worker_program worker(server);
  REQUIRE(server.wait_for([](const queue_log& log) { return log.requests(endpoint::done) == 2; }));
  worker.send_signal(SIGTERM);
  REQUIRE(worker.says(asked_to_leave));
  server.behave();
  CHECK(worker.wait() == 0);
  CHECK(server.log().result("a") == done_without_text);
  CHECK(server.log().duplicates == 0);
}

TEST_CASE("a signal ends the program while the name of the queue's server is looked up without an answer") {
  if (::curl_version_info(CURLVERSION_NOW)->version_num < 0x075700)
    return;  // older versions wait for the look-up
  const queue_server server;
  worker_program worker(server, {{"RUNPOD_WEBHOOK_GET_JOB", "http://hangs.invalid/job-take/$ID"}});
  REQUIRE(worker.says("looking up"));
  worker.send_signal(SIGTERM);
  CHECK(worker.wait() == 0);
}

TEST_CASE("a signal that comes twice within two seconds counts once") {
  queue_server server(endless_polls);
  const temporary_folder folder;
  server.add_job("a", json{{"until", folder.name() + "/go"}});
  worker_program worker(server);
  REQUIRE(worker.says("Started."));
  worker.send_signal(SIGTERM);
  REQUIRE(worker.says(asked_to_leave));
  worker.send_signal(SIGTERM);
  worker.send_signal(SIGINT);
  folder.write("go", "");
  CHECK(worker.wait() == 0);
  CHECK(server.log().result("a") == done_without_text);
}

TEST_CASE("a later signal leaves at once, whether or not a handler holds the worker's thread") {
  const temporary_folder folder;
  for (const json& input : {json{{"ms", 3'600'000}}, json{{"until", folder.name() + "/never"}}}) {
    queue_server server(endless_polls);
    server.add_job("a", input);
    worker_program worker(server);
    REQUIRE(worker.says("Started."));
    worker.send_signal(SIGTERM);
    REQUIRE(worker.says(asked_to_leave));
    for (int i = 0; i < 2000 && worker.count("Asked to leave at once") == 0; ++i) {
      worker.send_signal(SIGINT);  // counts as a second one after two seconds
      std::this_thread::sleep_for(10ms);
    }
    const bool held = input.contains("until");
    CHECK(worker.wait() == (held ? 128 + SIGINT : 0));
    CHECK(worker.count("Asked to leave at once") == 1);
    if (!held) CHECK(server.log().result("a") == json{{"error", "stopped: the worker leaves at once"}});
  }
}

TEST_CASE("refresh_worker is reported to the queue, and the program drains and ends by itself") {
  queue_server server(endless_polls);
  server.add_job("a", json{{"refresh", true}});
  server.add_job("b", json{{"ms", 100}});
  worker_program worker(server, {{"WORKER_CONCURRENCY", "2"}});
  CHECK(worker.wait() == 0);
  CHECK(server.log().result("a") == json{{"output", {{"text", ""}}}, {"stopPod", true}});
  CHECK(server.log().result("b") == done_without_text);
}

TEST_CASE("results that wait in the spool of a program that was killed are posted by the next") {
  const temporary_folder folder;
  queue_server server(endless_polls);
  server.always(endpoint::done, status(500));
  server.add_jobs(5, json{{"text", "kept"}});
  {
    worker_program killed(server, {{"WORKER_CONCURRENCY", "5"}, {"WORKER_SPOOL", folder.name()}});
    REQUIRE(server.wait_for([](const queue_log& log) { return log.requests(endpoint::done) >= 10; }));
    killed.send_signal(SIGKILL);
    CHECK(killed.wait() == 1000 + SIGKILL);
  }
  CHECK(folder.files(".result.json") == 5);
  server.behave();
  worker_program next(server, {{"WORKER_SPOOL", folder.name()}});
  REQUIRE(server.wait_for_results(5));
  next.send_signal(SIGTERM);
  CHECK(next.wait() == 0);
  CHECK(folder.files() == 0);
  CHECK(server.log().duplicates == 0);
  CHECK(server.log().result("job-4") == json{{"output", {{"text", "kept"}}}});
}

TEST_CASE(
    "a result whose post gets no answer is in the spool when the program ends, and its status says so") {
  const temporary_folder folder;
  const listener silent{0};  // accepts connections, and neither answers nor closes them
  queue_server server(endless_polls);
  server.add_job("a", json{{"text", "kept"}});
  worker_program worker(server, {{"WORKER_GRACE_MS", "100"},
                                 {"WORKER_SPOOL", folder.name()},
                                 {"RUNPOD_WEBHOOK_POST_OUTPUT",
                                  "http://127.0.0.1:" + std::to_string(silent.port()) + "/job-done/$ID"}});
  pollfd connected{silent.get(), POLLIN, 0};
  REQUIRE(::poll(&connected, 1, 20'000) == 1);
  worker.send_signal(SIGTERM);
  CHECK(worker.wait() == 3);
  CHECK(worker.count("Drained: 1 jobs taken, 0 failed, 0 stopped, 1 not delivered") == 1);
  CHECK(folder.files(".result.json") == 1);
}

TEST_CASE("a result whose answer begins and does not end does not keep the program from ending by itself") {
  const listener stalls{0};
  queue_server server(endless_polls);
  server.add_job("a", json::object());
  worker_program worker(server, {{"WORKER_GRACE_MS", "100"},
                                 {"RUNPOD_WEBHOOK_POST_OUTPUT",
                                  "http://127.0.0.1:" + std::to_string(stalls.port()) + "/job-done/$ID"}});
  pollfd connected{stalls.get(), POLLIN, 0};
  REQUIRE(::poll(&connected, 1, 20'000) == 1);
  const unique_fd connection(::accept(stalls.get(), nullptr, nullptr));
  char request[4096];
  REQUIRE(::recv(connection.get(), request, sizeof request, 0) > 0);
  constexpr std::string_view head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
  REQUIRE(::send(connection.get(), head.data(), head.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(head.size()));
  worker.send_signal(SIGTERM);
  CHECK(worker.wait() == 3);
  CHECK(worker.count("The result could not be posted in the time allowed") == 1);
}

TEST_CASE("a program whose output is no longer read works on") {
  queue_server server(endless_polls);
  worker_program worker(server);
  REQUIRE(server.wait_for(a_poll_waits));
  worker.close_output();
  server.add_jobs(3, json::object());
  CHECK(server.wait_for_results(3));
  worker.send_signal(SIGTERM);
  CHECK(worker.wait() == 0);
}

// --- beside the jobs -----------------------------------------------------------------------------------

TEST_CASE("heartbeats go on while a handler computes, and name the job until its result is accepted") {
  const temporary_folder folder;
  queue_server server(endless_polls);
  server.script(endpoint::done, {status(500), paused_at(point::before_acting)});
  server.add_job("a,b", json{{"until", folder.name() + "/go"}});
  worker_program worker(server, {{"RUNPOD_PING_INTERVAL", "5"}});
  const auto beats_naming_it = [](const queue_log& log) {
    std::size_t count = 0;
    for (const exchange& one : log.exchanges) {
      if (one.where == endpoint::ping && one.request.parameter("job_id") == "a,b") ++count;
    }
    return count;
  };
  CHECK(server.wait_for([&](const queue_log& log) { return beats_naming_it(log) >= 5; }));
  folder.write("go", "");
  REQUIRE(server.wait_for([](const queue_log& log) { return log.paused == 1; }));
  const std::size_t before = beats_naming_it(server.log());
  CHECK(server.wait_for([&](const queue_log& log) { return beats_naming_it(log) >= before + 3; }));
  server.release();
  REQUIRE(server.wait_for_results(1));
  const std::size_t pings = server.log().requests(endpoint::ping);
  CHECK(server.wait_for([&](const queue_log& log) { return log.requests(endpoint::ping) >= pings + 3; }));
  CHECK(!server.log().with(endpoint::ping).back().request.parameter("job_id"));
  CHECK(server.log().with(endpoint::ping).back().request.header("Authorization") == "test-key");
}

TEST_CASE("the stop channel stops exactly the job that it names") {
  queue_server server(endless_polls);
  server.add_jobs(2, json{{"ms", 3'600'000}});
  server.add_job("c", json{{"ms", 500}});
  worker_program worker(server, {{"WORKER_CONCURRENCY", "3"}, {"WORKER_GRACE_MS", "0"}});
  REQUIRE(worker.says("job-1 | Started."));
  server.stop_job("job-1");
  server.stop_job("never there");
  REQUIRE(server.wait_for_results(2));
  CHECK(server.log().result("job-1").at("error").get<std::string>().find("stop") != std::string::npos);
  CHECK(server.log().result("c") == done_without_text);
  CHECK(server.log().job("job-0").results == 0);
}

TEST_CASE("a server without a stop channel is logged once and not polled again") {
  queue_server server({.hold = 20ms, .stop_channel = false});
  server.add_jobs(20, json{{"ms", 5}});
  worker_program worker(server);
  REQUIRE(server.wait_for_results(20));
  worker.send_signal(SIGTERM);
  CHECK(worker.wait() == 0);
  CHECK(server.log().requests(endpoint::stop) == 1);
  CHECK(worker.count("no stop channel") == 1);
}

// --- starting ------------------------------------------------------------------------------------------

TEST_CASE("variables that cannot be used are refused by name, with status 2, before any request") {
  const auto refused = [](const std::string& name, const std::string& value, const std::string& why) {
    CAPTURE(name);
    CAPTURE(value);
    const queue_server server;
    worker_program worker(server, {{name, value}});
    CHECK(worker.wait() == 2);
    CHECK(worker.count(name) == 1);
    CHECK(worker.count(why) == 1);
    CHECK(server.log().connections == 0);
  };
  for (const char* const value : {"0", "-5", "ten", "10s", "1.5", "99999999999999999999"}) {
    refused("RUNPOD_PING_INTERVAL", value, "milliseconds");
  }
  refused("RUNPOD_WEBHOOK_POST_OUTPUT", "", "is not set");
  refused("RUNPOD_WEBHOOK_GET_JOB", "ftp://h/job-take/$ID", "is not a URL");
  refused("RUNPOD_LOG_LEVEL", "LOUD", "there is no log level");
  refused("RUNPOD_AI_API_KEY", "key\nmore", "line break");
  refused("RUNPOD_UA_INTEGRATION", "x\r\nX-Header: y", "line break");
  refused("RUNPOD_WEBHOOK_POST_STREAM", "h/job-stream/$ID", "is not a URL");
  refused("RUNPOD_WEBHOOK_POST_STREAM", "http://h/job-stream/", "does not contain $ID");
  refused("RUNPOD_WEBHOOK_POST_OUTPUT", "http://h/job-done/$RUNPOD_POD_ID/", "does not contain $ID");
  refused("RUNPOD_WEBHOOK_PING", "http://h/pi ng", "is not a URL");
  for (const char* const url : {"http://", "http:///x", "http://?a", "http://h:99999/$ID", "http://h:0/x",
                                "http://h:8o/x", "http://[::1/x", "http://u:p@/x", "http://u@h:port/x"}) {
    refused("RUNPOD_WEBHOOK_POST_OUTPUT", url, "is not a URL");
  }
}

TEST_CASE("white space around a variable's value, as from a file written on Windows, is ignored") {
  queue_server server(endless_polls);
  server.add_jobs(1, json{{"ms", 1}});
  environment_list ending_in_returns;
  for (const auto& [name, value] : server.environment()) ending_in_returns.emplace_back(name, value + "\r");
  worker_program worker(server, ending_in_returns);
  REQUIRE(server.wait_for_results(1));
  worker.send_signal(SIGTERM);
  CHECK(worker.wait() == 0);
}

TEST_CASE("a missing spool folder is refused by name") {
  const queue_server server;
  worker_program worker(server, {{"WORKER_SPOOL", "/nonexistent/spool"}});
  CHECK(worker.wait() == 1);
  CHECK(worker.count("/nonexistent/spool") == 1);
}

TEST_CASE("without a ping URL there are no heartbeats, and PING_NOT_SET means no URL") {
  queue_server server(endless_polls);
  worker_program worker(server, {{"RUNPOD_WEBHOOK_PING", "PING_NOT_SET"}, {"RUNPOD_PING_INTERVAL", "1"}});
  server.add_jobs(1, json{{"ms", 50}});
  REQUIRE(server.wait_for_results(1));
  CHECK(server.log().requests(endpoint::ping) == 0);
  CHECK(server.log().requests(endpoint::other) == 0);
}

TEST_CASE("a worker names itself in the platform's form") {
  queue_server server(endless_polls);
  worker_program worker(server);
  REQUIRE(server.wait_for([](const queue_log& log) { return log.takes() == 1; }));
  const std::string agent(server.log().with(endpoint::take).at(0).request.header("User-Agent").value_or(""));
  CHECK(agent.starts_with("coworker/" COWORKER_VERSION " (Linux "));
  CHECK(agent.ends_with(") Language/C++ 20"));
}

// --- what is logged ------------------------------------------------------------------------------------

TEST_CASE("the API key is in no line, however much is logged, and payloads only from DEBUG on") {
  for (const char* const level : {"TRACE", "DEBUG", "INFO", "WARN", ""}) {
    CAPTURE(level);
    queue_server server({.hold = 20ms});
    server.script(endpoint::take, {status(401), garbage()});
    server.script(endpoint::done, {status(413), status(500), reset_at(point::before_acting)});
    server.add_raw_job(R"({"id":"odd","input":"hidden-payload)");
    server.add_job("a", json{{"text", "hidden-payload, and k3y-to-everything"}});
    server.add_job("b", json{{"text", "hidden-payload"}, {"ms", "no number"}});
    worker_program worker(server, {{"RUNPOD_AI_API_KEY", "k3y-to-everything"}, {"RUNPOD_LOG_LEVEL", level}});
    REQUIRE(server.wait_for_results(3));
    worker.send_signal(SIGTERM);
    CHECK(worker.wait() == 3);  // one result was refused, and its failure accepted instead
    CHECK(server.log().with(endpoint::take).at(0).request.header("Authorization") == "k3y-to-everything");
    CHECK(worker.count("k3y-to-everything") == 0);
    const bool verbose = level == std::string("TRACE") || level == std::string("DEBUG");
    CHECK((worker.count("hidden-payload") > 0) == verbose);
    CHECK((worker.count("DEBUG") > 0) == verbose);
  }
}

TEST_CASE("on the platform each line is one JSON object") {
  queue_server server({.hold = 20ms});
  server.add_job("a\"b", json{{"text", "line\nbreak"}});
  server.script(endpoint::done, {status(500)});
  worker_program worker(server, {{"RUNPOD_ENDPOINT_ID", "ep"}, {"RUNPOD_LOG_LEVEL", "DEBUG"}});
  REQUIRE(server.wait_for_results(1));
  worker.send_signal(SIGTERM);
  CHECK(worker.wait() == 0);
  std::string rest = worker.output();
  rest.erase(0, rest.find('{'));
  std::size_t lines = 0;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    const json line = json::parse(rest.substr(0, end));
    CHECK(line.contains("requestId"));
    CHECK(line.contains("message"));
    CHECK(line.contains("level"));
    rest.erase(0, end + 1);
    ++lines;
  }
  CHECK(lines >= 5);
}

// --- connecting to the queue ---------------------------------------------------------------------------

TEST_CASE("a proxy that the environment names is used, except for the hosts in no_proxy") {
  queue_server proxy({.hold = 20ms});
  proxy.add_jobs(2, json::object());
  const std::string base = "http://queue.invalid/v2/test/";
  const environment_list through = {{"http_proxy", proxy.url()},
                                    {"RUNPOD_WEBHOOK_GET_JOB", base + "job-take/$ID"},
                                    {"RUNPOD_WEBHOOK_POST_OUTPUT", base + "job-done/$RUNPOD_POD_ID/$ID"},
                                    {"RUNPOD_WEBHOOK_PING", base + "ping/$RUNPOD_POD_ID"}};
  {
    worker_program worker(proxy, through);
    CHECK(proxy.wait_for_results(2));
    CHECK(proxy.log().with(endpoint::take).at(0).request.header("Host") == "queue.invalid");
  }
  queue_server direct({.hold = 20ms});
  direct.add_jobs(1, json::object());
  worker_program worker(direct, {{"http_proxy", "http://127.0.0.1:1"}, {"no_proxy", "127.0.0.1"}});
  CHECK(direct.wait_for_results(1));
}

}  // namespace coworker::testing
