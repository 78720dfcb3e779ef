#include <doctest/doctest.h>
#include <coworker/json/json.hpp>
#include <coworker/typed/problems.hpp>
#include <coworker/typed/read.hpp>
#include <cstddef>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/counted_memory.hpp"

namespace {

using coworker::input_error;
using coworker::json;
using coworker::detail::input_place;
using coworker::detail::input_problems;

// A from_json that quotes its whole input in its error.
struct problem_quoter {};
void from_json(const json& from, problem_quoter&) { throw std::invalid_argument("not this: " + from.dump()); }

struct problem_tree {
  std::map<std::string, problem_tree> below;
  int value = 0;
};

struct problem_costs {
  std::size_t report = 0;
  std::size_t problems = 0;
  double bytes = 0;  // allocated in total, per byte of the input's text
};

template <class T>
problem_costs costs_of_refusing(const json& input) {
  const auto size = static_cast<double>(input.dump().size());
  problem_costs costs;
  const coworker::testing::counted_memory counted;
  try {
    T target;
    coworker::detail::read_input(input, target, "input");
  } catch (const input_error& error) {
    costs.report = std::string(error.what()).size();
    costs.problems = error.problems().size();
  }
  costs.bytes = static_cast<double>(counted.bytes()) / size;
  return costs;
}

}  // namespace

TEST_CASE("a problem begins with its path, in which unusual keys are quoted") {
  input_problems problems;
  const input_place root{nullptr, "input"};
  const input_place size = root.member("size");
  const input_place odd = root.member("a b");
  problems.expected(size.element(1), "an integer", json("big"));
  problems.add(odd.member("c"), "missing");
  problems.add(root, "odd");
  CHECK(problems.count() == 3);
  CHECK_THROWS_WITH_AS(
      problems.throw_if_any(),
      R"(input.size[1]: expected an integer, found string "big"; input["a b"].c: missing; input: odd)",
      input_error);
}

TEST_CASE("without a name for the whole, a path begins at its members") {
  input_problems problems;
  const input_place root;
  problems.add(root.element(2), "one");
  problems.add(root.member("a"), "two");
  problems.add(root, "three");
  const std::vector<std::string> listed = std::move(problems).take();
  CHECK(listed == std::vector<std::string>{"[2]: one", "a: two", "three"});
}

TEST_CASE("of very many problems a hundred are listed, and the rest are counted") {
  input_problems problems;
  const input_place root;
  for (std::size_t i = 0; i < 1000; ++i) problems.add(root.element(i), "odd");
  try {
    problems.throw_if_any();
    FAIL("nothing was thrown");
  } catch (const input_error& error) {
    CHECK(error.problems().size() == 100);
    CHECK(std::string(error.what()).ends_with("[99]: odd; and 900 more"));
  }
}

TEST_CASE("without problems nothing is thrown") {
  input_problems problems;
  CHECK(problems.none());
  problems.throw_if_any();
}

TEST_CASE("a long key above many problems is shortened, and costs as much as reading it once") {
  if (!coworker::testing::memory_is_counted()) return;
  using maps = std::map<std::string, std::map<std::string, int>>;
  for (const std::size_t length : {10'000u, 100'000u, 1'000'000u}) {
    json input;
    json& inner = input[std::string(length, 'k')];
    for (int i = 0; i < 200; ++i) inner[std::to_string(i)] = "bad";
    const problem_costs costs = costs_of_refusing<maps>(input);
    CHECK(costs.problems == 100);
    CHECK(costs.report < 20'000);
    CHECK(costs.bytes < 100'000.0 / static_cast<double>(length) + 4);
  }
}

TEST_CASE("long keys, unknown members, deep trees and conversions that quote all give a short report") {
  if (!coworker::testing::memory_is_counted()) return;
  json keys;
  json unknown;
  json quoted = json::array();
  for (int i = 0; i < 200; ++i) {
    keys[std::string(10'000, 'k') + std::to_string(i)] = "bad";
    unknown[std::string(10'000, '\x01') + std::to_string(i)] = 1;
    quoted.push_back(std::string(10'000, 'q'));
  }
  json tree;
  json* deepest = &tree;
  for (int depth = 0; depth < 400; ++depth) deepest = &(*deepest)["below"][std::string(1'000, 'k')];
  for (int i = 0; i < 200; ++i) (*deepest)["below"][std::to_string(i)]["value"] = "bad";
  for (const problem_costs& costs :
       {costs_of_refusing<std::map<std::string, int>>(keys), costs_of_refusing<problem_tree>(unknown),
        costs_of_refusing<std::vector<problem_quoter>>(quoted), costs_of_refusing<problem_tree>(tree)}) {
    CHECK(costs.problems > 5);
    CHECK(costs.report > 4'000);
    CHECK(costs.report < input_error::most_bytes + 15'000);
    CHECK(costs.bytes < 12);
  }
}

TEST_CASE("a report that is long enough counts further problems without listing them") {
  input_problems problems;
  const input_place root;
  for (std::size_t i = 0; i < 1'000; ++i) problems.add(root.element(i), std::string(3'000, 'x'));
  const std::vector<std::string> listed = std::move(problems).take();
  CHECK(listed.size() == 23);
  CHECK(listed.back() == "and 978 more");
}
