#include <doctest/doctest.h>
#include <array>
#include <chrono>
#include <coworker/job/handler.hpp>
#include <coworker/json/json.hpp>
#include <coworker/typed/read.hpp>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace read_case {
enum class sampler { euler, ddim };
struct lora {
  std::string name;
  double weight = 1;
};
struct tree {
  int value = 0;
  std::optional<std::vector<tree>> children;
};
struct request {
  std::string prompt;
  int width = 512;
  std::optional<double> guidance;
  std::vector<std::uint8_t> size{1, 2};
  std::map<std::string, lora> loras{{"default", lora{"d", 0.5}}};
  sampler how = sampler::ddim;
  std::chrono::milliseconds wait{100};
  coworker::json extra;
  bool hires = false;
  tree root;
};
struct containers {
  std::set<std::string> tags{"a"};
  std::unordered_map<std::string, std::vector<int>> lists{{"a", {1}}};
  std::array<float, 2> pair{1, 2};
  std::vector<bool> bits{true};
  std::vector<std::optional<int>> holes{1};
};
struct numbers {
  std::int8_t small = 1;
  std::uint64_t large = 2;
  std::int64_t exact = 3;
  float real = 4;
  std::chrono::duration<double> span{5};
  std::chrono::duration<std::int8_t> few{6};
};
struct must {
  std::string text;
  std::vector<int> list;
  std::map<std::string, int> map;
  std::optional<std::string> maybe;
  std::string usual = "u";
  lora nested;
  lora whole{"w", 2};
};
struct point {
  int x = 0;
  int y = 0;
};
void from_json(const coworker::json& from, point& target) {
  if (from.is_boolean()) throw std::runtime_error("a point is neither true nor false");
  target.x = from.at(0).get<int>();
  target.y = from.at(1).get<int>();
}
struct letters {
  char grade = 'a';
  std::vector<char> all{'x'};
  std::map<std::string, char> by_name = {};
  std::optional<char> maybe;
};
struct ordered {
  std::vector<std::pair<std::string, int>> weights{{"a", 1}};
  std::pair<double, lora> best;
};
struct wide {
  int a0 = 0, b0 = 1, c0 = 2, d0 = 3, e0 = 4, f0 = 5, g0 = 6, h0 = 7, a1 = 8, b1 = 9, c1 = 10, d1 = 11;
  int e1 = 12, f1 = 13, g1 = 14, h1 = 15, a2 = 16, b2 = 17, c2 = 18, d2 = 19, e2 = 20, f2 = 21, g2 = 22;
  int h2 = 23, a3 = 24, b3 = 25, c3 = 26, d3 = 27, e3 = 28, f3 = 29, g3 = 30, h3 = 31, a4 = 32, b4 = 33;
  int c4 = 34, d4 = 35, e4 = 36, f4 = 37, g4 = 38, h4 = 39, a5 = 40, b5 = 41, c5 = 42, d5 = 43, e5 = 44;
  int f5 = 45, g5 = 46, h5 = 47, a6 = 48, b6 = 49, c6 = 50, d6 = 51, e6 = 52, f6 = 53, g6 = 54, h6 = 55;
  int a7 = 56, b7 = 57, c7 = 58, d7 = 59, e7 = 60, f7 = 61, g7 = 62, h7 = 63;
};
struct with_own {
  point where;
  std::vector<point> more{point()};
};
namespace {

using coworker::input_error;
using coworker::json;

template <class T>
T read_from(std::string_view text) {
  json input = json::parse(text);
  return coworker::detail::take_input<T>(input);
}

template <class T>
std::vector<std::string> read_problems(std::string_view text) {
  try {
    read_from<T>(text);
  } catch (const input_error& error) {
    return error.problems();
  }
  return {};
}

using lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a struct is filled from an object, whatever the order of its members") {
  const auto all = read_from<request>(
      R"({"hires":true,"prompt":"fog","width":768,"guidance":7.5,"size":[3,255],"loras":{"x":{"name":"n"}},
          "how":"euler","wait":1.5,"extra":{"any":[1,null]},"root":{"value":1,"children":[{"value":2},{}]}})");
  CHECK(all.prompt == "fog");
  CHECK(all.width == 768);
  CHECK(all.guidance == 7.5);
  CHECK(all.size == std::vector<std::uint8_t>{3, 255});
  CHECK(all.loras.size() == 1);
  CHECK(all.loras.at("x").weight == 1);
  CHECK(all.how == sampler::euler);
  CHECK(all.wait == std::chrono::milliseconds(1500));
  CHECK(all.extra == json{{"any", {1, nullptr}}});
  CHECK(all.hires);
  CHECK(all.root.children->at(0).value == 2);
  CHECK_FALSE(all.root.children->at(1).children.has_value());
}

TEST_CASE("an omitted member keeps its default") {
  const auto least = read_from<request>(R"({"prompt":"fog","guidance":null})");
  CHECK(least.width == 512);
  CHECK_FALSE(least.guidance.has_value());
  CHECK(least.size == std::vector<std::uint8_t>{1, 2});
  CHECK(least.loras.at("default").name == "d");
  CHECK(least.how == sampler::ddim);
  CHECK(least.wait == std::chrono::milliseconds(100));
  CHECK(least.extra.is_null());
}

TEST_CASE("a text or container without a default must be given, and so must a struct that has one") {
  CHECK(read_problems<must>("{}") ==
        lines{"input.text: missing; expected a string", "input.list: missing; expected an array",
              "input.map: missing; expected an object", "input.nested.name: missing; expected a string"});
  const auto least = read_from<must>(R"({"text":"","list":[],"map":{},"nested":{"name":"n"}})");
  CHECK(least.usual == "u");
  CHECK(least.whole.name == "w");
}

TEST_CASE("a struct inside a struct keeps the defaults that the outer one gives it") {
  const auto partly =
      read_from<must>(R"({"text":"","list":[],"map":{},"nested":{"name":"n"},"whole":{"weight":3}})");
  CHECK(partly.whole.name == "w");
  CHECK(partly.whole.weight == 3);
}

TEST_CASE("all problems are reported together, with path, what was expected and what was found") {
  CHECK(
      read_problems<request>(
          R"({"prompt":7,"width":"wide","guidance":"high","size":[1,"big",300,1.5],"loras":{"a b":{"wieght":1}},
                "how":"dpm","wait":"soon","hires":1,"root":{"children":[{"value":1},{"value":null}]},"zzz":0})") ==
      lines{
          R"(input.prompt: expected a string, found integer 7)",
          R"(input.width: expected an integer, found string "wide")",
          R"(input.guidance: expected a number, found string "high")",
          R"(input.size[1]: expected an integer, found string "big")",
          R"(input.size[2]: expected an integer from 0 to 255, found integer 300)",
          R"(input.size[3]: expected an integer, found number 1.5)",
          R"(input.loras["a b"].name: missing; expected a string)",
          R"(input.loras["a b"].wieght: unknown member; there are "name", "weight")",
          R"(input.how: expected one of "euler", "ddim", found string "dpm")",
          R"(input.wait: expected a number of seconds, found string "soon")",
          R"(input.hires: expected a boolean, found integer 1)",
          R"(input.root.children[1].value: expected an integer, found null)",
          R"(input.zzz: unknown member; there are "prompt", "width", "guidance", "size", "loras", "how", "wait", )"
          R"("extra" and 2 more)"});
  CHECK(read_problems<request>("[1]") == lines{"input: expected an object, found an array"});
  CHECK(read_problems<std::vector<int>>(R"([1,"two",true])") ==
        lines{R"(input[1]: expected an integer, found string "two")",
              "input[2]: expected an integer, found true"});
}

TEST_CASE("containers of every kind are filled, and empty ones are accepted") {
  const auto full = read_from<containers>(
      R"({"tags":["x","b","x"],"lists":{"k":[1,2],"e":[]},"pair":[1.5,2],"bits":[true,false],"holes":[null,2]})");
  CHECK(full.tags == std::set<std::string>{"b", "x"});
  CHECK(full.lists.at("k") == std::vector<int>{1, 2});
  CHECK(full.lists.size() == 2);
  CHECK(full.pair[0] == 1.5f);
  CHECK(full.bits == std::vector<bool>{true, false});
  CHECK(full.holes == std::vector<std::optional<int>>{std::nullopt, 2});
  CHECK(read_from<containers>(R"({"tags":[],"bits":[]})").tags.empty());
  CHECK(read_problems<containers>(R"({"tags":{},"lists":[],"pair":[1],"holes":[[]]})") ==
        lines{"input.tags: expected an array, found an object",
              "input.lists: expected an object, found an array",
              "input.pair: expected an array of 2, found 1",
              "input.holes[0]: expected an integer, found an array"});
}

TEST_CASE("numbers must fit their member; whole floating numbers count as integers") {
  const auto most = read_from<numbers>(
      R"({"small":-128,"large":18446744073709551615,"exact":-9223372036854775808,"real":1,"span":0.25,"few":127})");
  CHECK(most.small == -128);
  CHECK(most.large == std::numeric_limits<std::uint64_t>::max());
  CHECK(most.exact == std::numeric_limits<std::int64_t>::min());
  CHECK(most.span == std::chrono::duration<double>(0.25));
  CHECK(most.few.count() == 127);
  CHECK(read_from<numbers>(R"({"small":1e2,"few":-2.5})").small == 100);
  CHECK(read_problems<numbers>(
            R"({"small":128,"large":-1,"exact":9223372036854775808,"real":true,"few":128})") ==
        lines{"input.small: expected an integer from -128 to 127, found integer 128",
              "input.large: expected an integer from 0 to 18446744073709551615, found integer -1",
              "input.exact: expected an integer from -9223372036854775808 to 9223372036854775807, "
              "found integer 9223372036854775808",
              "input.real: expected a number, found true",
              "input.few: expected a number of seconds that the member can hold, found integer 128"});
  CHECK(read_problems<numbers>(R"({"small":1e300,"exact":1e19,"real":1e39})").size() == 3);
  CHECK(read_problems<numbers>(R"({"exact":-9223372036854775809})").size() == 1);
}

TEST_CASE("a char is read from a text of one ASCII character") {
  const auto read = read_from<letters>(R"({"grade":"\"","all":["a","b"],"by_name":{"k":"v"},"maybe":"m"})");
  CHECK(read.grade == '"');
  CHECK(read.all == std::vector<char>{'a', 'b'});
  CHECK(read.by_name.at("k") == 'v');
  CHECK(read.maybe == 'm');
  CHECK(read_problems<letters>("{\"grade\":\"\u00e4\",\"all\":[\"ab\",97,\"\"],\"by_name\":{}}") ==
        lines{"input.grade: expected a string of one ASCII character, found string \"\u00e4\"",
              R"(input.all[0]: expected a string of one ASCII character, found string "ab")",
              "input.all[1]: expected a string of one ASCII character, found integer 97",
              R"(input.all[2]: expected a string of one ASCII character, found string "")"});
}

TEST_CASE("pairs are read from arrays of two elements") {
  const auto read = read_from<ordered>(R"({"weights":[["z",1],["a",2],["z",3]],"best":[0.5,{"name":"n"}]})");
  CHECK(read.weights == std::vector<std::pair<std::string, int>>{{"z", 1}, {"a", 2}, {"z", 3}});
  CHECK(read.best.second.name == "n");
  CHECK(read_problems<ordered>(R"({"weights":[["z"],[1,"x"],{}],"best":[1,{}]})") ==
        lines{"input.weights[0]: expected an array of 2, found 1",
              "input.weights[1][0]: expected a string, found integer 1",
              R"(input.weights[1][1]: expected an integer, found string "x")",
              "input.weights[2]: expected an array of 2, found an object",
              "input.best[1].name: missing; expected a string"});
}

TEST_CASE("a struct of 64 members is read, and a problem of its last one is reported") {
  const auto read = read_from<wide>(R"({"h7":-1,"a0":-2})");
  CHECK(read.h7 == -1);
  CHECK(read.a0 == -2);
  CHECK(read.g7 == 62);
  CHECK(read_problems<wide>(R"({"h7":"x","d3":1.5})") ==
        lines{"input.d3: expected an integer, found number 1.5",
              R"(input.h7: expected an integer, found string "x")"});
}

TEST_CASE("a wrong array length is reported, and so are wrong elements") {
  CHECK(read_problems<containers>(R"({"pair":[1,"x",3]})") ==
        lines{"input.pair: expected an array of 2, found 3",
              R"(input.pair[1]: expected a number, found string "x")"});
}

TEST_CASE("a number is read into a float if it rounds to a finite one") {
  CHECK(read_from<numbers>(R"({"real":3.4028235e38})").real == std::numeric_limits<float>::max());
  CHECK(read_problems<numbers>(R"({"real":3.4028236e38,"span":1e308})") ==
        lines{"input.real: expected a number that the member can hold, found number 3.4028236e+38"});
  CHECK(read_from<std::chrono::duration<double, std::milli>>("2.5").count() == 2500);
  CHECK(read_problems<std::chrono::duration<double, std::nano>>("1e300") ==
        lines{"input: expected a number of seconds that the member can hold, found number 1e+300"});
  CHECK(read_problems<std::chrono::duration<float>>("-1e39") ==
        lines{"input: expected a number of seconds that the member can hold, found number -1e+39"});
}

TEST_CASE("a type's own from_json is called, and its exception becomes a problem at its place") {
  CHECK(read_from<with_own>(R"({"where":[3,4]})").where.y == 4);
  CHECK(read_problems<with_own>(R"({"where":[1,"x"],"more":[[1,2],true,[1]]})") ==
        lines{R"(input.where: expected an integer, found string "x")",
              "input.more[1]: a point is neither true nor false",
              "input.more[2]: no element 1; the array has 1"});
}

TEST_CASE("json::get returns structs too, and problems have the path to their place") {
  const json value = json::parse(R"({"a":[{"name":"n"},{"name":1,"weight":"x"}]})");
  CHECK(value.at("a").at(0).get<lora>().name == "n");
  CHECK_THROWS_WITH(
      value.at("a").get<std::vector<lora>>(),
      R"([1]: name: expected a string, found integer 1; weight: expected a number, found string "x")");
  CHECK(json("euler").get<sampler>() == sampler::euler);
  CHECK(json(2).get<std::chrono::milliseconds>() == std::chrono::seconds(2));
}

TEST_CASE("deep input of a struct that contains itself is read to its end") {
  std::string text = R"({"value":0})";
  for (int i = 0; i < 250; ++i) text = R"({"children":[)" + text + "]}";
  tree deep = read_from<tree>(text);
  int levels = 0;
  for (const tree* at = &deep; at->children; at = &at->children->front()) ++levels;
  CHECK(levels == 250);
}

TEST_CASE("an object with very many members is searched by its index") {
  std::string text = "{";
  for (int i = 0; i < 1000; ++i) text += "\"k" + std::to_string(i) + "\":1,";
  const auto problems = read_problems<lora>(text + R"("weight":2,"name":"n"})");
  CHECK(problems.size() == 100);
  CHECK(problems.front() == R"(input.k0: unknown member; there are "name", "weight")");
}

}  // namespace read_case
