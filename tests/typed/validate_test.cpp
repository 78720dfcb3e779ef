#include <doctest/doctest.h>
#include <coworker/json/json.hpp>
#include <coworker/typed/validate.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using coworker::input_field;
using coworker::input_type;
using coworker::json;
using coworker::validate;

const std::vector<input_field>& validate_fields() {
  static const std::vector<input_field> fields{
      {.name = "prompt", .type = input_type::string, .required = true},
      {.name = "steps",
       .type = input_type::integer,
       .default_value = 20,
       .constraint = [](const json& steps) { return steps.get<int>() <= 100; },
       .words = "at most 100"},
      {.name = "scale", .type = input_type::number, .default_value = 7},
      {.name = "hires", .type = input_type::boolean},
      {.name = "size", .type = input_type::array, .default_value = json::array({512, 512})},
      {.name = "extra", .default_value = nullptr},
  };
  return fields;
}

}  // namespace

TEST_CASE("an input gets its defaults, and its numbers become floating-point numbers") {
  const auto checked = validate(json{{"prompt", "fog"}}, validate_fields());
  CHECK(checked);
  CHECK(checked.problems.empty());
  CHECK(checked.input.dump() ==
        R"({"prompt":"fog","steps":20,"scale":7.0,"hires":null,"size":[512,512],"extra":null})");
  const auto given =
      validate(json::parse(R"({"prompt":null,"scale":2,"hires":true,"extra":{"a":1}})"), validate_fields());
  CHECK(given);
  CHECK(given.input.at("prompt").is_null());
  CHECK(given.input.at("scale").is_number_float());
}

TEST_CASE("all problems of an input are reported together") {
  const auto checked = validate(
      json::parse(R"({"steps":101,"scale":"x","hires":1,"size":{},"other":1,"a b":2})"), validate_fields());
  CHECK_FALSE(checked);
  CHECK(checked.problems ==
        std::vector<std::string>{
            R"(input.other: unknown member; there are "prompt", "steps", "scale", "hires", "size", "extra")",
            R"(input["a b"]: unknown member; there are "prompt", "steps", "scale", "hires", "size", "extra")",
            "input.prompt: missing; expected a string",
            "input.steps: expected at most 100, found integer 101",
            R"(input.scale: expected a number, found string "x")",
            "input.hires: expected a boolean, found integer 1",
            "input.size: expected an array, found an object"});
  CHECK(validate(json{{"prompt", ""}, {"steps", true}}, validate_fields()).problems.size() == 1);
  CHECK(validate(json{{"prompt", ""}, {"steps", 2.0}}, validate_fields()).problems.size() == 1);
  CHECK(validate(json(7), validate_fields()).problems ==
        std::vector<std::string>{"input: expected an object, found integer 7"});
}

TEST_CASE("unknown members are accepted if the caller says so") {
  const auto checked =
      validate(json{{"prompt", ""}, {"more", 1}}, validate_fields(), coworker::unknown_members::ignored);
  CHECK(checked);
  CHECK(checked.input.at("more") == 1);
}

TEST_CASE("a constraint that throws refuses its value, and so does one without words") {
  const std::vector<input_field> fields{
      {.name = "a", .constraint = [](const json& value) -> bool { return value.at("x").is_null(); }},
      {.name = "b", .constraint = [](const json&) { return false; }}};
  const auto checked = validate(json{{"a", 1}, {"b", 2}}, fields);
  CHECK(checked.problems.size() == 2);
  CHECK(checked.problems[0].starts_with("input.a: its constraint failed: expected an object"));
  CHECK(checked.problems[1] == "input.b: expected what its constraint allows, found integer 2");
}

TEST_CASE("validated returns the input, or throws its problems") {
  CHECK(coworker::validated(json{{"prompt", "x"}}, validate_fields()).at("steps") == 20);
  CHECK_THROWS_WITH_AS(coworker::validated(json::object(), validate_fields()),
                       "input.prompt: missing; expected a string", coworker::input_error);
}
