#include <doctest/doctest.h>
#include <chrono>
#include <coworker/http/sse.hpp>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace coworker::testing {
namespace {

using namespace std::chrono_literals;

struct seen {
  std::string data;
  std::string event;
  std::string id;
  bool operator==(const seen&) const = default;
};

std::vector<seen> events_in(std::string_view text, std::size_t piece = std::string_view::npos) {
  sse_parser parser;
  std::vector<seen> all;
  while (!text.empty()) {
    std::string_view now = text.substr(0, piece);
    text.remove_prefix(now.size());
    while (parser.next(now) == sse_parser::event::complete)
      all.push_back({parser.current().data, parser.current().event, parser.current().id.value_or("")});
  }
  return all;
}

std::string written(const sse_event& event) {
  std::string out;
  append_sse_event(out, event);
  return out;
}

}  // namespace

TEST_CASE("an event is written as its fields and an empty line") {
  sse_event event("a b");
  CHECK(written(event) == "data: a b\n\n");
  event.event = "output";
  event.id = "7";
  CHECK(written(event) == "event: output\nid: 7\ndata: a b\n\n");
  event.id = "";
  CHECK(written(event) == "event: output\nid: \ndata: a b\n\n");
}

TEST_CASE("data with line breaks is written as several lines") {
  CHECK(written(sse_event("a\nb")) == "data: a\ndata: b\n\n");
  CHECK(written(sse_event("a\r\nb\rc\n\nd")) == "data: a\ndata: b\ndata: c\ndata: \ndata: d\n\n");
  CHECK(written(sse_event("a\n")) == "data: a\ndata: \n\n");
  CHECK(written(sse_event("")) == "data: \n\n");
  std::string out = "x";
  append_sse_data(out, "{\"a\":1}");
  CHECK(out == "xdata: {\"a\":1}\n\n");
}

TEST_CASE("an event's type and id must be one line") {
  for (const std::string_view bad :
       {std::string_view("a\nb"), std::string_view("a\r"), std::string_view("a\0b", 3)}) {
    std::string out;
    sse_event typed;
    typed.event = bad;
    CHECK_THROWS_AS(append_sse_event(out, typed), std::invalid_argument);
    sse_event named;
    named.event = "fine";
    named.id = bad;
    CHECK_THROWS_AS(append_sse_event(out, named), std::invalid_argument);
    CHECK(out.empty());
  }
}

TEST_CASE("comments and retry times are not events") {
  std::string out;
  append_sse_comment(out);
  CHECK(out == ":\n\n");
  append_sse_comment(out, "still\nhere");
  append_sse_retry(out, 1500ms);
  append_sse_retry(out, -1s);
  CHECK(out == ":\n\n: still\n: here\n\nretry: 1500\n\nretry: 0\n\n");
  CHECK(events_in(out).empty());
}

TEST_CASE("what is written can be parsed again, except for the kind of line breaks") {
  for (const std::string_view data : {"", "a", " a", "a\nb", "\n", "\n\n", "a\n", "data: x", ":", "a: b"}) {
    CAPTURE(data);
    sse_event event{std::string(data)};
    event.event = "t: y";
    event.id = " 1";
    CHECK(events_in(written(event)) == std::vector<seen>{{std::string(data), "t: y", " 1"}});
  }
  CHECK(events_in(written(sse_event("a\r\nb\rc"))) == std::vector<seen>{{"a\nb\nc", "", ""}});
}

TEST_CASE("the examples of the standard are parsed as it says") {
  CHECK(events_in("data: YHOO\ndata: +2\ndata: 10\n\n") == std::vector<seen>{{"YHOO\n+2\n10", "", ""}});
  CHECK(events_in(
            ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n") ==
        std::vector<seen>{{"first event", "", "1"}, {"second event", "", ""}, {" third event", "", ""}});
  CHECK(events_in("data\n\ndata\ndata\n\ndata:") == std::vector<seen>{{"", "", ""}, {"\n", "", ""}});
  CHECK(events_in("data:test\n\ndata: test\n\n") == std::vector<seen>{{"test", "", ""}, {"test", "", ""}});
}

TEST_CASE("parsing gives the same events for all line endings and however the text is split") {
  const std::string text =
      "event: add\ndata: 1\n\nevent: remove\ndata: 2\ndata: 3\nid: x\n\n:c\n\nunknown: y\nData: no\nevent: "
      "lost\n\ndata: 4\n\n";
  const std::vector<seen> expected{{"1", "add", ""}, {"2\n3", "remove", "x"}, {"4", "", "x"}};
  for (const std::string_view line_break : {"\n", "\r", "\r\n"}) {
    std::string broken;
    for (const char c : text) {
      if (c == '\n') {
        broken += line_break;
      } else {
        broken += c;
      }
    }
    for (std::size_t piece = 1; piece <= broken.size(); ++piece) {
      CAPTURE(piece);
      CHECK(events_in(broken, piece) == expected);
    }
  }
}

TEST_CASE("the end of a line is found at every position") {
  for (int c = 0; c < 256; ++c) {
    const bool ends = c == '\r' || c == '\n';
    for (const char around : {'a', '\t', '\0', '\x0e', '\xff'}) {
      for (std::size_t at = 0; at < 20; ++at) {
        std::string text(20, around);
        text[at] = static_cast<char>(c);
        if (detail::line_end(text) != (ends ? at : 20)) FAIL_CHECK(c);
      }
    }
  }
  CHECK(detail::line_end("") == 0);
}

TEST_CASE("a byte order mark is skipped at the beginning only") {
  for (const std::size_t piece : {1U, 2U, 3U, 100U}) {
    CHECK(events_in("\xef\xbb\xbf"
                    "data: 1\n\n",
                    piece) == std::vector<seen>{{"1", "", ""}});
    CHECK(events_in("data: 1\n\n\xef\xbb\xbf"
                    "data: 2\n\n",
                    piece) == std::vector<seen>{{"1", "", ""}});
  }
}

TEST_CASE("an event without data is not reported, but its id is remembered") {
  sse_parser parser;
  std::string_view text = "id: 5\nevent: x\n\ndata: 1\n\nid: a";
  REQUIRE(parser.next(text) == sse_parser::event::complete);
  CHECK(parser.current().event.empty());
  CHECK(parser.current().id == "5");
  CHECK(parser.next(text) == sse_parser::event::needs_more);
  CHECK(parser.last_event_id() == "5");
  text = std::string_view("\0b\n\n", 4);
  CHECK(parser.next(text) == sse_parser::event::needs_more);
  CHECK(parser.last_event_id() == "5");  // an id with a NUL is ignored
}

TEST_CASE("a retry time consists of digits, or is ignored") {
  sse_parser parser;
  const auto after = [&parser](std::string_view text) {
    CHECK(parser.next(text) == sse_parser::event::needs_more);
    return parser.retry();
  };
  CHECK(!after("retry: soon\n"));
  CHECK(after("retry: 1500\n") == 1500ms);
  CHECK(after("retry: -1\nretry: 1.5\nretry:\nretry: 99999999999999999999999\n") == 1500ms);
  CHECK(after("retry:0\n") == 0ms);
  CHECK(*after("retry: 18446744073709551615\n") > 24h);
}

TEST_CASE("an event larger than the limit is refused, in one line or in many") {
  for (const std::string_view unit : {"x", "data\n", "data: y\n", "data: zzz\r"}) {
    CAPTURE(unit);
    sse_parser parser(1000);
    sse_parser::event last = sse_parser::event::needs_more;
    std::size_t fed = 0;
    for (; fed < 10'000 && last == sse_parser::event::needs_more; fed += unit.size()) {
      std::string_view text = unit;
      last = parser.next(text);
    }
    CHECK(last == sse_parser::event::too_large);
    std::string_view text = "\n\ndata: 1\n\n";
    CHECK(parser.next(text) == sse_parser::event::too_large);
  }
  sse_parser parser(10);
  for (int i = 0; i < 100; ++i) {
    std::string_view text = "event: 1\nid: 2\n:\n:\ndata: 123\n\n: comment";
    text.remove_suffix(5);
    CHECK(parser.next(text) == sse_parser::event::complete);
    CHECK(parser.next(text) == sse_parser::event::needs_more);
    text = "\n";
    CHECK(parser.next(text) == sse_parser::event::needs_more);
  }
}

}  // namespace coworker::testing
