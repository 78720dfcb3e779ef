// Objects of many members, and blocks shared between values: tests object_index.hpp,
// containers.hpp and blocks.hpp.

#include <doctest/doctest.h>
#include <algorithm>
#include <coworker/exec/random.hpp>
#include <coworker/json/json.hpp>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/counted_memory.hpp"

namespace {

using coworker::json;

std::string object_key(std::size_t i) {
  return (i % 3 == 0 ? "a rather long key number " : "k") + std::to_string(i);
}

std::string object_text(std::size_t members, std::size_t different) {
  std::string text = "{";
  for (std::size_t i = 0; i < members; ++i) {
    text.append(i == 0 ? "\"" : ",\"")
        .append(object_key(i % different))
        .append("\":")
        .append(std::to_string(i));
  }
  return text + "}";
}

using object_model = std::vector<std::pair<std::string, std::size_t>>;

// Returns whether every way to iterate over an object visits the members of the model, in order.
bool same_members(const json& value, const object_model& expected) {
  if (value.size() != expected.size()) return false;
  std::string text = "{";
  std::size_t i = 0;
  for (const auto& [key, member] : value.items()) {
    if (i == expected.size() || key != expected[i].first || member != expected[i].second) return false;
    text.append(i == 0 ? "\"" : ",\"").append(key).append("\":").append(std::to_string(expected[i].second));
    ++i;
  }
  if (i != expected.size()) return false;
  i = 0;
  for (auto at = value.begin(); at != value.end(); ++at, ++i)
    if (at.key() != expected[i].first || *at != expected[i].second) return false;
  if (i != expected.size()) return false;
  for (auto at = value.end(); at != value.begin();)
    if ((--at).key() != expected[--i].first) return false;
  if (value.dump() != text + "}") return false;
  const json copy = value;
  const json parsed = json::parse(value.dump());
  return copy == value && value == copy && parsed == value && value == parsed && copy.dump() == value.dump();
}

}  // namespace

TEST_CASE("objects around the size of the first index find exactly their members") {
  for (std::size_t count : {1u, 15u, 16u, 17u, 18u, 32u, 33u, 100u}) {
    CAPTURE(count);
    const json parsed = json::parse(object_text(count, count));
    json built;
    for (std::size_t i = 0; i < count; ++i) built[object_key(i)] = i;
    const json copied = built;
    for (const json* value : {&parsed, &std::as_const(built), &copied}) {
      CHECK(value->size() == count);
      for (std::size_t i = 0; i < count; ++i) CHECK(value->at(object_key(i)) == i);
      CHECK_FALSE(value->contains(object_key(count)));
      CHECK_FALSE(value->contains(""));
    }
    CHECK(parsed == built);
    CHECK(parsed.dump() == built.dump());
  }
}

TEST_CASE("100,000 members are parsed, found, built and replaced without quadratic time") {
  constexpr std::size_t count = 100'000;
  const json distinct = json::parse(object_text(count, count));
  CHECK(distinct.size() == count);
  for (std::size_t i = 0; i < count; i += 7) REQUIRE(distinct.at(object_key(i)) == i);
  const json repeated = json::parse(object_text(count, count / 2));
  CHECK(repeated.size() == count / 2);
  for (std::size_t i = 0; i < count / 2; i += 7) REQUIRE(repeated.at(object_key(i)) == i + count / 2);
  CHECK(json::parse(object_text(count, 1)).dump() == "{\"" + object_key(0) + "\":99999}");
  json built;
  for (std::size_t i = count; i-- != 0;) built[object_key(i)] = i;
  CHECK(built == distinct);
  json grown;
  for (std::size_t i = 0; i < count; ++i) grown[i] = i;
  CHECK(grown.size() == count);
}

TEST_CASE("many members with few distinct keys behave as if added one at a time") {
  for (std::size_t different : {1u, 2u, 5u, 16u, 17u, 40u}) {
    const json parsed = json::parse(object_text(60, different));
    json built;
    for (std::size_t i = 0; i < 60; ++i) built[object_key(i % different)] = i;
    CHECK(parsed.dump() == built.dump());
  }
}

TEST_CASE("after erasing from an object with an index, the rest can be found") {
  json value;
  for (std::size_t i = 0; i < 50; ++i) value[object_key(i)] = i;
  for (std::size_t i = 0; i < 50; i += 2) CHECK(value.erase(object_key(i)) == 1);
  CHECK(value.size() == 25);
  for (std::size_t i = 0; i < 50; ++i) CHECK(value.contains(object_key(i)) == (i % 2 == 1));
  value[object_key(0)] = "again";
  CHECK(value.at(object_key(0)) == "again");
  CHECK(std::prev(value.end()).key() == object_key(0));
}

TEST_CASE("an object is correct after any additions and erasures, by key and by iterator") {
  for (const std::uint64_t range : {10u, 40u, 400u}) {
    coworker::random_source random(range);
    json value = json::object();
    object_model expected;
    int differences = 0;
    const auto place_of = [&expected](const std::string& key) {
      return std::find_if(expected.begin(), expected.end(),
                          [&key](const auto& one) { return one.first == key; });
    };
    for (std::size_t step = 0; step < 4'000; ++step) {
      // Alternates between growing and shrinking.
      const bool grows = random.below(10u) < (step / 400 % 2 == 0 ? 7u : 2u);
      const std::string key = object_key(random.below(range));
      const auto place = place_of(key);
      if (grows) {
        value[key] = step;
        if (place == expected.end()) {
          expected.emplace_back(key, step);
        } else {
          place->second = step;
        }
      } else if (random.below(2u) == 0) {
        if (value.erase(key) != (place == expected.end() ? 0u : 1u)) ++differences;
        if (place != expected.end()) expected.erase(place);
      } else if (place != expected.end()) {
        const auto after = expected.erase(place);
        const auto next = value.erase(std::as_const(value).find(key));
        if (after == expected.end() ? next != value.end() : next.key() != after->first) ++differences;
      }
      if (step % 50 == 0 && !same_members(value, expected)) ++differences;
      if (value.contains(key) != (place_of(key) != expected.end())) ++differences;
    }
    CHECK(same_members(value, expected));
    while (!value.empty()) {
      value.erase(value.begin());
      expected.erase(expected.begin());
      if (expected.size() % 20 == 0 && !same_members(value, expected)) ++differences;
    }
    CHECK(differences == 0);
    value["again"] = 1;
    CHECK(value.dump() == R"({"again":1})");
  }
}

TEST_CASE("members that satisfy a condition are erased in one pass over an object of any size") {
  for (const std::size_t count : {10u, 1'000u}) {
    for (const std::size_t kept : {0u, 1u, 2u, 3u}) {  // out of three
      json value = json::parse(object_text(count, count));
      object_model expected;
      for (std::size_t i = 0; i < count; ++i)
        if (i % 3 < kept) expected.emplace_back(object_key(i), i);
      for (auto at = value.begin(); at != value.end();) {
        if (at->get<std::size_t>() % 3 < kept) {
          ++at;
        } else {
          at = value.erase(at);
        }
      }
      CHECK(same_members(value, expected));
    }
  }
}

TEST_CASE("erasing a member of a large object moves no other, and accesses few places of its index") {
  using coworker::detail::json_gate;
  for (const std::size_t count : {1'000u, 32'000u}) {
    for (const int order : {0, 1, 2}) {
      json value = json::parse(object_text(count, count));
      std::vector<std::size_t> erased(count - 1);  // all but one member in the middle
      for (std::size_t i = 0; i < erased.size(); ++i) erased[i] = i < count / 2 ? i : i + 1;
      if (order == 1) std::reverse(erased.begin(), erased.end());
      coworker::random_source random(count);
      if (order == 2)
        for (std::size_t i = erased.size(); i > 1; --i) std::swap(erased[i - 1], erased[random.below(i)]);
      const std::string left = object_key(count / 2);
      const json* const place = &value.at(left);
      std::uint64_t changed = 0;
      std::size_t looked_at = 0;
      std::size_t not_found = 0;
      const auto places = [&value] {
        const auto& block = *coworker::detail::object_of(json_gate::slot(value));
        return std::vector<std::uint32_t>(
            block.index, block.index + coworker::detail::object_index::length_for(block.capacity));
      };
      for (std::size_t i = 0; i < erased.size(); ++i) {
        const bool compared = i % (count / 100) == 0;
        const std::vector<std::uint32_t> before = compared ? places() : std::vector<std::uint32_t>();
        not_found += 1 - value.erase(object_key(erased[i]));
        if (!compared) continue;
        const std::vector<std::uint32_t> after = places();
        for (std::size_t at = 0; at < after.size(); ++at) changed += before[at] != after[at] ? 1 : 0;
        ++looked_at;
      }
      CHECK(not_found == 0);
      CHECK(&value.at(left) == place);
      CHECK(changed < 8 * looked_at);
      CHECK(value.begin().key() == left);
      CHECK(value.size() == 1);
    }
  }
}

TEST_CASE("an object does not grow if its oldest member is erased for each new one") {
  if (!coworker::testing::memory_is_counted()) return;
  json value = json::object();
  std::size_t next = 0;
  for (; next < 1'000; ++next) value[object_key(next)] = next;
  const coworker::testing::counted_memory counted;
  for (; next < 100'000; ++next) {
    value[object_key(next)] = next;
    value.erase(value.begin());
  }
  CHECK(counted.peak() < 400'000);
  CHECK(value.size() == 1'000);
  CHECK(value.begin().key() == object_key(99'000));
  CHECK(std::prev(value.end()).key() == object_key(99'999));
}

TEST_CASE("the error for a missing member names the first existing ones") {
  json value = json::parse(object_text(30, 30));
  for (std::size_t i = 0; i < 25; ++i) value.erase(object_key(i));
  CHECK_THROWS_WITH_AS(
      std::as_const(value).at("x"),
      R"(no member "x"; the object has "k25", "k26", "a rather long key number 27", "k28", "k29")",
      json::out_of_range);
}

TEST_CASE("parts of one document may be used and destroyed on different threads") {
  json document = json::array();
  for (int i = 0; i < 200; ++i)
    document.push_back({{"id", i}, {"text", "a text too long to lie inside"}, {"list", {i, i + 1}}});
  document = json::parse(document.dump());
  std::vector<std::thread> threads;
  for (std::size_t part = 0; part < 4; ++part) {
    json mine = json::array();
    for (std::size_t i = part; i < document.size(); i += 4) mine.push_back(std::move(document[i]));
    threads.emplace_back([mine = std::move(mine)]() mutable {
      while (!mine.empty()) {
        mine[0]["list"].push_back("grown");
        mine.erase(mine.size() / 2);
      }
    });
  }
  document = nullptr;
  for (std::thread& thread : threads) thread.join();
  CHECK(document.is_null());
}
