// curl_client as an http_client: responses, failures and stops.

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/http/curl/client.hpp>
#include <coworker/net/readable.hpp>
#include <coworker/net/tcp.hpp>
#include <cstddef>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <support/queue_server.hpp>
#include <support/socket.hpp>
#include <thread>
#include <utility>
#include <vector>

namespace coworker::testing {
namespace {

using namespace std::chrono_literals;

http_response fetch(const coworker::http_request& request, curl_client_options options = {}) {
  curl_client client(std::move(options));
  event_loop loop(client);
  return sync_wait(loop, client.send(request));
}

/// Accepts one connection after another and sends the same bytes for any request; then closes the connection,
/// or waits until the client does.
class fixed_response_server {
 public:
  explicit fixed_response_server(std::string bytes, bool hangs_up = true)
      : bytes_(std::move(bytes)), hangs_up_(hangs_up), listener_(0), thread_([this] { serve(); }) {}
  fixed_response_server(const fixed_response_server&) = delete;
  fixed_response_server& operator=(const fixed_response_server&) = delete;
  ~fixed_response_server() {
    stopping_ = true;
    const unique_fd wake(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const socket_address address = loopback_address(listener_.port());
    ::connect(wake.get(), address.data(), address.size());
    thread_.join();
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(listener_.port()) + "/"; }

  /// Returns the first line of the latest request.
  std::string asked() const {
    const std::lock_guard lock(mutex_);
    return asked_.substr(0, asked_.find('\r'));
  }

 private:
  void serve() {
    while (!stopping_) {
      pollfd ready{listener_.get(), POLLIN, 0};
      ::poll(&ready, 1, -1);
      const unique_fd accepted = listener_.accept();
      if (!accepted || stopping_) continue;
      pollfd asked{accepted.get(), POLLIN, 0};
      ::poll(&asked, 1, 1000);
      char request[4096];
      const auto read = ::recv(accepted.get(), request, sizeof request, 0);
      {
        const std::lock_guard lock(mutex_);
        asked_.assign(request, static_cast<std::size_t>(std::max<decltype(read)>(read, 0)));
      }
      [[maybe_unused]] const auto sent = ::send(accepted.get(), bytes_.data(), bytes_.size(), MSG_NOSIGNAL);
      if (!hangs_up_) ::poll(&asked, 1, -1);
    }
  }

  std::string bytes_;
  bool hangs_up_;
  mutable std::mutex mutex_;
  std::string asked_;
  listener listener_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

/// Sets an environment variable, and restores it in the destructor.
class curl_environment_variable {
 public:
  curl_environment_variable(const char* name, const std::string& value) : name_(name) {
    if (const char* const before = std::getenv(name)) before_ = before;
    ::setenv(name, value.c_str(), 1);
  }
  curl_environment_variable(const curl_environment_variable&) = delete;
  curl_environment_variable& operator=(const curl_environment_variable&) = delete;
  ~curl_environment_variable() {
    if (before_) {
      ::setenv(name_, before_->c_str(), 1);
    } else {
      ::unsetenv(name_);
    }
  }

 private:
  const char* name_;
  std::optional<std::string> before_;
};

/// Counts how often an event loop waits.
class counting_waiter final : public waiter {
 public:
  explicit counting_waiter(waiter& inner) noexcept : inner_(inner) {}
  void wait(time_point deadline) override {
    ++waits;
    inner_.wait(deadline);
  }
  void wake() noexcept override { inner_.wake(); }
  void watch(descriptor_watch& watch) override { inner_.watch(watch); }
  void unwatch(descriptor_watch& watch) noexcept override { inner_.unwatch(watch); }

  int waits = 0;

 private:
  waiter& inner_;
};

}  // namespace

TEST_CASE("a response that takes longer causes no more wake-ups") {
  const auto waits = [](std::chrono::milliseconds hold) {
    queue_server server({.hold = hold});
    curl_client client;
    counting_waiter counted(client);
    event_loop loop(counted);
    CHECK(sync_wait(loop, client.send(coworker::http_request(server.url() + "/v2/test/job-take/w"))).status ==
          204);
    return counted.waits;
  };
  const int shorter = waits(500ms);  // long enough to cover everything at the beginning
  CHECK(waits(4500ms) <= shorter + 1);
}

TEST_CASE("a reply that is not HTTP is a broken connection, after which the server may have acted") {
  for (const char* const bytes : {"hello\r\n\r\n", "SSH-2.0-x\r\n", "HTTP/9.9 200 OK\r\n\r\n",
                                  "HTTP/1.1 abc\r\n\r\n", "\x16\x03\x01 tls\r\n\r\n", ""}) {
    CAPTURE(bytes);
    const fixed_response_server server(bytes);
    coworker::http_request post(server.url());
    post.body = "{}";
    const http_response response = fetch(post);
    CHECK(response.failure == http_failure::broken);
    CHECK(!response.problem.empty());
  }
}

TEST_CASE("URLs that libcurl must normalise and URLs that it need not can follow each other") {
  const fixed_response_server server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  curl_client client;
  event_loop loop(client);
  const auto asked_for = [&](const std::string& rest) {
    const http_response response = sync_wait(loop, client.send(coworker::http_request(server.url() + rest)));
    return response.arrived() ? server.asked() : response.problem;
  };
  for (int round = 0; round < 2; ++round) {
    CHECK(asked_for("job-take/w%2Fx?gpu=NVIDIA+RTX&n=1") ==
          "GET /job-take/w%2Fx?gpu=NVIDIA+RTX&n=1 HTTP/1.1");
    CHECK(asked_for("") == "GET / HTTP/1.1");
    CHECK(asked_for("other") == "GET /other HTTP/1.1");
    CHECK(asked_for("a/./b/../c") == "GET /a/c HTTP/1.1");
    CHECK(asked_for("a#fragment") == "GET /a HTTP/1.1");
    CHECK(asked_for("a?b#c") == "GET /a?b HTTP/1.1");
  }
  const http_response split =
      sync_wait(loop, client.send(coworker::http_request(server.url() + "a b\r\nc: d")));
  CHECK(split.failure == http_failure::unusable);
}

TEST_CASE("a re-used handle works for any other server and kind of URL") {
  const fixed_response_server left("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nleft");
  const fixed_response_server right("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nright");
  curl_client client;
  event_loop loop(client);
  const auto answer_of = [&](const std::string& url, bool posts) {
    coworker::http_request request(url);
    if (posts) request.body = "{}";
    const http_response response = sync_wait(loop, client.send(request));
    return response.arrived() ? response.body : response.problem;
  };
  for (const bool posts : {false, true, false}) {
    CAPTURE(posts);
    const std::string method = posts ? "POST" : "GET";
    CHECK(answer_of(left.url() + "plain", posts) == "left");
    CHECK(answer_of(right.url() + "plain", posts) == "right");
    CHECK(right.asked() == method + " /plain HTTP/1.1");
    CHECK(answer_of(left.url() + "a/../whole#f", posts) == "left");
    CHECK(left.asked() == method + " /whole HTTP/1.1");
    CHECK(answer_of(right.url() + "again?n=1", posts) == "right");
    CHECK(right.asked() == method + " /again?n=1 HTTP/1.1");
    CHECK(answer_of("http://[bad/plain", posts) != "");
    CHECK(answer_of(right.url() + "again?n=1", posts) == "right");
    CHECK(answer_of(right.url(), posts) == "right");
    CHECK(right.asked() == method + " / HTTP/1.1");
  }
}

TEST_CASE("each request has its own headers and timeout, whatever the previous one had") {
  queue_server server({.hold = answer::never});
  curl_client client;
  event_loop loop(client);
  for (const auto limit : {100ms, 10'000ms, 50ms}) {
    coworker::http_request ping(server.url() + "/v2/test/ping/w");
    const std::vector<std::string> shared(limit == 10s ? 2 : 1, "X-Shared: yes");
    ping.headers = shared;
    ping.own_header = limit == 50ms ? "" : "X-Own: " + std::to_string(limit.count());
    ping.timeout = limit;
    CHECK(sync_wait(loop, client.send(ping)).status == 200);
    const http_request asked = server.log().exchanges.back().request;
    CHECK(asked.header("x-shared") == "yes");
    CHECK(asked.header("x-own").value_or("none") == (limit == 50ms ? "none" : std::to_string(limit.count())));
    coworker::http_request poll(server.url() + "/v2/test/job-take/w");
    poll.timeout = std::min<duration>(limit, 200ms);
    CHECK(sync_wait(loop, client.send(poll)).failure == http_failure::timed_out);
  }
}

TEST_CASE("a large body is sent without waiting for 100 Continue") {
  queue_server server;
  curl_client client;
  event_loop loop(client);
  for (const std::size_t size : {2'000'000UL, 10UL, 2'000UL, 3'000'000UL}) {
    coworker::http_request post(server.url() + "/v2/test/job-done/w/job?isStream=false");
    post.body = '"' + std::string(size, 'x') + '"';
    const time_point begun = clock_type::now();
    CHECK(sync_wait(loop, client.send(post)).arrived());
    CHECK(clock_type::now() - begun < 900ms);
    CHECK(!server.log().exchanges.back().request.header("expect"));
  }
}

TEST_CASE("a proxy gets the whole URL") {
  const fixed_response_server proxy("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  for (const char* const name : {"http_proxy", "all_proxy", "ALL_PROXY"}) {
    CAPTURE(name);
    curl_environment_variable set(name, proxy.url());
    CHECK(fetch(coworker::http_request("http://queue.test/job-take/w?n=1")).status == 200);
    CHECK(proxy.asked() == "GET http://queue.test/job-take/w?n=1 HTTP/1.1");
  }
}

TEST_CASE("the position of the request target is known for URLs that need no normalisation") {
  using coworker::detail::plain_target;
  constexpr std::size_t none = std::string_view::npos;
  CHECK(plain_target("https://h/a?b=c", true) == 9);
  CHECK(plain_target("http://h/a.b/c", false) == 8);
  CHECK(plain_target("http://h/a.b/c", true) == none);
  CHECK(plain_target("https://user:key@h:443/a", false) == 22);
  for (const char* const url :
       {"https://h", "https://h?a", "https://h#a", "https:///a", "ftp://h/a", "h/a", "", "https://h/a b",
        "https://h/\xc3\xa4", "https://h/a/../b", "https://h/a#b"}) {
    CAPTURE(url);
    CHECK(plain_target(url, false) == none);
  }
}

TEST_CASE("an endless header or a body that contradicts its encoding is a broken connection") {
  const fixed_response_server squeezed(
      "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello");
  CHECK(fetch(coworker::http_request(squeezed.url())).failure == http_failure::broken);
  const fixed_response_server talkative("HTTP/1.1 200 OK\r\nX: " + std::string(500'000, 'x') + "\r\n\r\n");
  CHECK(fetch(coworker::http_request(talkative.url())).failure == http_failure::broken);
}

TEST_CASE("a timeout for the whole response ends one that begins and stalls") {
  const fixed_response_server server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", false);
  coworker::http_request request(server.url());
  request.timeout = 100ms;
  request.timeout_to_end = true;
  CHECK(fetch(request).failure == http_failure::timed_out);
}

TEST_CASE("Retry-After is read in seconds and as a date; invalid values are ignored") {
  const auto waits = [](const std::string& value) {
    const fixed_response_server server("HTTP/1.1 429 Slow\r\nRetry-After: " + value +
                                       "\r\nContent-Length: 0\r\n\r\n");
    return fetch(coworker::http_request(server.url())).retry_after;
  };
  CHECK(waits("17") == 17s);
  CHECK(waits("Fri, 31 Dec 2100 23:59:59 GMT") == 24h);
  CHECK(waits("Fri, 31 Dec 1999 23:59:59 GMT") == std::nullopt);
  CHECK(waits("0") == std::nullopt);
  CHECK(waits("soon") == std::nullopt);
}

TEST_CASE("a request that cannot be sent fails as such, and a missing server is unreachable") {
  CHECK(fetch(coworker::http_request("http://[bad")).failure == http_failure::unusable);
  queue_server server;
  server.go_down();
  const http_response response = fetch(coworker::http_request(server.url()));
  CHECK(response.failure == http_failure::unreachable);
  CHECK(response.problem.find("127.0.0.1") != std::string::npos);
}

TEST_CASE("redirects are not followed, and protocols other than HTTP are refused") {
  const fixed_response_server server(
      "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
  CHECK(fetch(coworker::http_request(server.url())).status == 302);
  CHECK(fetch(coworker::http_request("file:///etc/passwd")).failure != http_failure::none);
}

TEST_CASE("an exchange that is stopped before it is sent is not sent") {
  queue_server server;
  curl_client client;
  event_loop loop(client);
  const coworker::http_request request(server.url() + "/v2/test/ping/w");
  const auto stopped_at_once = [&]() -> task<void> {
    scope children(co_await this_coro::context());
    children.request_stop();
    children.spawn([&]() -> task<void> { co_await client.send(request); });
    co_await children.join();
  };
  sync_wait(loop, stopped_at_once());
  CHECK(server.log().connections == 0);
}

TEST_CASE("a stop ends its own exchange, and no other") {
  queue_server server({.hold = answer::never});
  server.script(endpoint::ping, {paused_at(point::before_answer)});
  curl_client client;
  event_loop loop(client);
  const coworker::http_request poll(server.url() + "/v2/test/job-take/w");
  const coworker::http_request ping(server.url() + "/v2/test/ping/w");
  int status = 0;
  const auto both = [&]() -> task<void> {
    scope stopped(co_await this_coro::context());
    scope kept(co_await this_coro::context());
    stopped.spawn([&]() -> task<void> { co_await client.send(poll); });
    kept.spawn([&]() -> task<void> { status = (co_await client.send(ping)).status; });
    while (server.log().paused == 0 || server.log().waiting_polls == 0) co_await sleep_for(1ms);
    stopped.request_stop();
    co_await stopped.join();
    server.release();
    co_await kept.join();
  };
  sync_wait(loop, both());
  CHECK(status == 200);
  CHECK(server.log().aborted_polls == 1);
}

TEST_CASE(
    "a response that begins in an exchange's linger time is received, without further wake-ups before") {
  listener place(0);
  std::atomic<bool> asked{false};
  std::atomic<bool> may_end{false};
  std::thread server([&] {
    pollfd readable{place.get(), POLLIN, 0};
    ::poll(&readable, 1, -1);
    const unique_fd accepted = place.accept();
    readable.fd = accepted.get();
    char request[4096];
    ::poll(&readable, 1, -1);
    ::recv(accepted.get(), request, sizeof request, 0);
    asked = true;
    ::poll(&readable, 1, -1);
    CHECK(::recv(accepted.get(), request, sizeof request, 0) == 0);  // the client has closed its sending side
    const std::string_view head = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello";
    ::send(accepted.get(), head.data(), head.size(), MSG_NOSIGNAL);
    while (!may_end) std::this_thread::yield();
    ::send(accepted.get(), "world", 5, MSG_NOSIGNAL);
  });
  curl_client client({.linger = 50ms});
  counting_waiter counted(client);
  event_loop loop(counted);
  const coworker::http_request request("http://127.0.0.1:" + std::to_string(place.port()) + "/");
  std::string body;
  const auto stopped_in_between = [&]() -> task<void> {
    scope children(co_await this_coro::context());
    children.spawn([&]() -> task<void> { body = (co_await client.send(request)).body; });
    while (!asked) co_await sleep_for(1ms);
    children.request_stop();
    co_await sleep_for(200ms);
    counted.waits = 0;
    co_await sleep_for(100ms);
    CHECK(counted.waits < 20);
    may_end = true;
    co_await children.join();
  };
  sync_wait(loop, stopped_in_between());
  server.join();
  CHECK(body == "helloworld");
}

TEST_CASE("coroutines on the client's loop await descriptors and connections while it waits for responses") {
  queue_server server({.hold = answer::never});
  curl_client client;
  counting_waiter counted(client);
  event_loop loop(counted);
  const coworker::http_request poll(server.url() + "/v2/test/job-take/w");
  const coworker::http_request ping(server.url() + "/v2/test/ping/w");
  tcp_listener listener("127.0.0.1", 0);
  std::string read;
  const auto all = [&]() -> task<void> {
    scope stopped(co_await this_coro::context());
    scope children(co_await this_coro::context());
    stopped.spawn([&]() -> task<void> { co_await client.send(poll); });
    while (server.log().waiting_polls == 0) co_await sleep_for(1ms);
    children.spawn([&]() -> task<void> {
      tcp_stream peer = co_await listener.accept();
      char buffer[10];
      for (;;) {
        const std::size_t count = co_await peer.read_some(buffer);
        if (count == 0) break;
        read.append(buffer, count);
      }
    });
    const int before = counted.waits;
    tcp_stream caller = co_await tcp_stream::connect(listener.local_address());
    co_await caller.write_all("one ");
    while (read != "one ") co_await sleep_for(1ms);
    const http_response response = co_await client.send(ping);
    CHECK(response.status == 200);
    const int idle_from = counted.waits;
    co_await sleep_for(50ms);
    CHECK(counted.waits < idle_from + 10);  // nothing is ready, and nothing wakes the loop
    co_await caller.write_all("two");
    caller.close();
    co_await children.join();
    CHECK(counted.waits > before);
    stopped.request_stop();
    co_await stopped.join();
  };
  sync_wait(loop, all());
  CHECK(read == "one two");
}

TEST_CASE("a descriptor that was awaited once and is ready again causes no wake-up") {
  curl_client client;
  counting_waiter counted(client);
  event_loop loop(counted);
  const auto work = [&]() -> task<void> {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    unique_fd from(ends[0]);
    const unique_fd to(ends[1]);
    int other_ends[2];
    REQUIRE(::pipe(other_ends) == 0);
    unique_fd never(other_ends[0]);
    const unique_fd kept(other_ends[1]);
    CHECK(::write(to.get(), "x", 1) == 1);
    co_await readable(from);  // without reading it
    const executor_ref here = co_await this_coro::executor();
    const int before = counted.waits;
    const bool ready = co_await readable_until(never, here.now() + 50ms);
    CHECK(!ready);
    CHECK(counted.waits < before + 10);
  };
  sync_wait(loop, work());
}

TEST_CASE("programs that are started meanwhile inherit no descriptor of the client") {
  const auto inherited = [] {
    int count = 0;
    for (int number = 0; number < 1024; ++number) {
      const int flags = ::fcntl(number, F_GETFD);
      if (flags >= 0 && (flags & FD_CLOEXEC) == 0) ++count;
    }
    return count;
  };
  const int before = inherited();
  queue_server server;
  curl_client client;
  event_loop loop(client);
  const coworker::http_request ping(server.url() + "/v2/test/ping/w");
  CHECK(sync_wait(loop, client.send(ping)).status == 200);
  CHECK(inherited() == before);
}

}  // namespace coworker::testing
