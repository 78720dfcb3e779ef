// A server in memory: its responses, and the isolation of connections from each other.

#include <doctest/doctest.h>
#include <chrono>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/http/server.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <support/captured_log.hpp>
#include <support/http_world.hpp>
#include <vector>

namespace coworker::testing {
namespace {

using namespace std::chrono_literals;

// Responds with method, path and body.
task<void> echo(server_request& request, server_response& response) {
  const std::string body = co_await request.read_all();
  response.head().add("X-Method", request.method());
  const std::string text = std::string(request.path()) + " " + body;
  co_await response.send(text);
}

// Waits as many seconds as the path says, then responds.
task<void> sleep_then_echo(server_request& request, server_response& response) {
  co_await sleep_for(std::chrono::seconds(request.path().size() > 1 ? request.path()[1] - '0' : 0));
  co_await response.send(request.path());
}

}  // namespace

TEST_CASE("requests of one connection are handled one after another, and the connection is kept") {
  http_world().play(echo, [](memory_listener& listener, auto& server) -> task<void> {
    http_client client(listener);
    const auto first = co_await client.ask(get("/1"));
    REQUIRE(first);
    CHECK(first->status() == 200);
    CHECK(first->header("x-method") == "GET");
    CHECK(!first->header("connection"));
    CHECK(!first->header("date"));
    CHECK(first->body == "/1 ");
    const auto second = co_await client.ask(post("/2", "a body"));
    REQUIRE(second);
    CHECK(second->body == "/2 a body");
    CHECK(server.connections() == 1);
  });
}

TEST_CASE("pipelined requests are handled in order, a slow one before a fast one") {
  http_world world;
  world.play(sleep_then_echo, [&world](memory_listener& listener, auto&) -> task<void> {
    http_client client(listener);
    co_await client.send(get("/3") + get("/0") + get("/1") + get("/0"));
    for (const std::string_view expected : {"/3", "/0", "/1", "/0"}) {
      const auto response = co_await client.receive();
      REQUIRE(response);
      CHECK(response->body == expected);
    }
    CHECK(world.loop.elapsed() == 4s);
  });
}

TEST_CASE("connections do not wait for each other") {
  http_world world;
  world.play(sleep_then_echo, [&world](memory_listener& listener, auto&) -> task<void> {
    http_client slow(listener);
    http_client fast(listener);
    co_await slow.send(get("/5"));
    const auto first = co_await fast.ask(get("/1"));
    REQUIRE(first);
    CHECK(world.loop.elapsed() == 1s);
    const auto last = co_await slow.receive();
    REQUIRE(last);
    CHECK(world.loop.elapsed() == 5s);
  });
}

TEST_CASE("a conversation gives the same responses however the network splits it") {
  const std::string conversation = get("/1") + post("/2", "body") +
                                   "POST /3 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                                   "3\r\nabc\r\n2;x\r\nde\r\n0\r\nT: t\r\n\r\n" +
                                   get("/4", "Connection: close\r\n");
  for (std::size_t at = 0; at <= conversation.size(); ++at) {
    CAPTURE(at);
    http_world world;
    world.pieces = at % 7 == 0 ? 1 : 64;
    world.play(echo, [&](memory_listener& listener, auto&) -> task<void> {
      http_client client(listener);
      co_await client.send(conversation.substr(0, at));
      co_await sleep_for(1s);
      co_await client.send(conversation.substr(at));
      for (const std::string_view expected : {"/1 ", "/2 body", "/3 abcde", "/4 "}) {
        const auto response = co_await client.receive();
        REQUIRE(response);
        CHECK(response->body == expected);
      }
      const bool closed = co_await client.is_closed();
      CHECK(closed);
    });
  }
}

// Releases the connection's memory before, within and after its response, and echoes what it knows then.
task<void> pause(server_request& request, server_response& response) {
  response.release_memory();  // does nothing yet
  const std::string path(request.path());
  std::string body(co_await request.read());
  response.head().add("X-Path", path);
  co_await response.begin();
  response.release_memory();
  CHECK(request.method().empty());
  CHECK(!request.header("host"));
  co_await sleep_for(1s);
  co_await response.write(path + " ");
  response.release_memory();
  for (std::string_view more = co_await request.read(); !more.empty(); more = co_await request.read())
    body += more;
  co_await response.write(body);
  response.release_memory();
  if (path == "/fails") throw std::runtime_error("on purpose");
}

TEST_CASE("a response that pauses can release the connection's memory, and loses no byte of what follows") {
  const std::string conversation = post("/1", "abc") + get("/2") + get("/3") +
                                   "POST /4 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                                   "3\r\nabc\r\n2;x\r\nde\r\n0\r\nT: t\r\n\r\n";
  for (std::size_t at = 0; at <= conversation.size(); ++at) {
    CAPTURE(at);
    http_world().play(pause, [&](memory_listener& listener, auto&) -> task<void> {
      http_client client(listener);
      co_await client.send(conversation.substr(0, at));
      co_await sleep_for(500ms);
      co_await client.send(conversation.substr(at));
      for (const std::string_view expected : {"/1 abc", "/2 ", "/3 ", "/4 abcde"}) {
        const auto response = co_await client.receive();
        REQUIRE(response);
        CHECK(response->status() == 200);
        CHECK(response->header("x-path") == expected.substr(0, 2));
        CHECK(response->body == expected);
      }
    });
  }
}

TEST_CASE("a failure after the connection's memory was released is logged, and ends the connection") {
  captured_log log;
  http_world world;
  world.options.log = &log.log;
  world.play(pause, [](memory_listener& listener, auto&) -> task<void> {
    http_client client(listener);
    const auto response = co_await client.ask(get("/fails"));
    CHECK(!response);
  });
  CHECK(log.count("The handler of a request failed: on purpose") == 1);
}

TEST_CASE("HEAD gets the head of GET and no body, and the next request follows directly") {
  http_world().play(echo, [](memory_listener& listener, auto&) -> task<void> {
    http_client client(listener);
    const auto head = co_await client.ask("HEAD /1 HTTP/1.1\r\nHost: h\r\n\r\n", true);
    REQUIRE(head);
    CHECK(head->header("content-length") == "3");
    CHECK(head->body.empty());
    const auto next = co_await client.ask(get("/2"));
    REQUIRE(next);
    CHECK(next->body == "/2 ");
  });
}

TEST_CASE("the connection closes if the request, its version or the handler demands it") {
  const auto handler = [](server_request& request, server_response& response) -> task<void> {
    if (request.path() == "/close") response.head().close_connection();
    co_await response.send("x");
  };
  for (const std::string& bytes :
       {get("/", "Connection: close\r\n"), get("/close"), std::string("GET / HTTP/1.0\r\n\r\n")}) {
    CAPTURE(bytes);
    http_world().play(handler, [&bytes](memory_listener& listener, auto&) -> task<void> {
      http_client client(listener);
      const auto response = co_await client.ask(bytes + get("/never"));
      REQUIRE(response);
      CHECK(response->header("connection") == "close");
      const bool closed = co_await client.is_closed();
      CHECK(closed);
    });
  }
}

TEST_CASE("an HTTP/1.0 client that asks for keep-alive keeps its connection") {
  http_world().play(echo, [](memory_listener& listener, auto&) -> task<void> {
    http_client client(listener);
    const std::string request = "GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    const auto first = co_await client.ask(request);
    REQUIRE(first);
    CHECK(first->header("connection") == "keep-alive");
    const auto second = co_await client.ask(request);
    CHECK(second);
  });
}

TEST_CASE("a body can be read piece by piece as it arrives") {
  std::vector<std::string> pieces;
  const auto handler = [&pieces](server_request& request, server_response& response) -> task<void> {
    for (;;) {
      const std::string_view piece = co_await request.read();
      if (piece.empty()) break;
      pieces.emplace_back(piece);
    }
    const std::string_view again = co_await request.read();
    CHECK(again.empty());
    co_await response.send();
  };
  http_world().play(handler, [&pieces](memory_listener& listener, auto&) -> task<void> {
    http_client client(listener);
    co_await client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nab");
    co_await sleep_for(1s);
    CHECK(pieces == std::vector<std::string>{"ab"});
    co_await client.send("cd");
    co_await sleep_for(1s);
    CHECK(pieces == std::vector<std::string>{"ab", "cd"});
    const auto response = co_await client.ask("ef");
    CHECK(response);
    CHECK(pieces.size() == 3);
  });
}

TEST_CASE("100 Continue is sent once the handler reads the body, and not before") {
  bool reads = false;
  const auto handler = [&reads](server_request& request, server_response& response) -> task<void> {
    co_await sleep_for(5s);
    reads = true;
    const std::string body = co_await request.read_all();
    co_await response.send(body);
  };
  http_world().play(handler, [&reads](memory_listener& listener, auto&) -> task<void> {
    http_client client(listener);
    const auto interim = co_await client.ask(
        "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    REQUIRE(interim);
    CHECK(interim->status() == 100);
    CHECK(reads);
    co_await client.send("ab");
    co_await sleep_for(1s);
    const auto response = co_await client.ask("cd");
    REQUIRE(response);
    CHECK(response->body == "abcd");
    const auto sent_at_once = co_await client.ask(post("/", "body", "Expect: 100-continue\r\n"));
    REQUIRE(sent_at_once);
    CHECK(sent_at_once->status() == 200);
  });
}

TEST_CASE("a client that waits for 100 Continue and gets a response instead is disconnected") {
  const auto handler = [](server_request&, server_response& response) -> task<void> {
    response.head().set_status(401);
    co_await response.send();
  };
  http_world().play(handler, [](memory_listener& listener, auto&) -> task<void> {
    http_client client(listener);
    const auto refusal = co_await client.ask(
        "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    REQUIRE(refusal);
    CHECK(refusal->status() == 401);
    CHECK(refusal->header("connection") == "close");
    const bool closed = co_await client.is_closed();
    CHECK(closed);
  });
}

TEST_CASE("an unread body is skipped if it is small, and closes the connection if it is large") {
  const auto handler = [](server_request&, server_response& response) -> task<void> {
    co_await response.send("x");
  };
  http_world().play(handler, [](memory_listener& listener, auto&) -> task<void> {
    http_client client(listener);
    co_await client.send(
        post("/", std::string(60'000, 'a')) + get("/") +
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + get("/"));
    for (int i = 0; i < 4; ++i) {
      const auto response = co_await client.receive();
      REQUIRE(response);
      CHECK(!response->header("connection"));
    }
    co_await client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nab");
    const auto large = co_await client.receive();
    REQUIRE(large);
    CHECK(large->header("connection") == "close");

    http_client other(listener);
    co_await other.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    const auto unfinished = co_await other.receive();
    REQUIRE(unfinished);
    CHECK(unfinished->header("connection") == "close");
  });
}

TEST_CASE("a streamed response reaches the client piece by piece") {
  const auto handler = [](server_request&, server_response& response) -> task<void> {
    response.head().add("Content-Type", "text/event-stream");
    co_await response.begin();
    for (int i = 0; i < 3; ++i) {
      co_await sleep_for(1s);
      const std::string piece = "data: " + std::to_string(i) + "\n\n";
      co_await response.write(piece);
    }
  };
  http_world world;
  world.play(handler, [&world](memory_listener& listener, auto&) -> task<void> {
    http_client client(listener);
    co_await client.send(get("/"));
    const std::string head = co_await client.receive_bytes();
    CHECK(head.find("Transfer-Encoding: chunked\r\n\r\n") != std::string::npos);
    CHECK(world.loop.elapsed() == 0s);
    const std::string first = co_await client.receive_bytes();
    CHECK(first == "9\r\ndata: 0\n\n\r\n");
    CHECK(world.loop.elapsed() == 1s);
    co_await sleep_for(2500ms);
    const std::string rest = co_await client.receive_bytes();
    CHECK(rest.find("9\r\ndata: 2\n\n\r\n0\r\n\r\n") != std::string::npos);
    const auto next = co_await client.ask(get("/"));
    REQUIRE(next);
    CHECK(next->body == "data: 0\n\ndata: 1\n\ndata: 2\n\n");
  });
}

TEST_CASE("a stream to an HTTP/1.0 client ends with the connection, or after its announced size") {
  const auto handler = [](server_request& request, server_response& response) -> task<void> {
    if (request.path() == "/sized") {
      co_await response.begin(6);
    } else {
      co_await response.begin();
    }
    co_await response.write("abc");
    co_await response.write("def");
  };
  http_world().play(handler, [](memory_listener& listener, auto&) -> task<void> {
    http_client old(listener);
    const auto response = co_await old.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    REQUIRE(response);
    CHECK(response->body == "abcdef");
    http_client client(listener);
    const auto sized = co_await client.ask(get("/sized"));
    REQUIRE(sized);
    CHECK(sized->header("content-length") == "6");
    CHECK(sized->body == "abcdef");
    const auto head = co_await client.ask("HEAD /sized HTTP/1.1\r\nHost: h\r\n\r\n", true);
    REQUIRE(head);
    CHECK(head->header("content-length") == "6");
    const auto chunked_head = co_await client.ask("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", true);
    REQUIRE(chunked_head);
    CHECK(chunked_head->header("transfer-encoding") == "chunked");
    const auto last = co_await client.ask(get("/sized"));
    CHECK(last);
  });
}

TEST_CASE("large bodies go both ways, whole and in pieces") {
  const std::string large(3'000'000, 'x');
  const auto handler = [](server_request& request, server_response& response) -> task<void> {
    const std::string body = co_await request.read_all();
    if (request.path() == "/pieces") {
      co_await response.begin();
      co_await response.write(body);
      co_await response.write("the end");
    } else {
      co_await response.send(body);
    }
  };
  for (const std::string_view path : {"/whole", "/pieces"}) {
    http_world world;
    world.pieces = 10'000;
    world.play(handler, [&](memory_listener& listener, auto&) -> task<void> {
      http_client client(listener);
      for (int i = 0; i < 2; ++i) {
        const auto response = co_await client.ask(post(path, large));
        REQUIRE(response);
        std::string expected = large;
        if (path == "/pieces") expected += "the end";
        CHECK((response->body == expected));
      }
    });
  }
}

TEST_CASE("a handler can read and write at the same time") {
  const auto handler = [](server_request& request, server_response& response) -> task<void> {
    co_await response.begin();
    for (;;) {
      const std::string_view piece = co_await request.read();
      if (piece.empty()) break;
      const std::string copy(piece);
      co_await response.write(copy);
    }
  };
  http_world().play(handler, [](memory_listener& listener, auto&) -> task<void> {
    http_client client(listener);
    co_await client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string head = co_await client.receive_bytes();
    CHECK(head.ends_with("\r\n\r\n"));
    co_await client.send("3\r\nabc\r\n");
    const std::string first = co_await client.receive_bytes();
    CHECK(first == "3\r\nabc\r\n");
    co_await client.send("2\r\nde\r\n0\r\n\r\n");
    const std::string second = co_await client.receive_bytes();
    CHECK(second.starts_with("2\r\nde\r\n"));
  });
}

TEST_CASE("a handler without a response sends an empty one") {
  const auto handler = [](server_request&, server_response& response) -> task<void> {
    response.head().set_status(204);
    co_return;
  };
  http_world().play(handler, [](memory_listener& listener, auto&) -> task<void> {
    http_client client(listener);
    const auto response = co_await client.ask(get("/"));
    REQUIRE(response);
    CHECK(response->status() == 204);
    const auto next = co_await client.ask(get("/"));
    CHECK(next);
  });
}

TEST_CASE("an exception of a handler becomes a response, and the connection continues") {
  captured_log log;
  const auto handler = [](server_request& request, server_response& response) -> task<void> {
    if (request.path() == "/404") throw http_error(404, "no such job: 7");
    if (request.path() == "/stop") throw cancelled();
    if (request.path() == "/odd") throw 5;
    if (request.path() == "/200") throw http_error(200, "no error");
    if (request.path() == "/header") response.head().add("A", "b\nc");
    if (request.path() == "/bodiless") {
      response.head().set_status(204);
      co_await response.send("a body");
    }
    throw std::runtime_error("the reason");
  };
  http_world world;
  world.options.log = &log.log;
  world.play(handler, [](memory_listener& listener, auto&) -> task<void> {
    struct expectation {
      std::string_view path;
      int status;
      std::string_view text;
    };
    const std::vector<expectation> table{{"/404", 404, "no such job: 7\n"},
                                         {"/stop", 503, "the server is being stopped\n"},
                                         {"/odd", 500, "the server failed to answer this request\n"},
                                         {"/200", 500, "the server failed to answer this request\n"},
                                         {"/header", 500, "the server failed to answer this request\n"},
                                         {"/bodiless", 500, "the server failed to answer this request\n"},
                                         {"/other", 500, "the server failed to answer this request\n"}};
    http_client client(listener);
    for (const expectation& one : table) {
      const auto response = co_await client.ask(get(one.path));
      REQUIRE(response);
      CHECK(response->status() == one.status);
      CHECK(response->body == one.text);
      CHECK(response->header("content-type") == "text/plain; charset=utf-8");
      CHECK(!response->header("connection"));
    }
  });
  CHECK(log.count("The handler of GET /other failed: the reason") == 1);
  CHECK(log.count("The handler of GET /odd failed: an exception of an unknown type") == 1);
  CHECK(log.count("The handler of GET /header failed: response header \"A\"") == 1);
  CHECK(log.count("The handler of GET /200 failed: http_error: the status 200") == 1);
  CHECK(log.lines().size() == 5);
}

TEST_CASE(
    "a response that fails halfway closes the connection, so that the client sees that it is incomplete") {
  const auto handler = [](server_request& request, server_response& response) -> task<void> {
    if (request.path() == "/short") {
      co_await response.begin(10);
      co_await response.write("abc");
    } else if (request.path() == "/long") {
      co_await response.begin(3);
      co_await response.write("abcd");
    } else if (request.path() == "/twice") {
      co_await response.begin();
      co_await response.send("x");
    } else {
      co_await response.begin();
      co_await response.write("abc");
      throw std::runtime_error("too late for a status");
    }
  };
  for (const std::string_view path : {"/short", "/long", "/twice", "/other"}) {
    CAPTURE(path);
    http_world().play(handler, [path](memory_listener& listener, auto&) -> task<void> {
      http_client client(listener);
      const auto response = co_await client.ask(get(path));
      CHECK(!response);
      CHECK(client.ended() == http_client::end::reset);
    });
  }
}

TEST_CASE("an exception after a complete response changes nothing about it") {
  const auto handler = [](server_request&, server_response& response) -> task<void> {
    co_await response.send("whole");
    throw std::runtime_error("afterwards");
  };
  http_world().play(handler, [](memory_listener& listener, auto&) -> task<void> {
    http_client client(listener);
    for (int i = 0; i < 2; ++i) {
      const auto response = co_await client.ask(get("/"));
      REQUIRE(response);
      CHECK(response->body == "whole");
    }
  });
}

TEST_CASE("a refused request gets the reason, and nothing after it is read") {
  std::size_t handled = 0;
  const auto handler = [&handled](server_request& request, server_response&) -> task<void> {
    ++handled;
    co_await request.read_all();
  };
  struct expectation {
    std::string bytes;
    int status;
    std::size_t handled = 0;
  };
  const std::string chunked = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::vector<expectation> table{
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {get("/", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), 400},
      {get("/", "Transfer-Encoding: gzip\r\n"), 501},
      {get("/" + std::string(9000, 'a')), 414},
      {get("/", "A: " + std::string(40'000, 'a') + "\r\n"), 431},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 20000001\r\n\r\n", 413},
      {"\x16\x03\x01\n", 400},
      {chunked + "zz\r\n", 400, 1},
      {chunked + "1312d01\r\n", 413, 1},
      {chunked + "3\r\nabcd\r\n", 400, 1}};
  for (const expectation& one : table) {
    CAPTURE(one.bytes.substr(0, 100));
    for (const bool sends_more : {false, true}) {
      handled = 0;
      http_world().play(handler, [&](memory_listener& listener, auto&) -> task<void> {
        http_client client(listener);
        std::string bytes = one.bytes;
        if (sends_more) bytes += std::string(300'000, 'm') + get("/");
        co_await client.send(bytes);
        const auto response = co_await client.receive();
        REQUIRE(response);
        CHECK(response->status() == one.status);
        CHECK(response->header("connection") == "close");
        CHECK(response->body.size() > 10);
        const bool closed = co_await client.is_closed();
        CHECK(closed);
      });
      CHECK(handled == one.handled);
    }
  }
}

TEST_CASE("a handler can set a lower limit for a body") {
  const auto handler = [](server_request& request, server_response& response) -> task<void> {
    request.limit_body(5);
    const std::string body = co_await request.read_all();
    co_await response.send(body);
  };
  http_world().play(handler, [](memory_listener& listener, auto&) -> task<void> {
    http_client client(listener);
    const auto fits = co_await client.ask(post("/", "12345"));
    REQUIRE(fits);
    CHECK(fits->body == "12345");
    const auto large = co_await client.ask(post("/", "123456"));
    REQUIRE(large);
    CHECK(large->status() == 413);
    CHECK(large->header("connection") == "close");
  });
}

TEST_CASE("the bytes of all bodies in memory are limited, and freed with their requests") {
  http_world world;
  world.options.bodies = 100'000;
  const auto handler = [](server_request& request, server_response& response) -> task<void> {
    const std::string body = co_await request.read_all();
    co_await sleep_for(1s);
    co_await response.send();
  };
  world.play(handler, [](memory_listener& listener, auto&) -> task<void> {
    http_client first(listener);
    http_client second(listener);
    for (int round = 0; round < 3; ++round) {
      co_await first.send(post("/", std::string(60'000, 'a')));
      co_await sleep_for(100ms);
      http_client third(listener);
      const auto refused = co_await third.ask(post("/", std::string(60'000, 'b')));
      REQUIRE(refused);
      CHECK(refused->status() == 503);
      const auto small = co_await second.ask(post("/", std::string(40'000, 'b')));
      REQUIRE(small);
      CHECK(small->status() == 200);
      const auto held = co_await first.receive();
      REQUIRE(held);
      CHECK(held->status() == 200);
    }
  });
}

TEST_CASE("responses carry the date of the clock in the options") {
  static std::int64_t now = 784111777;
  http_world world;
  world.options.unix_time = [] { return now; };
  world.play(echo, [](memory_listener& listener, auto&) -> task<void> {
    http_client client(listener);
    const auto first = co_await client.ask(get("/"));
    REQUIRE(first);
    CHECK(first->header("date") == "Sun, 06 Nov 1994 08:49:37 GMT");
    ++now;
    const auto second = co_await client.ask(get("/"));
    REQUIRE(second);
    CHECK(second->header("date") == "Sun, 06 Nov 1994 08:49:38 GMT");
  });
}

TEST_CASE("a client beyond the connection limit gets a 503, and can connect once another disconnects") {
  http_world world;
  world.options.connections = 2;
  world.play(echo, [](memory_listener& listener, auto& server) -> task<void> {
    http_client first(listener);
    http_client second(listener);
    const auto one = co_await first.ask(get("/1"));
    const auto two = co_await second.ask(get("/2"));
    CHECK((one && two));
    http_client third(listener);
    const auto refused = co_await third.ask(get("/3"));
    REQUIRE(refused);
    CHECK(refused->status() == 503);
    CHECK(refused->header("connection") == "close");
    const bool closed = co_await third.is_closed();
    CHECK(closed);
    CHECK(server.connections() == 2);
    first.close();
    co_await sleep_for(1s);
    http_client fourth(listener);
    const auto four = co_await fourth.ask(get("/4"));
    REQUIRE(four);
    CHECK(four->status() == 200);
  });
}

TEST_CASE("a flood of connections is closed, and the server accepts new ones afterwards") {
  http_world world;
  world.options.connections = 4;
  world.play(echo, [](memory_listener& listener, auto& server) -> task<void> {
    {
      std::vector<http_client> flood;
      for (int i = 0; i < 500; ++i) flood.emplace_back(listener);
      co_await sleep_for(100ms);
      CHECK(server.connections() == 4);
      std::size_t refusals = 0;
      std::size_t cut = 0;
      for (std::size_t i = 4; i < flood.size(); ++i) {
        const auto response = co_await flood[i].receive();
        refusals += response && response->status() == 503 ? 1 : 0;
        cut += flood[i].ended() == http_client::end::reset ? 1 : 0;
      }
      CHECK(refusals == 64);
      CHECK(cut == 500 - 4 - 64);
    }
    co_await sleep_for(100ms);
    CHECK(server.connections() == 0);
    http_client client(listener);
    const auto response = co_await client.ask(get("/"));
    REQUIRE(response);
    CHECK(response->status() == 200);
  });
}

TEST_CASE("a server that cannot accept for a moment logs that and continues") {
  captured_log log;
  http_world world;
  world.options.log = &log.log;
  world.play(echo, [](memory_listener& listener, auto&) -> task<void> {
    http_client first(listener);
    const auto one = co_await first.ask(get("/"));
    CHECK(one);
    listener.fail(3);
    http_client second(listener);
    http_client third(listener);
    const auto two = co_await second.ask(get("/"));
    const auto three = co_await third.ask(get("/"));
    CHECK((two && three));
  });
  CHECK(log.count("Accepting a connection failed: ") == 1);
}

}  // namespace coworker::testing
