#include <doctest/doctest.h>
#include <coworker/json/escape.hpp>
#include <cstddef>
#include <string>
#include <string_view>

namespace {

std::string escape_lossy(std::string_view text) {
  std::string out = "> ";
  coworker::append_json_string_lossy(out, text);
  return out;
}

}  // namespace

TEST_CASE("append_json_string quotes and escapes") {
  std::string out = "say ";
  CHECK(coworker::append_json_string(out, "a \"b\"\n\x02 \u00e9") == std::string::npos);
  CHECK(out == R"(say "a \"b\"\n\u0002 )"
               "\u00e9\"");
  CHECK(coworker::append_json_string(out, "") == std::string::npos);
  CHECK(out.ends_with("\"\""));
}

TEST_CASE("append_json_string returns where text stops being UTF-8, and leaves the output unchanged") {
  std::string out = "before";
  CHECK(coworker::append_json_string(out, "abc\n\xff xyz") == 4);
  CHECK(coworker::append_json_string(out, "\xc3") == 0);
  CHECK(coworker::append_json_string(out, std::string(20, 'x') + "\u00e9\xe9") == 22);
  CHECK(out == "before");
}

TEST_CASE("append_json_string_lossy replaces each byte that is not UTF-8 by U+FFFD") {
  CHECK(escape_lossy("plain") == "> \"plain\"");
  CHECK(escape_lossy("a\xff"
                     "b\n") == "> \"a\ufffdb\\n\"");
  CHECK(escape_lossy("\xe2\x82") == "> \"\ufffd\ufffd\"");
  CHECK(escape_lossy("\xed\xa0\x80") == "> \"\ufffd\ufffd\ufffd\"");
  CHECK(escape_lossy("\u65e5\xf0\u65e5") == "> \"\u65e5\ufffd\u65e5\"");
}
