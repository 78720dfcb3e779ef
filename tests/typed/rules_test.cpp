#include <doctest/doctest.h>
#include <array>
#include <chrono>
#include <coworker/job/handler.hpp>
#include <coworker/json/json.hpp>
#include <coworker/typed/defaults.hpp>
#include <coworker/typed/rules.hpp>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
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

struct lists {
  std::vector<int> sizes{1};
  std::set<int> kinds{3};
  std::list<std::optional<int>> gaps{2};
  std::array<int, 2> pair{1, 1};
  std::map<std::string, int> named{{"a", 1}};
  std::optional<std::vector<int>> maybe;
};
constexpr auto rules(coworker::type<lists>) {
  using coworker::member;
  return coworker::rule_list(member(&lists::sizes)
                                 .length(1, 4)
                                 .range(0, 9)
                                 .check([](const auto& all) { return all.front() != 5; }, "no 5 first"),
                             member(&lists::kinds).range(1, 9).length(1, 3), member(&lists::gaps).at_least(0),
                             member(&lists::pair).at_most(7), member(&lists::named).length(1, 2),
                             member(&lists::maybe).length(1).at_most(3));
}
struct graded {
  char grade = 'a';
  std::vector<char> all{'b'};
};
constexpr auto rules(coworker::type<graded>) {
  return coworker::rule_list(coworker::member(&graded::grade).one_of('a', 'b'),
                             coworker::member(&graded::all).one_of('b', 'c').length(1, 2));
}
struct real {
  float share = 0.5f;
  float step = 0.1f;
  std::chrono::duration<float> wait{0.1f};
};
constexpr auto rules(coworker::type<real>) {
  using coworker::member;
  return coworker::rule_list(member(&real::share).at_most(0.7f), member(&real::step).one_of(0.1f, 0.2f),
                             member(&real::wait).at_most(std::chrono::duration<float>(0.3f)));
}

// What the compiler cannot check: a std::map, a function that is not constexpr, rules that are not constexpr.
bool is_even(const int& value) { return value % 2 == 0; }
struct with_map {
  int width = 100;
  std::map<std::string, int> others{{"a", 1}};
};
constexpr auto rules(coworker::type<with_map>) {
  return coworker::rule_list(coworker::member(&with_map::width).range(200, 300));
}
struct with_function {
  int width = 7;
  std::vector<with_map> parts = {};
};
constexpr auto rules(coworker::type<with_function>) {
  return coworker::rule_list(coworker::member(&with_function::width).check(&is_even, "even"),
                             coworker::member(&with_function::parts).optional());
}
struct with_late_rules {
  int a = 1;
  int b = 2;
};
inline auto rules(coworker::type<with_late_rules>) {
  return coworker::rule_list(coworker::member(&with_late_rules::b).named("a"));
}
struct sentinel {
  std::string must_be_given;
  std::optional<int> width;
  int height = -1;
  std::map<std::string, int> empty;
};
constexpr auto rules(coworker::type<sentinel>) {
  using coworker::member;
  return coworker::rule_list(
      member(&sentinel::must_be_given).length(1, 5), member(&sentinel::width).range(1, 2),
      member(&sentinel::height).range(1, 2).required(), member(&sentinel::empty).length(1));
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

TEST_CASE("an input that meets its rules is accepted, limits included") {
  const auto taken = ruled_from<request>(
      R"({"prompt":"\u00e4\u00e4\u00e4\u00e4\u00e4","width":64,"size":[0,10],"sampler":"ddim","wait":2,"strength":1.5,
          "first":9,"last":9,"class":"d"})");
  CHECK(taken.klass == "d");
  CHECK(taken.width == 64);
  CHECK(ruled_from<request>(R"({"width":2048})").width == 2048);
  CHECK(ruled_from<request>(R"({"width":null})").strength == 0.5);  // rules apply to what is given
}

TEST_CASE("a broken rule is reported with what it requires") {
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

TEST_CASE("a wrong element hides neither another one's broken rules nor a wrong length") {
  CHECK(ruled_problems<lists>(R"({"sizes":[5,"x",11,null,-1],"kinds":[0,"x",12,2],"gaps":[null,-1,"x"],
                                  "pair":[8,"x"],"named":{"a":"x","b":1,"c":2},"maybe":["x",4]})") ==
        ruled_lines{R"(input.sizes[1]: expected an integer, found string "x")",
                    "input.sizes[3]: expected an integer, found null",
                    R"(input.kinds[1]: expected an integer, found string "x")",
                    R"(input.gaps[2]: expected an integer, found string "x")",
                    R"(input.pair[1]: expected an integer, found string "x")",
                    R"(input.named.a: expected an integer, found string "x")",
                    R"(input.maybe[0]: expected an integer, found string "x")",
                    "input.sizes: expected from 1 to 4 elements, found 5",
                    "input.sizes[2]: expected from 0 to 9, found integer 11",
                    "input.sizes[4]: expected from 0 to 9, found integer -1",
                    "input.kinds[0]: expected from 1 to 9, found integer 0",
                    "input.kinds[2]: expected from 1 to 9, found integer 12",
                    "input.gaps[1]: expected at least 0, found integer -1",
                    "input.pair[0]: expected at most 7, found integer 8",
                    "input.named: expected from 1 to 2 members, found 3",
                    "input.maybe[1]: expected at most 3, found integer 4"});
  CHECK(ruled_problems<lists>(R"({"sizes":"x","named":[],"maybe":null})").size() == 2);
}

TEST_CASE("an element of a set is reported by its place in the input") {
  CHECK(ruled_problems<lists>(R"({"kinds":[7,12,2,0]})") ==
        ruled_lines{"input.kinds: expected from 1 to 3 elements, found 4",
                    "input.kinds[1]: expected from 1 to 9, found integer 12",
                    "input.kinds[3]: expected from 1 to 9, found integer 0"});
  CHECK(ruled_from<lists>(R"({"kinds":[7,7,7,7]})").kinds.size() == 1);
}

TEST_CASE("chars have choices, and floats are shown in the shortest text that reads back") {
  CHECK(ruled_from<graded>(R"({"grade":"b","all":["c"]})").grade == 'b');
  CHECK(ruled_problems<graded>(R"({"grade":"c","all":["b","x"]})") ==
        ruled_lines{R"(input.grade: expected one of "a", "b", found string "c")",
                    R"(input.all[1]: expected one of "b", "c", found string "x")"});
  CHECK(ruled_problems<real>(R"({"share":0.8,"step":0.3,"wait":0.4})") ==
        ruled_lines{"input.share: expected at most 0.7, found number 0.8",
                    "input.step: expected one of 0.1, 0.2, found number 0.3",
                    "input.wait: expected at most 0.3, found number 0.4"});
  CHECK(ruled_from<real>(R"({"share":0.7,"step":0.2,"wait":0.3})").share == 0.7f);
}

TEST_CASE("a default that breaks its rule is reported before the first input, if not at compile time") {
  using coworker::detail::require_sound_defaults;
  CHECK_THROWS_WITH_AS(
      require_sound_defaults<with_map>(),
      "coworker: a default breaks the rule beside it: with_map.width: expected from 200 to 300, "
      "found integer 100; give it one that keeps to the rule, or make the member a std::optional",
      std::logic_error);
  CHECK_THROWS_WITH_AS(
      require_sound_defaults<std::vector<with_function>>(),
      "coworker: a default breaks the rule beside it: with_function.width: expected even, found "
      "integer 7; with_map.width: expected from 200 to 300, found integer 100; give it one that "
      "keeps to the rule, or make the member a std::optional",
      std::logic_error);
  require_sound_defaults<sentinel>();
  require_sound_defaults<lists>();
  require_sound_defaults<int>();
}

TEST_CASE("two members with the same name are reported if the rules are not constexpr") {
  CHECK_THROWS_WITH_AS(ruled_from<with_late_rules>("{}"),
                       "coworker: two members of with_late_rules have one name in JSON, \"a\"; see "
                       "coworker::member(...).named",
                       std::logic_error);
}

TEST_CASE("a rule about several members is checked if each of them is right") {
  CHECK(ruled_problems<request>(R"({"first":5,"last":4})") ==
        ruled_lines{"input: expected first not to be after last"});
  CHECK(ruled_problems<request>(R"({"first":5,"last":"x"})").size() == 1);
}

TEST_CASE("a member can be made required or optional, and unknown ones ignored") {
  CHECK(ruled_from<lenient>(R"({"needed":3,"other":[]})").needed == 3);
  CHECK(ruled_problems<lenient>(R"({"other":1})") ==
        ruled_lines{"input.needed: missing; expected an integer"});
  CHECK(ruled_problems<parent>(R"({"children":[{"needed":1,"x":2},{}],"x":1})") ==
        ruled_lines{"input.children[1].needed: missing; expected an integer",
                    R"(input.x: unknown member; there are "children")"});
}

}  // namespace rules_case
