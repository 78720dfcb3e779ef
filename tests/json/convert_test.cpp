#include <doctest/doctest.h>
#include <array>
#include <bit>
#include <coworker/json/json.hpp>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <limits>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace convert_case {

struct point {
  int x = 0;
  int y = 0;
  bool operator==(const point&) const = default;
};

void to_json(coworker::json& out, const point& value) { out = {{"x", value.x}, {"y", value.y}}; }
void from_json(const coworker::json& in, point& value) {
  in.at("x").get_to(value.x);
  value.y = in.value("y", 7);
}

struct opaque {};

}  // namespace convert_case

namespace {

using convert_case::point;
using coworker::json;
using coworker::json_source;

template <class Function>
std::string convert_error(Function function) {
  try {
    function();
  } catch (const json::type_error& error) {
    return std::string("type_error: ") + error.what();
  } catch (const json::out_of_range& error) {
    return std::string("out_of_range: ") + error.what();
  }
  return "no error";
}

static_assert(json_source<int> && json_source<bool> && json_source<const char*> && json_source<char[4]>);
static_assert(json_source<std::vector<std::map<std::string, std::optional<point>>>>);
static_assert(json_source<json> && json_source<const json&> && json_source<std::nullptr_t>);
static_assert(!json_source<convert_case::opaque> && !json_source<std::vector<convert_case::opaque>>);
static_assert(!json_source<void*> && !json_source<int*> && !json_source<wchar_t> &&
              !json_source<const wchar_t*>);
static_assert(!std::is_constructible_v<json, convert_case::opaque>);

}  // namespace

TEST_CASE("numbers of every type convert to JSON exactly") {
  CHECK(json(std::int8_t{-128}).dump() == "-128");
  CHECK(json(std::uint8_t{255}).dump() == "255");
  CHECK(json(std::int16_t{-1}).dump() == "-1");
  CHECK(json(std::uint32_t{4294967295u}).dump() == "4294967295");
  CHECK(json(std::numeric_limits<long long>::min()).dump() == "-9223372036854775808");
  CHECK(json(std::numeric_limits<unsigned long long>::max()).dump() == "18446744073709551615");
  CHECK(json(1.5f).dump() == "1.5");
  CHECK(json(2.5L).dump() == "2.5");
  CHECK(json(true).dump() == "true");
  volatile int changes = 3;
  CHECK(json(changes) == 3);
}

TEST_CASE("texts, optionals, ranges and maps convert to JSON by their shape") {
  const std::string text = "text";
  char buffer[] = "buffer";
  CHECK(json(text).dump() == R"("text")");
  CHECK(json(std::string_view("view")).dump() == R"("view")");
  CHECK(json(buffer).dump() == R"("buffer")");
  CHECK(json(std::optional<int>{}).is_null());
  CHECK(json(std::optional<std::string>{"x"}).dump() == R"("x")");
  CHECK(json(std::vector<int>{1, 2}).dump() == "[1,2]");
  CHECK(json(std::vector<bool>{true, false}).dump() == "[true,false]");
  CHECK(json(std::list<std::string>{"a", "b"}).dump() == R"(["a","b"])");
  CHECK(json(std::set<int>{3, 1}).dump() == "[1,3]");
  CHECK(json(std::array<double, 2>{1, 2}).dump() == "[1.0,2.0]");
  int numbers[] = {4, 5};
  CHECK(json(numbers).dump() == "[4,5]");
  CHECK(json(std::vector<json>{1, "a"}).dump() == R"([1,"a"])");
  CHECK(json(std::map<std::string, std::vector<int>>{{"b", {1}}, {"a", {}}}).dump() == R"({"a":[],"b":[1]})");
  CHECK(json(std::unordered_map<std::string, int>{{"k", 1}}).dump() == R"({"k":1})");
}

TEST_CASE("pairs and lists of pairs convert to arrays of two elements, and back") {
  const std::vector<std::pair<std::string, int>> list{{"z", 1}, {"a", 2}, {"z", 3}};
  CHECK(json(list).dump() == R"([["z",1],["a",2],["z",3]])");
  CHECK(json(list).get<std::vector<std::pair<std::string, int>>>() == list);
  std::pair<const std::string, int> array[] = {{"z", 1}, {"z", 2}};
  CHECK(json(array).dump() == R"([["z",1],["z",2]])");
  CHECK(json(std::set<std::pair<int, bool>>{{1, true}}).dump() == "[[1,true]]");
  CHECK(json(std::pair(1, std::pair(2.5, "x"))).dump() == R"([1,[2.5,"x"]])");
  CHECK(json::parse(R"([1,[2.5,"x"]])").get<std::pair<int, std::pair<double, std::string>>>().second.second ==
        "x");
  CHECK(convert_error([] {
          (void)json{1, "x"}.get<std::pair<int, int>>();
        }) == R"(type_error: [1]: expected an integer, found string "x")");
  CHECK(convert_error([] { (void)json{1}.get<std::pair<int, int>>(); }) ==
        "type_error: expected an array of 2, found an array");
  static_assert(!json_source<std::pair<int, convert_case::opaque>>);
}

TEST_CASE("a map is refused if it may contain a key several times, or if its keys are not texts") {
  static_assert(json_source<std::map<std::string_view, int>> && json_source<std::map<const char*, int>>);
  static_assert(!json_source<std::multimap<std::string, int>> && !json_source<std::map<int, int>>);
  static_assert(!json_source<std::unordered_multimap<std::string, int>>);
  static_assert(!json_source<std::vector<std::multimap<std::string, int>>>);
  static_assert(!json_source<std::optional<std::multimap<std::string, int>>>);
  static_assert(!std::is_constructible_v<json, std::multimap<std::string, int>>);
  CHECK(json(std::multiset<std::string>{"a", "a"}).dump() == R"(["a","a"])");
  CHECK(json(std::map<std::string, std::vector<int>>{{"a", {1, 2}}}).dump() == R"({"a":[1,2]})");
}

TEST_CASE("a null text pointer is null, and no key; a text in an array ends with the array") {
  const char* const none = nullptr;
  char* const changeable = nullptr;
  CHECK(json(none).is_null());
  CHECK(json(changeable).is_null());
  const json from_environment = std::getenv("COWORKER_TESTS_NEVER_SET_THIS");
  CHECK(from_environment.is_null());
  CHECK(json{{"k", none}}.dump() == R"({"k":null})");
  CHECK(json(std::vector<const char*>{"a", nullptr}).dump() == R"(["a",null])");
  CHECK(json(std::optional<const char*>(none)).is_null());
  CHECK(json("a") != none);
  CHECK(convert_error([&] {
          (void)json(std::map<const char*, int>{{none, 1}});
        }) ==
        "type_error: expected a text as key, found a null pointer; test what may be null, as std::getenv's");
  CHECK(json::object({{"k", 1}}).value("k", 2) == 1);
  CHECK(json{{"k", "v"}}.value("k", none) == "v");
  CHECK(
      convert_error([&] { (void)json::object().value("k", none); }) ==
      R"(type_error: expected a text in place of the member "k", which is not there, found a null pointer)");
  const char full[3] = {'a', 'b', 'c'};
  CHECK(json(full) == "abc");
  CHECK(json("a\0b") == "a");
}

TEST_CASE("a char is a text of one character") {
  CHECK(json('x').dump() == R"("x")");
  CHECK(json(std::array<char, 2>{'a', '"'}).dump() == R"(["a","\""])");
  CHECK(json(static_cast<signed char>('x')) == 120);
  CHECK(json("x").get<char>() == 'x');
  CHECK(json::object().value("k", 'd') == 'd');
  CHECK(json("abc").get<std::string>()[1] == json("b").get<char>());
  for (const char* text : {R"("")", R"("ab")", "\"\u00e4\"", "120", R"("a text too long to lie inside")"}) {
    CAPTURE(text);
    CHECK(convert_error([&] {
            (void)json::parse(text).get<char>();
          }).starts_with("type_error: expected a string of one ASCII character, found "));
  }
  CHECK_THROWS_AS(json('\xe4').dump(), json::write_error);
}

TEST_CASE("a float is written as the shortest text that reads back as it") {
  CHECK(json(0.1f).dump() == "0.1");
  CHECK(json(0.7f).dump() == "0.7");
  CHECK(json(-3.4028235e38f).dump() == "-3.4028235e+38");
  CHECK(json(1.17549435e-38f).dump() == "1.1754944e-38");
  CHECK(json(16777216.0f).dump() == "16777216.0");
  CHECK(json(-0.0f).dump() == "-0.0");
  CHECK(json(0.1f) == 0.1);
  std::uint32_t bits = 1;
  for (int i = 0; i < 20'000; ++i) {
    bits = bits * 1664525u + 1013904223u;
    const float value = std::bit_cast<float>(bits);
    if (!(value - value == 0)) continue;
    CHECK(json(value).get<float>() == value);
    CHECK(json::parse(json(value).dump()).get<float>() == value);
  }
  CHECK_THROWS_AS(json(std::numeric_limits<float>::infinity()).dump(), json::write_error);
  CHECK_THROWS_WITH(json(std::numeric_limits<float>::quiet_NaN()).dump(), doctest::Contains("NaN"));
}

TEST_CASE("a number too large for a float is refused, but not one that rounds to the largest") {
  CHECK(convert_error([] { (void)json(1e300).get<float>(); }) ==
        "out_of_range: expected a number up to 3.4028234663852886e+38, found number 1e+300");
  CHECK(convert_error([] {
          (void)json{1, -1e39}.get<std::vector<float>>();
        }) == "out_of_range: [1]: expected a number up to 3.4028234663852886e+38, found number -1e+39");
  CHECK(json(3.4028235e38).get<float>() == std::numeric_limits<float>::max());
  CHECK(json(-3.4028235e38).get<float>() == -std::numeric_limits<float>::max());
  CHECK(convert_error([] { (void)json(3.4028236e38).get<float>(); }).starts_with("out_of_range"));
  CHECK(json(1e-300).get<float>() == 0);
  CHECK(json(18446744073709551615u).get<float>() == 18446744073709551616.0f);
  CHECK(json(1e300).get<double>() == 1e300);
}

TEST_CASE("to_json and from_json in a type's namespace are found, also inside containers") {
  CHECK(json(point{1, 2}).dump() == R"({"x":1,"y":2})");
  CHECK(json{{"p", point{1, 2}}}.dump() == R"({"p":{"x":1,"y":2}})");
  const json list = std::vector<point>{{1, 2}, {3, 4}};
  CHECK(list.get<std::vector<point>>() == std::vector<point>{{1, 2}, {3, 4}});
  CHECK(json{{"x", 5}}.get<point>() == point{5, 7});
  point kept{0, 0};
  CHECK(json{{"x", 5}}.get_to(kept).x == 5);
  CHECK(json::object().value("p", point{8, 9}) == point{8, 9});
}

TEST_CASE("get returns each type") {
  CHECK(json(true).get<bool>());
  CHECK(json(5).get<int>() == 5);
  CHECK(json(5).get<double>() == 5.0);
  CHECK(json(1.5).get<float>() == 1.5f);
  CHECK(json("x").get<std::string>() == "x");
  CHECK(json(nullptr).get<std::nullptr_t>() == nullptr);
  const json text = "a text too long to lie inside";
  CHECK(text.get<std::string_view>() == "a text too long to lie inside");
  CHECK(json{1, 2}.get<json>() == json{1, 2});
  CHECK(json{1, 2}.get<std::vector<long>>() == std::vector<long>{1, 2});
  CHECK(json{1, 2}.get<std::deque<int>>() == std::deque<int>{1, 2});
  CHECK(json{2, 1, 2}.get<std::set<int>>() == std::set<int>{1, 2});
  CHECK(json{1, 2}.get<std::array<int, 2>>() == std::array<int, 2>{1, 2});
  CHECK(json{true, false}.get<std::vector<bool>>() == std::vector<bool>{true, false});
  CHECK(json{{"a", {1}}}.get<std::map<std::string, std::vector<int>>>().at("a").front() == 1);
  CHECK(json{{"a", 1}}.get<std::unordered_map<std::string, double>>().at("a") == 1.0);
  CHECK_FALSE(json().get<std::optional<int>>().has_value());
  CHECK(json(4).get<std::optional<int>>() == 4);
  CHECK(json{1, nullptr}.get<std::vector<std::optional<int>>>() ==
        std::vector<std::optional<int>>{1, std::nullopt});
  int target = 0;
  json(9).get_to(target);
  CHECK(target == 9);
}

TEST_CASE("integers are range-checked, and whole floating-point numbers count as integers") {
  CHECK(convert_error([] { (void)json(300).get<std::uint8_t>(); }) ==
        "out_of_range: expected an integer from 0 to 255, found integer 300");
  CHECK(convert_error([] { (void)json(-1).get<unsigned>(); }) ==
        "out_of_range: expected an integer from 0 to 4294967295, found integer -1");
  CHECK(convert_error([] { (void)json(-129).get<std::int8_t>(); }) ==
        "out_of_range: expected an integer from -128 to 127, found integer -129");
  // This text is read as -2^63, which is a number that it does not say.
  CHECK(convert_error([] { (void)json::parse("-9223372036854775809").get<std::int64_t>(); }) ==
        "out_of_range: expected an integer from -9223372036854775808 to 9223372036854775807, found number "
        "-9.223372036854776e+18");
  CHECK(json(-2147483648.0).get<std::int32_t>() == -2147483647 - 1);
  CHECK(json(-9223372036854774784.0).get<std::int64_t>() == -9223372036854774784);
  CHECK(json(-0.0).get<std::uint64_t>() == 0);
  CHECK(convert_error([] { (void)json(9223372036854775808u).get<std::int64_t>(); }) ==
        "out_of_range: expected an integer from -9223372036854775808 to 9223372036854775807, found integer "
        "9223372036854775808");
  CHECK(convert_error([] { (void)json(1e30).get<std::uint64_t>(); }).starts_with("out_of_range: "));
  CHECK(convert_error([] {
          (void)json(18446744073709551616.0).get<std::uint64_t>();
        }).starts_with("out_of_range: "));
  CHECK(convert_error([] { (void)json(256.0).get<std::uint8_t>(); }).starts_with("out_of_range: "));
  CHECK(convert_error([] { (void)json(-1.0).get<std::uint8_t>(); }).starts_with("out_of_range: "));
  CHECK(json(255.0).get<std::uint8_t>() == 255);
  CHECK(json(-128.0).get<std::int8_t>() == -128);
  CHECK(json(9223372036854774784.0).get<std::int64_t>() == 9223372036854774784);
  CHECK(convert_error([] { (void)json(1.5).get<int>(); }) ==
        "type_error: expected an integer, found number 1.5");
  CHECK(convert_error([] { (void)json(-0.5).get<unsigned>(); }) ==
        "out_of_range: expected an integer from 0 to 4294967295, found number -0.5");
  CHECK(convert_error([] { (void)json(std::numeric_limits<double>::quiet_NaN()).get<int>(); }) ==
        "type_error: expected an integer, found number NaN");
  CHECK(convert_error([] { (void)json(std::numeric_limits<double>::infinity()).get<int>(); }) ==
        "type_error: expected an integer, found number infinity");
}

TEST_CASE("a wrong type is an error that names what was expected and found") {
  CHECK(convert_error([] { (void)json("5").get<int>(); }) ==
        R"(type_error: expected an integer, found string "5")");
  CHECK(convert_error([] { (void)json(1).get<bool>(); }) ==
        "type_error: expected a boolean, found integer 1");
  CHECK(convert_error([] { (void)json(true).get<double>(); }) == "type_error: expected a number, found true");
  CHECK(convert_error([] { (void)json().get<std::string>(); }) ==
        "type_error: expected a string, found null");
  CHECK(convert_error([] { (void)json(1).get<std::vector<int>>(); }) ==
        "type_error: expected an array, found integer 1");
  CHECK(convert_error([] { (void)json{1}.get<std::map<std::string, int>>(); }) ==
        "type_error: expected an object, found an array");
  CHECK(convert_error([] { (void)json{1}.get<std::array<int, 2>>(); }) ==
        "type_error: expected an array of 2, found an array");
  CHECK(convert_error([] { (void)json(1).get<std::nullptr_t>(); }) ==
        "type_error: expected null, found integer 1");
}

TEST_CASE("an error inside a container has the path") {
  CHECK(convert_error([] {
          (void)json{1, "x"}.get<std::vector<int>>();
        }) == R"(type_error: [1]: expected an integer, found string "x")");
  const json deep{{"a", {{1, 2}, {3, 400}}}};
  using target = std::map<std::string, std::vector<std::vector<std::int8_t>>>;
  CHECK(convert_error([&] { (void)deep.get<target>(); }) ==
        "out_of_range: a[1][1]: expected an integer from -128 to 127, found integer 400");
  try {
    (void)deep.get<target>();
    FAIL("no error");
  } catch (const json::out_of_range& error) {
    CHECK(error.path() == "a[1][1]");
    CHECK(error.problem() == "expected an integer from -128 to 127, found integer 400");
  }
}

TEST_CASE("value returns the member as the fallback's type, or the fallback") {
  const json value{{"delay", 1}, {"name", "x"}, {"on", true}, {"list", {1, 2}}};
  CHECK(value.value("delay", 2.5) == 1.0);
  static_assert(std::is_same_v<decltype(value.value("delay", 2.5)), double>);
  static_assert(std::is_same_v<decltype(value.value("name", "y")), std::string>);
  static_assert(std::is_same_v<decltype(value.value("name", std::string_view("y"))), std::string>);
  CHECK(value.value("name", "y") == "x");
  CHECK(value.value("nope", "y") == "y");
  CHECK(value.value("nope", 5) == 5);
  CHECK(value.value("on", false));
  CHECK(value.value("list", std::vector<int>{}) == std::vector<int>{1, 2});
  CHECK(value.value("list", json()) == json{1, 2});
  CHECK(value.value("nope", json()).is_null());
  const int fallback = 3;
  CHECK(value.value("delay", fallback) == 1);
  CHECK(convert_error([&] { (void)value.value("name", 1.0); }) ==
        R"(type_error: name: expected a number, found string "x")");
  CHECK(convert_error([&] { (void)value.value("list", std::vector<bool>{}); }) ==
        "type_error: list[0]: expected a boolean, found integer 1");
  CHECK(convert_error([] { (void)json(5).value("k", 1); }) ==
        R"(type_error: expected an object with the member "k", found integer 5)");
}
