// Fuzzes typed input. JSON that is read into a struct must be either accepted, and then written, accepted
// again and written the same; or refused with the same list of problems each time.
//
//   clang++ -std=c++20 -O1 -g -fsanitize=fuzzer,address,undefined -Iinclude tests/fuzz/typed_input_fuzz.cpp
//   -o typed_input_fuzz
//   ./typed_input_fuzz -max_total_time=600 CORPUS tests/fuzz/corpus/typed_input        (new inputs go to
//   CORPUS)

#include <array>
#include <chrono>
#include <coworker/json/json.hpp>
#include <coworker/typed/read.hpp>
#include <coworker/typed/schema.hpp>
#include <coworker/typed/validate.hpp>
#include <coworker/typed/write.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace fuzzed {

enum class mode : signed char { slow = -1, fast, late = 100 };

struct node {
  std::int8_t value = 1;
  std::vector<node> children = {};
  std::optional<std::map<std::string, node>> named;
};
constexpr auto rules(coworker::type<node>) {
  return coworker::rule_list(coworker::member(&node::children).optional().length(0, 3),
                             coworker::member(&node::value).at_least(std::int8_t{0}));
}

struct request {
  std::string text;
  std::uint64_t large = 0;
  float real = 0;
  double exact = 0;
  bool flag = false;
  mode how = mode::fast;
  std::chrono::milliseconds wait{1};
  std::chrono::duration<std::int16_t> few{1};
  std::optional<std::string> maybe;
  std::set<std::string> tags{"t"};
  std::array<int, 2> pair{};
  coworker::json anything;
  node tree;
};
constexpr auto rules(coworker::type<request>) {
  using coworker::member;
  return coworker::rule_list(
      member(&request::text).length(0, 8), member(&request::maybe).one_of("a", "b"),
      member(&request::exact).range(-1000, 1000).check([](double v) { return v != 13; }, "another number"),
      member(&request::wait).range(std::chrono::hours(-1), std::chrono::hours(1)),
      member(&request::flag).named("a flag"), member(&request::how).required(),
      coworker::check([](const request& r) { return !r.flag || r.large != 7; }, "no flag with 7"),
      coworker::unknown_members::ignored);
}

}  // namespace fuzzed

namespace {

using coworker::json;

void require(bool fact) {
  if (!fact) std::abort();
}

/// The problems of the input, or the text that is written after it was read.
std::string outcome_of(const json& input) {
  try {
    fuzzed::request made;
    coworker::detail::read_input(input, made, "input");
    return json(made).dump();
  } catch (const coworker::input_error& error) {
    require(!error.problems().empty() && error.problems().size() <= coworker::input_error::most_listed);
    for (const std::string& problem : error.problems()) require(problem.starts_with("input"));
    return error.what();
  }
}

void check_struct(const json& input) {
  const std::string outcome = outcome_of(input);
  require(outcome == outcome_of(input));
  if (outcome.starts_with("{")) require(outcome_of(json::parse(outcome)) == outcome);
}

void check_fields(const json& input) {
  using coworker::input_type;
  const std::vector<coworker::input_field> fields{
      {.name = "text", .type = input_type::string, .required = true},
      {.name = "large", .type = input_type::number, .default_value = 1},
      {.name = "tree", .type = input_type::object, .constraint = [](const json& tree) {
         return tree.at("value").get<int>() > 0;
       }}};
  const auto first = coworker::validate(input, fields);
  require(first.problems == coworker::validate(input, fields).problems);
  if (first) require(coworker::validate(first.input, fields).input == first.input);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const json schema = coworker::json_schema<fuzzed::request>();
  require(schema.at("required").size() == 2);
  json input;
  try {
    input = json::parse(std::string_view(reinterpret_cast<const char*>(data), size));
  } catch (const json::parse_error&) {
    return 0;
  }
  check_struct(input);
  check_fields(input);
  return 0;
}
