// Streamed bodies: from and to files and functions, with back-pressure.

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <atomic>
#include <chrono>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/event.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <coworker/exec/timeout.hpp>
#include <coworker/http/call.hpp>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <support/call_server.hpp>
#include <support/temporary_folder.hpp>
#include <utility>
#include <vector>

namespace coworker::testing {
namespace {

using namespace std::chrono_literals;

std::string varied_text(std::size_t size) {
  std::string made;
  made.reserve(size);
  for (std::size_t i = 0; i < size; ++i) made += static_cast<char>('a' + (i * i + i / 251) % 26);
  return made;
}

/// Sends `size` bytes, and counts how many the system has taken.
class counting_sender {
 public:
  explicit counting_sender(std::size_t size)
      : size_(size), server_([this](tcp_stream& peer) { return attend(peer); }) {}
  std::string url() const { return server_.url(); }
  std::size_t taken() const noexcept { return taken_; }
  /// Set once a megabyte was sent.
  event& flows() noexcept { return flows_; }

 private:
  task<void> attend(tcp_stream& peer) {
    co_await read_head(peer);
    co_await peer.write_all("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(size_) + "\r\n\r\n");
    const std::string piece(64 * 1024, 'x');
    while (taken_ < size_) {
      const std::size_t written = co_await peer.write_some(std::string_view(piece).substr(0, size_ - taken_));
      taken_ += written;
      if (taken_ > 1'000'000) flows_.set();
    }
  }

  const std::size_t size_;
  std::atomic<std::size_t> taken_{0};
  event flows_;
  stream_server server_;
};

}  // namespace

TEST_CASE("a body is read from a file and written to a file, byte for byte") {
  const std::string text = varied_text(5'000'000);
  call_server server([](const http_request& asked) { return respond(200, asked.body); });
  const temporary_folder folder;
  folder.write("in", text);
  http::request echo(server.url());
  echo.method = "PUT";
  echo.body = http::body::file(folder.name() + "/in");
  echo.into = http::sink::file(folder.name() + "/out");
  const http::response got = sync_wait(http::send(std::move(echo)));
  CHECK(got.ok());
  CHECK(got.body.empty());
  CHECK(folder.read("out") == text);
  CHECK(server.requests().at(0).header("Content-Length") == "5000000");
  folder.write("out", "longer than what comes");
  call_server small(
      [](const http_request& asked) { return respond(asked.target() == "/" ? 200 : 404, "new"); });
  CHECK(sync_wait(http::get(small.url(), http::sink::file(folder.name() + "/out"))).ok());
  CHECK(folder.read("out") == "new");
  const http::response missing =
      sync_wait(http::get(small.url("/no"), http::sink::file(folder.name() + "/none")));
  CHECK(missing.status == 404);
  CHECK(missing.body == "new");
  CHECK(folder.files() == 2);
  call_server empty([](const http_request&) { return respond(200); });
  CHECK(sync_wait(http::get(empty.url(), http::sink::file(folder.name() + "/empty"))).ok());
  CHECK(folder.files() == 3);
  CHECK(folder.read("empty").empty());
}

TEST_CASE("an incomplete file is removed, and the error of an unusable file contains its name") {
  const temporary_folder folder;
  const std::string out = folder.name() + "/out";
  stream_server cut([](tcp_stream& peer) -> task<void> {
    co_await read_head(peer);
    co_await peer.write_all("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
  });
  http::call_options once;
  once.tries = 1;
  CHECK_THROWS_AS(sync_wait(http::get(cut.url(), http::sink::file(out), once)), http::call_error);
  CHECK(folder.files() == 0);
  CHECK_THROWS_AS(sync_wait(http::put(cut.url(), http::body::file(out))), io_error);
  CHECK_THROWS_AS(sync_wait(http::put(cut.url(), http::body::file(folder.name()))), io_error);
  call_server server([](const http_request&) { return respond(200, "x"); });
  CHECK_THROWS_AS(sync_wait(http::get(server.url(), http::sink::file(out + "/no/folder"))), io_error);
}

TEST_CASE("a file is written from the start when its call is retried") {
  const temporary_folder folder;
  folder.write("in", "all of it");
  std::atomic<int> count{0};
  call_server server([&](const http_request& asked) {
    if (++count != 1) return respond(200, asked.body);
    return std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwrong\r\nnonsense");
  });
  http::request echo(server.url());
  echo.method = "PUT";
  echo.body = http::body::file(folder.name() + "/in");
  echo.into = http::sink::file(folder.name() + "/out");
  CHECK(sync_wait(http::send(std::move(echo))).ok());
  CHECK(folder.read("out") == "all of it");
  CHECK(count == 2);
}

TEST_CASE("a function can provide a body, as a coroutine or not, of known size or not") {
  call_server server([](const http_request& asked) { return respond(200, asked.body); });
  int left = 3;
  const auto plain = [&left] { return left-- > 0 ? std::string(100'000, 'p') : std::string(); };
  http::response got = sync_wait(http::post(server.url(), http::body::from(plain)));
  CHECK(got.body == std::string(300'000, 'p'));
  CHECK(server.requests().back().header("Transfer-Encoding") == "chunked");
  int pieces = 0;
  const auto slow = [&pieces]() -> task<std::string> {
    co_await sleep_for(1ms);
    co_return ++pieces <= 4 ? std::string(25, 'c') : std::string();
  };
  got = sync_wait(http::post(server.url(), http::body::from(slow, 100)));
  CHECK(got.body == std::string(100, 'c'));
  CHECK(server.requests().back().header("Content-Length") == "100");
}

TEST_CASE("a body from a function is sent once, and its exception ends the call") {
  std::atomic<int> count{0};
  call_server server([&](const http_request& asked) {
    if (asked.path() == "/moved") return redirect_to("/", 307);
    ++count;
    return respond(503);
  });
  bool given = false;
  const auto one = [&given] { return std::exchange(given, true) ? std::string() : std::string("piece"); };
  http::response got = sync_wait(http::put(server.url(), http::body::from(one)));
  CHECK(got.status == 503);
  CHECK(count == 1);
  given = false;
  CHECK_THROWS_WITH_AS(
      sync_wait(http::put(server.url("/moved"), http::body::from(one))),
      ("PUT " + server.url() +
       ": its body comes from a function, and cannot be sent again; give it as a text or a file, or use "
       "a URL that is not redirected")
          .c_str(),
      http::call_error);
  const auto bad = []() -> std::string { throw std::runtime_error("no more of it"); };
  CHECK_THROWS_WITH_AS(sync_wait(http::put(server.url(), http::body::from(bad))), "no more of it",
                       std::runtime_error);
}

TEST_CASE("a function can receive a response, as a coroutine or not, and its exception ends the call") {
  const std::string text = varied_text(2'000'000);
  call_server server(
      [&](const http_request& asked) { return respond(asked.path() == "/no" ? 404 : 200, text); });
  std::string all;
  const auto plain = [&all](std::string_view piece) { all += piece; };
  CHECK(sync_wait(http::get(server.url(), http::sink::to(plain))).body.empty());
  CHECK(all == text);
  all.clear();
  const auto slow = [&all](std::string_view piece) -> task<void> {
    co_await sleep_for(1ms);
    all += piece;
  };
  CHECK(sync_wait(http::get(server.url(), http::sink::to(slow))).ok());
  CHECK(all == text);
  all.clear();
  CHECK(sync_wait(http::get(server.url("/no"), http::sink::to(plain))).body == text);
  CHECK(all.empty());
  thread_pool pool(2);
  CHECK(sync_wait(pool, http::get(server.url(), http::sink::to(slow))).ok());
  CHECK(all == text);
  const auto bad = [](std::string_view) { throw std::runtime_error("the disk is gone"); };
  CHECK_THROWS_WITH_AS(sync_wait(http::get(server.url(), http::sink::to(bad))), "the disk is gone",
                       std::runtime_error);
}

TEST_CASE("no more is received than a function consumes, and other calls of the loop continue meanwhile") {
  static constexpr std::size_t size = 64 << 20;
  counting_sender source(size);
  call_server beside([](const http_request&) { return respond(200, "hello"); });
  struct state {
    event first;
    event go_on;
    std::size_t received = 0;
  } shared;
  const auto take = [&shared](std::string_view piece) -> task<void> {
    shared.received += piece.size();
    shared.first.set();
    co_await shared.go_on.wait();
  };
  const auto fetch = [](std::string url, http::sink into) -> task<void> {
    const http::response got = co_await http::get(std::move(url), std::move(into));
    CHECK(got.ok());
  };
  const auto watch = [](counting_sender& from, const call_server& other, state& seen, http::sink into,
                        const auto& fetching) -> task<void> {
    scope calls(co_await this_coro::context());
    calls.spawn(fetching(from.url(), std::move(into)));
    co_await seen.first.wait();
    for (int i = 0; i < 20; ++i) {
      const http::response got = co_await http::get(other.url());
      CHECK(got.body == "hello");
    }
    const std::size_t before = seen.received;
    CHECK(before <= 512 * 1024);
    CHECK(from.taken() < size / 2);  // the rest is in the system's buffers
    seen.go_on.set();
    co_await calls.join();
    CHECK(seen.received == size);
  };
  sync_wait(watch(source, beside, shared, http::sink::to(take), fetch));
}

TEST_CASE("a stop in the middle of a stream ends the call and leaves no file") {
  counting_sender source(std::size_t{1} << 40);
  const temporary_folder folder;
  const auto fetch = [](std::string url, http::sink into, bool& ended) -> task<void> {
    try {
      const http::response got = co_await http::get(std::move(url), std::move(into));
      CHECK(got.status == 0);
    } catch (const cancelled&) {
      ended = true;
    }
  };
  const auto stopped = [](const auto& fetching, std::string url, http::sink into,
                          event& begun) -> task<bool> {
    scope calls(co_await this_coro::context());
    bool ended = false;
    calls.spawn(fetching(std::move(url), std::move(into), ended));
    co_await begun.wait();
    calls.request_stop();
    co_await calls.join();
    co_return ended;
  };
  event first;
  const auto hang = [&first](std::string_view) -> task<void> {
    first.set();
    co_await sleep_for(1h);
  };
  CHECK(sync_wait(stopped(fetch, source.url(), http::sink::to(hang), first)));
  CHECK(sync_wait(stopped(fetch, source.url(), http::sink::file(folder.name() + "/out"), source.flows())));
  CHECK(folder.files() == 0);
}

TEST_CASE("another call drives libcurl when the driving one is stopped, or busy with received data") {
  event first_asked;
  event second_asked;
  event release_first;
  event release_second;
  stream_server server([&](tcp_stream& peer) -> task<void> {
    const std::string head = co_await read_head(peer);
    if (head.starts_with("GET /first")) {
      first_asked.set();
      co_await release_first.wait();
      co_await peer.write_all("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npiece");
      co_await read_to_end(peer);
    } else {
      second_asked.set();
      co_await release_second.wait();
      co_await peer.write_all("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond");
    }
  });
  struct state {
    event& first_asked;
    event& second_asked;
    event& release_first;
    event& release_second;
    bool stops;
    int responses = 0;
    event took{};
  };
  const auto call = [](std::string url, http::sink into, int& responses) -> task<void> {
    const http::response got = co_await http::get(std::move(url), std::move(into));
    if (got.body == "second") ++responses;
  };
  const auto play = [](const auto& calling, std::string url, state& at) -> task<void> {
    scope first(co_await this_coro::context());
    scope second(co_await this_coro::context());
    const auto hang = [&at](std::string_view) -> task<void> {
      at.took.set();
      co_await sleep_for(1h);
    };
    first.spawn(calling(url + "first", http::sink::to(hang), at.responses));  // drives libcurl for both calls
    co_await at.first_asked.wait();
    second.spawn(calling(url + "second", http::sink(), at.responses));
    co_await at.second_asked.wait();
    if (at.stops) {
      first.request_stop();
      co_await first.join();
    } else {
      at.release_first.set();
      co_await at.took.wait();
    }
    at.release_second.set();
    co_await second.join();
    first.request_stop();
    co_await first.join();
  };
  for (const bool stops : {true, false}) {
    CAPTURE(stops);
    first_asked.reset();
    second_asked.reset();
    release_first.reset();
    release_second.reset();
    state at{first_asked, second_asked, release_first, release_second, stops};
    sync_wait(timeout(10s, play(call, server.url(), at)));  // shorter than the silence timeout of a call
    CHECK(at.responses == 1);
  }
}

}  // namespace coworker::testing
