#include <doctest/doctest.h>
#include <concepts>
#include <coworker/scale/modifier.hpp>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>

namespace {

using coworker::concurrency_modifier;
using coworker::decide_limit;
using coworker::demand_level;
using coworker::fixed_concurrency;
using coworker::follow_demand;
using coworker::limit_decision;
using coworker::metrics;

enum class modifier_enum {};

static_assert(concurrency_modifier<int (*)(int)>);
static_assert(concurrency_modifier<int (*)(int, const metrics&)>);
static_assert(concurrency_modifier<int (*)(int, metrics)>);
static_assert(concurrency_modifier<std::uint64_t (*)(int)>);
static_assert(concurrency_modifier<signed char (*)(long)>);
static_assert(concurrency_modifier<decltype([](auto current) { return current; })>);
static_assert(concurrency_modifier<decltype([calls = 0](int) mutable { return ++calls; })>);

static_assert(!concurrency_modifier<int>);
static_assert(!concurrency_modifier<std::string (*)(int)>);
static_assert(!concurrency_modifier<void (*)(int)>);
static_assert(!concurrency_modifier<double (*)(int)>);
static_assert(!concurrency_modifier<bool (*)(int)>);
static_assert(!concurrency_modifier<char (*)(int)>);
static_assert(!concurrency_modifier<modifier_enum (*)(int)>);
static_assert(!concurrency_modifier<int (*)()>);
static_assert(!concurrency_modifier<int (*)(std::string)>);

limit_decision decide_from(auto modifier, int current = 5) {
  metrics measured;
  measured.limit = current;
  return decide_limit(modifier, measured);
}

}  // namespace

TEST_CASE("the result of a modifier becomes the limit") {
  CHECK(decide_from([](int current) { return current + 1; }).limit == 6);
  CHECK(decide_from([](int, const metrics& measured) { return measured.limit * 2; }).limit == 10);
  CHECK(decide_from([](int) { return 1; }).problem.empty());
}

TEST_CASE("a modifier that takes metrics gets them") {
  struct both {
    int operator()(int) const { return 1; }
    int operator()(int, const metrics&) const { return 2; }
  };
  CHECK(decide_from(both()).limit == 2);
}

TEST_CASE("a limit below 1 counts as 1, with a note that says so") {
  const limit_decision zero = decide_from([](int) { return 0; });
  CHECK(zero.limit == 1);
  CHECK(zero.problem == "the concurrency modifier returned 0; limits are 1 or more, so 1 is used");
  CHECK(decide_from([](int) { return -7; }).limit == 1);
  CHECK(decide_from([](int) { return std::numeric_limits<std::int64_t>::min(); }).limit == 1);
  CHECK(decide_from([](int) { return static_cast<unsigned char>(0); }).limit == 1);
}

TEST_CASE("a limit beyond int counts as the largest int") {
  constexpr int most = std::numeric_limits<int>::max();
  CHECK(decide_from([](int) { return most; }).limit == most);
  CHECK(decide_from([](int) { return std::int64_t{1} << 40; }).limit == most);
  CHECK(decide_from([](int) { return std::numeric_limits<std::uint64_t>::max(); }).limit == most);
  CHECK(decide_from([](int) { return std::numeric_limits<std::uint64_t>::max(); }).problem.empty());
}

TEST_CASE("a modifier that throws leaves the limit as it was, with a note that says so") {
  const limit_decision kept = decide_from([](int) -> int { throw std::runtime_error("no figures yet"); });
  CHECK(kept.limit == 5);
  CHECK(kept.problem ==
        "the concurrency modifier threw std::runtime_error (no figures yet); the limit stays at 5");
  CHECK(decide_from([](int) -> int { throw 42; }).limit == 5);
}

TEST_CASE("a modifier keeps its state from one call to the next") {
  int made = 0;
  auto counting = [&made, calls = 0](int) mutable { return made = ++calls; };
  const metrics measured;
  CHECK(decide_limit(counting, measured).limit == 1);
  CHECK(decide_limit(counting, measured).limit == 2);
}

TEST_CASE("fixed_concurrency does not change its limit") {
  CHECK(decide_from(fixed_concurrency()).limit == 1);
  CHECK(decide_from(fixed_concurrency{12}).limit == 12);
}

TEST_CASE("follow_demand rises by one while jobs wait, falls by one while slots wait, within its bounds") {
  const auto next = [](const follow_demand& modifier, int current, demand_level demand) {
    metrics measured;
    measured.demand = demand;
    return modifier(current, measured);
  };
  const follow_demand usual;
  CHECK(next(usual, 5, demand_level::high) == 6);
  CHECK(next(usual, 5, demand_level::steady) == 5);
  CHECK(next(usual, 5, demand_level::low) == 4);
  CHECK(next(usual, 10, demand_level::high) == 10);
  CHECK(next(usual, 1, demand_level::low) == 1);
  const follow_demand narrow{.min = 3, .max = 4};
  CHECK(next(narrow, 1, demand_level::low) == 3);
  CHECK(next(narrow, 9, demand_level::low) == 4);
  const follow_demand turned_round{.min = 8, .max = 2};
  CHECK(next(turned_round, 5, demand_level::low) == 8);
  const follow_demand unbounded{.max = std::numeric_limits<int>::max()};
  CHECK(next(unbounded, std::numeric_limits<int>::max(), demand_level::high) ==
        std::numeric_limits<int>::max());
}
