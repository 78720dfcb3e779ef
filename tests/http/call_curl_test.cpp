// Calls to other servers: methods, headers, bodies, redirects, retries, limits, stops.

#include <doctest/doctest.h>
#include <atomic>
#include <chrono>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/when_all.hpp>
#include <coworker/exec/event.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <coworker/exec/timeout.hpp>
#include <coworker/http/call.hpp>
#include <coworker/http/curl/client.hpp>
#include <stdexcept>
#include <string>
#include <support/call_server.hpp>
#include <support/temporary_folder.hpp>
#include <utility>
#include <vector>

namespace coworker::testing {
namespace {

using namespace std::chrono_literals;

// Without retries, so that no test waits for a back-off.
http::call_options without_retries() {
  http::call_options how;
  how.tries = 1;
  return how;
}

std::string how_it_failed(task<http::response> calling) {
  try {
    const http::response got = sync_wait(std::move(calling));
    return "no failure, but " + std::to_string(got.status);
  } catch (const std::exception& error) {
    return error.what();
  }
}

std::string header_text(const std::string& name, const std::string& value) {
  return name + ": " + value + "\r\n";
}

}  // namespace

TEST_CASE("each method is sent with its name, headers and body, and its response is received") {
  call_server server([](const http_request& asked) {
    return respond(asked.method() == "DELETE" ? 204 : 200, "got " + asked.body,
                   header_text("X-Test", " yes ") + header_text("x-test", "no"));
  });
  http::call_options how;
  how.headers = {"X-Asked: one", "Content-Type: text/plain", "X-Empty:"};
  const http::response got = sync_wait(http::get(server.url("/a?b=c"), how));
  CHECK(got.status == 200);
  CHECK(got.ok());
  CHECK(got.body == "got ");
  CHECK(got.url == server.url("/a?b=c"));
  CHECK(got.header("x-TEST") == "yes");
  CHECK(!got.header("x-tol"));
  CHECK(sync_wait(http::post(server.url(), "some text", how)).body == "got some text");
  CHECK(sync_wait(http::put(server.url(), std::string(3'000'000, 'x'))).body.size() == 3'000'004);
  CHECK(sync_wait(http::post(server.url(), http::body())).body == "got ");
  const http::response headed = sync_wait(http::head(server.url()));
  CHECK(headed.body.empty());
  CHECK(headed.header("X-Test") == "yes");
  http::request patch(server.url("/p"));
  patch.method = "PATCH";
  patch.body = "change";
  CHECK(sync_wait(http::send(std::move(patch))).body == "got change");
  const std::vector<call_server::asked> asked = server.requests();
  REQUIRE(asked.size() == 6);
  CHECK(asked[0].method == "GET");
  CHECK(asked[0].target == "/a?b=c");
  CHECK(asked[0].header("X-Asked") == "one");
  CHECK(asked[0].header("X-Empty") == "");
  CHECK(asked[0].header("User-Agent").starts_with("coworker/"));
  CHECK(asked[0].header("Content-Length") == "(none)");
  CHECK(asked[1].method == "POST");
  CHECK(asked[1].header("Content-Type") == "text/plain");
  CHECK(asked[1].header("Content-Length") == "9");
  CHECK(asked[1].header("Expect") == "(none)");
  CHECK(asked[2].method == "PUT");
  CHECK(asked[2].header("Expect") == "(none)");
  CHECK(asked[3].header("Content-Length") == "0");
  CHECK(asked[4].method == "HEAD");
  CHECK(asked[5].method == "PATCH");
  call_server bare(
      [](const http_request&) { return std::string("HTTP/1.1 204 none\r\nContent-Length: 0\r\n\r\n"); });
  CHECK(sync_wait(http::del(bare.url())).status == 204);
  CHECK(bare.requests().at(0).method == "DELETE");
}

TEST_CASE("calls of one loop share connections, and a response of any status is returned") {
  call_server server(
      [](const http_request& asked) { return respond(asked.target() == "/no" ? 404 : 200, "x"); });
  const auto twice = [](const call_server& at) -> task<void> {
    const http::response first = co_await http::get(at.url("/no"));
    CHECK(first.status == 404);
    CHECK(!first.ok());
    CHECK(first.body == "x");
    const http::response second = co_await http::get(at.url());
    CHECK(second.ok());
  };
  sync_wait(twice(server));
  CHECK(server.connections() == 1);
}

TEST_CASE("each of many concurrent calls gets its response, also on a loop that waits in libcurl") {
  call_server server([](const http_request& asked) { return respond(200, std::string(asked.target())); });
  const auto one = [](const call_server& at, int number) -> task<int> {
    const std::string path = "/" + std::to_string(number);
    const http::response got = co_await http::get(at.url(path));
    co_return got.body == path ? 1 : 0;
  };
  const auto all = [](const auto& each, const call_server& at) -> task<int> {
    scope calls(co_await this_coro::context());
    std::atomic<int> right{0};
    const auto count = [](const auto& call, const call_server& server_at, int number,
                          std::atomic<int>& sum) -> task<void> {
      const int got = co_await call(server_at, number);
      sum += got;
    };
    for (int i = 0; i < 100; ++i) calls.spawn(count(each, at, i, right));
    co_await calls.join();
    co_return right;
  };
  CHECK(sync_wait(all(one, server)) == 100);
  curl_client client;
  event_loop loop(client);
  CHECK(sync_wait(loop, all(one, server)) == 100);
  thread_pool pool(3);
  CHECK(sync_wait(pool, all(one, server)) == 100);
}

TEST_CASE("a call from a thread pool resumes on the pool, and a call on a simulated loop is refused") {
  call_server server([](const http_request&) { return respond(200, "hello"); });
  thread_pool pool(2);
  const auto call = [](const call_server& at, thread_pool& here) -> task<void> {
    const http::response got = co_await http::get(at.url());
    CHECK(got.body == "hello");
    CHECK(here.runs_on_this_thread());
  };
  sync_wait(pool, call(server, pool));
  simulated_loop loop;
  CHECK_THROWS_WITH_AS(
      sync_wait(loop, http::get(server.url())),
      "http: on a simulated_loop there is no network; in a test, give the handler a function to "
      "call in the place of coworker::http",
      std::logic_error);
}

TEST_CASE(
    "redirects are followed up to a limit, and headers that may be secret are not sent to other servers") {
  call_server other(
      [](const http_request& asked) { return respond(200, std::string(asked.method()) + asked.body); });
  call_server* self = nullptr;
  call_server server([&](const http_request& asked) {
    if (asked.path() == "/same") return redirect_to("/end?x", 307);
    if (asked.path() == "/away") return redirect_to(other.url("/there"), 308);
    if (asked.path() == "/seen") return redirect_to("/end", 303);
    if (asked.path() == "/old") return redirect_to("end", 301);
    if (asked.path() == "/loop") return redirect_to(self->url("/loop"));
    if (asked.path() == "/ftp") return redirect_to("ftp://127.0.0.1/");
    return respond(200, "end " + std::string(asked.method()) + asked.body);
  });
  self = &server;
  http::call_options how;
  how.headers = {"Authorization: secret", "Cookie: secret", "X-Api-Key: secret", "Accept: text/html"};
  const http::response same = sync_wait(http::post(server.url("/same"), "body", how));
  CHECK(same.body == "end POSTbody");
  CHECK(same.url == server.url("/end?x"));
  CHECK(server.requests().back().header("Authorization") == "secret");
  CHECK(sync_wait(http::post(server.url("/away"), "body", how)).body == "POSTbody");
  const call_server::asked away = other.requests().at(0);
  CHECK(away.header("Authorization") == "(none)");
  CHECK(away.header("Cookie") == "(none)");
  CHECK(away.header("X-Api-Key") == "(none)");
  CHECK(away.header("Accept") == "text/html");
  CHECK(sync_wait(http::post(server.url("/seen"), "body", how)).body == "end GET");
  CHECK(sync_wait(http::post(server.url("/old"), "body", how)).body == "end GET");
  CHECK(server.requests().back().header("Content-Length") == "(none)");
  CHECK(how_it_failed(http::get(server.url("/loop"))) ==
        "GET " + server.url("/loop") + ": it redirects more than 5 times; raise call_options::redirects");
  CHECK(how_it_failed(http::get(server.url("/ftp"))).find("only http and https") != std::string::npos);
  http::call_options none;
  none.redirects = 0;
  const http::response shown = sync_wait(http::get(server.url("/loop"), none));
  CHECK(shown.status == 302);
  CHECK(shown.body == "moved");
}

TEST_CASE("user and password of a URL are sent to its server only, and appear in no message") {
  call_server other([](const http_request&) { return respond(200); });
  call_server server([&](const http_request& asked) {
    return asked.path() == "/away" ? redirect_to(other.url()) : respond(500);
  });
  std::string with_password = server.url("/away");
  with_password.insert(7, "user:pass@");
  sync_wait(http::get(with_password));
  CHECK(server.requests().at(0).header("Authorization") == "Basic dXNlcjpwYXNz");
  CHECK(other.requests().at(0).header("Authorization") == "(none)");
  const std::string text =
      how_it_failed(http::get("http://user:pass@127.0.0.1:1/path?token=x#y", without_retries()));
  CHECK(text.find("pass") == std::string::npos);
  CHECK(text.find("token") == std::string::npos);
  CHECK(text.starts_with("GET http://***@127.0.0.1:1/path?***: "));
  CHECK(text.ends_with("; check the address, and that the server runs"));
}

TEST_CASE("a call is retried if its request may be repeated, and not otherwise") {
  std::atomic<int> count{0};
  call_server server(
      [&](const http_request&) { return ++count % 2 != 0 ? std::string() : respond(200, "second"); });
  http::call_options fast;
  CHECK(sync_wait(http::get(server.url(), fast)).body == "second");
  CHECK(sync_wait(http::put(server.url(), "x")).body == "second");
  const std::string text = how_it_failed(http::post(server.url(), "x"));
  CHECK(text.starts_with("POST " + server.url() + ": "));
  CHECK(count == 5);
  count = 0;
  fast.repeatable = true;
  CHECK(sync_wait(http::post(server.url(), "x", fast)).body == "second");
  fast.repeatable = false;
  count = 0;
  CHECK(how_it_failed(http::get(server.url(), fast)).starts_with("GET "));
  CHECK(count == 1);
}

TEST_CASE("libcurl does not resend a POST whose connection fails") {
  std::atomic<int> posts{0};
  call_server server([&](const http_request& asked) {
    if (asked.method() == "GET") return respond(200);
    ++posts;
    return std::string();
  });
  const auto both = [](const call_server& at) -> task<void> {
    const http::response warm = co_await http::get(at.url());
    CHECK(warm.ok());
    bool failed = false;
    try {
      const http::response got = co_await http::post(at.url(), "once");
      CHECK(got.status == 0);
    } catch (const http::call_error& error) {
      failed = error.failure() == http_failure::broken;
    }
    CHECK(failed);
  };
  sync_wait(both(server));
  CHECK(posts == 1);
}

TEST_CASE("a silent response ends the call, and a slow one does not") {
  stream_server slow([](tcp_stream& peer) -> task<void> {
    const std::string head = co_await read_head(peer);
    if (head.starts_with("GET /silent")) {
      co_await read_to_end(peer);
      co_return;
    }
    co_await peer.write_all("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    for (int i = 0; i < 5; ++i) {
      co_await peer.write_all("x");
      co_await sleep_for(100ms);
    }
  });
  http::call_options how = without_retries();
  how.timeout = 300ms;
  CHECK(sync_wait(http::get(slow.url(), how)).body == "xxxxx");
  CHECK(
      how_it_failed(http::get(slow.url() + "silent", how)) ==
      "GET " + slow.url() +
          "silent: nothing was sent or received for 300 ms; raise call_options::timeout or total_timeout, or "
          "ask the server for less");
  how.total_timeout = 200ms;
  CHECK(how_it_failed(http::get(slow.url(), how)).find("it took longer than its total timeout") !=
        std::string::npos);
}

TEST_CASE("a body that is too large ends the call, announced or not, compressed or not") {
  stream_server large([](tcp_stream& peer) -> task<void> {
    const std::string head = co_await read_head(peer);
    const bool announced = head.starts_with("GET /announced");
    co_await peer.write_all(announced ? "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
                                      : "HTTP/1.1 200 OK\r\n\r\n");
    const std::string piece(announced ? 1 : 4096, 'x');
    for (;;) co_await peer.write_all(piece);
  });
  http::call_options how;
  how.size_limit = 10'000;
  for (const char* const path : {"announced", "endless"}) {
    CHECK(how_it_failed(http::get(large.url() + path, how)) ==
          "GET " + large.url() + path +
              ": the response is larger than 10000 bytes; raise call_options::size_limit");
  }
}

TEST_CASE("a stop ends a call at once, in every state") {
  event asked;
  stream_server server([&](tcp_stream& peer) -> task<void> {
    const std::string head = co_await read_head(peer);
    if (head.starts_with("GET /body"))
      co_await peer.write_all("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx");
    asked.set();
    co_await read_to_end(peer);
  });
  const auto stopped = [](std::string url, event& begun) -> task<void> {
    scope calls(co_await this_coro::context());
    bool ended = false;
    const auto call = [](std::string where, bool& is_cancelled) -> task<void> {
      try {
        const http::response got = co_await http::get(std::move(where));
        CHECK(got.status == 0);
      } catch (const cancelled&) {
        is_cancelled = true;
        throw;
      }
    };
    calls.spawn(call(url, ended));
    co_await begun.wait();
    calls.request_stop();
    try {
      co_await calls.join();
    } catch (const cancelled&) {
    }
    CHECK(ended);
  };
  sync_wait(stopped(server.url() + "head", asked));
  asked.reset();
  sync_wait(stopped(server.url() + "body", asked));
  asked.reset();
  thread_pool pool(1);
  sync_wait(pool, stopped(server.url() + "head", asked));
}

TEST_CASE("a stopped or slow call does not delay other calls of its loop") {
  event asked;
  stream_server silent([&](tcp_stream& peer) -> task<void> {
    asked.set();
    co_await read_to_end(peer);
  });
  call_server server([](const http_request&) { return respond(200, "hello"); });
  const auto both = [](std::string url, const call_server& at, event& begun) -> task<void> {
    scope calls(co_await this_coro::context());
    const auto call = [](std::string where) -> task<void> {
      const http::response got = co_await http::get(std::move(where));
      CHECK(got.status == 0);
    };
    calls.spawn(call(url));  // drives libcurl for both calls
    co_await begun.wait();
    const http::response beside = co_await http::get(at.url());
    CHECK(beside.body == "hello");
    scope others(co_await this_coro::context());
    int right = 0;
    const auto good = [](const call_server& where, int& sum) -> task<void> {
      for (int i = 0; i < 5; ++i) {
        const http::response got = co_await http::get(where.url());
        if (got.body == "hello") ++sum;
      }
    };
    for (int i = 0; i < 4; ++i) others.spawn(good(at, right));
    calls.request_stop();  // ends the call that drove libcurl for both
    try {
      co_await calls.join();
    } catch (const cancelled&) {
    }
    co_await others.join();
    CHECK(right == 20);
  };
  sync_wait(both(silent.url(), server, asked));
}

TEST_CASE("headers and methods that contain line breaks are refused") {
  http::call_options how;
  how.headers = {"X: a\r\nY: b"};
  CHECK_THROWS_AS(sync_wait(http::get("http://127.0.0.1:1/", how)), std::invalid_argument);
  how.headers = {"no colon"};
  CHECK_THROWS_WITH_AS(sync_wait(http::get("http://127.0.0.1:1/", how)),
                       "http: the header \"no colon\" is not of the form \"Name: value\"",
                       std::invalid_argument);
  http::request odd("http://127.0.0.1:1/");
  odd.method = "GET / HTTP";
  CHECK_THROWS_AS(sync_wait(http::send(std::move(odd))), std::invalid_argument);
  CHECK(how_it_failed(http::get("nonsense url", without_retries())).starts_with("GET nonsense url: "));
}

}  // namespace coworker::testing
