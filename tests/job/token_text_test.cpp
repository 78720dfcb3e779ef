#include <doctest/doctest.h>
#include <coworker/job/token_text.hpp>
#include <coworker/json/json.hpp>
#include <cstddef>
#include <string>
#include <vector>

namespace {

namespace cw = coworker;

// Returns the text that token_text makes of several, and checks that each part fits into JSON of its own.
std::string token_text_of(const std::vector<std::string>& texts) {
  cw::token_text text;
  std::string all;
  for (const std::string& one : texts) {
    const std::string next = text.next(one);
    CHECK_NOTHROW(cw::json(next).dump());
    all += next;
  }
  return all + text.end();
}

const std::string token_text_lost = "\xef\xbf\xbd";

}  // namespace

TEST_CASE("tokens that end within characters give the same text, wherever they are cut") {
  const std::string whole = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z";  // 1, 2, 3 and 4 bytes
  for (std::size_t first = 0; first <= whole.size(); ++first) {
    for (std::size_t second = first; second <= whole.size(); ++second) {
      const std::vector<std::string> cut{whole.substr(0, first), whole.substr(first, second - first),
                                         whole.substr(second)};
      CHECK(token_text_of(cut) == whole);
    }
  }
  std::vector<std::string> bytes;
  for (const char byte : whole) bytes.emplace_back(1, byte);
  CHECK(token_text_of(bytes) == whole);
}

TEST_CASE("bytes that are part of no character become the replacement character, at the end too") {
  CHECK(token_text_of({"a\xff", "b"}) == "a" + token_text_lost + "b");
  CHECK(token_text_of({"\x80"}) == token_text_lost);
  CHECK(token_text_of({"a\xe2\x82", "b"}) == "a" + token_text_lost + "b");
  CHECK(token_text_of({"a\xe2\x82"}) == "a" + token_text_lost);
  CHECK(token_text_of({"\xed\xa0\x80x"}) ==
        token_text_lost + token_text_lost + token_text_lost + "x");  // a surrogate
  CHECK(token_text_of({}).empty());
}

TEST_CASE("after end() it starts again with an empty text") {
  cw::token_text text;
  CHECK(text.next("\xc3").empty());
  CHECK(text.end() == token_text_lost);
  CHECK(text.next("\xa4") == token_text_lost);
  CHECK(text.next("b") == "b");
  CHECK(text.end().empty());
}
