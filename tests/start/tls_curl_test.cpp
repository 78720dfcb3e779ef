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
#include <support/temporary_folder.hpp>
#include <support/worker_program.hpp>
#include <thread>
#include <vector>

namespace coworker::testing {
namespace {

using namespace std::chrono_literals;

/// The path of that program; empty if it is not installed.
std::string program_path(const std::string& name) {
  for (const char* const folder : {"/usr/sbin/", "/usr/bin/", "/usr/local/sbin/", "/usr/local/bin/"}) {
    if (::access((folder + name).c_str(), X_OK) == 0) return folder + name;
  }
  return {};
}

bool tls_can_be_tested() {
  const bool can = !program_path("nginx").empty() && !program_path("openssl").empty();
  if (!can) MESSAGE("skipped: this needs nginx and openssl (Debian: nginx openssl)");
  return can;
}

/// A folder with a certificate authority and certificates that it has signed.
class test_authority {
 public:
  test_authority() {
    openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=coworker test authority", "-keyout", path("ca.key"), "-out", path("ca.pem")});
    openssl({"rehash", folder_.name()});
  }

  std::string ca_file() const { return path("ca.pem"); }
  std::string ca_folder() const { return folder_.name(); }

  /// Makes NAME.pem and NAME.key for that subject: "IP:127.0.0.1" or "DNS:name".
  void sign(const std::string& name, const std::string& subject) const {
    folder_.write(name + ".ext", "subjectAltName=" + subject + "\n");
    openssl({"req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=queue",
             "-keyout", path(name + ".key"), "-out", path(name + ".csr")});
    openssl({"x509", "-req", "-in", path(name + ".csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"),
             "-CAcreateserial", "-days", "2", "-extfile", path(name + ".ext"), "-out", path(name + ".pem")});
  }

  std::string path(const std::string& file) const { return folder_.name() + "/" + file; }

 private:
  void openssl(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), program_path("openssl"));
    process run(arguments);
    if (run.wait() != 0) throw std::runtime_error("openssl failed: " + run.output());
  }

  temporary_folder folder_;
};

/// An nginx that speaks TLS and passes everything on to the queue server, with the client's protocol and the
/// number of its connection as headers.
class tls_front {
 public:
  tls_front(const queue_server& queue, const test_authority& authority, const std::string& certificate,
            const std::string& listen_options = "ssl http2") {
    reserved_.close();
    folder_.write(
        "nginx.conf",
        "daemon off;\nmaster_process off;\npid " + folder_.name() + "/pid;\nerror_log " + folder_.name() +
            "/errors info;\nevents {}\nhttp {\n  access_log off;\n" + temporary_paths() +
            "  server {\n    listen 127.0.0.1:" + std::to_string(reserved_.port()) + " " + listen_options +
            " reuseport;\n    ssl_certificate " + authority.path(certificate + ".pem") +
            ";\n    ssl_certificate_key " + authority.path(certificate + ".key") +
            ";\n    location / {\n      proxy_pass " + queue.url() +
            ";\n      proxy_http_version 1.1;\n      proxy_buffering off;\n"
            "      proxy_set_header X-Front-Protocol $server_protocol;\n"
            "      proxy_set_header X-Front-Connection $connection;\n    }\n  }\n}\n");
    nginx_.emplace(std::vector<std::string>{program_path("nginx"), "-p", folder_.name(), "-c",
                                            folder_.name() + "/nginx.conf"});
    const auto limit = std::chrono::steady_clock::now() + 20s;
    while (!raw_client(reserved_.port()).connected()) {
      if (std::chrono::steady_clock::now() > limit)
        throw std::runtime_error("nginx does not begin: " + nginx_->output());
      std::this_thread::yield();
    }
  }

  /// The variables that direct a worker to it.
  environment_list environment(const environment_list& more = {}) const {
    const std::string base = "https://127.0.0.1:" + std::to_string(reserved_.port()) + "/v2/test/";
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

 private:
  std::string temporary_paths() const {
    std::string lines;
    for (const char* const kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
      lines += std::string("  ") + kind + "_temp_path " + folder_.name() + "/" + kind + ";\n";
    }
    return lines;
  }

  temporary_folder folder_;
  listener reserved_{0};
  std::optional<process> nginx_;
};

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
    const tls_front front(queue, authority, "good");
    queue.add_jobs(50, json{{"ms", 1}});
    worker_program worker(queue, front.environment({variable, {"WORKER_CONCURRENCY", "10"}}));
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
  const tls_front front(queue, authority, "good", "ssl");
  queue.add_jobs(20, json::object());
  worker_program worker(queue, front.environment({{"CURL_CA_BUNDLE", authority.ca_file()}}));
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
    const tls_front front(queue, authority, known_authority ? "other" : "good");
    queue.add_jobs(1, json::object());
    worker_program worker(queue,
                          front.environment({{"CURL_CA_BUNDLE", known_authority ? authority.ca_file() : ""},
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
    const tls_front front(queue, authority, "good");
    queue.script(endpoint::done, {paused_at(point::before_acting), paused_at(point::before_acting)});
    queue.add_jobs(2, json::object());
    worker_program worker(
        queue, front.environment({{"CURL_CA_BUNDLE", authority.ca_file()}, {"WORKER_CONCURRENCY", "3"}}));
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
    const tls_front front(queue, authority, "good", listen_options);
    worker_program worker(queue, front.environment({{"CURL_CA_BUNDLE", authority.ca_file()}}));
    REQUIRE(queue.wait_for([](const queue_log& log) { return log.takes() == 1 && log.waiting_polls == 2; }));
    worker.send_signal(SIGTERM);
    CHECK(worker.wait() == 0);
    CHECK(queue.wait_for([](const queue_log& log) { return log.aborted_polls == 2; }));
  }
}

}  // namespace coworker::testing
