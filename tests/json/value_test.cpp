#include <doctest/doctest.h>
#include <algorithm>
#include <coworker/json/json.hpp>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using coworker::json;
using coworker::json_type;

/// Returns the message of the exception of that type, or says that there was none.
template <class Error, class Function>
std::string value_error(Function function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

template <class Json>
concept value_gives_items = requires(Json&& value) {
  std::forward<Json>(value).items();
};

static_assert(sizeof(json) == 16);
static_assert(std::is_nothrow_move_constructible_v<json> && std::is_nothrow_move_assignable_v<json>);
static_assert(std::bidirectional_iterator<json::iterator> &&
              std::bidirectional_iterator<json::const_iterator>);
static_assert(std::is_convertible_v<json::iterator, json::const_iterator>);
static_assert(!std::is_convertible_v<json::const_iterator, json::iterator>);

}  // namespace

TEST_CASE("a value reports its type") {
  const struct {
    json value;
    json_type type;
    std::string_view name;
    std::size_t size;
  } cases[] = {
      {json(), json_type::null, "null", 0},
      {true, json_type::boolean, "boolean", 1},
      {1, json_type::integer, "number", 1},
      {18446744073709551615u, json_type::integer, "number", 1},
      {1.5, json_type::floating, "number", 1},
      {"short", json_type::string, "string", 1},
      {"a text too long to lie inside", json_type::string, "string", 1},
      {json::array({1, 2}), json_type::array, "array", 2},
      {json::object({{"a", 1}}), json_type::object, "object", 1},
  };
  for (const auto& [value, type, name, size] : cases) {
    CAPTURE(value);
    CHECK(value.type() == type);
    CHECK(value.type_name() == name);
    CHECK(value.size() == size);
    CHECK(value.empty() == (size == 0));
    CHECK(value.is_null() == (type == json_type::null));
    CHECK(value.is_boolean() == (type == json_type::boolean));
    CHECK(value.is_number() == (type == json_type::integer || type == json_type::floating));
    CHECK(value.is_number_integer() == (type == json_type::integer));
    CHECK(value.is_number_float() == (type == json_type::floating));
    CHECK(value.is_string() == (type == json_type::string));
    CHECK(value.is_array() == (type == json_type::array));
    CHECK(value.is_object() == (type == json_type::object));
  }
}

TEST_CASE("a braced list is an object when every part is a pair that begins with a string, else an array") {
  CHECK(json{{"k", 1}}.dump() == R"({"k":1})");
  CHECK(json{{"k", 1}, {"l", {1, 2}}}.dump() == R"({"k":1,"l":[1,2]})");
  CHECK(json{1, "a", nullptr, 2.5, true}.dump() == R"([1,"a",null,2.5,true])");
  CHECK(json{"a", 1}.dump() == R"(["a",1])");
  CHECK(json{{1, "a"}}.dump() == R"([[1,"a"]])");
  CHECK(json{{"a", 1}, {"b", 2, 3}}.dump() == R"([["a",1],["b",2,3]])");
  CHECK(json{{"a", {}}}.dump() == R"({"a":null})");
  CHECK(json{{"a", {{"b", {{"c", 1}}}}}}.dump() == R"({"a":{"b":{"c":1}}})");
  CHECK(json{{"a", 1}, {"a", 2}}.dump() == R"({"a":2})");
  CHECK(json::array({{"a", 1}}).dump() == R"([["a",1]])");
  CHECK(json::array().dump() == "[]");
  CHECK(json::array({}).dump() == "[]");
  CHECK(json::object().dump() == "{}");
  CHECK(json::object({{"a", 1}, {"b", json::array({"c", "d"})}}).dump() == R"({"a":1,"b":["c","d"]})");
  CHECK(value_error<json::type_error>([] {
          return json::object({1, 2});
        }) == "expected a pair of a string and a value as member of json::object, found integer 1");
  const json part{{"inner", "a text too long to lie inside"}};
  CHECK(json{{"a", part}, {"b", part}}["b"] == part);
  json moved{{"x", 1}};
  const json outer{{"m", std::move(moved)}};
  CHECK(outer.dump() == R"({"m":{"x":1}})");
}

json value_returned_in_braces(const json& value) { return {value}; }

TEST_CASE("a single json in braces is that json with every compiler, and not an array of it") {
  json pair{"k", 1};
  const json fixed = pair;
  CHECK(json{pair} == pair);
  CHECK(json{fixed} == pair);
  CHECK(json{json::array({1})}.dump() == "[1]");
  CHECK(json{json(5)} == 5);
  CHECK(value_returned_in_braces(pair) == pair);
  const json copied = {fixed};
  CHECK(copied == pair);
  json assigned;
  assigned = {pair};
  CHECK(assigned == pair);
  json list;
  list.push_back({pair});
  CHECK(list.dump() == R"([["k",1]])");
  CHECK(json{std::move(pair)} == fixed);
  struct derived : json {
    using json::json;
  };
  derived made(nullptr);
  made["a"] = 1;
  CHECK(json{made}.dump() == R"({"a":1})");
  CHECK(json(made).dump() == R"({"a":1})");
  CHECK(json(std::vector<derived>{made}).dump() == R"([{"a":1}])");

  CHECK(json::array({fixed}).dump() == R"([["k",1]])");
  CHECK(json{fixed, fixed}.dump() == R"({"k":1})");
  const json list_of_two{1, 2};
  CHECK(json{{list_of_two}}.dump() == "[[[1,2]]]");
  CHECK(json{{"a", {list_of_two}}}.dump() == R"({"a":[[1,2]]})");
  CHECK(json{5}.dump() == "[5]");
}

TEST_CASE("a part of a temporary is returned by value, and outlives it") {
  const auto make = [] {
    return json::parse(
        R"({"list":[1,2,{"a text too long to lie inside":[3]}],"text":"another long text inside"})");
  };
  const auto make_fixed = [make]() -> const json { return make(); };
  int seen = 0;
  for (json& part : make()["list"]) seen += part.is_number() ? part.get<int>() : 0;
  for (const json& part : make_fixed()["list"]) seen += part.is_number() ? part.get<int>() : 0;
  for (json& part : make().at("list")) seen += part.is_number() ? part.get<int>() : 0;
  CHECK(seen == 9);
  json&& text = make()["text"];
  CHECK(text == "another long text inside");
  const json& deep = make()["list"][2]["a text too long to lie inside"][0];
  CHECK(deep == 3);
  const json& last = make()["list"].back();
  CHECK(last.size() == 1);
  const json& first = make_fixed().at("list").front();
  CHECK(first == 1);
  static_assert(std::is_same_v<decltype(make()["list"]), json> &&
                std::is_same_v<decltype(make().at(0)), json>);
  static_assert(std::is_same_v<decltype(make_fixed()[0]), json> &&
                std::is_same_v<decltype(make_fixed().back()), json>);
  json kept = make();
  static_assert(std::is_same_v<decltype(kept["list"]), json&> && std::is_same_v<decltype(kept.at(0)), json&>);
  static_assert(std::is_same_v<decltype(std::as_const(kept)["list"]), const json&>);
  CHECK(make()["missing"].is_null());
  CHECK(value_error<json::out_of_range>([&] { (void)make().at("missing"); }).starts_with("no member"));
}

TEST_CASE("a null pointer as key is refused") {
  const char* const none = nullptr;
  json value{{"k", 1}};
  const std::string says =
      "expected a text as key, found a null pointer; test what may be null, as std::getenv's";
  CHECK(value_error<json::type_error>([&] { (void)value[none]; }) == says);
  CHECK(value_error<json::type_error>([&] { (void)std::as_const(value).at(none); }) == says);
  CHECK(value_error<json::type_error>([&] { (void)value.contains(none); }) == says);
  CHECK(value_error<json::type_error>([&] { (void)value.find(none); }) == says);
  CHECK(value_error<json::type_error>([&] { (void)value.erase(none); }) == says);
  CHECK(value_error<json::type_error>([&] { (void)value.value(none, 1); }) == says);
  CHECK(value[std::string("k")] == 1);
  char buffer[] = "k";
  char* const pointer = buffer;
  CHECK(value[buffer] == 1);
  CHECK(value[pointer] == 1);
  CHECK(value.dump() == R"({"k":1})");
}

TEST_CASE("members are looked up, added and changed by key") {
  json value;
  value["a"] = 1;
  value["b"]["c"] = "deep";
  value["a"] = 2;
  CHECK(value.dump() == R"({"a":2,"b":{"c":"deep"}})");
  const json& fixed = value;
  CHECK(fixed["b"]["c"] == "deep");
  CHECK(fixed.at("a") == 2);
  value.at("a") = 3;
  CHECK(value.contains("a"));
  CHECK_FALSE(value.contains("A"));
  CHECK_FALSE(json(1).contains("a"));
  CHECK(value.find("a")->get<int>() == 3);
  CHECK(value.find("b").key() == "b");
  CHECK(value.find("zz") == value.end());
  CHECK(json(5).find("a") == json(5).end());
  CHECK(std::as_const(value).find("a").value() == 3);
  CHECK(value.dump() == R"({"a":3,"b":{"c":"deep"}})");
}

TEST_CASE("elements are looked up, added and changed by index") {
  json value;
  value[2] = "c";
  CHECK(value.dump() == R"([null,null,"c"])");
  value[0] = 1;
  const json& fixed = value;
  CHECK(fixed[0] == 1);
  CHECK(fixed.at(2u) == "c");
  CHECK(value.front() == 1);
  CHECK(value.back() == "c");
  value.push_back({1, 2});
  CHECK(value.emplace_back("new") == "new");
  CHECK(value.emplace_back().is_null());
  CHECK(value.dump() == R"([1,null,"c",[1,2],"new",null])");
  json list;
  list.push_back(list);
  list.push_back(list);
  CHECK(list.dump() == "[null,[null]]");
}

TEST_CASE("a failed lookup reports what exists") {
  const json object{{"message", 1}, {"delay", 2}};
  CHECK(value_error<json::out_of_range>([&] { (void)object.at("dealy"); }) ==
        R"(no member "dealy"; the object has "message", "delay")");
  CHECK(value_error<json::out_of_range>([&] { (void)object["dealy"]; }) ==
        R"(no member "dealy"; the object has "message", "delay")");
  CHECK(value_error<json::out_of_range>([&] { (void)json::object().at("a"); }) ==
        R"(no member "a"; the object is empty)");
  json many;
  for (int i = 0; i < 20; ++i) many["k" + std::to_string(i)] = i;
  CHECK(value_error<json::out_of_range>([&] { (void)many.at("x"); }).ends_with(R"("k7" and 12 more)"));
  const json list{1, 2, 3};
  CHECK(value_error<json::out_of_range>([&] { (void)list.at(3); }) == "no element 3; the array has 3");
  CHECK(value_error<json::out_of_range>([&] { (void)list.at(-1); }) == "no element -1; the array has 3");
  CHECK(value_error<json::out_of_range>([&] { (void)list[7]; }) == "no element 7; the array has 3");
  CHECK(value_error<json::out_of_range>([] { (void)json::array().front(); }) ==
        "no element 0; the array has 0");
  CHECK(value_error<json::out_of_range>([] { (void)json::array().back(); }) ==
        "no element 0; the array has 0");
  json growing = json::array();
  CHECK(value_error<json::out_of_range>([&] { growing[-1] = 0; }) == "no element -1; the array has 0");
}

TEST_CASE("converting a value to a wrong type reports its type") {
  json text = "hello";
  CHECK(value_error<json::type_error>([&] { text["a"] = 1; }) ==
        R"(expected an object, to set the member "a", found string "hello")");
  CHECK(value_error<json::type_error>([&] { text[0] = 1; }) ==
        R"(expected an array, to set the element 0, found string "hello")");
  CHECK(value_error<json::type_error>([&] { (void)text.at("a"); }) ==
        R"(expected an object with the member "a", found string "hello")");
  CHECK(value_error<json::type_error>([&] { (void)json::object().at(1); }) ==
        "expected an array with the element 1, found an object");
  CHECK(value_error<json::type_error>([&] { text.push_back(1); }) ==
        R"(expected an array, to append to, found string "hello")");
  const json number = 1.5;
  CHECK(value_error<json::type_error>([&] { (void)number.items(); }) ==
        "expected an object, to go through its items, found number 1.5");
  CHECK(value_error<json::type_error>([&] { json(true).erase("a"); }) ==
        R"(expected an object, to erase the member "a", found true)");
  CHECK(value_error<json::type_error>([&] { json().front(); }) ==
        "expected an array with the element 0, found null");
  CHECK(value_error<json::type_error>([&] { json(1).reserve(5); }).find("found integer 1") !=
        std::string::npos);
  CHECK(value_error<json::type_error>([&] { json(std::string(200, 'x')).push_back(1); }).ends_with("x\"..."));
  CHECK(text == "hello");
}

TEST_CASE("items returns the members in order, and they can be changed unless const") {
  json value{{"a", 1}, {"b", "x"}, {"a key too long to lie inside", nullptr}};
  std::string seen;
  for (auto& [key, member] : value.items()) {
    static_assert(std::is_same_v<decltype(key), const std::string_view>);
    static_assert(std::is_same_v<decltype(member), json>);
    seen.append(key).append("=").append(member.dump()).append(" ");
    member = 0;
  }
  CHECK(seen == "a=1 b=\"x\" a key too long to lie inside=null ");
  CHECK(value.dump() == R"({"a":0,"b":0,"a key too long to lie inside":0})");
  const json& fixed = value;
  for (const auto& [key, member] : fixed.items()) {
    static_assert(std::is_same_v<decltype(member), const json>);
    CHECK(member == 0);
    CHECK(fixed.contains(key));
  }
  for (const auto& member : fixed.items()) CHECK(member.value() == fixed.at(member.key()));
  CHECK(fixed.items().size() == 3);
  const json null;
  CHECK(null.items().empty());
  const json none = json::object();
  CHECK(none.items().begin() == none.items().end());
  static_assert(!value_gives_items<json> && value_gives_items<json&> && value_gives_items<const json&>);
}

TEST_CASE("iteration visits elements, or the values of members, in both directions") {
  json list{1, 2, 3};
  for (json& element : list) element = element.get<int>() * 10;
  CHECK(list.dump() == "[10,20,30]");
  CHECK(std::count(list.begin(), list.end(), json(20)) == 1);
  CHECK(std::distance(list.begin(), list.end()) == 3);
  CHECK(*std::prev(list.end()) == 30);
  CHECK(list.begin().key().empty());
  const json object{{"a", 1}, {"b", 2}};
  std::string keys;
  for (auto it = object.begin(); it != object.end(); ++it) keys.append(it.key()).append(it->dump());
  CHECK(keys == "a1b2");
  CHECK(*std::prev(object.end()) == 2);
  for (const json& none : json(5)) CHECK(none.is_null());
  CHECK(json().begin() == json().end());
  CHECK(json::array().begin() == json::array().end());
}

TEST_CASE("erase removes members and elements and keeps the order of the rest") {
  json object{
      {"a", 1}, {"a key too long to lie inside", "a text too long to lie inside"}, {"c", {1, 2}}, {"d", 4}};
  CHECK(object.erase("a key too long to lie inside") == 1);
  CHECK(object.erase("nope") == 0);
  CHECK(object.dump() == R"({"a":1,"c":[1,2],"d":4})");
  auto next = object.erase(object.find("c"));
  CHECK(next.key() == "d");
  next = object.erase(next);
  CHECK(next == object.end());
  next = object.erase(object.begin());
  CHECK(next == object.end());
  CHECK(object.dump() == "{}");
  json list{1, {2, "a text too long to lie inside"}, 3};
  list.erase(1);
  CHECK(list.dump() == "[1,3]");
  CHECK(*list.erase(list.begin()) == 3);
  CHECK(value_error<json::out_of_range>([&] { list.erase(1); }) == "no element 1; the array has 1");
  CHECK(value_error<json::out_of_range>([&] { list.erase(-1); }) == "no element -1; the array has 1");
  list.erase(0);
  CHECK(list.empty());
}

TEST_CASE("erase refuses an iterator to no part of the value, and changes nothing") {
  json object{{"a", 1}, {"b", 2}};
  json list{1, 2};
  json other{{"a", 1}, {"b", 2}};
  json empty = json::array();
  json number = 5;
  const std::string says =
      "nothing to erase: the iterator is the end of this value, or points into another one";
  CHECK(value_error<json::out_of_range>([&] { object.erase(object.find("missing")); }) == says);
  CHECK(value_error<json::out_of_range>([&] { object.erase(object.end()); }) == says);
  CHECK(value_error<json::out_of_range>([&] { object.erase(other.find("a")); }) == says);
  CHECK(value_error<json::out_of_range>([&] { object.erase(list.begin()); }) == says);
  CHECK(value_error<json::out_of_range>([&] { object.erase(json::const_iterator()); }) == says);
  CHECK(value_error<json::out_of_range>([&] { list.erase(list.end()); }) == says);
  CHECK(value_error<json::out_of_range>([&] { list.erase(object.begin()); }) == says);
  CHECK(value_error<json::out_of_range>([&] { empty.erase(empty.begin()); }) == says);
  CHECK(value_error<json::out_of_range>([&] { number.erase(number.begin()); }) == says);
  CHECK(object == other);
  CHECK(list.dump() == "[1,2]");
}

TEST_CASE("an iterator to no value refuses to be read, as find() returns it for a missing key") {
  json object{{"a", 1}};
  json list{1, 2};
  const json constant = object;
  json empty = json::object();
  const std::string says =
      "no value here: the iterator is the end, as find() returns it for a key that is missing; compare it "
      "with end() first, or use at() or value()";
  CHECK(value_error<json::out_of_range>([&] { *object.find("missing") = 2; }) == says);
  CHECK(value_error<json::out_of_range>([&] { return constant.find("missing")->dump(); }) == says);
  CHECK(value_error<json::out_of_range>([&] { return object.find("missing").key(); }) == says);
  CHECK(value_error<json::out_of_range>([&] { return object.find("missing").value().dump(); }) == says);
  CHECK(value_error<json::out_of_range>([&] { return list.find("missing")->dump(); }) == says);
  CHECK(value_error<json::out_of_range>([&] { return list.end()->dump(); }) == says);
  CHECK(value_error<json::out_of_range>([&] { return empty.begin()->dump(); }) == says);
  CHECK(value_error<json::out_of_range>([&] { return json(5).find("missing")->dump(); }) == says);
  CHECK(value_error<json::out_of_range>([&] { return json::iterator()->dump(); }) == says);
  CHECK(*--list.end() == 2);
  CHECK(*--object.end() == 1);
}

TEST_CASE("clear leaves an empty value of the same type") {
  for (const char* text : {"null", "true", "5", "2.5", "\"abc\"", "\"a text too long to lie inside\"",
                           "[1,[2]]", "{\"a\":{}}"}) {
    json value = json::parse(text);
    const json_type type = value.type();
    value.clear();
    CHECK(value.type() == type);
  }
  json value{1, 2};
  value.clear();
  value.push_back(3);
  CHECK(value.dump() == "[3]");
  CHECK(json("abc").size() == 1);
}

TEST_CASE("copies are independent, moves leave null") {
  json original{{"a", {1, "a text too long to lie inside", {{"b", json::array()}}}},
                {"a key too long to lie inside", json::object()}};
  json copy = original;
  CHECK(copy == original);
  copy["a"][2]["b"].push_back(1);
  CHECK(copy != original);
  const json moved = std::move(copy);
  CHECK(copy.is_null());
  CHECK(moved["a"][2]["b"].size() == 1);
  json itself = json::array({1});
  const json& alias = itself;
  itself = alias;
  CHECK(itself.dump() == "[1]");
  original = original["a"];
  CHECK(original.is_array());
  original = std::move(original[1]);
  CHECK(original == "a text too long to lie inside");
  std::swap(original, itself);
  CHECK(itself.is_string());
}

TEST_CASE("values are compared by value: numbers of any form, members in any order") {
  CHECK(json(1) == json(1.0));
  CHECK(json(0.0) == json(-0.0));
  CHECK(json(1) != json(1.5));
  CHECK(json(1) != json(true));
  CHECK(json("1") != json(1));
  CHECK(json(18446744073709551615u) != json(-1));
  CHECK(json(9007199254740993) != json(9007199254740992.0));
  CHECK(json(9007199254740992) == json(9007199254740992.0));
  CHECK(json(9223372036854775807) != json(9223372036854775808.0));
  CHECK(json(9223372036854775808u) == json(9223372036854775808.0));
  CHECK(json(18446744073709551615u) != json(18446744073709551616.0));
  CHECK(json(std::int64_t{-9223372036854775807 - 1}) == json(-9223372036854775808.0));
  CHECK(json(1e300) != json(5));
  CHECK(json::parse(R"({"a":1,"b":[{"c":2,"d":3}]})") == json::parse(R"({"b":[{"d":3,"c":2}],"a":1.0})"));
  CHECK(json::parse(R"({"a":1,"b":2})") != json::parse(R"({"a":1,"c":2})"));
  CHECK(json::parse(R"({"a":1})") != json::parse(R"({"a":1,"b":2})"));
  CHECK(json::parse("[1,2]") != json::parse("[2,1]"));
  CHECK(json::parse("[1,[2,[3]]]") != json::parse("[1,[2,[4]]]"));
  CHECK(json::array() != json::object());
  CHECK(json::array() != json());
  CHECK(json{{"k", "v"}}["k"] == "v");
  CHECK(json{{"k", "v"}} == json::parse(R"({"k":"v"})"));
  CHECK("a text too long to lie inside" == json("a text too long to lie inside"));
}

TEST_CASE("parts moved out of a parsed document outlive it") {
  json part;
  json text;
  {
    json document = json::parse(
        R"({"input":{"list":[1,[2,3]],"s":"a text too long to lie inside"},"rest":[[],[1],[2]]})");
    part = std::move(document["input"]);
    text = std::move(part["s"]);
  }
  CHECK(part.dump() == R"({"list":[1,[2,3]],"s":null})");
  CHECK(text == "a text too long to lie inside");
  part["list"][1].push_back("added after the document was gone");
  part.erase("s");
  CHECK(part.dump() == R"({"list":[1,[2,3,"added after the document was gone"]]})");
}
