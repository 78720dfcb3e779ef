// Arrays and objects of very many small parts, for which parse.hpp makes blocks early.

#include <doctest/doctest.h>
#include <algorithm>
#include <coworker/exec/random.hpp>
#include <coworker/json/json.hpp>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <string_view>

#include "support/counted_memory.hpp"

namespace {

using coworker::json;

std::string repeated_parts(std::string_view open, std::string_view part, std::string_view close,
                           std::size_t count) {
  std::string text(open);
  for (std::size_t i = 0; i < count; ++i) text.append(i == 0 ? "" : ",").append(part);
  return text.append(close);
}

std::string numbered_members(std::size_t count, std::size_t different) {
  std::string text = "{";
  for (std::size_t i = 0; i < count; ++i) {
    text.append(i == 0 ? "\"" : ",\"").append(std::to_string(i % different)).append("\":");
    text.append(std::to_string(i % 10));
  }
  return text + "}";
}

struct parse_memory {
  double peak;  // bytes per byte of text
  double kept;
};

parse_memory memory_of_parsing(const std::string& text) {
  const coworker::testing::counted_memory counted;
  const json value = json::parse(text);
  const auto size = static_cast<double>(text.size());
  return {static_cast<double>(counted.peak()) / size, static_cast<double>(counted.held()) / size};
}

}  // namespace

TEST_CASE("parsing many small values takes little more memory than they need afterwards") {
  if (!coworker::testing::memory_is_counted()) return;
  for (const std::size_t count : {100'000u, 131'073u}) {
    const std::string zeros = repeated_parts("[", "0", "]", count);
    for (const std::string& text : {
             zeros,
             repeated_parts("[ ", "0 ", "]", count),
             repeated_parts("[", "true", "]", count),
             repeated_parts("[", "\"\"", "]", count),
             repeated_parts("[", "[]", "]", count),
             repeated_parts("[", "{}", "]", count),
             "{\"a\":" + zeros + ",\"b\":" + zeros + "}",
             "[" + zeros + "," + zeros + "]",
             repeated_parts("[", repeated_parts("[", "0", "]", 1'000), "]", 100),
             repeated_parts("[", "0", ",", 1'000) + repeated_parts("", zeros, "]", 1),
             numbered_members(count, count),
         }) {
      CAPTURE(text.substr(0, 10));
      const parse_memory memory = memory_of_parsing(text);
      CHECK(memory.kept < 8.2);
      CHECK(memory.peak < 8.5);
    }
    // The parts of these need more memory themselves.
    CHECK(memory_of_parsing(repeated_parts("[", "[0]", "]", count)).peak < 12.5);
    CHECK(memory_of_parsing(repeated_parts("{", "\"\":0", "}", count)).peak < 11);
  }
}

TEST_CASE("arrays and objects around the size of an early block are read like others") {
  for (const std::size_t count :
       {1u, 239u, 240u, 241u, 479u, 480u, 481u, 482u, 959u, 960u, 961u, 1'920u, 5'000u}) {
    for (const std::string_view part :
         {"0", "true", "[]", "[1]", "{\"a\":1}", "\"\\\"],[\"", "-1.5e3", "\"a longer text\""}) {
      const std::string text = repeated_parts("[", part, "]", count);
      const json value = json::parse(text);
      REQUIRE(value.size() == count);
      CHECK(json::parse(part) == value[count - 1]);
      CHECK(std::all_of(value.begin(), value.end(), [&value](const json& one) { return one == value[0]; }));
    }
    for (const std::size_t different : {count, count / 2 + 1, std::size_t{1}}) {
      const json value = json::parse(numbered_members(count, different));
      json expected = json::object();
      for (std::size_t i = 0; i < count; ++i) expected[std::to_string(i % different)] = i % 10;
      CHECK(value == expected);
      CHECK(value.dump() == expected.dump());
    }
  }
}

TEST_CASE("nested large arrays are read, even beyond the limit of looking ahead") {
  std::string text = "7";
  for (int depth = 0; depth < 12; ++depth)
    text = repeated_parts("[", "0", ",", 600) + text + repeated_parts(",", "{\"a\":[1,2]}", "]", 600);
  const json value = json::parse(text);
  CHECK(value.dump() == text);
  const json* inner = &value;
  for (int depth = 0; depth < 12; ++depth) {
    REQUIRE(inner->size() == 1'201);
    inner = &(*inner)[600];
  }
  CHECK(*inner == 7);
}

TEST_CASE("a text of many small values that is cut off or malformed anywhere is refused at that place") {
  const std::string good =
      repeated_parts("{\"a\":[", "0", "],\"b\":[", 700) + repeated_parts("", "[]", "]}", 700);
  const std::size_t middle = good.size() / 2;
  for (std::size_t size = 0; size < good.size(); size += size % 7 + 1)
    CHECK_THROWS_AS((void)json::parse(std::string_view(good).substr(0, size)), json::parse_error);
  for (const std::string_view wrong : {"}", "]", "\"", "\\", "x", "\x01", "0", "{", "[", "\"a\":"}) {
    for (std::size_t at = 5; at < good.size(); at += 301) {
      std::string text = good;
      text.insert(at, wrong);
      json value;
      try {
        value = json::parse(text);
      } catch (const json::parse_error& error) {
        CHECK(error.offset() >= 5);
      }
    }
  }
  std::string text = good;
  text[middle] = '}';
  CHECK_THROWS_AS((void)json::parse(text), json::parse_error);
}

TEST_CASE("if memory runs out while many small values are parsed, all of it is freed") {
  if (!coworker::testing::memory_is_counted()) return;
  const std::string text =
      repeated_parts("{\"a\":[", "0", "],\"b\":", 700) + numbered_members(600, 500) + "}";
  const coworker::testing::counted_memory counted;
  bool parsed = false;
  int tried = 0;
  for (; !parsed && tried < 1'000; ++tried) {
    const coworker::testing::scarce_memory scarce(tried);
    try {
      const json value = json::parse(text);
      parsed = true;
    } catch (const std::bad_alloc&) {
    }
  }
  CHECK(parsed);
  CHECK(tried > 5);
  CHECK(counted.held() == 0);
}
