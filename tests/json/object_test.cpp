// Objects of many members, and blocks shared between values: what object_index.hpp, containers.hpp and
// blocks.hpp are for.

#include <doctest/doctest.h>
#include <coworker/json/json.hpp>
#include <cstddef>
#include <iterator>
#include <string>
#include <thread>
#include <utility>
#include <vector>

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

}  // namespace

TEST_CASE("objects around the size where an index begins find all their members, and only those") {
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

TEST_CASE("a hundred thousand members are parsed, found, built and replaced without quadratic time") {
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

TEST_CASE("many members with equal keys in few places behave as one at a time would") {
  for (std::size_t different : {1u, 2u, 5u, 16u, 17u, 40u}) {
    const json parsed = json::parse(object_text(60, different));
    json built;
    for (std::size_t i = 0; i < 60; ++i) built[object_key(i % different)] = i;
    CHECK(parsed.dump() == built.dump());
  }
}

TEST_CASE("erasing from an object with an index leaves the rest findable") {
  json value;
  for (std::size_t i = 0; i < 50; ++i) value[object_key(i)] = i;
  for (std::size_t i = 0; i < 50; i += 2) CHECK(value.erase(object_key(i)) == 1);
  CHECK(value.size() == 25);
  for (std::size_t i = 0; i < 50; ++i) CHECK(value.contains(object_key(i)) == (i % 2 == 1));
  value[object_key(0)] = "again";
  CHECK(value.at(object_key(0)) == "again");
  CHECK(std::prev(value.end()).key() == object_key(0));
}

TEST_CASE("parts of one document may live and die on different threads") {
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
