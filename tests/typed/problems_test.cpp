#include <doctest/doctest.h>
#include <coworker/json/json.hpp>
#include <coworker/typed/problems.hpp>
#include <string>
#include <vector>

namespace {

using coworker::input_error;
using coworker::json;
using coworker::detail::input_place;
using coworker::detail::input_problems;

}  // namespace

TEST_CASE("a problem begins with its path, in which odd keys are quoted") {
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

TEST_CASE("of very many problems a hundred are listed, and the others counted") {
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
