// Slow, silent, flooding and disconnected clients; and how a server ends.

#include <doctest/doctest.h>
#include <chrono>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/random.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/http/server.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <support/http_world.hpp>
#include <vector>

namespace coworker::testing {
namespace {

using namespace std::chrono_literals;

task<void> say_x(server_request&, server_response& response) { co_await response.send("x"); }

task<void> take_body(server_request& request, server_response& response) {
  const std::string body = co_await request.read_all();
  co_await response.send(body);
}

// Counts how handlers end that wait for an hour.
struct waiting_handler {
  std::size_t* stopped;

  task<void> operator()(server_request&, server_response&) const {
    try {
      co_await sleep_for(1h);
    } catch (const cancelled&) {
      ++*stopped;
      throw;
    }
  }
};

// Sends one byte at a time, with a pause after each, until the server responds.
task<std::optional<read_response>> drip(http_client& client, std::string bytes, duration pause) {
  scope sending(co_await this_coro::context());
  sending.spawn([](http_client& to, std::string all, duration wait) -> task<void> {
    for (const char c : all) {
      const bool sent = co_await to.send(std::string(1, c));
      if (!sent) break;
      co_await sleep_for(wait);
    }
  }(client, std::move(bytes), pause));
  std::optional<read_response> response = co_await client.receive();
  sending.request_stop();
  co_await sending.join();
  co_return response;
}

}  // namespace

TEST_CASE("a head that takes longer than ten seconds gets a 408, even if bytes keep arriving") {
  for (const duration pause : {duration(1h), duration(1s), duration(9s)}) {
    http_world world;
    world.play(say_x, [&](memory_listener& listener, auto&) -> task<void> {
      http_client client(listener);
      const auto response = co_await drip(client, get("/", "A: " + std::string(1000, 'a')), pause);
      REQUIRE(response);
      CHECK(response->status() == 408);
      CHECK(response->header("connection") == "close");
      CHECK(world.loop.elapsed() == 10s);
      const bool closed = co_await client.is_closed();
      CHECK(closed);
    });
  }
}

TEST_CASE("each head has its own ten seconds") {
  http_world().play(say_x, [](memory_listener& listener, auto&) -> task<void> {
    http_client client(listener);
    for (int i = 0; i < 5; ++i) {
      co_await client.send("GET / HTTP/1.1\r\n");
      co_await sleep_for(9s);
      const auto response = co_await client.ask("Host: h\r\n\r\n");
      REQUIRE(response);
      CHECK(response->status() == 200);
    }
  });
}

TEST_CASE(
    "a connection that is idle for a minute is closed without a response, also before its first request") {
  http_world world;
  world.play(say_x, [&world](memory_listener& listener, auto& server) -> task<void> {
    http_client silent(listener);
    http_client client(listener);
    co_await sleep_for(30s);
    const auto response = co_await client.ask(get("/"));
    CHECK(response);
    const bool silent_closed = co_await silent.is_closed();
    CHECK(silent_closed);
    CHECK(world.loop.elapsed() == 60s);
    CHECK(server.connections() == 1);
    const bool closed = co_await client.is_closed();
    CHECK(closed);
    CHECK(world.loop.elapsed() == 90s);
  });
}

TEST_CASE("an empty line is not a request: the connection stays idle") {
  http_world world;
  world.play(say_x, [&world](memory_listener& listener, auto&) -> task<void> {
    http_client client(listener);
    co_await client.send("\r\n");
    const bool closed = co_await client.is_closed();
    CHECK(closed);
    CHECK(world.loop.elapsed() == 60s);
  });
}

TEST_CASE("a body that takes longer than a minute gets a 408, even if bytes keep arriving") {
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n";
  for (const duration pause : {duration(1h), duration(1s), duration(20s)}) {
    http_world world;
    world.play(take_body, [&](memory_listener& listener, auto&) -> task<void> {
      http_client client(listener);
      co_await client.send(head);
      const auto response = co_await drip(client, std::string(1000, 'a'), pause);
      REQUIRE(response);
      CHECK(response->status() == 408);
      CHECK(response->header("connection") == "close");
      CHECK(world.loop.elapsed() == 60s);
    });
  }
}

TEST_CASE("a handler that reads a body slowly does not use up its client's time") {
  const auto handler = [](server_request& request, server_response& response) -> task<void> {
    std::size_t size = 0;
    for (;;) {
      const std::string_view piece = co_await request.read();
      if (piece.empty()) break;
      size += piece.size();
      co_await sleep_for(50s);
    }
    const std::string text = std::to_string(size);
    co_await response.send(text);
  };
  http_world().play(handler, [](memory_listener& listener, auto&) -> task<void> {
    http_client client(listener);
    const auto response = co_await client.ask(post("/", std::string(100'000, 'a')));
    REQUIRE(response);
    CHECK(response->body == "100000");
  });
}

TEST_CASE("a client that reads nothing for a minute is disconnected, and its handler is stopped") {
  std::size_t stopped = 0;
  const std::string large(1'000'000, 'x');
  const auto handler = [&](server_request& request, server_response& response) -> task<void> {
    try {
      if (request.path() == "/whole") {
        co_await response.send(large);
      } else {
        co_await response.begin();
        for (;;) co_await response.write("some text, again and again");
      }
    } catch (const cancelled&) {
      ++stopped;
      throw;
    }
  };
  for (const std::string_view path : {"/whole", "/stream"}) {
    stopped = 0;
    http_world world;
    world.play(handler, [&](memory_listener& listener, auto& server) -> task<void> {
      http_client client(listener);
      co_await client.send(get(path));
      co_await sleep_for(59s);
      CHECK(stopped == 0);
      co_await sleep_for(2s);
      CHECK(stopped == 1);
      CHECK(server.connections() == 0);
      const auto response = co_await client.receive();
      CHECK(!response);
      CHECK(client.ended() == http_client::end::reset);
    });
  }
}

TEST_CASE("a client that reads a little now and then is not disconnected") {
  const std::string large(20'000, 'x');
  http_world world;
  world.capacity = 100;
  const auto handler = [&large](server_request&, server_response& response) -> task<void> {
    co_await response.send(large);
  };
  world.play(handler, [&](memory_listener& listener, auto&) -> task<void> {
    http_client client(listener);
    co_await client.send(get("/"));
    std::string all;
    while (all.size() < large.size()) {
      const std::string some = co_await client.receive_bytes();
      REQUIRE(!some.empty());
      all += some;
      co_await sleep_for(30s);
    }
    CHECK(all.ends_with(large.substr(0, 1000)));
    CHECK(world.loop.elapsed() > 1h);
  });
}

TEST_CASE("a handler writes only as fast as its client reads, and at most one piece is buffered") {
  std::size_t written = 0;
  const auto handler = [&written](server_request&, server_response& response) -> task<void> {
    co_await response.begin();
    const std::string piece(1000, 'x');
    for (int i = 0; i < 1000; ++i) {
      co_await response.write(piece);
      written += piece.size();
    }
  };
  http_world world;
  world.capacity = 10'000;
  world.play(handler, [&written](memory_listener& listener, auto&) -> task<void> {
    http_client client(listener);
    co_await client.send(get("/"));
    co_await sleep_for(1s);
    CHECK(written < 10'000);
    std::size_t read = 0;
    while (read < 500'000) {
      const std::string some = co_await client.receive_bytes();
      read += some.size();
      CHECK(written < read + 12'000);
    }
  });
}

TEST_CASE("receiving pauses for a client that sends many requests before it reads responses") {
  const auto handler = [](server_request&, server_response& response) -> task<void> {
    co_await sleep_for(1s);
    co_await response.send("x");
  };
  http_world world;
  world.capacity = 1000;
  world.play(handler, [](memory_listener& listener, auto&) -> task<void> {
    http_client client(listener);
    std::size_t sent = 0;
    scope sending(co_await this_coro::context());
    sending.spawn([](http_client& to, std::size_t& count) -> task<void> {
      for (;;) {
        const bool more = co_await to.send(get("/"));
        if (!more) break;
        count += get("/").size();
      }
    }(client, sent));
    co_await sleep_for(500ms);
    CHECK(sent > 10'000);
    CHECK(sent < 40'000);
    for (int i = 0; i < 3; ++i) {
      const auto response = co_await client.receive();
      CHECK(response);
    }
    sending.request_stop();
    co_await sending.join();
  });
}

TEST_CASE("a handler gets a stop request when its client disconnects, in whatever way") {
  for (const int way : {0, 1, 2}) {
    CAPTURE(way);
    std::size_t stopped = 0;
    http_world world;
    world.play(waiting_handler{&stopped}, [&](memory_listener& listener, auto& server) -> task<void> {
      http_client client(listener);
      co_await client.send(get("/"));
      co_await sleep_for(1s);
      CHECK(server.connections() == 1);
      if (way == 0) client.close();
      if (way == 1) client.abort();
      if (way == 2) client.half_close();
      co_await sleep_for(1s);
      CHECK(stopped == 1);
      CHECK(server.connections() == 0);
    });
  }
}

TEST_CASE("a client that closes its sending side after its request still gets a response that is ready") {
  http_world().play(take_body, [](memory_listener& listener, auto&) -> task<void> {
    http_client client(listener);
    co_await client.send(post("/", "abc") + post("/", "def"));
    client.half_close();
    for (const std::string_view expected : {"abc", "def"}) {
      const auto response = co_await client.receive();
      REQUIRE(response);
      CHECK(response->body == expected);
    }
    const bool closed = co_await client.is_closed();
    CHECK(closed);
  });
}

TEST_CASE("a handler may continue without its client, for example for work that outlives a request") {
  bool ended = false;
  const auto handler = [&ended](server_request&, server_response& response) -> task<void> {
    const context here = co_await this_coro::context();
    context own(here.executor);  // a separate chain, which nobody stops
    const auto work = []() -> task<void> { co_await sleep_for(10s); };
    co_await work().in(own);
    ended = true;
    co_await response.send("nobody reads this");
  };
  http_world().play(handler, [&ended](memory_listener& listener, auto& server) -> task<void> {
    http_client client(listener);
    co_await client.send(get("/"));
    co_await sleep_for(1s);
    client.close();
    co_await sleep_for(5s);
    CHECK(!ended);
    CHECK(server.connections() == 1);
    co_await sleep_for(5s);
    CHECK(ended);
    CHECK(server.connections() == 0);
  });
}

TEST_CASE("a connection that fails at any byte leaves nothing behind, and the server continues") {
  const std::string conversation = get("/1") + post("/2", "a body") +
                                   "POST /3 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                                   "3\r\nabc\r\n0\r\n\r\n";
  http_world world;
  world.play(take_body, [&](memory_listener& listener, auto& server) -> task<void> {
    for (std::size_t at = 0; at <= conversation.size(); ++at) {
      for (const int way : {0, 1, 2}) {
        http_client client(listener);
        co_await client.send(conversation.substr(0, at));
        if (at % 3 == 0) co_await sleep_for(1ms);
        if (way == 0) client.close();
        if (way == 1) client.abort();
        if (way == 2) client.half_close();
        co_await sleep_for(1ms);
      }
    }
    co_await sleep_for(3s);
    CHECK(server.connections() == 0);
    http_client client(listener);
    const auto response = co_await client.ask(post("/", "still there"));
    REQUIRE(response);
    CHECK(response->body == "still there");
  });
}

TEST_CASE("a client that reads part of its response and disconnects ends the handler") {
  std::size_t stopped = 0;
  const auto handler = [&stopped](server_request&, server_response& response) -> task<void> {
    try {
      co_await response.begin();
      for (;;) co_await response.write("some text, again and again");
    } catch (const cancelled&) {
      ++stopped;
      throw;
    }
  };
  http_world world;
  world.play(handler, [&](memory_listener& listener, auto& server) -> task<void> {
    for (int i = 0; i < 40; ++i) {
      http_client client(listener);
      co_await client.send(get("/"));
      for (int j = 0; j < 1 + i / 4; ++j) co_await client.receive_bytes();
      if (i % 2 == 0) client.abort();
    }
    co_await sleep_for(1s);
    CHECK(stopped == 40);
    CHECK(server.connections() == 0);
  });
}

TEST_CASE("a thousand idle clients cost no turn of the loop until their minute is over") {
  http_world world;
  world.play(say_x, [&world](memory_listener& listener, auto& server) -> task<void> {
    std::deque<http_client> clients;
    for (int i = 0; i < 1000; ++i) clients.emplace_back(listener);
    co_await sleep_for(1s);
    CHECK(server.connections() == 1000);
    const std::uint64_t before = world.loop.steps();
    co_await sleep_for(58s);
    CHECK(world.loop.steps() - before < 5);
    co_await sleep_for(2s);
    CHECK(server.connections() == 0);
  });
}

TEST_CASE("a drained server closes idle connections, finishes running requests, and accepts no new ones") {
  const auto handler = [](server_request& request, server_response& response) -> task<void> {
    if (request.path() == "/stream") {
      co_await response.begin();
      co_await response.write("a");
      co_await sleep_for(5s);
      co_await response.write("b");
    } else {
      if (request.path() == "/slow") co_await sleep_for(5s);
      const std::string body = co_await request.read_all();
      co_await response.send(body);
    }
  };
  http_world world;
  world.play(handler, [&world](memory_listener& listener, auto& server) -> task<void> {
    http_client idle(listener);
    http_client kept(listener);
    http_client slow(listener);
    http_client stream(listener);
    http_client sending(listener);
    const auto first = co_await kept.ask(get("/"));
    CHECK(first);
    co_await slow.send(get("/slow") + get("/slow"));
    co_await stream.send(get("/stream"));
    co_await sending.send("POST / HT");
    co_await sleep_for(1s);
    server.drain();
    const bool idle_closed = co_await idle.is_closed();
    const bool kept_closed = co_await kept.is_closed();
    CHECK((idle_closed && kept_closed));
    CHECK(world.loop.elapsed() == 1s);
    CHECK(!listener.is_open());
    CHECK(server.connections() == 3);

    const auto sent = co_await sending.ask("TP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok");
    REQUIRE(sent);
    CHECK(sent->body == "ok");
    CHECK(sent->header("connection") == "close");
    const auto finished = co_await slow.receive();
    REQUIRE(finished);
    CHECK(finished->header("connection") == "close");
    const auto never = co_await slow.receive();
    CHECK(!never);
    const auto streamed = co_await stream.receive();
    REQUIRE(streamed);
    CHECK(streamed->body == "ab");
    CHECK(world.loop.elapsed() < 10s);
  });
}

TEST_CASE("a server whose chain is stopped stops its handlers, and sends their clients a response") {
  std::size_t stopped = 0;
  simulated_loop loop;
  memory_listener listener;
  http_server server(listener, waiting_handler{&stopped});
  sync_wait(loop, [](auto& one, memory_listener& from, std::size_t& count) -> task<void> {
    scope serving(co_await this_coro::context());
    serving.spawn(one.run());
    http_client idle(from);
    http_client asking(from);
    http_client half(from);
    co_await asking.send(get("/"));
    co_await half.send("GET / HT");
    co_await sleep_for(1s);
    CHECK(one.connections() == 3);
    serving.request_stop();
    co_await serving.join();
    CHECK(count == 1);
    CHECK(one.connections() == 0);
    const auto response = co_await asking.receive();
    REQUIRE(response);
    CHECK(response->status() == 503);
    CHECK(response->header("connection") == "close");
    const bool closed = co_await idle.is_closed();
    CHECK(closed);
  }(server, listener, stopped));
}

TEST_CASE("whatever many clients do at once, every complete request is handled once and in order") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    random_source random(seed);
    http_world world(seed);
    world.capacity = 50 + static_cast<std::size_t>(random.below(5000U));
    world.pieces = 1 + static_cast<std::size_t>(random.below(3000U));
    const auto handler = [&random](server_request& request, server_response& response) -> task<void> {
      const std::uint64_t way = random.below(6U);
      const std::string path(request.path());
      if (way == 0) co_await sleep_for(std::chrono::milliseconds(random.below(3000U)));
      const std::string body = co_await request.read_all();
      if (way == 1) co_await sleep_for(std::chrono::milliseconds(random.below(3000U)));
      const std::string text = path + " " + body;
      if (way == 2) {
        co_await response.begin();
        for (const char c : text) co_await response.write(std::string_view(&c, 1));
      } else {
        co_await response.send(text);
      }
    };
    const auto client = [](memory_listener& listener, random_source& dice, int name,
                           int& handled) -> task<void> {
      http_client one(listener);
      const int requests = 1 + static_cast<int>(dice.below(5U));
      std::string bytes;
      for (int i = 0; i < requests; ++i) {
        const std::string path = "/" + std::to_string(name) + "-" + std::to_string(i);
        bytes += post(path, std::string(static_cast<std::size_t>(dice.below(3000U)), 'b'));
      }
      const bool leaves = dice.below(4U) == 0;
      scope sending(co_await this_coro::context());
      sending.spawn([](http_client& to, random_source& with, std::string all, bool early) -> task<void> {
        while (!all.empty()) {
          const std::string part = all.substr(0, 1 + static_cast<std::size_t>(with.below(4000U)));
          all.erase(0, part.size());
          if (early && with.below(3U) == 0) co_return;
          const bool sent = co_await to.send(part);
          if (!sent) co_return;
          if (with.below(2U) == 0) co_await sleep_for(std::chrono::milliseconds(with.below(500U)));
        }
      }(one, dice, bytes, leaves));
      if (leaves) {
        co_await sleep_for(std::chrono::milliseconds(dice.below(2000U)));
        if (dice.below(2U) == 0) one.half_close();
      } else {
        for (int i = 0; i < requests; ++i) {
          const auto response = co_await one.receive();
          REQUIRE(response);
          CHECK(response->body.starts_with("/" + std::to_string(name) + "-" + std::to_string(i) + " "));
          ++handled;
        }
      }
      co_await sending.join();
      CHECK(!one.malformed());
    };
    world.play(handler, [&](memory_listener& listener, auto& server) -> task<void> {
      scope clients(co_await this_coro::context());
      int handled = 0;
      for (int name = 0; name < 12; ++name) clients.spawn(client(listener, random, name, handled));
      co_await clients.join();
      CHECK(handled > 0);
      co_await sleep_for(61s);
      CHECK(server.connections() == 0);
    });
  }
}

}  // namespace coworker::testing
