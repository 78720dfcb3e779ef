#include <doctest/doctest.h>
#include <coworker/json/utf8.hpp>
#include <coworker/log/escapes.hpp>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>

namespace {

std::string printable(std::string_view text) {
  std::string made;
  coworker::detail::append_printable(made, text);
  return made;
}

std::string character(char32_t code) {
  std::string made;
  coworker::append_utf8(made, code);
  return made;
}

bool unprintable(char32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x2028 && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069);
}

std::string escaped(char32_t code) {
  if (code == '\n') return "\\n";
  if (code == '\r') return "\\r";
  if (code == '\t') return "\\t";
  char text[8];
  std::snprintf(text, sizeof text, "\\u%04x", static_cast<unsigned>(code));
  return text;
}

}  // namespace

TEST_CASE("every character is kept or escaped, at any position") {
  for (char32_t code = 0; code < 0x30000; ++code) {
    if (code >= 0xd800 && code < 0xe000) continue;
    const std::string one = character(code);
    const std::string expected = unprintable(code) ? escaped(code) : one;
    const bool good = printable(one) == expected && printable("a" + one + "b") == "a" + expected + "b" &&
                      printable("12345678" + one + one) == "12345678" + expected + expected;
    if (!good) FAIL_CHECK("U+", static_cast<unsigned>(code));
  }
}

TEST_CASE("texts of any length are searched to their end") {
  for (std::size_t length = 0; length < 40; ++length) {
    const std::string plain(length, 'x');
    CHECK(printable(plain) == plain);
    for (std::size_t at = 0; at < length; ++at) {
      for (const std::string_view odd : {"\n", "\x7f", "\x1b"}) {
        std::string text = plain;
        text.replace(at, 1, odd);
        std::string expected = plain;
        expected.replace(at, 1, printable(odd));
        if (printable(text) != expected) FAIL_CHECK(length, " ", at);
      }
    }
  }
}

TEST_CASE("a text that ends in the middle of a character is kept as it is") {
  for (const std::string_view cut : {"\xc2", "\xe2", "\xe2\x80", "a\xe2\x81"}) CHECK(printable(cut) == cut);
}

TEST_CASE("a backslash is no control character") { CHECK(printable(R"(a\nb)") == R"(a\nb)"); }
