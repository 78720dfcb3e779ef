#include <doctest/doctest.h>
#include <coworker/json/json.hpp>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>

namespace {

using coworker::json;

constexpr std::size_t depth_levels = 1'000'000;

/// Returns a value of that depth, with arrays and objects in turn, around `core`.
json depth_nested(json core) {
  for (std::size_t i = 0; i < depth_levels; ++i) {
    json outer = i % 2 == 0 ? json::array() : json::object();
    if (outer.is_array()) {
      outer.push_back(std::move(core));
      outer.push_back(i);
    } else {
      outer["k"] = std::move(core);
      outer["l"] = "a text too long to lie inside";
    }
    core = std::move(outer);
  }
  return core;
}

}  // namespace

TEST_CASE(
    "a value a million levels deep is copied, compared, written and destroyed without exhausting the stack") {
  const json deep = depth_nested("core");
  const json copy = deep;
  CHECK(copy == deep);
  CHECK(depth_nested("other core") != deep);
  const std::string text = deep.dump();
  CHECK(text.size() > depth_levels);
  CHECK(json::parse(text, {.max_depth = depth_levels}) == deep);
}

TEST_CASE("an error two thousand levels deep still has its path") {
  json deep = std::numeric_limits<double>::quiet_NaN();
  for (int i = 0; i < 2000; ++i) deep = json::array({std::move(deep)});
  try {
    (void)deep.dump();
    FAIL("written");
  } catch (const json::write_error& error) {
    CHECK(error.path().size() == 2000 * 3);
  }
}
