#include <doctest/doctest.h>
#include <array>
#include <chrono>
#include <coworker/json/json.hpp>
#include <coworker/typed/schema.hpp>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace schema_case {
enum class sampler { euler, ddim };
struct leaf {
  std::string name;
};
struct tree {
  unsigned char value = 0;
  std::vector<tree> children = {};
};
struct others {
  char grade = 'a';
  std::pair<std::string, leaf> pair{"p", {"n"}};
  float share = 0.1f;
};
constexpr auto rules(coworker::type<others>) {
  return coworker::rule_list(coworker::member(&others::grade).one_of('a', 'b'),
                             coworker::member(&others::share).at_most(0.7f));
}
struct request {
  std::string prompt;
  long width = 512;
  std::optional<double> guidance;
  sampler how = sampler::ddim;
  std::vector<leaf> leaves = {};
  std::map<std::string, bool> flags = {};
  std::array<float, 2> pair{};
  std::chrono::seconds wait{5};
  coworker::json extra;
  leaf named;
  tree a_b;
};
constexpr auto rules(coworker::type<request>) {
  using coworker::member;
  return coworker::rule_list(
      member(&request::prompt).length(1, 100).described("what to paint"),
      member(&request::width).range(64, 2048).check([](long w) { return w % 8 == 0; }, "a multiple of 8"),
      member(&request::guidance).at_most(20), member(&request::leaves).optional().length(0, 3),
      member(&request::flags).required(), member(&request::a_b).named("a b/c"),
      coworker::check([](const request&) { return true; }, "luck"));
}
constexpr auto rules(coworker::type<tree>) {
  return coworker::rule_list(coworker::member(&tree::children).optional(),
                             coworker::unknown_members::ignored);
}
namespace {

using coworker::json;
using coworker::json_schema;

}  // namespace

TEST_CASE("a schema has types, defaults, required members, and the rules") {
  const json schema = json_schema<request>();
  const auto part = [&schema](const char* name) { return schema.at("properties").at(name).dump(); };
  CHECK(schema.at("$schema") == "https://json-schema.org/draft/2020-12/schema");
  CHECK(schema.at("title") == "request");
  CHECK(schema.at("type") == "object");
  CHECK(schema.at("description") == "luck");
  CHECK(schema.at("required").dump() == R"(["prompt","flags","named"])");
  CHECK(schema.at("additionalProperties") == false);
  CHECK(part("prompt") == R"({"type":"string","minLength":1,"maxLength":100,"description":"what to paint"})");
  CHECK(part("width") ==
        R"({"type":"integer","minimum":64,"maximum":2048,"description":"a multiple of 8","default":512})");
  CHECK(part("guidance") == R"({"anyOf":[{"type":"number","maximum":20.0},{"type":"null"}]})");
  CHECK(part("how") == R"({"type":"string","enum":["euler","ddim"],"default":"ddim"})");
  CHECK(part("leaves") ==
        R"({"type":"array","items":{"type":"object","properties":{"name":{"type":"string"}},)"
        R"("required":["name"],"additionalProperties":false},"maxItems":3,"default":[]})");
  CHECK(part("flags") == R"({"type":"object","additionalProperties":{"type":"boolean"}})");
  CHECK(part("pair") ==
        R"({"type":"array","items":{"type":"number"},"minItems":2,"maxItems":2,"default":[0.0,0.0]})");
  CHECK(part("wait") == R"({"type":"number","description":"seconds","default":5})");
  CHECK(part("extra") == "{}");
}

TEST_CASE("a struct that contains itself refers to its own description") {
  const json schema = json_schema<request>();
  CHECK(schema.at("properties").at("a b/c").dump() ==
        R"({"type":"object","properties":{"value":{"type":"integer","minimum":0,"maximum":255,"default":0},)"
        R"("children":{"type":"array","items":{"$ref":"#/properties/a%20b~1c"},"default":[]}}})");
  CHECK(json_schema<tree>().at("properties").at("children").at("items").dump() == R"({"$ref":"#"})");
}

TEST_CASE("a schema describes chars, pairs and floats as they are read and written") {
  const json schema = json_schema<others>();
  const json& properties = schema.at("properties");
  CHECK(properties.at("grade").dump() ==
        R"({"type":"string","minLength":1,"maxLength":1,"enum":["a","b"],"default":"a"})");
  CHECK(properties.at("pair").dump() ==
        R"({"type":"array","prefixItems":[{"type":"string"},{"type":"object","properties":{"name":)"
        R"({"type":"string"}},"required":["name"],"additionalProperties":false}],"minItems":2,"maxItems":2,)"
        R"("default":["p",{"name":"n"}]})");
  CHECK(properties.at("share").dump() == R"({"type":"number","maximum":0.7,"default":0.1})");
}

TEST_CASE("inputs that are not structs have a schema too") {
  CHECK(json_schema<std::vector<int>>().at("items").at("type") == "integer");
  const json anything = json_schema<json>();
  CHECK(anything.size() == 2);
  CHECK(anything.at("description").get<std::string>().starts_with("Any JSON."));
  CHECK(json_schema<std::string>().at("type") == "string");
}

}  // namespace schema_case
