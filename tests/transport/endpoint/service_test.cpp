// A plain service and realtime over a worker, in virtual time: what is streamed, also to slow readers, and
// what happens to a job whose client disconnects.

#include <doctest/doctest.h>
#include <chrono>
#include <coworker/coro/async_generator.hpp>
#include <coworker/exec/sleep.hpp>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <support/counted_memory.hpp>
#include <support/endpoint_world.hpp>
#include <vector>

namespace coworker::testing {
namespace {

using namespace std::chrono_literals;

task<json> serve_as_input_says(job<> work) {
  co_await sleep_for(std::chrono::milliseconds(work.input.value("ms", 0)));
  co_return work.details;
}

// Yields as many elements as its input says, one each second.
async_generator<json> count_one_by_one(job<> work) {
  for (int i = 1; i <= work.input.get<int>(); ++i) {
    co_await sleep_for(1s);
    co_yield json(i);
  }
}

std::size_t yielded = 0;

// Yields elements as fast as they are taken.
async_generator<json> pour(job<> work) {
  for (yielded = 0; yielded < work.input.get<std::size_t>(); ++yielded)
    co_yield json(std::string(16'000, 'x'));
}

std::string request(const std::string& body, const std::string& lines) {
  return "POST / HTTP/1.1\r\nHost: localhost\r\n" + lines + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

}  // namespace

TEST_CASE("a service passes method, path, query and body to the handler, and responds with its output") {
  endpoint_world world;
  world.play(serve_as_input_says, [](memory_listener& listener, leaving_worker&) -> task<void> {
    endpoint_client client(listener);
    const endpoint_answer got = co_await client.post("/a/b?c=d", R"({"ms": 10})");
    CHECK(got.status == 200);
    CHECK(got.body.at("method") == "POST");
    CHECK(got.body.at("path") == "/a/b");
    CHECK(got.body.at("query") == "c=d");
    const endpoint_answer broken = co_await client.post("/", "{\n]");
    CHECK(broken.status == 400);
    CHECK(broken.body.at("error").get<std::string>().find("line 2, column 1") != std::string::npos);
    const endpoint_answer options = co_await client.ask("OPTIONS /x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    CHECK(options.status == 204);
    CHECK(options.response.header("allow") == "POST, OPTIONS");
    const endpoint_answer head =
        co_await client.ask("GET /console/state HTTP/1.1\r\nHost: localhost\r\n\r\n");
    CHECK(head.status == 405);
  });
}

TEST_CASE("events are sent as they are made, and a stream without events for some time has heartbeats") {
  endpoint_world world;
  world.options.streams = true;
  world.play(count_one_by_one, [&world](memory_listener& listener, leaving_worker&) -> task<void> {
    endpoint_client client(listener);
    co_await client.raw().send(request("2", "Accept: text/event-stream\r\n"));
    std::string got;
    while (got.find("data: 1\n\n") == std::string::npos) got += co_await client.raw().receive_bytes();
    CHECK(world.loop.elapsed() == 1s);
    while (got.find("data: 2\n\n") == std::string::npos) got += co_await client.raw().receive_bytes();
    CHECK(world.loop.elapsed() == 2s);
    while (got.find("\r\n0\r\n\r\n") == std::string::npos) got += co_await client.raw().receive_bytes();
  });
  endpoint_world quiet;
  quiet.options.streams = true;
  quiet.play(
      [](job<>) -> async_generator<json> {
        co_await sleep_for(40s);
        co_yield json("late");
      },
      [](memory_listener& listener, leaving_worker&) -> task<void> {
        endpoint_client client(listener);
        const endpoint_answer got = co_await client.ask(request("2", "Accept: text/event-stream\r\n"));
        CHECK(got.text == ":\n\n:\n\ndata: \"late\"\n\n");
      });
}

TEST_CASE("an event stream that waits for its next event takes little memory") {
  if (!memory_is_counted()) return;
  endpoint_world world;
  world.options.streams = true;
  world.concurrency = 300;
  const counted_memory memory;
  world.play(
      [](job<>) -> async_generator<json> {
        co_yield json("begun");
        co_await sleep_for(1h);
      },
      [&memory](memory_listener& listener, leaving_worker&) -> task<void> {
        std::vector<std::unique_ptr<endpoint_client>> clients;
        clients.reserve(256);
        std::int64_t before = 0;
        for (int i = 0; i < 256; ++i) {
          if (i == 128) before = memory.held();
          clients.push_back(std::make_unique<endpoint_client>(listener));
          co_await clients.back()->raw().send(request("2", "Accept: text/event-stream\r\n"));
          const std::string got = co_await clients.back()->raw().receive_bytes();
          CHECK(got.starts_with("HTTP/1.1 200"));
          co_await sleep_for(1ms);
        }
        const std::int64_t each = (memory.held() - before) / 128;
        CHECK(each > 1000);
        CHECK(each < 8000);  // with what the client and the connection in memory take
      });
}

TEST_CASE("a slow reader delays the handler, and one that disconnects ends it") {
  endpoint_world world;
  world.options.streams = true;
  const worker_summary summary =
      world.play(pour, [](memory_listener& listener, leaving_worker&) -> task<void> {
        endpoint_client client(listener);
        co_await client.raw().send(request("100000", "Accept: text/event-stream\r\n"));
        co_await sleep_for(30s);
        CHECK(yielded > 5);
        CHECK(yielded < 100);  // 64 KiB in the pipe, 256 KiB in the table, and what is on its way
        const std::size_t before = yielded;
        for (int i = 0; i < 40; ++i) {
          const std::string piece = co_await client.raw().receive_bytes();
          CHECK(!piece.empty());
        }
        co_await sleep_for(1s);
        CHECK(yielded > before);
        client.raw().close();
        co_await sleep_for(1s);
      });
  CHECK(summary.jobs == 1);
  CHECK(summary.stopped + summary.failed == 1);
  CHECK(yielded < 1000);
}

TEST_CASE("a client that disconnects stops its job, at any point") {
  for (const int after_ms : {0, 1, 500, 2500}) {
    CAPTURE(after_ms);
    endpoint_world world;
    world.concurrency = 1;
    const worker_summary summary =
        world.play(serve_as_input_says, [after_ms](memory_listener& listener, leaving_worker&) -> task<void> {
          endpoint_client running(listener);
          endpoint_client waiting(listener);
          co_await running.raw().send(request(R"({"ms": 2000})", ""));
          co_await waiting.raw().send(request(R"({"ms": 2000})", ""));
          co_await sleep_for(std::chrono::milliseconds(after_ms));
          running.raw().abort();
          waiting.raw().abort();
          co_await sleep_for(100ms);
          endpoint_client next(listener);
          const endpoint_answer got = co_await next.post("/", "{}");
          CHECK(got.status == 200);
        });
    CHECK(summary.failed == 0);
  }
}

TEST_CASE(
    "a stream is sent as lines of JSON, or as one array to a client that accepts neither lines nor events") {
  endpoint_world world;
  world.options.streams = true;
  world.play(count_one_by_one, [](memory_listener& listener, leaving_worker&) -> task<void> {
    endpoint_client client(listener);
    const endpoint_answer lines = co_await client.ask(request("3", "Accept: application/x-ndjson\r\n"));
    CHECK(lines.text == "1\n2\n3\n");
    const endpoint_answer array = co_await client.ask(request("3", ""));
    CHECK(array.text == "[1,2,3]");
    const endpoint_answer none = co_await client.ask(request("0", "Accept: text/event-stream\r\n"));
    CHECK(none.status == 200);
    CHECK(none.text.empty());
  });
}

TEST_CASE("realtime responds with the output or the error, and keeps the limit of jobs in progress") {
  endpoint_world world(endpoint_kind::realtime);
  world.options.realtime_path = "/ep/realtime";
  world.options.most_in_progress = 1;
  const worker_summary summary = world.play(
      [](job<> work) -> task<json> {
        if (work.input.is_null()) throw std::runtime_error("nothing");
        co_await sleep_for(1s);
        co_return json(work.id);
      },
      [](memory_listener& listener, leaving_worker&) -> task<void> {
        endpoint_client client(listener);
        endpoint_client other(listener);
        co_await other.raw().send(
            "POST /ep/realtime HTTP/1.1\r\nHost: localhost\r\nContent-Length: 24\r\n\r\n"
            R"({"id": "a", "input": 1} )");
        const endpoint_answer own = co_await client.post("/ep/realtime", R"({"id": "b", "input": 1})");
        CHECK(own.text == R"({"output":"b"})");
        const endpoint_answer failed = co_await client.post("/ep/realtime", R"({"id": "c", "input": null})");
        CHECK(failed.status == 200);
        CHECK(failed.text == R"({"error":"nothing"})");
        const endpoint_answer elsewhere =
            co_await client.post("/x/realtime", R"({"id": "c", "input": null})");
        CHECK(elsewhere.status == 404);
      });
  CHECK(summary.highest_in_progress == 1);
}

TEST_CASE("an endpoint beside a queue accepts no jobs") {
  endpoint_world world(endpoint_kind::monitor);
  world.play(serve_as_input_says, [](memory_listener& listener, leaving_worker&) -> task<void> {
    endpoint_client client(listener);
    for (const char* const path : {"/run", "/runsync", "/", "/x"}) {
      const endpoint_answer got = co_await client.post(path, R"({"input": 1})");
      CHECK(got.status >= 404);
    }
    for (const char* const path : {"/", "/ping", "/metrics", "/console/state"}) {
      const endpoint_answer got = co_await client.get(path);
      CHECK(got.status == 200);
    }
  });
}

}  // namespace coworker::testing
