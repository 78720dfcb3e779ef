// What libcurl's client gives up, and what it does not: frozen processes, slow lines, answers that drip.

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

// A child process that sends a request with a limit of 500 ms to a server here, and exits with 0 when it has the
// answer. Its loop and client are its own; it has no other thread.
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

// The connection of a client that has sent its request.
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

TEST_CASE("an answer that came while the process was frozen beyond its limit is read") {
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
  patience_pause(50ms);  // as for packets that were lost meanwhile and are sent again
  patience_send(accepted, patience_answer);
  CHECK(child.wait() == 0);
}

TEST_CASE("an answer that came while a coroutine kept the loop to itself is read") {
  const stream_server server([](tcp_stream& guest) -> task<void> {
    co_await read_head(guest);
    co_await guest.write_all(patience_answer);
    co_await read_to_end(guest);
  });
  curl_client client;
  event_loop loop(client);
  const coworker::http_request request = patience_get(server.url(), 100ms);
  http_response answer;
  sync_wait(loop,
            [](curl_client& over, const coworker::http_request& sent, http_response& into) -> task<void> {
              scope children(co_await this_coro::context());
              children.spawn([](curl_client& to, const coworker::http_request& what,
                                http_response& kept) -> task<void> { kept = co_await to.send(what); },
                             std::ref(over), std::cref(sent), std::ref(into));
              co_await sleep_for(20ms);
              patience_pause(300ms);
              co_await children.join();
            }(client, request, answer));
  CHECK(answer.body == "{}");
}

TEST_CASE("an answer that does not come is given up once its limit is over") {
  const stream_server server([](tcp_stream& guest) -> task<void> { co_await read_to_end(guest); });
  for (const std::size_t body : {0UL, 10UL, 1'000'000UL}) {
    CAPTURE(body);
    const auto request =
        body == 0 ? patience_get(server.url(), 100ms) : patience_post(server.url(), 100ms, body);
    const time_point begun = clock_type::now();
    const http_response answer = patience_fetch(request);
    CHECK(answer.failure == http_failure::timed_out);
    CHECK(answer.problem == "no answer came within 100 ms");
    CHECK(clock_type::now() - begun >= 100ms);
  }
}

TEST_CASE("a result that moves is never cut off, however slow the line is") {
  // The system takes much of the second one at once, and sends it as slowly.
  for (const std::size_t size : {12'000'000UL, 3'000'000UL}) {
    std::atomic<std::size_t> received{0};
    const std::size_t piece = size / 200;
    const stream_server server([&received, size, piece](tcp_stream& guest) -> task<void> {
      std::string buffer(piece, '\0');
      std::size_t left = size;
      for (bool in_head = true; left > 0;) {
        const std::size_t count = co_await guest.read_some(buffer);
        if (count == 0) co_return;
        const std::size_t head_end = in_head ? buffer.find("\r\n\r\n") + 4 : 0;
        in_head = false;
        left -= count - head_end;
        received += count - head_end;
        co_await sleep_for(6ms);
      }
      co_await guest.write_all(patience_answer);
      co_await read_to_end(guest);
    });
    const http_response answer = patience_fetch(patience_post(server.url(), 400ms, size));
    CHECK(answer.problem == "");
    CHECK(answer.body == "{}");
    CHECK(received == size);
  }
}

TEST_CASE("a request that does not get through is given up, and it is told how far it came") {
  const stream_server server([](tcp_stream& guest) -> task<void> {
    for (;;) co_await sleep_for(1h);
    co_await read_to_end(guest);
  });
  const http_response answer = patience_fetch(patience_post(server.url(), 200ms, 20'000'000));
  CHECK(answer.failure == http_failure::timed_out);
  CHECK(answer.problem.find("the request did not get through: after ") == 0);
  CHECK(answer.problem.ends_with(" bytes of its body, nothing moved for 200 ms"));
}

TEST_CASE("where no connection comes about, nothing was sent") {
  const listener place(0);
  std::vector<unique_fd> filling;  // the queue of a listener that nobody serves
  const socket_address address = loopback_address(place.port());
  ::listen(place.get(), 0);
  for (int i = 0; i < 3; ++i) {
    filling.push_back(detail::make_socket(AF_INET));
    ::connect(filling.back().get(), address.data(), address.size());
  }
  const http_response answer = patience_fetch(patience_get("http://" + address.to_string() + "/", 200ms));
  CHECK(answer.failure == http_failure::unreachable);
  CHECK(answer.problem == "no connection came about in 200 ms");
}

TEST_CASE("an answer that drips is given up, whoever asked for it, and it is told why") {
  const stream_server server([](tcp_stream& guest) -> task<void> {
    co_await read_head(guest);
    co_await guest.write_all("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    for (;;) {
      co_await guest.write_all("x");
      co_await sleep_for(10ms);
    }
  });
  curl_client_options options;
  options.slow_limit = 200ms;
  for (const bool posts : {false, true}) {
    CAPTURE(posts);
    const auto request = posts ? patience_post(server.url(), 10s, 10) : patience_get(server.url(), 10s);
    const http_response answer = patience_fetch(request, options);
    CHECK(answer.failure == http_failure::timed_out);
    CHECK(answer.problem.find("the answer comes too slowly and was given up after ") == 0);
    CHECK(answer.problem.ends_with(", less than 1000 a second"));
  }
}

TEST_CASE("an answer that comes at a decent speed is received, however long it takes") {
  const stream_server server([](tcp_stream& guest) -> task<void> {
    co_await read_head(guest);
    co_await guest.write_all("HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n");
    const std::string piece(500, 'x');
    for (int i = 0; i < 20; ++i) {
      co_await sleep_for(50ms);
      co_await guest.write_all(piece);
    }
    co_await read_to_end(guest);
  });
  curl_client_options options;
  options.slow_limit = 400ms;
  const http_response answer = patience_fetch(patience_get(server.url(), 400ms), options);
  CHECK(answer.problem == "");
  CHECK(answer.body.size() == 10'000);
}

TEST_CASE("a server may begin its answer and hold the rest back, as long as any answer may take") {
  const stream_server server([](tcp_stream& guest) -> task<void> {
    co_await read_head(guest);
    co_await sleep_for(400ms);
    co_await guest.write_all("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
    co_await sleep_for(400ms);
    co_await guest.write_all("{}");
    co_await read_to_end(guest);
  });
  curl_client_options options;
  options.slow_limit = 20ms;
  CHECK(patience_fetch(patience_get(server.url(), 600ms), options).body == "{}");
}

TEST_CASE("a head that never ends is given up") {
  const stream_server server([](tcp_stream& guest) -> task<void> {
    co_await read_head(guest);
    co_await guest.write_all("HTTP/1.1 200 OK\r\n");
    for (;;) {
      co_await guest.write_all("X-More: yes\r\n");
      co_await sleep_for(10ms);
    }
  });
  const http_response answer = patience_fetch(patience_get(server.url(), 200ms));
  CHECK(answer.failure == http_failure::timed_out);
  CHECK(answer.problem == "the answer began, and nothing more of it came within 200 ms");
}

TEST_CASE("leaving is not held up by an answer that drips, has stopped, or never goes past its head") {
  for (const std::string_view after_head : {"x", "", "no body"}) {
    CAPTURE(after_head);
    std::atomic<bool> begun{false};
    const stream_server server([&](tcp_stream& guest) -> task<void> {
      co_await read_head(guest);
      co_await guest.write_all("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
      if (after_head != "no body") co_await guest.write_all("xxx");
      begun = true;
      while (after_head == "x") {
        co_await guest.write_all("x");
        co_await sleep_for(10ms);
      }
      co_await read_to_end(guest);
    });
    curl_client_options options;
    options.slow_limit_when_stopped = 100ms;
    curl_client client(options);
    event_loop loop(client);
    const coworker::http_request request = patience_get(server.url(), 1h);
    http_response answer;
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
              }(client, request, begun, answer));
    CHECK(answer.failure == http_failure::timed_out);  // and not cancelled: it may have brought something
    CHECK(answer.problem.find("too slowly") != std::string::npos);
  }
}

}  // namespace coworker::testing
