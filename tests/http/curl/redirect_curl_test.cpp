#include <doctest/doctest.h>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/http/curl/client.hpp>
#include <coworker/http/curl/redirect.hpp>
#include <string>
#include <support/queue_server.hpp>
#include <support/stream_server.hpp>
#include <vector>

namespace coworker::testing {
namespace {

// A test queue that first redirects every request, and a client.
struct redirect_world {
  queue_server server;
  curl_client client;
  event_loop loop{client};

  http_response send(const std::string& path, const char* body = nullptr) {
    coworker::http_request request(server.url() + path);
    if (body != nullptr) request.body = body;
    request.headers = headers;
    return sync_wait(loop, client.send(request));
  }

  static answer to(int status, std::string target) {
    return {.status = status, .headers = {{"Location", std::move(target)}}};
  }

  const std::vector<std::string> headers{"Authorization: secret"};
};

}  // namespace

TEST_CASE("a POST that is redirected by 307 or 308 on its own server is sent there, whole") {
  for (const int status : {307, 308}) {
    CAPTURE(status);
    redirect_world world;
    const std::string moved = "/v2/test/job-done/w/moved?isStream=false";
    for (const std::string& target :
         {moved, world.server.url() + moved, "moved?isStream=false" + std::string()}) {
      CAPTURE(target);
      world.server.script(endpoint::done, {redirect_world::to(status, target)});
      const http_response response = world.send("/v2/test/job-done/w/job?isStream=false", R"({"output":1})");
      CHECK(response.status == 200);
      CHECK(response.location == "");
      const http_request asked = world.server.log().exchanges.back().request;
      CHECK(asked.target() == moved);
      CHECK(asked.body == R"({"output":1})");
      CHECK(asked.header("authorization") == "secret");
    }
  }
}

TEST_CASE("a GET that is redirected by 307 or 308 on its own server is sent there") {
  redirect_world world;
  world.server.script(endpoint::ping, {redirect_world::to(308, "/v2/test/ping/other")});
  CHECK(world.send("/v2/test/ping/w").status == 200);
  CHECK(world.server.log().exchanges.back().request.target() == "/v2/test/ping/other");
}

TEST_CASE("no other redirect is followed, and its target is returned as an absolute URL") {
  redirect_world world;
  const std::string url = world.server.url();
  const struct {
    int status;
    std::string location;
    std::string expected;
  } cases[] = {
      {301, "/moved", url + "/moved"},
      {302, "../up?a=b", url + "/v2/test/up?a=b"},
      {303, "http://other.test/x", "http://other.test/x"},
      {307, "http://other.test/x", "http://other.test/x"},
      {307, "http://127.0.0.1:1/x", "http://127.0.0.1:1/x"},
      {308, "//other.test/x", "http://other.test/x"},
      {308, "https://127.0.0.1/x", "https://127.0.0.1/x"},
      {307, "http://[broken", "http://[broken"},
      {308, "", ""},
  };
  for (const auto& one : cases) {
    CAPTURE(one.status);
    CAPTURE(one.location);
    world.server.script(endpoint::ping, {redirect_world::to(one.status, one.location)});
    const std::size_t before = world.server.log().exchanges.size();
    const http_response response = world.send("/v2/test/ping/w");
    CHECK(response.status == one.status);
    CHECK(response.location == one.expected);
    CHECK(world.server.log().exchanges.size() == before + 1);
  }
  world.server.script(endpoint::ping, {{.headers = {{"Location", "/not/a/redirect"}}}});
  CHECK(world.send("/v2/test/ping/w").location == "");
}

TEST_CASE("a redirect loop ends as a redirect, with its body") {
  redirect_world world;
  answer round = redirect_world::to(307, "/v2/test/ping/w");
  round.body = "moved";
  world.server.always(endpoint::ping, round);
  const http_response response = world.send("/v2/test/ping/w");
  CHECK(response.status == 307);
  CHECK(response.location == world.server.url() + "/v2/test/ping/w");
  CHECK(response.body == "moved");
  CHECK(world.server.log().exchanges.size() == 6);
}

TEST_CASE("the last response contains nothing of the redirects before it") {
  redirect_world world;
  answer moved = redirect_world::to(307, "/v2/test/ping/other");
  moved.body = "moved";
  moved.headers.push_back({"Retry-After", "17"});
  world.server.script(endpoint::ping, {moved});
  const http_response response = world.send("/v2/test/ping/w");
  CHECK(response.status == 200);
  CHECK(response.body == "{}");
  CHECK(!response.retry_after);
}

TEST_CASE("the Location header is found in any letter case, its value without blanks") {
  using coworker::detail::location_in;
  CHECK(location_in("Location: /a\r\n") == "/a");
  CHECK(location_in("LOCATION:/a") == "/a");
  CHECK(location_in("location: \t /a b \r\n") == "/a b");
  CHECK(location_in("Locations: /a") == "");
  CHECK(location_in("X-Location: /a") == "");
  CHECK(location_in("Location") == "");
  CHECK(location_in("") == "");
}

TEST_CASE("the same server means the same scheme, host and port, or an upgrade to TLS on the same host") {
  using coworker::detail::is_same_server;
  CHECK(is_same_server("http://h/a", "http://h/b?c"));
  CHECK(is_same_server("http://h:80/a", "http://H/b"));
  CHECK(is_same_server("https://h/a", "https://h:443/b"));
  CHECK(is_same_server("http://h/a", "https://h/b"));
  CHECK(!is_same_server("https://h/a", "http://h/b"));
  CHECK(!is_same_server("http://h:8080/a", "https://h/b"));
  CHECK(!is_same_server("http://h/a", "https://h:8443/b"));
  CHECK(!is_same_server("http://h/a", "http://h:8080/b"));
  CHECK(!is_same_server("http://h/a", "http://h.other/b"));
  CHECK(!is_same_server("http://h/a", "file:///b"));
  CHECK(!is_same_server("http://h/a", ""));
}

}  // namespace coworker::testing
