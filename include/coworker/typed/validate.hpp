#pragma once
// Checks the input of a job<json> against a list of fields, by the rules of the platform's Python SDK: for
// handlers whose input is described by data, and for handlers ported from Python. Must not know structs.

#include <coworker/json/json.hpp>
#include <coworker/typed/problems.hpp>
#include <coworker/typed/rules.hpp>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::inline v0_1 {

/// The type of a field of an input. `number` accepts an integer too, and converts it to a floating-point
/// number; `true` is not an integer.
enum class input_type : unsigned char { anything, boolean, integer, number, string, array, object };

/// A member of an input. null fits every type, and is not passed to the constraint.
struct input_field {
  std::string name;
  input_type type = input_type::anything;
  bool required = false;
  json default_value = {};                    ///< the value if the input lacks the member
  bool (*constraint)(const json&) = nullptr;  ///< called if the type is right, also for the default
  std::string words = {};  ///< what the constraint requires: completes the sentence "expected ..."
};

/// The result of validate(): an input with its defaults, or what is wrong with it.
struct validation {
  json input;
  std::vector<std::string>
      problems;  ///< each begins with its path, as in "input.steps: missing; expected an integer"

  explicit operator bool() const noexcept { return problems.empty(); }
};

namespace detail {

inline std::string_view words_for(input_type type) noexcept {
  switch (type) {
    case input_type::boolean:
      return "a boolean";
    case input_type::integer:
      return "an integer";
    case input_type::number:
      return "a number";
    case input_type::string:
      return "a string";
    case input_type::array:
      return "an array";
    case input_type::object:
      return "an object";
    case input_type::anything:
      break;
  }
  return "a value";
}

inline bool is_of_type(const json& value, input_type type) noexcept {
  switch (type) {
    case input_type::boolean:
      return value.is_boolean();
    case input_type::integer:
      return value.is_number_integer();
    case input_type::number:
      return value.is_number();
    case input_type::string:
      return value.is_string();
    case input_type::array:
      return value.is_array();
    case input_type::object:
      return value.is_object();
    case input_type::anything:
      break;
  }
  return true;
}

inline void validate_field(json& value, const input_field& field, const input_place& place,
                           input_problems& problems) {
  if (value.is_null()) return;
  if (!is_of_type(value, field.type)) return problems.expected(place, words_for(field.type), value);
  if (field.type == input_type::number) value = value.get<double>();
  if (field.constraint == nullptr) return;
  try {
    if (field.constraint(value)) return;
    problems.expected(place, field.words.empty() ? "what its constraint allows" : field.words, value);
  } catch (const std::exception& error) {
    problems.add(place, std::string("its constraint failed: ").append(error.what()));
  }
}

inline void validate_fields(json& input, const std::vector<input_field>& fields, unknown_members unknown,
                            input_problems& problems) {
  const input_place root{nullptr, "input"};
  if (!input.is_object()) return problems.expected(root, "an object", input);
  std::vector<std::string_view> known;
  known.reserve(fields.size());
  for (const input_field& field : fields) known.push_back(field.name);
  if (unknown == unknown_members::refused) {
    refuse_unknown(input, known.data(), known.size(), root, problems);
  }
  for (const input_field& field : fields) {
    const input_place place = root.member(field.name);
    const bool given = input.contains(field.name);
    if (!given && field.required) {
      problems.add(place, std::string("missing; expected ").append(words_for(field.type)));
      continue;
    }
    json& value = input[field.name];
    if (!given) value = field.default_value;
    validate_field(value, field, place, problems);
  }
}

}  // namespace detail

/// Checks a job's input and fills in the defaults. Returns the input, or every problem:
///
///     const auto checked = coworker::validate(job.input, {
///         {.name = "prompt", .type = input_type::string, .required = true},
///         {.name = "steps", .type = input_type::integer, .default_value = 20,
///          .constraint = [](const json& steps) { return steps.get<int>() <= 100; }, .words = "at most 100"},
///     });
///     if (!checked) ...   // checked.problems lists every one
inline validation validate(json input, const std::vector<input_field>& fields,
                           unknown_members unknown = unknown_members::refused) {
  detail::input_problems problems;
  detail::validate_fields(input, fields, unknown, problems);
  return {std::move(input), std::move(problems).take()};
}

/// Like validate(), but returns the input directly. Throws: input_error with every problem, which becomes
/// the job's error.
inline json validated(json input, const std::vector<input_field>& fields,
                      unknown_members unknown = unknown_members::refused) {
  detail::input_problems problems;
  detail::validate_fields(input, fields, unknown, problems);
  problems.throw_if_any();
  return input;
}

}  // namespace coworker::inline v0_1
