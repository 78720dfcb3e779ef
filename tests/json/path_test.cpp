#include <doctest/doctest.h>
#include <coworker/json/json.hpp>
#include <coworker/json/path.hpp>
#include <cstddef>
#include <limits>
#include <map>
#include <string>
#include <utility>

#include "support/counted_memory.hpp"

namespace {

using coworker::json;
using coworker::detail::json_path;

}  // namespace

TEST_CASE("a path joins keys with dots, and quotes ambiguous keys") {
  CHECK(json_path().text() == "");
  CHECK(json_path().add_member("a").add_element(3).add_member("b").add_element(0).add_element(1).text() ==
        "a[3].b[0][1]");
  CHECK(json_path().add_element(2).add_member("x").text() == "[2].x");
  for (const char* const odd : {"", "a.b", "a b", "a[", "a]", "a:", "\"", "a\nb", "\xc3\xa4"}) {
    const std::string text = json_path().add_member("k").add_member(odd).text();
    CHECK(text == "k[" + coworker::detail::quoted_excerpt(odd) + "]");
  }
  CHECK(json_path().add_member("a").add("b[1].c").text() == "a.b[1].c");
  CHECK(json_path().add_member("a").add("[1].c").add("").text() == "a[1].c");
}

TEST_CASE("a long key is shortened in a path, at the end of a character") {
  const std::string sixty(60, 'k');
  CHECK(json_path().add_member(sixty).text() == sixty);
  CHECK(json_path().add_member(sixty + "x").text() == "[\"" + sixty + "\"...]");
  CHECK(json_path().add_member(std::string(59, 'k') + "\xc3\xa4").text() ==
        "[\"" + std::string(59, 'k') + "\"...]");
}

TEST_CASE("the middle of a very long path is left out") {
  json_path path;
  for (std::size_t i = 0; i < 100'000; ++i) path.add_element(i % 10).add_member("k\xc3\xa4y");
  path.add_member("end");
  const std::string text = path.text();
  CHECK(text.size() > 7'900);
  CHECK(text.size() < 8'010);
  CHECK(text.find("[0][\"k\xc3\xa4y\"][1]") == 0);
  CHECK(text.ends_with("[9][\"k\xc3\xa4y\"].end"));
  CHECK(text.find("...") != std::string::npos);
  CHECK_NOTHROW((void)json(text).dump());  // the text is still UTF-8
}

TEST_CASE("an error a million levels deep has a short path, at the cost of reaching it") {
  json deep = std::numeric_limits<double>::quiet_NaN();
  const std::string key(100, 'k');
  for (int i = 0; i < 1'000'000; ++i) {
    json outer = i % 2 == 0 ? json::array() : json::object();
    if (outer.is_array()) {
      outer.push_back(std::move(deep));
    } else {
      outer[key] = std::move(deep);
    }
    deep = std::move(outer);
  }
  const coworker::testing::counted_memory counted;
  std::size_t size = 0;
  try {
    (void)deep.dump();
  } catch (const json::write_error& error) {
    size = error.path().size();
  }
  CHECK(size > 7'000);
  CHECK(size < 8'010);
  // Allows for the text so far and the open levels, each of which grows by doubling, and some bytes per step.
  CHECK(counted.bytes() < 1'000'000 * 500);
}

TEST_CASE("an error about a member whose key is a megabyte long is short") {
  const std::string key(1'000'000, 'k');
  json value;
  value[key][key] = "text";
  try {
    (void)value.get<std::map<std::string, std::map<std::string, int>>>();
    FAIL("converted");
  } catch (const json::type_error& error) {
    CHECK(std::string(error.what()).size() < 300);
    CHECK(std::string(error.what()).ends_with("\"...]: expected an integer, found string \"text\""));
  }
}
