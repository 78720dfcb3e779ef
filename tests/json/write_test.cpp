#include <doctest/doctest.h>
#include <coworker/json/json.hpp>
#include <cstddef>
#include <limits>
#include <sstream>
#include <string>

namespace {

using coworker::json;

std::string write_refusal(const json& value) {
  try {
    return "written as " + value.dump();
  } catch (const json::write_error& error) {
    return error.what();
  }
}

constexpr double write_nan = std::numeric_limits<double>::quiet_NaN();
constexpr double write_infinity = std::numeric_limits<double>::infinity();

}  // namespace

TEST_CASE("dump writes on one line without spaces") {
  const json value{
      {"a", {1, 2.5, "x", nullptr, true, false}}, {"b", json::object()}, {"c", json::array()}, {"d", ""}};
  CHECK(value.dump() == R"({"a":[1,2.5,"x",null,true,false],"b":{},"c":[],"d":""})");
  CHECK(json(nullptr).dump() == "null");
  CHECK(json("x").dump() == R"("x")");
  std::ostringstream stream;
  stream << value;
  CHECK(stream.str() == value.dump());
}

TEST_CASE("dump with an indent writes each part on its own line") {
  const json value{{"a", {1, json::array()}}, {"b", {{"c", json::object()}}}};
  CHECK(value.dump(2) == "{\n  \"a\": [\n    1,\n    []\n  ],\n  \"b\": {\n    \"c\": {}\n  }\n}");
  CHECK(json::array({1, 2}).dump(0) == "[\n1,\n2\n]");
  CHECK(json(5).dump(4) == "5");
  const json deep = json::array({json::array({1})});
  CHECK(deep.dump(1000) == "[\n" + std::string(1000, ' ') + "[\n" + std::string(2000, ' ') + "1\n" +
                               std::string(1000, ' ') + "]\n]");
}

TEST_CASE("dump_spaced writes on one line as people do, with spaces only between parts") {
  const auto spaced = [](std::string_view text) { return coworker::json::parse(text).dump_spaced(); };
  CHECK(spaced(R"({"a":[1,2,{"b":null}],"c":{},"d":[[]]})") ==
        R"({"a": [1, 2, {"b": null}], "c": {}, "d": [[]]})");
  CHECK(spaced(R"("a,b:c")") == R"("a,b:c")");
  CHECK(spaced("[]") == "[]");
}

TEST_CASE("dump_to appends, and leaves the text as it was after an error") {
  std::string out = "data: ";
  json{{"k", 1}}.dump_to(out);
  CHECK(out == "data: {\"k\":1}");
  CHECK_THROWS_AS(json({std::string(5000, 'x'), write_nan}).dump_to(out), json::write_error);
  CHECK(out == "data: {\"k\":1}");
}

TEST_CASE("exactly the characters that need an escape get one, at any position in texts of any length") {
  CHECK(json("\"\\/\b\f\n\r\t\x01\x1f\x7f").dump() == R"("\"\\/\b\f\n\r\t\u0001\u001f)"
                                                      "\x7f\"");
  CHECK(json("\u00e9\u65e5\U0001f600").dump() == "\"\u00e9\u65e5\U0001f600\"");
  CHECK(json(std::string("a\0b", 3)).dump() == R"("a\u0000b")");
  CHECK(json(std::string("\0", 1)).dump() == R"("\u0000")");
  CHECK(json(std::string("abc\0", 4)).dump() == R"("abc\u0000")");
  for (std::size_t length = 0; length < 40; ++length) {
    const std::string plain(length, 'x');
    CHECK(json(plain).dump() == "\"" + plain + "\"");
    for (std::size_t at = 0; at < length; ++at) {
      std::string text = plain;
      text[at] = '"';
      CHECK(json(text).dump() == "\"" + plain.substr(0, at) + "\\\"" + plain.substr(at + 1) + "\"");
      text[at] = '\n';
      CHECK(json::parse(json(text).dump()) == text);
      CHECK(json::parse(json{{text, 1}}.dump()).contains(text));
    }
  }
}

TEST_CASE("long documents are written completely") {
  json value = json::array();
  std::string expected = "[";
  for (int i = 0; i < 3000; ++i) {
    const std::string text(static_cast<std::size_t>(i) % 2500, static_cast<char>('a' + i % 26));
    value.push_back(text);
    value.push_back(i);
    expected += (i == 0 ? "\"" : ",\"") + text + "\"," + std::to_string(i);
  }
  CHECK(value.dump() == expected + "]");
  CHECK(json::parse(value.dump(3)) == value);
}

TEST_CASE("NaN and infinities are refused with the path to them") {
  CHECK(write_refusal(json{{"output", {{"scores", {1, 2, 3, write_nan}}}}}) ==
        "output.scores[3]: NaN cannot be written as JSON; use null, or a string, where there is no number");
  CHECK(write_refusal(json::array({0, {{"a", write_infinity}}}))
            .starts_with("[1].a: infinity cannot be written"));
  CHECK(write_refusal(-write_infinity).starts_with("-infinity cannot be written"));
  CHECK(write_refusal(json{{"odd key", {{"a.b", write_nan}}}}).starts_with(R"(["odd key"]["a.b"]: NaN)"));
}

TEST_CASE("text that is not UTF-8 is refused with the path to it, as value and as key") {
  CHECK(write_refusal(json{{"a", {"ok", "caf\xe9"}}}) ==
        "a[1]: string \"caf\ufffd\" is not UTF-8 from its byte 3 on; convert it, or encode bytes as Base64");
  CHECK(write_refusal("\xc0\xaf").starts_with("string "));
  CHECK(write_refusal(std::string(30, 'x') + "\xff").find("is not UTF-8 from its byte 30 on") !=
        std::string::npos);
  json object;
  object["in"]["k\xff"] = 1;
  CHECK(write_refusal(object).find("key \"k\ufffd\" is not UTF-8 from its byte 1 on") != std::string::npos);
  CHECK(write_refusal(object).starts_with("in[\"k\ufffd\"]: key"));
}
