#include <doctest/doctest.h>
#include <coworker/json/json.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace {

using coworker::json;

/// Returns the message of the parse_error, or says that there was none.
std::string parse_refusal(std::string_view text, const json::parse_options& options = {}) {
  try {
    return "accepted as " + json::parse(text, options).dump();
  } catch (const json::parse_error& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("each kind of value is read") {
  CHECK(json::parse("null").is_null());
  CHECK(json::parse("true") == true);
  CHECK(json::parse("false") == false);
  CHECK(json::parse(" \t\r\n[ ] \n").is_array());
  CHECK(json::parse("{ }").is_object());
  CHECK(json::parse("\"text\"") == "text");
  CHECK(json::parse("\"\"") == "");
  CHECK(json::parse("12").is_number_integer());
  CHECK(json::parse("12").is_number_unsigned());
  CHECK_FALSE(json::parse("-12").is_number_unsigned());
  CHECK(json::parse("1.0").is_number_float());
  CHECK(json::parse("1e2").is_number_float());
  CHECK(json::parse(R"({"a":[1,{"b":[]},"c"],"d":{"e":null}})").dump() ==
        R"({"a":[1,{"b":[]},"c"],"d":{"e":null}})");
}

TEST_CASE("members keep the order of the text") {
  CHECK(json::parse(R"({"z":1,"a":2,"m":3})").dump() == R"({"z":1,"a":2,"m":3})");
}

TEST_CASE("of members with the same key, the last value remains in the first place") {
  CHECK(json::parse(R"({"a":1,"b":2,"a":3})").dump() == R"({"a":3,"b":2})");
  CHECK(json::parse(R"({"a":[1,"a text too long to lie inside"],"a":{"b":1},"c":0,"a":"z"})").dump() ==
        R"({"a":"z","c":0})");
  const std::string key = "\"a key too long to lie inside\"";
  CHECK(json::parse("{" + key + ":1,\"b\":2," + key + ":3}").dump() == "{" + key + ":3,\"b\":2}");
  CHECK(json::parse(R"({"":1,"":2})").dump() == R"({"":2})");
}

TEST_CASE("integers are exact to the ends of int64 and uint64, and doubles beyond") {
  CHECK(json::parse("9223372036854775807").get<std::int64_t>() == std::numeric_limits<std::int64_t>::max());
  CHECK(json::parse("-9223372036854775808").get<std::int64_t>() == std::numeric_limits<std::int64_t>::min());
  CHECK(json::parse("9223372036854775808").get<std::uint64_t>() == 9223372036854775808u);
  CHECK(json::parse("18446744073709551615").get<std::uint64_t>() ==
        std::numeric_limits<std::uint64_t>::max());
  CHECK(json::parse("18446744073709551615").is_number_unsigned());
  for (const char* text : {"18446744073709551616", "-9223372036854775809", "99999999999999999999",
                           "28446744073709551615", "100000000000000000000", "-18446744073709551615"}) {
    CAPTURE(text);
    CHECK(json::parse(text).is_number_float());
    CHECK(json::parse(text).get<double>() == std::stod(text));
  }
  CHECK(json::parse("-0").dump() == "0");
  CHECK(json::parse("-0.0").dump() == "-0.0");
}

TEST_CASE("a parse error names line and column, what was expected and what was found") {
  CHECK(parse_refusal("{\"a\": 1,\n \"b\": 2 x}") ==
        "line 2, column 9: expected ',' or '}' after a member, found 'x'");
  CHECK(parse_refusal("[1 2]") == "line 1, column 4: expected ',' or ']' after an element, found '2'");
  CHECK(parse_refusal("") == "line 1, column 1: expected a value, found the end of the text");
  CHECK(parse_refusal("  \n") == "line 2, column 1: expected a value, found the end of the text");
  CHECK(parse_refusal("{\"a\"}") == "line 1, column 5: expected ':' after a key, found '}'");
  CHECK(parse_refusal("{a:1}") == "line 1, column 2: expected a string as key, or '}', found 'a'");
  CHECK(parse_refusal("{\"a\":1,}") == "line 1, column 8: expected a string as key after ',', found '}'");
  CHECK(parse_refusal("[1,]") == "line 1, column 4: expected a value, found ']'");
  CHECK(parse_refusal("[") == "line 1, column 2: expected a value or ']', found the end of the text");
  CHECK(parse_refusal("[,1]") == "line 1, column 2: expected a value or ']', found ','");
  CHECK(parse_refusal("1 2") == "line 1, column 3: expected the end of the text after the value, found '2'");
  CHECK(parse_refusal("[tru]") == "line 1, column 2: expected true, found 't'");
  CHECK(parse_refusal("\"abc") ==
        "line 1, column 5: expected '\"' at the end of a string, found the end of the text");
  CHECK(parse_refusal("[\x01]") == "line 1, column 2: expected a value or ']', found byte 0x01");
  CHECK(parse_refusal(std::string_view("[1]\0", 4)) ==
        "line 1, column 4: expected the end of the text after the value, found byte 0x00");
  CHECK(parse_refusal(std::string_view("\0", 1)) == "line 1, column 1: expected a value, found byte 0x00");
}

TEST_CASE("the column counts code points, the offset bytes") {
  CHECK(parse_refusal("[\"\u65e5\u672c\" \u20ac]") ==
        "line 1, column 7: expected ',' or ']' after an element, found '\u20ac'");
  try {
    (void)json::parse("[\n\"\u65e5\" ?]");
    FAIL("accepted");
  } catch (const json::parse_error& error) {
    CHECK(error.line() == 2);
    CHECK(error.column() == 5);
    CHECK(error.offset() == 8);
  }
}

TEST_CASE("a malformed number is refused with what is missing") {
  CHECK(parse_refusal("-") == "line 1, column 2: expected a digit, found the end of the text");
  CHECK(parse_refusal("01") == "line 1, column 2: expected no digit after a leading zero, found '1'");
  CHECK(parse_refusal("1.") ==
        "line 1, column 3: expected a digit after the point, found the end of the text");
  CHECK(parse_refusal("[1.e3]") == "line 1, column 4: expected a digit after the point, found 'e'");
  CHECK(parse_refusal("1e+") ==
        "line 1, column 4: expected a digit in the exponent, found the end of the text");
  for (const char* text : {"+1", ".5", "0x10", "1_000", "--1", "1.5.5", "1e5.5", "- 1"}) {
    CAPTURE(text);
    CHECK(parse_refusal(text).starts_with("line 1, column "));
  }
}

TEST_CASE("NaN, infinities and numbers beyond double are refused") {
  for (const char* text : {"NaN", "nan", "Infinity", "-Infinity", "inf", "[NaN]"}) {
    CAPTURE(text);
    CHECK(parse_refusal(text).starts_with("line 1, column "));
  }
  const std::string beyond = "a number beyond the range of double; the largest is about 1.8e308";
  CHECK(parse_refusal("[1e309]") == "line 1, column 2: " + beyond);
  CHECK(parse_refusal("-1.8e308") == "line 1, column 1: " + beyond);
  CHECK(parse_refusal("1" + std::string(400, '0')) == "line 1, column 1: " + beyond);
  CHECK(parse_refusal("1e99999999999999999999") == "line 1, column 1: " + beyond);
  CHECK(json::parse("1e-99999999999999999999").get<double>() == 0);
  CHECK(json::parse("0e99999999999999999999").get<double>() == 0);
  CHECK(json::parse("0." + std::string(400, '0') + "1e401").get<double>() == 1);
}

TEST_CASE("escapes are decoded") {
  CHECK(json::parse(R"("\"\\\/\b\f\n\r\t")") == "\"\\/\b\f\n\r\t");
  CHECK(json::parse(R"("\u0041\u00e9\u65e5\ud83d\ude00\uD83D\uDE00")") ==
        "A\u00e9\u65e5\U0001f600\U0001f600");
  CHECK(json::parse(R"("a\u0000b")") == std::string("a\0b", 3));
  CHECK(json::parse(R"({"\u0061":1})").contains("a"));
  // Keys are compared after decoding.
  CHECK(json::parse(R"({"\u0061":1,"a":2})").dump() == R"({"a":2})");
}

TEST_CASE("broken escapes and lone surrogates are refused") {
  CHECK(parse_refusal(R"("\x")") ==
        "line 1, column 3: expected one of \" \\ / b f n r t u after a backslash, found 'x'");
  CHECK(parse_refusal(R"("\u12g4")") ==
        "line 1, column 6: expected four hexadecimal digits after \\u, found 'g'");
  CHECK(parse_refusal("\"\\u12") ==
        "line 1, column 6: expected four hexadecimal digits after \\u, found the end of the text");
  CHECK(parse_refusal("\"\\") ==
        "line 1, column 3: expected one of \" \\ / b f n r t u after a backslash, found the end of the text");
  for (const char* text : {R"("\ud83d")", R"("\ude00")", R"("\ud83d\u0041")", R"("\ud83dx")",
                           R"("\ud83d\ud83d")", R"("\ude00\ud83d")", R"("ab\ud83d\n")"}) {
    CAPTURE(text);
    CHECK(parse_refusal(text).find("half a surrogate pair") != std::string::npos);
  }
}

TEST_CASE("control characters in strings are refused at any position") {
  for (std::size_t before : {0u, 1u, 7u, 8u, 9u, 30u}) {
    for (char control : {'\x00', '\x01', '\n', '\t', '\x1f'}) {
      const std::string text = "\"" + std::string(before, 'x') + control + "yyyyyyyyyyyyyyyyyyyyyyy\"";
      CAPTURE(text);
      CHECK(parse_refusal(text).find("control characters in a string to be escaped") != std::string::npos);
    }
    CHECK(json::parse("\"" + std::string(before, 'x') + "\x7f\"").size() == 1);
  }
}

TEST_CASE("invalid UTF-8 is refused at any position, with the position of the byte") {
  CHECK(parse_refusal("[\"ab\xff\"]") == "line 1, column 5: invalid UTF-8 in a string: byte 0xff");
  for (const char* bad : {"\x80", "\xc3", "\xc0\xaf", "\xe2\x82", "\xed\xa0\x80", "\xf0\x80\x80\x80",
                          "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xc3\xc3"}) {
    for (std::size_t before : {0u, 5u, 8u, 21u}) {
      const std::string prefix = "[\"" + std::string(before, 'x');
      CAPTURE(bad);
      CHECK(parse_refusal(prefix + bad + "\"]").find("invalid UTF-8") != std::string::npos);
      CHECK(parse_refusal(prefix + bad + "yyyyyyyyyyyyyyyyyyyyyyyyy\"]").find("invalid UTF-8") !=
            std::string::npos);
      CHECK(parse_refusal(prefix + bad + "\\n\"]").find("invalid UTF-8") != std::string::npos);
      CHECK(parse_refusal(prefix + "\\n" + bad + "\"]").find("invalid UTF-8") != std::string::npos);
      CHECK(parse_refusal("{\"" + prefix.substr(2) + bad + "\":1}").find("invalid UTF-8") !=
            std::string::npos);
    }
  }
  CHECK(parse_refusal("\xff").find("found byte 0xff") != std::string::npos);
}

TEST_CASE("strings of every length and position near the end of the text are read completely") {
  for (std::size_t length = 0; length < 40; ++length) {
    const std::string content = std::string("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH").substr(0, length);
    for (std::size_t behind = 0; behind < 20; ++behind) {
      const std::string text = "\"" + content + "\"" + std::string(behind, ' ');
      CHECK(json::parse(text).get<std::string_view>() == content);
      CHECK(json::parse("[\"" + content + "\\n\"]")[0] == content + "\n");
      CHECK(json::parse("{\"" + content + "\":\"" + content + "\"}").at(content) == content);
    }
  }
}

TEST_CASE("a byte order mark at the start is skipped, and nothing else") {
  CHECK(json::parse("\xef\xbb\xbf{\"a\":1}") == json{{"a", 1}});
  CHECK(parse_refusal("\xef\xbb\xbf").find("found the end of the text") != std::string::npos);
  CHECK(parse_refusal("\xef\xbb{}").find("found byte 0xef") != std::string::npos);
  CHECK(parse_refusal("\xef\xbb\xbf\xef\xbb\xbf{}").starts_with("line 1, column "));
}

TEST_CASE("nesting is read up to the limit and refused beyond it") {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(json::parse(nested(512)).dump() == nested(512));
  CHECK(parse_refusal(nested(513)) ==
        "line 1, column 513: arrays and objects are nested deeper than the limit of 512");
  CHECK(json::parse("1", {.max_depth = 0}) == 1);
  CHECK(parse_refusal("[]", {.max_depth = 0}).find("limit of 0") != std::string::npos);
  CHECK(json::parse("[[]]", {.max_depth = 2}).size() == 1);
  CHECK(parse_refusal("[{\"a\":[]}]", {.max_depth = 2}).find("column 7") != std::string::npos);
  CHECK(json::parse(nested(200'000), {.max_depth = 200'000}).dump().size() == 400'000);
  // The parser remembers at every depth whether an array or an object is open.
  std::string mixed;
  for (int i = 0; i < 300; ++i) mixed += i % 3 == 0 ? "[" : "{\"k\":";
  mixed += "0";
  for (int i = 300; i-- != 0;) mixed += i % 3 == 0 ? "]" : "}";
  CHECK(json::parse(mixed).dump() == mixed);
}

TEST_CASE("a hundred million brackets are refused at once") {
  const std::string brackets(100'000'000, '[');
  CHECK(parse_refusal(brackets) ==
        "line 1, column 513: arrays and objects are nested deeper than the limit of 512");
}

TEST_CASE("the parts read before an error are freed, wherever the text is cut off") {
  const std::string text =
      R"({"a":["a text too long to lie inside",{"b":[1,2,{"c":"another long text in here"}]}],"a":[[],{}],)"
      R"("a key too long to lie inside":"\ud83d\ude00 and enough text to be long","n":-1.5e3})";
  CHECK(json::parse(text).is_object());
  for (std::size_t length = 0; length < text.size(); ++length) {
    CHECK(parse_refusal(text.substr(0, length)).starts_with("line 1, column "));
  }
}

TEST_CASE("a null pointer is refused as a text") {
  const char* const none = nullptr;
  CHECK_THROWS_WITH_AS((void)json::parse(none), "line 1, column 1: expected a text, found a null pointer",
                       json::parse_error);
  CHECK(json::parse("[1]").size() == 1);
}
