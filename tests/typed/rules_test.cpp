#include <doctest/doctest.h>
#include <chrono>
#include <coworker/job/handler.hpp>
#include <coworker/json/json.hpp>
#include <coworker/typed/rules.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rules_case {
struct request {
  std::string prompt = "p";
  std::optional<int> width;
  std::vector<int> size{1};
  std::string sampler = "euler";
  std::chrono::milliseconds wait{1};
  double strength = 0.5;
  int first = 0;
  int last = 9;
  std::string klass = "c";
};
bool is_odd(const double& value) { return static_cast<int>(value) % 2 == 1; }
constexpr auto rules(coworker::type<request>) {
  using coworker::member;
  return coworker::rule_list(
      member(&request::prompt).length(1, 5),
      member(&request::width).range(64, 2048).check([](int w) { return w % 8 == 0; }, "a multiple of 8"),
      member(&request::size).length(1, 2).range(0, 10), member(&request::sampler).one_of("euler", "ddim"),
      member(&request::wait).at_most(std::chrono::seconds(2)),
      member(&request::strength).at_least(0).check(&is_odd, "an odd number"),
      coworker::check([](const request& r) { return r.first <= r.last; }, "first not to be after last"),
      member(&request::klass).named("class"));
}

struct lenient {
  std::string optional_text;
  int needed = 1;
  friend constexpr auto rules(coworker::type<lenient>) {
    return coworker::rule_list(coworker::unknown_members::ignored,
                               coworker::member(&lenient::optional_text).optional(),
                               coworker::member(&lenient::needed).required());
  }
};
struct parent {
  std::vector<lenient> children;
};
struct words {
  std::vector<std::string> all;
  std::vector<std::optional<int>> numbers = {};
};
constexpr auto rules(coworker::type<words>) {
  return coworker::rule_list(coworker::member(&words::all).length(2).one_of("a", "b"),
                             coworker::member(&words::numbers).one_of(1, 3).optional());
}
namespace {

using coworker::json;

template <class T>
T ruled_from(std::string_view text) {
  json input = json::parse(text);
  return coworker::detail::take_input<T>(input);
}

template <class T>
std::vector<std::string> ruled_problems(std::string_view text) {
  try {
    ruled_from<T>(text);
  } catch (const coworker::input_error& error) {
    return error.problems();
  }
  return {};
}

using ruled_lines = std::vector<std::string>;

}  // namespace

TEST_CASE("an input that keeps to its rules is taken, its edges too") {
  const auto taken = ruled_from<request>(
      R"({"prompt":"\u00e4\u00e4\u00e4\u00e4\u00e4","width":64,"size":[0,10],"sampler":"ddim","wait":2,"strength":1.5,
          "first":9,"last":9,"class":"d"})");
  CHECK(taken.klass == "d");
  CHECK(taken.width == 64);
  CHECK(ruled_from<request>(R"({"width":2048})").width == 2048);
  CHECK(ruled_from<request>(R"({"width":null})").strength == 0.5);  // rules are about what is given
}

TEST_CASE("what breaks a rule is told with what was asked for") {
  CHECK(
      ruled_problems<request>(
          R"({"prompt":"","width":72.0,"size":[1,11,-1],"sampler":"dpm","wait":2.5,"strength":-1,"klass":"x"})") ==
      ruled_lines{
          R"(input.klass: unknown member; there are "prompt", "width", "size", "sampler", "wait", "strength", "first", )"
          R"("last" and 1 more)",
          "input.prompt: expected from 1 to 5 characters, found 0",
          "input.size: expected from 1 to 2 elements, found 3",
          "input.size[1]: expected from 0 to 10, found integer 11",
          "input.size[2]: expected from 0 to 10, found integer -1",
          R"(input.sampler: expected one of "euler", "ddim", found string "dpm")",
          "input.wait: expected at most 2.0, found number 2.5",
          "input.strength: expected at least 0.0, found number -1.0"});
  CHECK(ruled_problems<request>(R"({"width":100,"strength":2})") ==
        ruled_lines{"input.width: expected a multiple of 8, found integer 100",
                    "input.strength: expected an odd number, found number 2.0"});
  CHECK(ruled_problems<words>(R"({"all":["c"],"numbers":[1,null,2]})") ==
        ruled_lines{"input.all: expected at least 2 elements, found 1",
                    R"(input.all[0]: expected one of "a", "b", found string "c")",
                    "input.numbers[2]: expected one of 1, 3, found integer 2"});
}

TEST_CASE("a rule about several members is asked when each of them is right") {
  CHECK(ruled_problems<request>(R"({"first":5,"last":4})") ==
        ruled_lines{"input: expected first not to be after last"});
  CHECK(ruled_problems<request>(R"({"first":5,"last":"x"})").size() == 1);
}

TEST_CASE("a member may be said to be required or not, and unknown ones to be ignored") {
  CHECK(ruled_from<lenient>(R"({"needed":3,"other":[]})").needed == 3);
  CHECK(ruled_problems<lenient>(R"({"other":1})") ==
        ruled_lines{"input.needed: missing; expected an integer"});
  CHECK(ruled_problems<parent>(R"({"children":[{"needed":1,"x":2},{}],"x":1})") ==
        ruled_lines{"input.children[1].needed: missing; expected an integer",
                    R"(input.x: unknown member; there are "children")"});
}

}  // namespace rules_case
