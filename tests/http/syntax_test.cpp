#include <doctest/doctest.h>
#include <coworker/http/syntax.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace coworker::testing {

TEST_CASE("names are compared without case, for ASCII letters only") {
  CHECK(equal_ignoring_case("Content-Type", "content-tYPE"));
  CHECK(equal_ignoring_case("", ""));
  CHECK(!equal_ignoring_case("a", "ab"));
  CHECK(!equal_ignoring_case("@[`{", "`{@["));
  CHECK(!equal_ignoring_case("\xc3\x89", "\xc3\xa9"));
}

TEST_CASE("letter case is ignored at any place of a text of any length, and only that of ASCII letters") {
  for (std::size_t size = 1; size <= 26; ++size) {
    for (std::size_t place = 0; place < size; ++place) {
      std::string one(size, '.');
      std::string other(size, '.');
      std::size_t pairs = 0;
      for (int a = 0; a < 256; ++a) {
        for (int b = 0; b < 256; ++b) {
          one[place] = static_cast<char>(a);
          other[place] = static_cast<char>(b);
          pairs += equal_ignoring_case(one, other) ? 1U : 0U;
        }
      }
      CHECK(pairs == 256 + 2 * 26);
      for (int a = 'A'; a <= 'Z'; ++a) {
        one[place] = static_cast<char>(a);
        other[place] = static_cast<char>(a + 32);
        CHECK(equal_ignoring_case(one, other));
      }
    }
  }
  static_assert(equal_ignoring_case("Transfer-Encoding", "transfer-encoding"));
}

TEST_CASE("a list contains a token in any case, but not as a part of another token") {
  CHECK(list_contains("close", "close"));
  CHECK(list_contains("a , \tCLOSE\t,b", "close"));
  CHECK(list_contains(",,close", "close"));
  CHECK(!list_contains("", "close"));
  CHECK(!list_contains("closed, dis-close", "close"));
  CHECK(!list_contains("close;q=1", "close"));
}

TEST_CASE("a control character is found at every position, and no other character is reported") {
  for (int c = 0; c < 256; ++c) {
    const bool control = (c < 0x20 && c != '\t') || c == 0x7f;
    CAPTURE(c);
    CHECK(detail::is_control(static_cast<char>(c)) == control);
    for (const char around : {'a', ' ', '\t', '~', '\x80', '\xff'}) {
      for (std::size_t at = 0; at < 20; ++at) {
        std::string text(20, around);
        text[at] = static_cast<char>(c);
        if (detail::find_control(text) != (control ? at : std::string_view::npos)) FAIL_CHECK(at);
      }
    }
  }
  CHECK(detail::find_control("") == std::string_view::npos);
}

TEST_CASE("tokens follow RFC 9110") {
  std::string all;
  for (int c = 0; c < 256; ++c) {
    if (detail::is_token(std::string(1, static_cast<char>(c)))) all += static_cast<char>(c);
  }
  CHECK(all == "!#$%&'*+-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz|~");
  CHECK(!detail::is_token(""));
  CHECK(!detail::is_token("a b"));
}

TEST_CASE("a number is digits only, up to 64 bits") {
  CHECK(detail::read_decimal("0") == 0);
  CHECK(detail::read_decimal("00012") == 12);
  CHECK(detail::read_decimal("18446744073709551615") == UINT64_MAX);
  for (const std::string_view bad :
       {"", "18446744073709551616", "100000000000000000000", "+1", "-1", " 1", "1 ", "1a", "0x1"}) {
    CAPTURE(bad);
    CHECK(!detail::read_decimal(bad));
  }
}

TEST_CASE("hexadecimal digits have their values") {
  for (int c = 0; c < 256; ++c) {
    const auto at = std::string_view("0123456789abcdef").find(ascii_lower(static_cast<char>(c)));
    CHECK(detail::hex_digit(static_cast<char>(c)) ==
          (at == std::string_view::npos ? -1 : static_cast<int>(at)));
  }
}

}  // namespace coworker::testing
