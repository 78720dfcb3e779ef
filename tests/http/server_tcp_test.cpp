// A server on a loop with its own thread, and real connections to it.

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <array>
#include <atomic>
#include <chrono>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <coworker/http/server.hpp>
#include <coworker/net/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <support/raw_client.hpp>
#include <thread>
#include <utility>
#include <vector>

namespace coworker::testing {
namespace {

using namespace std::chrono_literals;

// Runs a server on its own thread until destroyed, which drains it.
template <class Handler>
class served {
 public:
  explicit served(Handler handler, const http_server_options& options = http_server_options())
      : server_(door_, std::move(handler), options),
        port_(door_.local_port()),
        thread_([this] { sync_wait(loop_, server_.run()); }) {}

  ~served() {
    server_.drain();
    thread_.join();
  }

  std::uint16_t port() const { return port_; }
  event_loop& loop() { return loop_; }

 private:
  event_loop loop_;
  tcp_listener door_{"127.0.0.1", 0};
  http_server<tcp_listener, Handler> server_;
  const std::uint16_t port_;
  std::thread thread_;
};

task<void> echo(server_request& request, server_response& response) {
  const std::string body = co_await request.read_all();
  response.head().add("Content-Type", "text/plain");
  co_await response.send(body);
}

}  // namespace

TEST_CASE("requests over TCP get responses, on one connection and on many") {
  served server(echo);
  raw_client client(server.port());
  for (int i = 0; i < 100; ++i) {
    const std::string body(static_cast<std::size_t>(i) * 100, 'x');
    const raw_answer response = client.post("/", body);
    REQUIRE(response.status() == 200);
    CHECK((response.body == body));
  }
  std::deque<raw_client> clients;
  for (int i = 0; i < 200; ++i) clients.emplace_back(server.port());
  for (raw_client& one : clients) one.send_post("/", "hello");
  for (raw_client& one : clients) CHECK(one.read().body == "hello");
}

TEST_CASE("clients of several threads are served concurrently") {
  served server(echo);
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&server, &right, thread] {
      raw_client client(server.port());
      for (int i = 0; i < 100; ++i) {
        const std::string body = std::to_string(thread) + "-" + std::to_string(i);
        if (client.post("/", body).body == body) ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(right == 400);
}

TEST_CASE("megabytes go both ways over TCP, also for a client that sends everything before it reads") {
  served server(echo);
  const std::string large(8'000'000, 'x');
  raw_client client(server.port());
  CHECK((client.post("/", large).body == large));
}

TEST_CASE("a handler may wait on other threads, and its response is sent from the server's thread") {
  thread_pool pool(2);
  std::atomic<int> elsewhere{0};
  const auto handler = [&](server_request& request, server_response& response) -> task<void> {
    const std::string body = co_await request.read_all();
    const executor_ref home = co_await this_coro::executor();
    co_await resume_on(pool);
    if (!home.runs_on_this_thread()) ++elsewhere;
    if (request.path() == "/back") {
      co_await resume_on(home);
      co_await response.send(body);
    } else if (request.path() == "/throws") {
      throw http_error(418, "thrown on another thread");
    } else {
      response.head().set_status(202);
    }
  };
  served server(handler);
  raw_client client(server.port());
  for (int i = 0; i < 50; ++i) {
    CHECK(client.post("/back", "abc").body == "abc");
    CHECK(client.post("/throws", "abc").status() == 418);
    CHECK(client.post("/stays", "abc").status() == 202);
  }
  CHECK(elsewhere == 150);
}

TEST_CASE("a client that disconnects, halfway or with a reset, stops its handler, wherever that waits") {
  std::atomic<int> stopped{0};
  const auto handler = [&stopped](server_request&, server_response&) -> task<void> {
    try {
      co_await sleep_for(1h);
    } catch (const cancelled&) {
      ++stopped;
      throw;
    }
  };
  const auto wait_for = [&stopped](int count) {
    const auto limit = std::chrono::steady_clock::now() + 20s;
    while (stopped < count && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
    return stopped.load();
  };
  served server(handler);
  {
    raw_client closing(server.port());
    raw_client resetting(server.port());
    raw_client half(server.port());
    for (raw_client* client : {&closing, &resetting, &half}) client->send_get("/");
    closing.close();
    CHECK(wait_for(1) == 1);
    half.half_close();
    CHECK(wait_for(2) == 2);
    resetting.reset();
    CHECK(wait_for(3) == 3);
  }
}

TEST_CASE("a refused client can read the reason, even if it keeps sending") {
  served server(echo);
  for (int i = 0; i < 20; ++i) {
    raw_client client(server.port());
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 30000000\r\n\r\n" + std::string(500'000, 'x'));
    const raw_answer response = client.read();
    CHECK(response.status() == 413);
    CHECK(client.read().ended == raw_answer::end::closed);
  }
}

TEST_CASE("deadlines work over TCP") {
  http_server_options options;
  options.head_timeout = 20ms;
  options.idle_timeout = 20ms;
  options.body_timeout = 20ms;
  options.write_timeout = 20ms;
  options.linger = 20ms;
  const std::string large(20'000'000, 'x');
  const auto handler = [&large](server_request& request, server_response& response) -> task<void> {
    co_await request.read_all();
    co_await response.send(large);
  };
  served server(handler, options);
  raw_client head(server.port());
  head.send("GET / HT");
  CHECK(head.read().status() == 408);
  raw_client idle(server.port());
  CHECK(idle.read().ended == raw_answer::end::closed);
  raw_client body(server.port());
  body.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab");
  CHECK(body.read().status() == 408);
  raw_client greedy(server.port());
  greedy.send_get("/");
  CHECK(greedy.wait_for_reset());  // the client reads nothing before this
}

TEST_CASE("a thousand clients stay connected while one is served, and disconnect when the server ends") {
  std::deque<raw_client> clients;
  {
    served server(echo);
    for (int i = 0; i < 1000; ++i) {
      clients.emplace_back(server.port());
      REQUIRE(clients.back().connected());
    }
    CHECK(clients.back().post("/", "last").body == "last");
    CHECK(clients.front().post("/", "first").body == "first");
  }
  for (raw_client& client : clients) CHECK(client.read().ended == raw_answer::end::closed);
}

}  // namespace coworker::testing
