#include <doctest/doctest.h>
#include <array>
#include <coworker/http/route.hpp>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace coworker::testing {
namespace {

constexpr std::array<route, 8> routes{{
    {"GET", "/"},
    {"POST", "/jobs"},
    {"GET", "/jobs/{id}"},
    {"DELETE", "/jobs/{id}"},
    {"GET", "/jobs/latest"},
    {"", "/any"},
    {"GET", "/files/{path...}"},
    {"POST", "/v2/{endpoint}/status/{id}"},
}};

// Routing also works in constant expressions.
static_assert(find_route(routes, "GET", "/jobs/latest").index == 4);
static_assert(find_route(routes, "GET", "/jobs/7").parameters.encoded("id") == "7");
static_assert(find_route(routes, "PUT", "/jobs/7").status == 405);

struct expectation {
  std::string_view method, path;
  int status;
  std::size_t index = 0;
};

std::string complaint_of(const char* pattern) {
  try {
    (void)route_pattern::from(pattern);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a request is routed by its method and path") {
  for (const expectation& one : std::vector<expectation>{
           {"GET", "/", 200, 0},
           {"POST", "/jobs", 200, 1},
           {"GET", "/jobs/7", 200, 2},
           {"DELETE", "/jobs/7", 200, 3},
           {"GET", "/jobs/latest", 200, 4},
           {"DELETE", "/jobs/latest", 200, 3},
           {"GET", "/j%6Fbs/7", 200, 2},
           {"PATCH", "/any", 200, 5},
           {"OPTIONS", "/any", 200, 5},
           {"GET", "/files/", 200, 6},
           {"GET", "/files/a/b", 200, 6},
           {"POST", "/v2/x/status/y", 200, 7},
           {"HEAD", "/", 200, 0},
           {"HEAD", "/jobs/7", 200, 2},
           {"HEAD", "/jobs", 405},
           {"GET", "/jobs", 405},
           {"PUT", "/jobs/latest", 405},
           {"get", "/", 405},
           {"OPTIONS", "/jobs/7", 204},
           {"OPTIONS", "*", 204},
           {"GET", "*", 404},
           {"GET", "/jobs/", 404},
           {"POST", "/jobs/", 404},
           {"GET", "//", 404},
           {"GET", "/Jobs/7", 404},
           {"GET", "/jobs/7/", 404},
           {"GET", "/jobs/7/x", 404},
           {"GET", "/jobs%2F7", 404},
           {"GET", "/files", 404},
           {"GET", "/filesystem", 404},
           {"POST", "/v2/x/status", 404},
           {"POST", "/v2//status/y", 404},
           {"OPTIONS", "/none", 404},
           {"GET", "", 404},
           {"GET", "/jobs/..", 400},
           {"GET", "/jobs/%2e%2E", 400},
           {"GET", "/files/../x", 400},
           {"GET", "/jobs/%", 400},
           {"GET", "/jobs/%00", 400},
           {"GET", "/none/./x", 400},
       }) {
    CAPTURE(one.method);
    CAPTURE(one.path);
    const route_match found = find_route(routes, one.method, one.path);
    CHECK(found.status == one.status);
    CHECK(found.index == one.index);
  }
}

TEST_CASE("parameters hold the text of their segments, decoded on request") {
  const route_match job = find_route(routes, "GET", "/jobs/a%2Fb%20c+d");
  CHECK(job.parameters.size() == 1);
  CHECK(job.parameters.encoded("id") == "a%2Fb%20c+d");
  CHECK(job.parameters.value("id") == "a/b c+d");
  CHECK(!job.parameters.value("path"));
  CHECK(find_route(routes, "GET", "/files/a/%62//c").parameters.value("path") == "a/b//c");
  CHECK(find_route(routes, "GET", "/files/").parameters.value("path") == "");
  const route_match status = find_route(routes, "POST", "/v2/e-1/status/%C3%A9");
  CHECK(status.parameters.value("endpoint") == "e-1");
  CHECK(status.parameters.value("id") == "\xc3\xa9");
  CHECK(find_route(routes, "GET", "/").parameters.size() == 0);
}

TEST_CASE("the most specific route wins, wherever it is in the list") {
  const std::array<route, 6> mixed{{{"GET", "/{all...}"},
                                    {"GET", "/{a}/{b}"},
                                    {"GET", "/{a}/x"},
                                    {"GET", "/y/{b}"},
                                    {"GET", "/y/{rest...}"},
                                    {"GET", "/{other}/{names}"}}};
  const auto index_of = [&mixed](std::string_view path) { return find_route(mixed, "GET", path).index; };
  CHECK(index_of("/y/x") == 3);
  CHECK(index_of("/y/z") == 3);
  CHECK(index_of("/z/x") == 2);
  CHECK(index_of("/z/z") == 1);
  CHECK(index_of("/y/x/z") == 4);
  CHECK(index_of("/y/") == 4);
  CHECK(index_of("/z/x/z") == 0);
  CHECK(index_of("/z") == 0);
  CHECK(index_of("/") == 0);
}

TEST_CASE("of equal patterns, the one with the exact method wins; for HEAD, its own route wins over GET") {
  const std::array<route, 4> equal{
      {{"", "/a/{x}"}, {"GET", "/a/{y}"}, {"HEAD", "/a/{z}"}, {"GET", "/a/{late}"}}};
  CHECK(find_route(equal, "POST", "/a/1").index == 0);
  CHECK(find_route(equal, "GET", "/a/1").index == 1);
  CHECK(find_route(equal, "HEAD", "/a/1").index == 2);
  const std::array<route, 2> heads{{{"HEAD", "/{x}"}, {"GET", "/a"}}};
  CHECK(find_route(heads, "HEAD", "/a").index == 1);
  CHECK(find_route(heads, "HEAD", "/b").index == 0);
  CHECK(find_route(heads, "GET", "/b").status == 405);
}

TEST_CASE("the methods that a path allows can be listed") {
  CHECK(allowed_methods(routes, "/jobs") == "POST, OPTIONS");
  CHECK(allowed_methods(routes, "/jobs/latest") == "GET, HEAD, DELETE, OPTIONS");
  CHECK(allowed_methods(routes, "*") == "GET, HEAD, POST, DELETE, OPTIONS");
  CHECK(allowed_methods({}, "*") == "OPTIONS");
}

TEST_CASE("a pattern from a variable works like a literal one") {
  const std::string path = "/health/{part}";
  const std::array<route, 1> one{{{"GET", route_pattern::from(path)}}};
  CHECK(find_route(one, "GET", "/health/gpu").parameters.value("part") == "gpu");
}

TEST_CASE("a malformed pattern is refused with a message that contains it") {
  CHECK(complaint_of("ping") == "route \"ping\": a route must begin with a '/'");
  struct fault {
    const char* pattern;
    std::string_view says;
  };
  for (const fault& one : std::vector<fault>{
           {"", "begin with a '/'"},         {"{all...}", "begin with a '/'"},
           {"/a b", "written decoded"},      {"/a%20b", "written decoded"},
           {"/a?b", "written decoded"},      {"/a#b", "written decoded"},
           {"/a\n", "written decoded"},      {"/a\\b", "written decoded"},
           {"/a{b}", "whole segment"},       {"/{b}a", "whole segment"},
           {"/{", "whole segment"},          {"/}", "whole segment"},
           {"/{}", "whole segment"},         {"/{...}", "whole segment"},
           {"/{a-b}", "whole segment"},      {"/{{a}}", "whole segment"},
           {"/{a..}", "whole segment"},      {"/{a...}/b", "must be the last"},
           {"/{a...}/", "must be the last"}, {"/{a}/{a}", "same name"},
           {"/{a}/{a...}", "same name"},     {"/../a", "segment . or .."},
           {"/a/.", "segment . or .."},      {"/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}", "more than eight"}}) {
    CAPTURE(one.pattern);
    CHECK(complaint_of(one.pattern).find(one.says) != std::string::npos);
  }
  for (const char* good :
       {"/", "//", "/a.b/~c@d:e;f=g,h!$&'()*+", "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}", "/\xc3\xa9", "/{a_1...}"})
    CHECK(complaint_of(good).empty());
}

}  // namespace coworker::testing
