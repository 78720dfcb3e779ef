// When curl_client gives up an exchange and when not: frozen processes, slow connections, slow responses.

#include <doctest/doctest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <atomic>
#include <chrono>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/http/curl/client.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <support/socket.hpp>
#include <support/stream_server.hpp>
#include <utility>

namespace coworker::testing {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view patience_answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

http_response patience_fetch(const coworker::http_request& request, curl_client_options options = {}) {
  curl_client client(std::move(options));
  event_loop loop(client);
  return sync_wait(loop, client.send(request));
}

coworker::http_request patience_get(const std::string& url, duration timeout) {
  coworker::http_request made(url);
  made.timeout = timeout;
  return made;
}

coworker::http_request patience_post(const std::string& url, duration timeout, std::size_t size) {
  coworker::http_request made = patience_get(url, timeout);
  made.body = std::string(size, 'x');
  made.timeout_to_end = true;
  return made;
}

void patience_pause(std::chrono::milliseconds span) { ::poll(nullptr, 0, static_cast<int>(span.count())); }

// A child process that sends a request with a timeout of 500 ms to a server in this process, and exits with 0
// when it gets the response. It has a loop and a client of its own, and no other thread.
class patience_child {
 public:
  explicit patience_child(const listener& at) : id_(::fork()) {
    if (id_ != 0) return;
    const auto request = patience_get("http://127.0.0.1:" + std::to_string(at.port()) + "/", 500ms);
    ::_exit(patience_fetch(request).body == "{}" ? 0 : 1);
  }
  patience_child(const patience_child&) = delete;
  patience_child& operator=(const patience_child&) = delete;
  ~patience_child() {
    if (id_ < 0) return;
    ::kill(id_, SIGKILL);
    wait();
  }

  void freeze() const {
    ::kill(id_, SIGSTOP);
    int status = 0;
    CHECK(::waitpid(id_, &status, WUNTRACED) == id_);
    CHECK(WIFSTOPPED(status));
  }
  void thaw() const { ::kill(id_, SIGCONT); }

  int wait() {
    int status = 0;
    ::waitpid(std::exchange(id_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000;
  }

 private:
  pid_t id_;
};

// Accepts the connection of a client that has sent its request.
unique_fd patience_accept(const listener& at) {
  pollfd ready{at.get(), POLLIN, 0};
  ::poll(&ready, 1, 10'000);
  unique_fd accepted = at.accept();
  REQUIRE(accepted);
  ready.fd = accepted.get();
  ::poll(&ready, 1, 10'000);
  char request[4096];
  CHECK(::recv(accepted.get(), request, sizeof request, 0) > 0);
  return accepted;
}

void patience_send(const unique_fd& to, std::string_view bytes) {
  CHECK(::send(to.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
}

}  // namespace

TEST_CASE("a response that arrived while the process was frozen beyond its timeout is read") {
  const listener place(0);
  patience_child child(place);
  const unique_fd accepted = patience_accept(place);
  child.freeze();
  patience_send(accepted, patience_answer);
  patience_pause(800ms);
  child.thaw();
  CHECK(child.wait() == 0);
}

TEST_CASE("silence while the process was frozen does not count") {
  const listener place(0);
  patience_child child(place);
  const unique_fd accepted = patience_accept(place);
  child.freeze();
  patience_pause(1800ms);
  child.thaw();
  patience_pause(50ms);  // for packets that were lost meanwhile and are sent again
  patience_send(accepted, patience_answer);
  CHECK(child.wait() == 0);
}

TEST_CASE("a response that arrived while a coroutine blocked the loop is read") {
  const stream_server server([](tcp_stream& peer) -> task<void> {
    co_await read_head(peer);
    co_await peer.write_all(patience_answer);
    co_await read_to_end(peer);
  });
  curl_client client;
  event_loop loop(client);
  const coworker::http_request request = patience_get(server.url(), 100ms);
  http_response response;
  sync_wait(loop,
            [](curl_client& over, const coworker::http_request& sent, http_response& into) -> task<void> {
              scope children(co_await this_coro::context());
              children.spawn([](curl_client& to, const coworker::http_request& what,
                                http_response& kept) -> task<void> { kept = co_await to.send(what); },
                             std::ref(over), std::cref(sent), std::ref(into));
              co_await sleep_for(20ms);
              patience_pause(300ms);
              co_await children.join();
            }(client, request, response));
  CHECK(response.body == "{}");
}

TEST_CASE("an exchange without a response is given up after its timeout") {
  const stream_server server([](tcp_stream& peer) -> task<void> { co_await read_to_end(peer); });
  for (const std::size_t body : {0UL, 10UL, 1'000'000UL}) {
    CAPTURE(body);
    const auto request =
        body == 0 ? patience_get(server.url(), 100ms) : patience_post(server.url(), 100ms, body);
    const time_point begun = clock_type::now();
    const http_response response = patience_fetch(request);
    CHECK(response.failure == http_failure::timed_out);
    CHECK(response.problem == "no response came within 100 ms");
    CHECK(clock_type::now() - begun >= 100ms);
  }
}

TEST_CASE("a request that makes progress is never given up, however slow the connection is") {
  // Of the second size, the system takes much at once, and sends it as slowly.
  for (const std::size_t size : {12'000'000UL, 3'000'000UL}) {
    std::atomic<std::size_t> received{0};
    const std::size_t piece = size / 200;
    const stream_server server([&received, size, piece](tcp_stream& peer) -> task<void> {
      std::string buffer(piece, '\0');
      std::size_t left = size;
      for (bool in_head = true; left > 0;) {
        const std::size_t count = co_await peer.read_some(buffer);
        if (count == 0) co_return;
        const std::size_t head_end = in_head ? buffer.find("\r\n\r\n") + 4 : 0;
        in_head = false;
        left -= count - head_end;
        received += count - head_end;
        co_await sleep_for(6ms);
      }
      co_await peer.write_all(patience_answer);
      co_await read_to_end(peer);
    });
    const http_response response = patience_fetch(patience_post(server.url(), 400ms, size));
    CHECK(response.problem == "");
    CHECK(response.body == "{}");
    CHECK(received == size);
  }
}

TEST_CASE("a request that stalls is given up, and the message says how many bytes were sent") {
  const stream_server server([](tcp_stream& peer) -> task<void> {
    for (;;) co_await sleep_for(1h);
    co_await read_to_end(peer);
  });
  const http_response response = patience_fetch(patience_post(server.url(), 200ms, 20'000'000));
  CHECK(response.failure == http_failure::timed_out);
  CHECK(response.problem.find("the request did not get through: after ") == 0);
  CHECK(response.problem.ends_with(" bytes of its body, nothing moved for 200 ms"));
}

TEST_CASE("nothing was sent if no connection was made") {
  const listener place(0);
  std::vector<unique_fd> filling;  // fill the queue of a listener that accepts nothing
  const socket_address address = loopback_address(place.port());
  ::listen(place.get(), 0);
  for (int i = 0; i < 3; ++i) {
    filling.push_back(detail::make_socket(AF_INET));
    ::connect(filling.back().get(), address.data(), address.size());
  }
  const http_response response = patience_fetch(patience_get("http://" + address.to_string() + "/", 200ms));
  CHECK(response.failure == http_failure::unreachable);
  CHECK(response.problem == "no connection was made within 200 ms");
}

TEST_CASE("a response that is too slow is given up, for every kind of request, and the message says why") {
  const stream_server server([](tcp_stream& peer) -> task<void> {
    co_await read_head(peer);
    co_await peer.write_all("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    for (;;) {
      co_await peer.write_all("x");
      co_await sleep_for(10ms);
    }
  });
  curl_client_options options;
  options.slow_limit = 200ms;
  for (const bool posts : {false, true}) {
    CAPTURE(posts);
    const auto request = posts ? patience_post(server.url(), 10s, 10) : patience_get(server.url(), 10s);
    const http_response response = patience_fetch(request, options);
    CHECK(response.failure == http_failure::timed_out);
    CHECK(response.problem.find("the response comes too slowly and was given up after ") == 0);
    CHECK(response.problem.ends_with(", less than 1000 a second"));
  }
}

TEST_CASE("a response that is fast enough is received, however long it takes") {
  const stream_server server([](tcp_stream& peer) -> task<void> {
    co_await read_head(peer);
    co_await peer.write_all("HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n");
    const std::string piece(500, 'x');
    for (int i = 0; i < 20; ++i) {
      co_await sleep_for(50ms);
      co_await peer.write_all(piece);
    }
    co_await read_to_end(peer);
  });
  curl_client_options options;
  options.slow_limit = 400ms;
  const http_response response = patience_fetch(patience_get(server.url(), 400ms), options);
  CHECK(response.problem == "");
  CHECK(response.body.size() == 10'000);
}

TEST_CASE("a server may begin its response and delay the rest, as long as any response may take") {
  const stream_server server([](tcp_stream& peer) -> task<void> {
    co_await read_head(peer);
    co_await sleep_for(400ms);
    co_await peer.write_all("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
    co_await sleep_for(400ms);
    co_await peer.write_all("{}");
    co_await read_to_end(peer);
  });
  curl_client_options options;
  options.slow_limit = 20ms;
  CHECK(patience_fetch(patience_get(server.url(), 600ms), options).body == "{}");
}

TEST_CASE("an endless head is given up") {
  const stream_server server([](tcp_stream& peer) -> task<void> {
    co_await read_head(peer);
    co_await peer.write_all("HTTP/1.1 200 OK\r\n");
    for (;;) {
      co_await peer.write_all("X-More: yes\r\n");
      co_await sleep_for(10ms);
    }
  });
  const http_response response = patience_fetch(patience_get(server.url(), 200ms));
  CHECK(response.failure == http_failure::timed_out);
  CHECK(response.problem == "the response began, and nothing more of it came within 200 ms");
}

TEST_CASE("a stop is not delayed by a response that is slow, has stalled, or never ends its head") {
  for (const std::string_view after_head : {"x", "", "no body"}) {
    CAPTURE(after_head);
    std::atomic<bool> begun{false};
    const stream_server server([&](tcp_stream& peer) -> task<void> {
      co_await read_head(peer);
      co_await peer.write_all("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
      if (after_head != "no body") co_await peer.write_all("xxx");
      begun = true;
      while (after_head == "x") {
        co_await peer.write_all("x");
        co_await sleep_for(10ms);
      }
      co_await read_to_end(peer);
    });
    curl_client_options options;
    options.slow_limit_when_stopped = 100ms;
    curl_client client(options);
    event_loop loop(client);
    const coworker::http_request request = patience_get(server.url(), 1h);
    http_response response;
    sync_wait(loop,
              [](curl_client& over, const coworker::http_request& sent, std::atomic<bool>& there,
                 http_response& into) -> task<void> {
                scope children(co_await this_coro::context());
                children.spawn([](curl_client& to, const coworker::http_request& what,
                                  http_response& kept) -> task<void> { kept = co_await to.send(what); },
                               std::ref(over), std::cref(sent), std::ref(into));
                while (!there) co_await sleep_for(1ms);
                co_await sleep_for(20ms);
                children.request_stop();
                co_await children.join();
              }(client, request, begun, response));
    CHECK(response.failure ==
          http_failure::timed_out);  // not cancelled: the response has begun and may matter
    CHECK(response.problem.find("too slowly") != std::string::npos);
  }
}

}  // namespace coworker::testing
