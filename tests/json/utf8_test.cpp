#include <doctest/doctest.h>
#include <coworker/json/utf8.hpp>
#include <cstddef>
#include <string>
#include <string_view>

TEST_CASE("the UTF-8 of every Unicode scalar value is valid, and invalid if shortened") {
  for (char32_t code_point = 0; code_point <= 0x10ffff; code_point += code_point < 0x3000 ? 1 : 0x7f) {
    if (code_point >= 0xd800 && code_point <= 0xdfff) continue;
    std::string text;
    coworker::append_utf8(text, code_point);
    REQUIRE(coworker::find_invalid_utf8(text) == std::string::npos);
    if (text.size() > 1) {
      REQUIRE(coworker::find_invalid_utf8(std::string_view(text).substr(0, text.size() - 1)) == 0);
      REQUIRE(coworker::find_invalid_utf8(std::string_view(text).substr(1)) == 0);
    }
  }
}

TEST_CASE("all pairs of bytes are valid or not as in Unicode's table of well-formed sequences") {
  for (unsigned first = 0; first < 256; ++first) {
    for (unsigned second = 0; second < 256; ++second) {
      const std::string text{static_cast<char>(first), static_cast<char>(second)};
      const bool ascii = first < 0x80 && second < 0x80;
      const bool pair = first >= 0xc2 && first <= 0xdf && second >= 0x80 && second <= 0xbf;
      const std::size_t bad = coworker::find_invalid_utf8(text);
      REQUIRE((bad == std::string::npos) == (ascii || pair));
      if (bad != std::string::npos) REQUIRE(bad == (first < 0x80 ? 1 : 0));
    }
  }
}

TEST_CASE("overlong forms, surrogates and code points above U+10FFFF are invalid") {
  for (const char* text :
       {"\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf",
        "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xfe", "\xff"}) {
    CAPTURE(text);
    CHECK(coworker::find_invalid_utf8(text) == 0);
  }
  for (const char* text :
       {"\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    CAPTURE(text);
    CHECK(coworker::find_invalid_utf8(text) == std::string::npos);
  }
}

TEST_CASE("the offset of the first invalid byte is found after long ASCII") {
  for (std::size_t before = 0; before < 40; ++before) {
    CHECK(coworker::find_invalid_utf8(std::string(before, 'a') + "\xff" + std::string(20, 'b')) == before);
    CHECK(coworker::find_invalid_utf8(std::string(before, 'a') + "\u00e9" + std::string(20, 'b')) ==
          std::string::npos);
  }
}
