// Parsing requests from split bytes, and reading their parts.

#include <doctest/doctest.h>
#include <cstddef>
#include <string>
#include <support/http_message.hpp>
#include <vector>

namespace coworker::testing {
namespace {

using reading = http_request_reader::progress;

const std::string chunked_post =
    "POST /v2/test/job-done/w/a%2Fb?isStream=false HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    "4\r\n{\"ou\r\nb;note=x\r\ntput\": 7.5}\r\n0\r\nTrailer: t\r\n\r\n";

}  // namespace

TEST_CASE("a chunked request is the same wherever its bytes are split") {
  for (std::size_t cut = 0; cut <= chunked_post.size(); ++cut) {
    CAPTURE(cut);
    http_request_reader reader;
    std::string bytes = chunked_post.substr(0, cut);
    if (cut < chunked_post.size()) REQUIRE(reader.read(bytes) == reading::needs_more);
    bytes += chunked_post.substr(cut);
    REQUIRE(reader.read(bytes) == reading::complete);
    CHECK(bytes.empty());
    CHECK(reader.request().method() == "POST");
    CHECK(reader.request().path() == "/v2/test/job-done/w/a%2Fb");
    CHECK(reader.request().body == "{\"output\": 7.5}");
  }
}

TEST_CASE("requests that arrive together are read one after another") {
  http_request_reader reader;
  std::string bytes =
      "POST /1 HTTP/1.1\r\nHost: h\r\ncontent-LENGTH: 3\r\n\r\noneGET /2 HTTP/1.1\r\nHost: h\r\n\r\nGET /3";
  REQUIRE(reader.read(bytes) == reading::complete);
  CHECK(reader.request().target() == "/1");
  CHECK(reader.request().body == "one");
  REQUIRE(reader.read(bytes) == reading::complete);
  CHECK(reader.request().target() == "/2");
  CHECK(reader.request().body.empty());
  CHECK(reader.read(bytes) == reading::needs_more);
}

TEST_CASE(
    "a client that waits before the body gets one 100 Continue, or none if the body has already arrived") {
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
  http_request_reader reader;
  std::string bytes = head;
  CHECK(reader.read(bytes) == reading::needs_continue);
  CHECK(reader.read(bytes) == reading::needs_more);
  bytes = "ok";
  CHECK(reader.read(bytes) == reading::complete);
  bytes = head + "ok";
  CHECK(reader.read(bytes) == reading::complete);
}

TEST_CASE("bytes that are not HTTP are malformed") {
  for (std::string bytes :
       {"GET /\r\n\r\n", "\x16\x03\x01\r\n\r\n", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: many\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    CAPTURE(bytes);
    CHECK(http_request_reader().read(bytes) == reading::malformed);
  }
}

TEST_CASE("a request has its headers and its decoded parameters") {
  http_request_reader reader;
  std::string bytes = "GET /p?gpu=NVIDIA+RTX%204090&job_id=a%2Cb&job_id=c&flag HTTP/1.1\r\nHost: h\r\n\r\n";
  REQUIRE(reader.read(bytes) == reading::complete);
  const http_request& request = reader.request();
  CHECK(request.header("HOST") == "h");
  CHECK(!request.header("X-Request"));
  CHECK(request.parameter("gpu") == "NVIDIA RTX 4090");
  CHECK(request.parameters("job_id") == std::vector<std::string>{"a,b", "c"});
  CHECK(request.parameter("flag") == "");
  CHECK(!request.parameter("other"));
}

TEST_CASE("a chunked body can be read back") {
  for (const std::string body : {"", "x", "0123456789abcdef0123456789abcdef0123456789abcdef"}) {
    std::string bytes =
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked_body(body);
    http_request_reader reader;
    REQUIRE(reader.read(bytes) == reading::complete);
    CHECK(reader.request().body == body);
  }
}

}  // namespace coworker::testing
