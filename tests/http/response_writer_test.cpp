#include <doctest/doctest.h>
#include <coworker/http/date.hpp>
#include <coworker/http/response_head.hpp>
#include <coworker/http/response_writer.hpp>
#include <coworker/http/status.hpp>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <stdexcept>
#include <string>
#include <string_view>
#include <support/http_response.hpp>
#include <vector>

namespace coworker::testing {
namespace {

using reading = http_response_reader::progress;

response_form form(bool keep_alive = true, int minor_version = 1, bool head_only = false) {
  response_form made;
  made.keep_alive = keep_alive;
  made.minor_version = minor_version;
  made.head_only = head_only;
  return made;
}

std::string whole(const response_head& head, std::string_view body, const response_form& as) {
  std::string out;
  response_writer writer(out, as);
  writer.write_whole(head, body);
  return out;
}

std::string streamed(const response_head& head, const std::vector<std::string_view>& pieces,
                     const response_form& as) {
  std::string out;
  response_writer writer(out, as);
  writer.begin(head);
  for (const std::string_view piece : pieces) writer.write(piece);
  writer.end();
  return out;
}

template <class Action>
std::string complaint(Action action) {
  try {
    action();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a response of known size is written with its Content-Length") {
  response_head head(202);
  head.add("Content-Type", "application/json").add("X-Empty", "");
  response_form as = form();
  as.date = "Sun, 06 Nov 1994 08:49:37 GMT";
  CHECK(whole(head, "{}", as) ==
        "HTTP/1.1 202 Accepted\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: "
        "application/json\r\nX-Empty: \r\n"
        "Content-Length: 2\r\n\r\n{}");
  CHECK(whole(response_head(), "", form()) == "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

TEST_CASE("a response of unknown size is written in chunks") {
  CHECK(
      streamed(response_head(), {"abc", "", "0123456789abcdef"}, form()) ==
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n");
  CHECK(streamed(response_head(), {}, form()) ==
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
}

TEST_CASE("the Connection header says close, or keep-alive for HTTP/1.0") {
  response_head closing;
  closing.close_connection();
  CHECK(whole(response_head(), "", form(false)).find("Connection: close\r\n") != std::string::npos);
  CHECK(whole(closing, "", form()).find("Connection: close\r\n") != std::string::npos);
  CHECK(whole(response_head(), "", form()).find("Connection") == std::string::npos);
  CHECK(whole(response_head(), "", form(true, 0)).find("Connection: keep-alive\r\n") != std::string::npos);
  CHECK(whole(response_head(), "", form(false, 0)).find("Connection: close\r\n") != std::string::npos);
}

TEST_CASE("the writer reports whether the connection is kept") {
  std::string out;
  response_writer kept(out, form());
  kept.write_whole(response_head(), "");
  CHECK(kept.keep_alive());
  response_head closing;
  closing.close_connection();
  response_writer closed(out, form());
  closed.write_whole(closing, "");
  CHECK(!closed.keep_alive());
  response_writer old(out, form(true, 0));
  old.begin(response_head());
  CHECK(!old.keep_alive());
}

TEST_CASE("a stream to an HTTP/1.0 client ends with the connection") {
  CHECK(streamed(response_head(), {"abc", "de"}, form(true, 0)) ==
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabcde");
}

TEST_CASE("the response to HEAD has the head of GET's and no body") {
  CHECK(whole(response_head(), "abc", form(true, 1, true)) == "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n");
  CHECK(streamed(response_head(), {"abc"}, form(true, 1, true)) ==
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
}

TEST_CASE("a body is refused for a status that allows none") {
  CHECK(whole(response_head(204), "", form()) == "HTTP/1.1 204 No Content\r\n\r\n");
  CHECK(whole(response_head(304), "", form()) == "HTTP/1.1 304 Not Modified\r\n\r\n");
  CHECK(whole(response_head(205), "", form()) == "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n");
  for (const int status : {204, 205, 304}) {
    std::string out;
    response_writer writer(out, form());
    CHECK_THROWS_AS(writer.write_whole(response_head(status), "x"), std::invalid_argument);
    CHECK_THROWS_AS(writer.begin(response_head(status)), std::invalid_argument);
    CHECK(out.empty());
    CHECK(!writer.in_response());
    writer.write_whole(response_head(500), "so another can be written");
    CHECK(out.starts_with("HTTP/1.1 500 "));
  }
}

TEST_CASE("the caller can send a large piece itself, between the framing that the writer appends") {
  std::string out;
  response_writer writer(out, form());
  writer.begin(response_head());
  out.clear();
  REQUIRE(writer.begin_piece(20'000'000));
  CHECK(out == "1312d00\r\n");
  out.clear();
  writer.end_piece();
  CHECK(out == "\r\n");
  writer.end();

  response_writer for_head(out, form(true, 1, true));
  for_head.begin(response_head(), 5);
  CHECK(!for_head.begin_piece(5));
  for_head.end();
}

TEST_CASE("a body of another size than announced is refused, and the connection must then be closed") {
  std::string out;
  response_writer writer(out, form());
  writer.begin(response_head(), 3);
  writer.write("ab");
  CHECK(complaint([&] { writer.write("cd"); }) ==
        "response: the body is longer than the size that begin() was given, by 1 bytes");
  CHECK(complaint([&] { writer.end(); }) ==
        "response: the body is shorter than the size that begin() was given, by 1 bytes");
  CHECK(!writer.keep_alive());
  CHECK(out == "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab");
}

TEST_CASE("a response must begin before its body, and only once") {
  std::string out;
  response_writer writer(out, form());
  CHECK_THROWS_AS(writer.write("a"), std::logic_error);
  writer.begin(response_head());
  CHECK(writer.in_response());
  CHECK_THROWS_AS(writer.begin(response_head()), std::logic_error);
  CHECK_THROWS_AS(writer.begin(response_head(), 1), std::logic_error);
  writer.end();
  CHECK(!writer.in_response());
}

TEST_CASE("a client's parser reads back what the writer writes") {
  std::string bytes;
  response_head head(404);
  head.add("Set-Cookie", "a").add("Set-Cookie", "b=\xc3\xa9");
  const std::vector<std::string> bodies{"", "x", std::string(100'000, 'y'), "a\r\n\r\n0\r\n\r\n"};
  for (const std::string& body : bodies) {
    response_writer(bytes, form()).write_whole(head, body);
    response_writer in_chunks(bytes, form());
    in_chunks.begin(head);
    for (std::size_t at = 0; at < body.size(); at += 999)
      in_chunks.write(std::string_view(body).substr(at, 999));
    in_chunks.end();
  }
  http_response_reader reader;
  for (const std::string& body : bodies) {
    for (int way = 0; way < 2; ++way) {
      REQUIRE(reader.read(bytes) == reading::complete);
      CHECK(reader.response().status_line == "HTTP/1.1 404 Not Found");
      CHECK(reader.response().headers[1].second == "b=\xc3\xa9");
      CHECK((reader.response().body == body));
    }
  }
  CHECK(bytes.empty());
}

TEST_CASE("a header cannot contain a line break") {
  response_head head;
  for (const std::string_view bad :
       {std::string_view("a\r\nSet-Cookie: x"), std::string_view("a\nb"), std::string_view("a\rb"),
        std::string_view("\0", 1), std::string_view("\x7f"), std::string_view("\x1b[31m")}) {
    CHECK_THROWS_AS(head.add("X-Name", bad), std::invalid_argument);
    CHECK_THROWS_AS(head.set("X-Name", bad), std::invalid_argument);
  }
  for (const std::string_view bad : {"", "a b", "a:", "a\r\nb", "\xc3\xa9", "a\n"})
    CHECK_THROWS_AS(head.add(bad, "x"), std::invalid_argument);
  CHECK(head.lines().empty());
  CHECK(complaint([&] { head.add("X-Name", "ab\ncd"); }) ==
        "response header \"X-Name\": the value has a control character at byte 2; a value is one line of "
        "text, so encode "
        "or remove it");
  CHECK(complaint([&] { head.add("X\r\nY", ""); }).find("\"X??Y\"") != std::string::npos);
}

TEST_CASE("the headers that frame a response are reserved for the server") {
  response_head head;
  for (const std::string_view name :
       {"Content-Length", "transfer-encoding", "Connection", "DATE", "Keep-Alive", "Trailer", "Upgrade"}) {
    CAPTURE(name);
    CHECK(complaint([&] { head.add(name, "1"); }).find("the server writes this header itself") !=
          std::string::npos);
  }
}

TEST_CASE("a header can be replaced, removed and looked up, in any letter case") {
  response_head head;
  head.add("A", "1").add("AB", "2").add("a", "3").add("B", "A: 4");
  CHECK(head.has("ab"));
  CHECK(!head.has("A: 4"));
  CHECK(!head.has("4"));
  head.set("a", "5");
  CHECK(head.lines() == "AB: 2\r\nB: A: 4\r\na: 5\r\n");
  head.remove("B");
  head.remove("C");
  CHECK(head.lines() == "AB: 2\r\na: 5\r\n");
  CHECK(!head.has("b"));
}

TEST_CASE("a final status is between 200 and 599") {
  for (const int status : {-1, 0, 99, 100, 101, 199, 600, 1000})
    CHECK_THROWS_AS(response_head{status}, std::invalid_argument);
  for (const int status : {200, 418, 599}) CHECK(response_head(status).status() == status);
  CHECK(whole(response_head(599), "", form()).starts_with("HTTP/1.1 599 Status\r\n"));
  CHECK(status_phrase(431) == "Request Header Fields Too Large");
}

TEST_CASE("100 Continue can be written for a client that waits for it") {
  std::string out = "x";
  append_continue(out);
  CHECK(out == "xHTTP/1.1 100 Continue\r\n\r\n");
}

TEST_CASE("dates equal those of the C library, over the whole range") {
  CHECK(http_date(784111777).text() == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(http_date(0).text() == "Thu, 01 Jan 1970 00:00:00 GMT");
  CHECK(http_date(-1).text() == http_date(0).text());
  CHECK(http_date(INT64_MAX).text() == "Fri, 31 Dec 9999 23:59:59 GMT");
  std::vector<std::int64_t> moments{951782399,  951782400,  951868799,   951868800,
                                    4107542400, 4107456000, 253402300799};
  // up to the year 2134
  for (std::int64_t day = 0; day < 60000; ++day) moments.push_back(day * 86400 + day * 7 % 86400);
  for (std::int64_t at = 1; at < 253402300799; at += 86'399'999) moments.push_back(at);
  std::size_t differing = 0;
  for (const std::int64_t moment : moments) {
    const auto seconds = static_cast<std::time_t>(moment);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char text[40];
    const std::size_t size = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    if (http_date(moment).text() != std::string_view(text, size)) ++differing;
  }
  CHECK(differing == 0);
}

}  // namespace coworker::testing
