#include <doctest/doctest.h>
#include <coworker/http/request_parser.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <support/read_requests.hpp>
#include <utility>
#include <vector>

namespace coworker::testing {
namespace {

using parser_event = request_parser::event;
using headers = std::vector<std::pair<std::string, std::string>>;

std::string get_request(std::string_view more_lines, std::string_view target = "/") {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: h\r\n" + std::string(more_lines) + "\r\n";
}

std::string post(std::string_view lines_and_body) {
  return "POST / HTTP/1.1\r\nHost: h\r\n" + std::string(lines_and_body);
}

std::string chunked(std::string_view body) {
  return post("Transfer-Encoding: chunked\r\n\r\n" + std::string(body));
}

// A refused request, however it is split.
struct refused_request {
  std::string bytes;
  int status;
};

void check_refused(const std::vector<refused_request>& table,
                   const request_limits& limits = request_limits()) {
  for (const refused_request& one : table) {
    CAPTURE(one.bytes.substr(0, 300));
    const read_result whole = read_requests(one.bytes, limits);
    CHECK(whole.refused == one.status);
    CHECK(!whole.reason.empty());
    if (one.bytes.size() > 2000) continue;
    const read_result byte_by_byte = read_requests(one.bytes, limits, [](std::size_t) { return 1; });
    CHECK(byte_by_byte == whole);
  }
}

const std::vector<std::string> conversations{
    get_request(""),
    get_request("Connection: close\r\nX-Empty:\r\nx-blank: \t \r\nX-Tab: a\tb \xc3\xa9\r\n",
                "/a%20b?x=1&y=%2F"),
    "GET / HTTP/1.0\r\n\r\n",
    "\r\nGET /after_an_empty_line HTTP/1.1\r\nHost:\r\n\r\n",
    post("Content-Length: 11\r\n\r\nhello world"),
    post("Content-Length: 0\r\n\r\n") + get_request("", "/next"),
    chunked("4\r\n{\"ou\r\nb;note=x;y=\"z\"\r\ntput\": 7.5}\r\n000\r\nTrailer: t\r\nX:\r\n\r\n") +
        get_request("", "/2") + get_request("", "/3"),
    chunked("0\r\n\r\n"),
    chunked("A\r\n0123456789\r\na \t;x\r\n0123456789\r\n0;last\r\n\r\n"),
    post("Expect: 100-continue\r\nContent-Length: 2\r\n\r\nok"),
    "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET http://other:81/p?q HTTP/1.1\r\nHost: h\r\n\r\n",
    get_request("") + "GET / HTTP/1.1\r\nHost: h\r\nbad header: x\r\n\r\n",
    get_request("") + "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nshort",
    chunked("5\r\nabc"),
    chunked("5\r\nabcdefg\r\n"),
};

}  // namespace

TEST_CASE("parsing gives the same result however the bytes are split in two") {
  for (const std::string& bytes : conversations) {
    CAPTURE(bytes);
    const read_result whole = read_requests(bytes);
    for (std::size_t at = 1; at < bytes.size(); ++at) {
      bool first = true;
      CHECK(read_requests(bytes, {}, [&](std::size_t left) {
              return std::exchange(first, false) ? at : left;
            }) == whole);
    }
  }
}

TEST_CASE("parsing gives the same result however the bytes are split in three") {
  for (const std::string& bytes : conversations) {
    CAPTURE(bytes);
    const read_result whole = read_requests(bytes);
    std::size_t differing = 0;
    for (std::size_t first = 1; first + 1 < bytes.size(); ++first) {
      for (std::size_t second = 1; first + second < bytes.size(); ++second) {
        int part = 0;
        const read_result cut = read_requests(bytes, {}, [&](std::size_t left) {
          return ++part == 1 ? first : part == 2 ? second : left;
        });
        if (!(cut == whole)) ++differing;
      }
    }
    CHECK(differing == 0);
  }
}

TEST_CASE("parsing gives the same result for pieces of any one size, down to single bytes") {
  for (const std::string& bytes : conversations) {
    CAPTURE(bytes);
    const read_result whole = read_requests(bytes);
    for (std::size_t size = 1; size < 40; ++size)
      CHECK(read_requests(bytes, {}, [size](std::size_t) { return size; }) == whole);
  }
}

TEST_CASE("request line and headers are returned as written, values without surrounding blanks") {
  const read_result read = read_requests(conversations[1]);
  REQUIRE(read.requests.size() == 1);
  const read_request& request = read.requests[0];
  CHECK(request.method == "GET");
  CHECK(request.target == "/a%20b?x=1&y=%2F");
  CHECK(request.path == "/a%20b");
  CHECK(request.query == "x=1&y=%2F");
  CHECK(request.host == "h");
  CHECK(request.headers == headers{{"Host", "h"},
                                   {"Connection", "close"},
                                   {"X-Empty", ""},
                                   {"x-blank", ""},
                                   {"X-Tab", "a\tb \xc3\xa9"}});
  CHECK(request.body.empty());
  CHECK(request.minor_version == 1);
  CHECK(!read.in_request);
}

TEST_CASE("a header is found in any letter case, and the first of several is returned") {
  std::string bytes =
      get_request("X-Request-ID:   b c \r\nAccept: a\r\naccept: text/html, TEXT/event-stream\r\n");
  std::string_view rest = bytes;
  request_parser parser;
  REQUIRE(parser.next(rest) == parser_event::head);
  CHECK(parser.head().header("x-request-id") == "b c");
  CHECK(parser.head().header("ACCEPT") == "a");
  CHECK(!parser.head().header("X-Request"));
  CHECK(parser.head().header_contains("accept", "text/event-stream"));
  CHECK(parser.head().header_contains("accept", "a"));
  CHECK(!parser.head().header_contains("accept", "text"));
}

TEST_CASE("a head can be copied and moved, and read after the connection has continued") {
  std::string bytes = get_request("X-Mark: one\r\n", "/first?a") + get_request("X-Mark: two\r\n", "/second");
  std::string_view rest = bytes;
  request_parser parser;
  REQUIRE(parser.next(rest) == parser_event::head);
  const request_head copy = parser.head();
  const request_head moved = parser.take_head();
  REQUIRE(parser.next(rest) == parser_event::complete);
  REQUIRE(parser.next(rest) == parser_event::head);
  bytes.assign(bytes.size(), '#');
  for (const request_head* head : {&copy, &moved}) {
    CHECK(head->method() == "GET");
    CHECK(head->path() == "/first");
    CHECK(head->query() == "a");
    CHECK(head->header("x-mark") == "one");
  }
  CHECK(parser.head().path() == "/second");
  CHECK(parser.head().header("x-mark") == "two");
}

TEST_CASE("a body is returned in pieces as its bytes arrive, chunked or not") {
  for (const std::string& head : {post("Content-Length: 6\r\n\r\n"), chunked("6\r\n")}) {
    request_parser parser;
    std::string_view bytes = head;
    REQUIRE(parser.next(bytes) == parser_event::head);
    CHECK(parser.next(bytes) == parser_event::needs_more);
    CHECK(parser.in_request());
    bytes = "abcd";
    REQUIRE(parser.next(bytes) == parser_event::body);
    CHECK(parser.piece() == "abcd");
    CHECK(parser.next(bytes) == parser_event::needs_more);
    bytes = "ef";
    REQUIRE(parser.next(bytes) == parser_event::body);
    CHECK(parser.piece() == "ef");
  }
}

TEST_CASE("bytes after a request are left for the next one") {
  const std::string all = post("Content-Length: 3\r\n\r\none") + get_request("", "/2") + "GET /3";
  std::string_view bytes = all;
  request_parser parser;
  REQUIRE(parser.next(bytes) == parser_event::head);
  REQUIRE(parser.next(bytes) == parser_event::body);
  REQUIRE(parser.next(bytes) == parser_event::complete);
  CHECK(bytes == get_request("", "/2") + "GET /3");
  CHECK(!parser.in_request());
  REQUIRE(parser.next(bytes) == parser_event::head);
  CHECK(parser.head().target() == "/2");
  REQUIRE(parser.next(bytes) == parser_event::complete);
  CHECK(bytes == "GET /3");
  CHECK(parser.next(bytes) == parser_event::needs_more);
  CHECK(bytes.empty());
  CHECK(parser.in_request());
}

TEST_CASE("chunks are joined, and their extensions and the trailers are skipped") {
  const read_result read = read_requests(conversations[6]);
  REQUIRE(read.requests.size() == 3);
  CHECK(read.requests[0].body == "{\"output\": 7.5}");
  CHECK(read.requests[0].chunked);
  CHECK(read.requests[0].headers.size() == 2);
  CHECK(read.requests[2].target == "/3");
  CHECK(read_requests(conversations[8]).requests.at(0).body == "01234567890123456789");
}

TEST_CASE("a body that ends early leaves the request incomplete") {
  CHECK(read_requests(post("Content-Length: 10\r\n\r\nshort")).in_request);
  CHECK(read_requests(chunked("5\r\nabc")).in_request);
  CHECK(read_requests(chunked("0\r\n")).in_request);
  CHECK(read_requests("G").in_request);
  CHECK(!read_requests("\r\n").in_request);
  CHECK(!read_requests(chunked("0\r\n\r\n")).in_request);
}

TEST_CASE("keep-alive depends on the version and on every Connection line") {
  const auto kept = [](std::string_view version, std::string_view lines) {
    const read_result read =
        read_requests("GET / HTTP/" + std::string(version) + "\r\nHost: h\r\n" + std::string(lines) + "\r\n");
    REQUIRE(read.requests.size() == 1);
    return read.requests[0].keep_alive;
  };
  CHECK(kept("1.1", ""));
  CHECK(kept("1.9", ""));
  CHECK(kept("1.1", "Connection: keep-alive\r\n"));
  CHECK(!kept("1.1", "Connection: close\r\n"));
  CHECK(!kept("1.1", "Connection: TE , Close\r\n"));
  CHECK(!kept("1.1", "Connection: te\r\nConnection: close\r\nConnection: keep-alive\r\n"));
  CHECK(kept("1.1", "Connection: closed\r\nX-Connection: close\r\n"));
  CHECK(!kept("1.0", ""));
  CHECK(kept("1.0", "Connection: Keep-Alive\r\n"));
  CHECK(!kept("1.0", "Connection: keep-alive, close\r\n"));
}

TEST_CASE("100 Continue is expected only for a body, and never with HTTP/1.0") {
  const auto expects = [](const std::string& bytes) {
    return read_requests(bytes).requests.at(0).expects_continue;
  };
  CHECK(expects(post("Expect: 100-Continue\r\nContent-Length: 2\r\n\r\n")));
  CHECK(expects(post("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n")));
  CHECK(!expects(post("Expect: 100-continue\r\nContent-Length: 0\r\n\r\n")));
  CHECK(!expects(post("Expect: 100-continue\r\n\r\n")));
  CHECK(!expects("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
  CHECK(!expects("POST / HTTP/1.0\r\nExpect: more\r\nContent-Length: 2\r\n\r\n"));
}

TEST_CASE("a target is a path, an http URL, or * for OPTIONS") {
  struct good {
    std::string line, path, query, host;
  };
  const std::vector<good> table{
      {"GET /", "/", "", "h"},
      {"GET //a//?", "//a//", "", "h"},
      {"GET /?a?b=/c", "/", "a?b=/c", "h"},
      {"GET /a:b@c;d=1,2'(!)*~|{}^`\"<>\\[]", "/a:b@c;d=1,2'(!)*~|{}^`\"<>\\[]", "", "h"},
      {"OPTIONS *", "*", "", "h"},
      {"OPTIONS /x", "/x", "", "h"},
      {"GET http://other", "/", "", "other"},
      {"GET HTTP://other?q", "/", "q", "other"},
      {"GET https://[::1]:8000/p?q", "/p", "q", "[::1]:8000"},
      {"get /", "/", "", "h"},
      {"M-SEARCH! /", "/", "", "h"},
  };
  for (const good& one : table) {
    CAPTURE(one.line);
    const read_result read = read_requests(one.line + " HTTP/1.1\r\nHost: h\r\n\r\n");
    REQUIRE(read.requests.size() == 1);
    CHECK(read.requests[0].path == one.path);
    CHECK(read.requests[0].query == one.query);
    CHECK(read.requests[0].host == one.host);
    CHECK(read.requests[0].method + " " + read.requests[0].target == one.line);
  }
}

TEST_CASE("a target contains only visible ASCII characters other than #") {
  for (int c = 0; c < 256; ++c) {
    CAPTURE(c);
    const std::string target = std::string("/") + static_cast<char>(c) + "x";
    const bool fits = c > ' ' && c < 0x7f && c != '#';
    CHECK(read_requests(get_request("", target)).requests.size() == (fits ? 1 : 0));
  }
}

TEST_CASE("a malformed request line is refused") {
  const std::string host = "\r\nHost: h\r\n\r\n";
  check_refused({
      {"\r\n\r\n", 400},
      {"\n", 400},
      {"GET / HTTP/1.1\nHost: h\n\n", 400},
      {"GET / HTTP/1.1\r\nHost: h\n\r\n", 400},
      {"GET /\r\n\r\n", 400},  // HTTP/0.9
      {"GET" + host, 400},
      {"GET  / HTTP/1.1" + host, 400},
      {"GET /  HTTP/1.1" + host, 400},
      {"GET / HTTP/1.1 " + host, 400},
      {" GET / HTTP/1.1" + host, 400},
      {"GET\t/\tHTTP/1.1" + host, 400},
      {"GET /a b HTTP/1.1" + host, 400},
      {"G(T / HTTP/1.1" + host, 400},
      {"G\xc3\x89T / HTTP/1.1" + host, 400},
      {"GET / http/1.1" + host, 400},
      {"GET / HTTP/1.10" + host, 400},
      {"GET / HTTP/11" + host, 400},
      {"GET / HTTP/1,1" + host, 400},
      {"GET / HTTP/+1.1" + host, 400},
      {"GET / HTTP/1.1\r" + host, 400},
      {"GET /\rx HTTP/1.1" + host, 400},
      {"GET / HTTP/2.0" + host, 505},
      {"GET / HTTP/0.9" + host, 505},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"GET * HTTP/1.1" + host, 400},
      {"OPTIONS *x HTTP/1.1" + host, 400},
      {"GET a HTTP/1.1" + host, 400},
      {"GET ?a HTTP/1.1" + host, 400},
      {"GET /#a HTTP/1.1" + host, 400},
      {"GET /\xc3\xa9 HTTP/1.1" + host, 400},
      {"GET /\x7f HTTP/1.1" + host, 400},
      {"GET /\x01 HTTP/1.1" + host, 400},
      {std::string("GET /\0 HTTP/1.1", 15) + host, 400},
      {"GET http:/h/ HTTP/1.1" + host, 400},
      {"GET http:/// HTTP/1.1" + host, 400},
      {"GET ftp://h/ HTTP/1.1" + host, 400},
      {"GET http://user@h/ HTTP/1.1" + host, 400},
      {"GET http://h:port/ HTTP/1.1" + host, 400},
      {"GET http://h:1:2/ HTTP/1.1" + host, 400},
      {"CONNECT h:443 HTTP/1.1" + host, 501},
      {"CONNECT / HTTP/1.1" + host, 501},
      {"\x16\x03\x01\x02\n", 400},  // TLS
  });
}

TEST_CASE("a malformed header line is refused") {
  check_refused({
      {get_request("no colon\r\n"), 400},
      {get_request("nocolon\r\n"), 400},
      {get_request(": value\r\n"), 400},
      {get_request("Name : value\r\n"), 400},
      {get_request("Name\t: value\r\n"), 400},
      {get_request("Na me: value\r\n"), 400},
      {get_request("N\xc3\xa9: value\r\n"), 400},
      {get_request("Name@: value\r\n"), 400},
      {get_request(" Name: value\r\n"), 400},
      {get_request("A: b\r\n folded\r\n"), 400},
      {get_request("A: b\r\n\tfolded\r\n"), 400},
      {get_request("A: b\r\n \r\n"), 400},
      {"GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400},
      {get_request("A: b\rc\r\n"), 400},
      {get_request("A: b\r\r\n"), 400},
      {get_request("A: b\nC: d\r\n"), 400},
      {get_request("A: b\n"), 400},
      {get_request("A\r: b\r\n"), 400},
      {get_request("A: b\x0b\r\n"), 400},
      {get_request("A: 0123456789\x1f"
                   "0123456789\r\n"),
       400},
      {get_request("A: \x7f\r\n"), 400},
      {get_request(std::string("A: b\0c\r\n", 8)), 400},
      {get_request(std::string("A\0: b\r\n", 7)), 400},
      {"GET / HTTP/1.1\r\nHost: h\r\n\rx\n", 400},
      {"GET / HTTP/1.1\r\nHost: h\r\n\n", 400},
  });
}

TEST_CASE("a request without exactly one valid Host line is refused") {
  const auto with = [](std::string_view lines) { return "GET / HTTP/1.1\r\n" + std::string(lines) + "\r\n"; };
  check_refused({
      {with(""), 400},
      {with("X-Host: h\r\n"), 400},
      {with("Host: h\r\nHost: h\r\n"), 400},
      {with("Host: h\r\nhost: g\r\n"), 400},
      {with("Host: h, g\r\n"), 400},
      {with("Host: h g\r\n"), 400},
      {with("Host: user@h\r\n"), 400},
      {with("Host: h/p\r\n"), 400},
      {with("Host: http://h\r\n"), 400},
      {with("Host: h:\x38\x30x\r\n"), 400},
      {with("Host: h:65536\r\n"), 400},
      {with("Host: h:-1\r\n"), 400},
      {with("Host: [::1\r\n"), 400},
      {with("Host: ::1\r\n"), 400},
      {with("Host: []\r\n"), 400},
      {with("Host: [::1]8\r\n"), 400},
      {with("Host: \xc3\xa9\r\n"), 400},
      {"GET http://a/ HTTP/1.1\r\n\r\n", 400},
      {"GET http://a/ HTTP/1.1\r\nHost: b\r\nHost: b\r\n\r\n", 400},
      {"GET / HTTP/1.0\r\nHost: h\r\nHost: h\r\n\r\n", 400},
  });
  for (const std::string_view host :
       {"", "h", "H-1.example", "127.0.0.1:8000", "[::1]", "[2001:db8::1]:80", "h:"})
    CHECK(read_requests(with("Host: " + std::string(host) + "\r\n")).requests.at(0).host == host);
}

TEST_CASE("a request with ambiguous framing is refused (request smuggling)") {
  check_refused({
      // Content-Length together with Transfer-Encoding, in either order, and in disguise
      {post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"), 400},
      {post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n"), 400},
      {post("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n"), 400},
      {post("Transfer-Encoding: gzip\r\nContent-Length: 4\r\n\r\n"), 400},
      {post("Content-Length: 4\r\nTransfer-Encoding : chunked\r\n\r\n"), 400},
      {post("Content-Length: 4\r\n Transfer-Encoding: chunked\r\n\r\n"), 400},
      {post("Content-Length: 4\r\nTransfer-Encoding\r\n: chunked\r\n\r\n"), 400},
      {post("Content-Length: 4\r\nTransfer-Encoding:\r\n chunked\r\n\r\n"), 400},
      {post("Content-Length: 4\r\nX: y\nTransfer-Encoding: chunked\r\n\r\n"), 400},
      {post("Content-Length: 4\r\nX: y\rTransfer-Encoding: chunked\r\n\r\n"), 400},
      {post("Content-Length: 4\r\nTransfer-Encoding: \x0b"
            "chunked\r\n\r\n"),
       400},
      {post("Content-Length: 4\r\nTransfer-Encoding: xchunked\r\n\r\n"), 400},
      // malformed or repeated lengths
      {post("Content-Length: 4\r\nContent-Length: 5\r\n\r\n"), 400},
      {post("Content-Length: 4\r\nContent-Length: 4\r\n\r\n"), 400},
      {post("Content-Length: 0\r\nContent-Length: 0\r\n\r\n"), 400},
      {post("Content-Length: 4, 5\r\n\r\n"), 400},
      {post("Content-Length: 4, 4\r\n\r\n"), 400},
      {post("Content-Length: 4,\r\n\r\n"), 400},
      {post("Content-Length: +4\r\n\r\n"), 400},
      {post("Content-Length: -4\r\n\r\n"), 400},
      {post("Content-Length: -0\r\n\r\n"), 400},
      {post("Content-Length: 4 4\r\n\r\n"), 400},
      {post("Content-Length: 4.0\r\n\r\n"), 400},
      {post("Content-Length: 4e1\r\n\r\n"), 400},
      {post("Content-Length: 0x4\r\n\r\n"), 400},
      {post("Content-Length: 4;\r\n\r\n"), 400},
      {post("Content-Length: \"4\"\r\n\r\n"), 400},
      {post("Content-Length:\r\n\r\n"), 400},
      {post("Content-Length: four\r\n\r\n"), 400},
      {post("Content-Length: 18446744073709551616\r\n\r\n"), 400},
      {post("Content-Length: 18446744073709551620\r\n\r\n"), 400},
      {post("Content-Length: 99999999999999999999999999\r\n\r\n"), 400},
      {post("Content-Length: \xd9\xa4\r\n\r\n"), 400},  // the Arabic digit four
      // unknown or malformed codings
      {post("Transfer-Encoding: gzip\r\n\r\n"), 501},
      {post("Transfer-Encoding: gzip, chunked\r\n\r\n"), 501},
      {post("Transfer-Encoding: chunked, gzip\r\n\r\n"), 501},
      {post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n"), 501},
      {post("Transfer-Encoding: identity\r\n\r\n"), 501},
      {post("Transfer-Encoding: cow;x=1, chunked\r\n\r\n"), 501},
      {post("Transfer-Encoding: chunked, chunked\r\n\r\n"), 400},
      {post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"), 400},
      {post("Transfer-Encoding:\r\n\r\n"), 400},
      {post("Transfer-Encoding: ,\r\n\r\n"), 400},
      {post("Transfer-Encoding: chunked,\r\n\r\n"), 400},
      {post("Transfer-Encoding: ,chunked\r\n\r\n"), 400},
      {post("Transfer-Encoding: chunked;q=1\r\n\r\n"), 400},
      {post("Transfer-Encoding: chunked;\r\n\r\n"), 400},
      {post("Transfer-Encoding: chunked ;\r\n\r\n"), 400},
      {post("Transfer-Encoding: ;chunked\r\n\r\n"), 400},
      {post("Transfer-Encoding: chun ked\r\n\r\n"), 400},
      {post("Transfer-Encoding: \"chunked\"\r\n\r\n"), 400},
      {"POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 400},
      // unknown expectations
      {post("Expect: 200-ok\r\nContent-Length: 4\r\n\r\n"), 417},
      {post("Expect: 100-continue, more\r\nContent-Length: 4\r\n\r\n"), 417},
  });
  CHECK(read_requests(post("transfer-ENCODING:\t Chunked \r\n\r\n0\r\n\r\n")).requests.at(0).chunked);
  CHECK(read_requests(post("Content-Length: 0003\r\n\r\nabc")).requests.at(0).body == "abc");
}

TEST_CASE("a malformed chunk is refused") {
  check_refused({
      {chunked("\r\n"), 400},
      {chunked("g\r\n"), 400},
      {chunked("0x5\r\nabcde\r\n"), 400},
      {chunked("+5\r\nabcde\r\n"), 400},
      {chunked("-5\r\nabcde\r\n"), 400},
      {chunked(" 5\r\nabcde\r\n"), 400},
      {chunked("5 \r\nabcde\r\n"), 400},
      {chunked("5 x\r\nabcde\r\n"), 400},
      {chunked("5\nabcde\r\n"), 400},
      {chunked("5\r\rabcde\r\n"), 400},
      {chunked("5;a\nbcde\r\n"), 400},
      {chunked("5;a\rb\r\nabcde\r\n"), 400},
      {chunked(std::string("5;a\0\r\nabcde\r\n", 13)), 400},
      {chunked("5\r\nabcdef\r\n"), 400},
      {chunked("5\r\nabcde\n0\r\n\r\n"), 400},
      {chunked("5\r\nabcde\rx"), 400},
      {chunked("5\r\nabcde0\r\n\r\n"), 400},
      {chunked("fffffffffffffffff\r\n"), 400},
      {chunked("10000000000000000\r\n"), 400},
      {chunked("0\r\nX\r\n\r\n"), 400},
      {chunked("0\r\nX : y\r\n\r\n"), 400},
      {chunked("0\r\n X: y\r\n\r\n"), 400},
      {chunked("0\r\nX: y\r\n folded\r\n\r\n"), 400},
      {chunked("0\r\n: y\r\n\r\n"), 400},
      {chunked("0\r\nX: y\n\r\n"), 400},
      {chunked("0\r\nX: y\rz\r\n\r\n"), 400},
      {chunked("0\r\nX: \x01\r\n\r\n"), 400},
      {chunked("0\r\n\n"), 400},
      {chunked("0\r\n\rx"), 400},
      {chunked("ffffffffffffffff\r\n"), 413},
      {chunked("00000000000000000000005\r\nabcde\r\n0\r\n\r\nx: y\r\n"),
       400},  // the chunk is valid, the bytes after it are not
  });
  CHECK(read_requests(chunked("00000000000000000000005\r\nabcde\r\n0\r\n\r\n")).requests.at(0).body ==
        "abcde");
}

TEST_CASE("a request that is too large is refused with the status for that limit") {
  const auto of = [](std::size_t size) { return std::string(size, 'a'); };
  const std::string fixed = get_request("A: \r\n");
  check_refused({
      {get_request("", "/" + of(8 * 1024)), 414},
      {"GET /" + of(9000), 414},  // before the end of the line
      {"GET http://" + of(9000), 414},
      {get_request("A: " + of(32 * 1024 - fixed.size() + 1) + "\r\n"), 431},
      {get_request("A: " + of(40000)), 431},
      {of(40000), 431},
      {of(40000) + " /" + of(10000), 431},
      {post("Content-Length: 20000001\r\n\r\n"), 413},
      {post("Content-Length: 18446744073709551615\r\n\r\n"), 413},
      {post("Expect: 100-continue\r\nContent-Length: 20000001\r\n\r\n"), 413},
      {chunked("1312d01\r\n"), 413},
      {chunked("1312d00\r\n" + of(20'000'000) + "\r\n1\r\n"), 413},
      {chunked("5;" + of(5000)), 400},
      {chunked("0\r\nX: " + of(9000)), 431},
  });
  std::string lines;
  for (int i = 0; i < 127; ++i) lines += "A:\r\n";
  CHECK(read_requests(get_request(lines)).requests.at(0).headers.size() == 128);
  check_refused({{get_request(lines + "A:\r\n"), 431}});
  CHECK(read_requests(get_request("", "/" + of(8 * 1024 - 1))).requests.size() == 1);
  CHECK(read_requests(get_request("A: " + of(32 * 1024 - fixed.size()) + "\r\n")).requests.size() == 1);
  CHECK(read_requests(chunked("1312d00\r\n" + of(20'000'000) + "\r\n0\r\n\r\n")).requests.at(0).body.size() ==
        20'000'000);
}

TEST_CASE("of two exceeded limits, the first one reached is reported, however the bytes are split") {
  request_limits limits;
  limits.head = 60;
  limits.target = 10;
  limits.headers = 2;
  limits.body = 4;
  limits.chunk_extensions = 3;
  limits.trailers = 6;
  check_refused(
      {
          {"GET /123456789/ HTTP/1.1\r\n" + std::string(100, 'a'), 414},
          {std::string(55, 'M') + " /12345678 HTTP/1.1\r\n", 431},
          {std::string(45, 'M') + " /1234567890 HTTP/1.1\r\n", 414},
          {get_request("A: b\r\nC: d\r\n"), 431},
          {get_request("A: 01234567890123456789012345678901\n"), 431},
          {get_request("A: 01234567890123456789012\n"), 400},
          {chunked("5\r\n"), 413},
          {chunked("4\r\nabcd\r\n1\r\n"), 413},
          {chunked("1;12\r\na\r\n1;1"), 400},
          {chunked("0\r\nA: bcd\r\n"), 431},
      },
      limits);
  CHECK(read_requests(chunked("1;12\r\na\r\n0\r\nA:b\r\n\r\n"), limits).refused == 0);
}

TEST_CASE("a lower limit for a body applies to that body only") {
  const std::string sized = post("Content-Length: 5\r\n\r\nabcde");
  const std::string in_chunks = chunked("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  for (const std::string& request : {sized, in_chunks}) {
    CAPTURE(request);
    request_parser parser;
    std::string_view bytes = request;
    REQUIRE(parser.next(bytes) == parser_event::head);
    parser.limit_body(4);
    parser_event last = parser.next(bytes);
    while (last == parser_event::body) last = parser.next(bytes);
    REQUIRE(last == parser_event::refused);
    CHECK(parser.refusal().status == 413);

    parser = request_parser();
    const std::string twice = request + request;
    bytes = twice;
    REQUIRE(parser.next(bytes) == parser_event::head);
    parser.limit_body(5);
    std::size_t heads = 1;
    for (last = parser.next(bytes); last != parser_event::needs_more; last = parser.next(bytes)) {
      REQUIRE(last != parser_event::refused);
      if (last == parser_event::head) ++heads;
    }
    CHECK(heads == 2);
  }
}

TEST_CASE("nothing is parsed after a refusal") {
  request_parser parser;
  std::string_view bytes = "bad\r\n";
  REQUIRE(parser.next(bytes) == parser_event::refused);
  const std::string good = get_request("");
  bytes = good;
  CHECK(parser.next(bytes) == parser_event::refused);
  CHECK(bytes == good);
  parser.release_memory();
  CHECK(parser.next(bytes) == parser_event::refused);
}

TEST_CASE("memory is freed between requests, never within one") {
  request_parser parser;
  std::string_view bytes = "GET / HT";
  REQUIRE(parser.next(bytes) == parser_event::needs_more);
  parser.release_memory();
  const std::string rest = "TP/1.1\r\nHost: h\r\n\r\n" + get_request("", "/2");
  bytes = rest;
  REQUIRE(parser.next(bytes) == parser_event::head);
  REQUIRE(parser.next(bytes) == parser_event::complete);
  parser.release_memory();
  REQUIRE(parser.next(bytes) == parser_event::head);
  CHECK(parser.head().target() == "/2");
}

TEST_CASE("a head that was released is empty, and its body and the next request are read as usual") {
  const std::string sized = post("Content-Length: 5\r\n\r\nabcde");
  const std::string in_chunks = chunked("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  for (const std::string& request : {sized, in_chunks}) {
    CAPTURE(request);
    request_parser parser;
    const std::string both = request + get_request("A: b\r\n", "/2?x=1");
    std::string_view bytes = both;
    REQUIRE(parser.next(bytes) == parser_event::head);
    const bool is_chunked = parser.head().chunked();
    parser.release_head();
    CHECK(parser.head().method().empty());
    CHECK(parser.head().target().empty());
    CHECK(parser.head().path() == "/");
    CHECK(parser.head().query().empty());
    CHECK(parser.head().host().empty());
    CHECK(parser.head().header_count() == 0);
    CHECK(!parser.head().header("host"));
    CHECK(parser.head().chunked() == is_chunked);
    CHECK(parser.head().has_body());
    CHECK(parser.head().keep_alive());
    CHECK(parser.in_request());
    std::string body;
    parser_event last = parser.next(bytes);
    for (; last == parser_event::body; last = parser.next(bytes)) body += parser.piece();
    REQUIRE(last == parser_event::complete);
    CHECK(body == "abcde");
    parser.release_head();
    REQUIRE(parser.next(bytes) == parser_event::head);
    CHECK(parser.head().method() == "GET");
    CHECK(parser.head().target() == "/2?x=1");
    CHECK(parser.head().query() == "x=1");
    CHECK(parser.head().header("a") == "b");
    CHECK(parser.next(bytes) == parser_event::complete);
  }
}

}  // namespace coworker::testing
