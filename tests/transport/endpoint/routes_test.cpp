// Routes of the program's own behind an endpoint, in virtual time: what each handler receives of a request,
// and how the routes are described.

#include <doctest/doctest.h>
#include <coworker/coro/async_generator.hpp>
#include <coworker/job/routes.hpp>
#include <optional>
#include <string>
#include <support/endpoint_world.hpp>
#include <utility>

namespace coworker::testing {
namespace {

struct fruit_order {
  std::string fruit;
  int count = 1;
};

struct model_query {
  std::string name;
  int page = 1;
  std::optional<bool> all;
};

task<int> count_fruit(job<fruit_order> work) { co_return work.input.count; }

task<json> find_model(job<model_query> work) {
  json made = json::object();
  made["name"] = work.input.name;
  made["page"] = work.input.page;
  made["details"] = work.details;
  co_return made;
}

// Returns the number of bytes, their sum, and the job's details.
task<json> weigh(job<raw_body> work) {
  json made = json::object();
  made["size"] = work.input.bytes.size();
  unsigned sum = 0;
  for (const char c : work.input.bytes) sum += static_cast<unsigned char>(c);
  made["sum"] = sum;
  made["details"] = work.details;
  co_return made;
}

async_generator<json> count_up(job<> work) {
  for (int i = 1; i <= work.input.get<int>(); ++i) co_yield json(i);
}

auto all_routes() {
  return routes{post("/v1/fruit", count_fruit),
                get("/models/{name}", find_model),
                post("/images/{rest...}", weigh),
                put("/images/{rest...}", weigh),
                get("/weight", weigh),
                post("/count", count_up),
                del("/models/{name}", find_model)};
}

template <class Clients>
void play(endpoint_kind kind, Clients clients) {
  endpoint_world world(kind);
  auto handler = all_routes();
  world.options.routes = handler.describe();
  world.play(std::move(handler), std::move(clients));
}

std::string with_body(std::string head, const std::string& body) {
  return head +
         " HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nX-Signature: abc\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace

TEST_CASE("a handler of raw bodies receives the bytes unchanged, with path, query and headers") {
  play(endpoint_kind::service, [](memory_listener& listener, leaving_worker&) -> task<void> {
    endpoint_client client(listener);
    const std::string bytes("\x89PNG\0\xff\xfe{", 8);
    const endpoint_answer image = co_await client.ask(with_body("POST /images/a/b%20c?size=2&x=%26", bytes));
    CHECK(image.status == 200);
    CHECK(image.body.at("size") == 8);
    CHECK(image.body.at("sum") == 0x89 + 'P' + 'N' + 'G' + 0xff + 0xfe + '{');
    const json& details = image.body.at("details");
    CHECK(details.at("parameters").at("rest") == "a/b c");
    CHECK(details.at("query") == "size=2&x=%26");
    CHECK(details.at("query_parameters").at("size") == "2");
    CHECK(details.at("query_parameters").at("x") == "&");
    CHECK(details.at("headers").at("content-type") == "image/png");
    CHECK(details.at("headers").at("x-signature") == "abc");
    CHECK(details.at("method") == "POST");
    CHECK(details.at("route") == "POST /images/{rest...}");
    // JSON is not parsed either, because a signature covers its bytes.
    const endpoint_answer spaced = co_await client.post("/images/x", "{ \"a\" : 1 }");
    CHECK(spaced.body.at("size") == 11);
    const endpoint_answer broken = co_await client.post("/images/x", "{");
    CHECK(broken.body.at("size") == 1);
    const endpoint_answer put = co_await client.ask(with_body("PUT /images/x", "12"));
    CHECK(put.body.at("details").at("method") == "PUT");
    const endpoint_answer none = co_await client.get("/weight?size=1");
    CHECK(none.body.at("size") == 0);
    CHECK(none.body.at("details").at("query_parameters").at("size") == "1");
  });
}

TEST_CASE("a plain service whose handler takes raw bodies accepts them of any type") {
  endpoint_world world(endpoint_kind::service);
  world.options.raw = true;
  world.play(weigh, [](memory_listener& listener, leaving_worker&) -> task<void> {
    endpoint_client client(listener);
    const endpoint_answer image = co_await client.ask(with_body("POST /any", std::string(3, '\xff')));
    CHECK(image.body.at("sum") == 3 * 255);
    const endpoint_answer empty = co_await client.ask("POST / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    CHECK(empty.body.at("size") == 0);
  });
}

TEST_CASE("a handler that takes no raw body refuses a body that is neither JSON nor text") {
  play(endpoint_kind::service, [](memory_listener& listener, leaving_worker&) -> task<void> {
    endpoint_client client(listener);
    const endpoint_answer refused = co_await client.ask(with_body("POST /v1/fruit", "x"));
    CHECK(refused.status == 415);
  });
}

TEST_CASE("a service describes each route with its own input") {
  play(endpoint_kind::service, [](memory_listener& listener, leaving_worker&) -> task<void> {
    endpoint_client client(listener);
    const endpoint_answer described = co_await client.get("/openapi.json");
    REQUIRE(described.status == 200);
    CHECK(described.body.at("openapi") == "3.1.0");
    const json& paths = described.body.at("paths");
    CHECK(paths.size() == 5);
    CHECK(!paths.contains("/run"));
    const json& fruit = paths.at("/v1/fruit").at("post");
    const json& input = fruit.at("requestBody").at("content").at("application/json").at("schema");
    CHECK(input.at("properties").contains("fruit"));
    CHECK(input.at("required").dump() == R"(["fruit"])");
    CHECK(fruit.at("responses").contains("422"));
    for (const char* const method : {"get", "delete"}) {
      const json& model = paths.at("/models/{name}").at(method);
      CHECK(!model.contains("requestBody"));
      REQUIRE(model.at("parameters").size() == 3);
      CHECK(model.at("parameters").at(0).at("name") == "name");
      CHECK(model.at("parameters").at(0).at("in") == "path");
      CHECK(model.at("parameters").at(0).at("required") == json(true));
      CHECK(model.at("parameters").at(1).at("name") == "page");
      CHECK(model.at("parameters").at(1).at("in") == "query");
      CHECK(model.at("parameters").at(1).at("required") == json(false));
      CHECK(model.at("parameters").at(1).at("schema").at("type") == "integer");
    }
    const json& image = paths.at("/images/{rest}");
    CHECK(image.contains("put"));
    CHECK(image.at("post").at("requestBody").at("content").contains("*/*"));
    CHECK(image.at("post").at("parameters").at(0).at("name") == "rest");
    const json& counted = paths.at("/count").at("post").at("responses").at("200").at("content");
    CHECK(counted.contains("text/event-stream"));
    const endpoint_answer docs = co_await client.get("/docs");
    CHECK(docs.response.header("content-type") == "text/html; charset=utf-8");
    for (const char* const shown :
         {"POST /v1/fruit", "\"fruit\"", "GET /models/{name}", "\"page\"", "PUT /images/{rest...}"})
      CHECK(docs.text.find(shown) != std::string::npos);
    CHECK(docs.text.find("/runsync") == std::string::npos);
  });
}

TEST_CASE("the queue API describes the body of a job for each route, with the route's name in it") {
  play(endpoint_kind::queue_api, [](memory_listener& listener, leaving_worker&) -> task<void> {
    endpoint_client client(listener);
    const endpoint_answer described = co_await client.get("/openapi.json");
    const json& body = described.body.at("paths").at("/run").at("post").at("requestBody");
    const json& any = body.at("content").at("application/json").at("schema").at("oneOf");
    REQUIRE(any.size() == 7);
    CHECK(any.at(0).at("properties").at("route").at("const") == "POST /v1/fruit");
    CHECK(any.at(0).at("properties").at("input").at("properties").contains("fruit"));
    CHECK(any.at(1).at("properties").at("input").at("properties").contains("page"));
    const endpoint_answer docs = co_await client.get("/docs");
    CHECK(docs.text.find("DELETE /models/{name}") != std::string::npos);
    CHECK(docs.text.find("/runsync") != std::string::npos);
    const endpoint_answer ran =
        co_await client.post("/runsync", R"({"route": "POST /images/{rest...}", "input": {"bytes": "abc"}})");
    CHECK(ran.body.at("output").at("size") == 3);
  });
}

TEST_CASE("a route of the program's own takes precedence over the description") {
  endpoint_world world(endpoint_kind::service);
  auto handler = routes{get("/docs", count_fruit), post("/openapi.json", count_fruit)};
  world.options.routes = handler.describe();
  world.play(std::move(handler), [](memory_listener& listener, leaving_worker&) -> task<void> {
    endpoint_client client(listener);
    const endpoint_answer own = co_await client.get("/docs?fruit=fig&count=3");
    CHECK(own.body == json(3));
    const endpoint_answer other = co_await client.get("/openapi.json");
    CHECK(other.status == 405);
  });
}

}  // namespace coworker::testing
