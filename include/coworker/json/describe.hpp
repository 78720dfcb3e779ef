#pragma once
// Describes a value in a few words for error messages: `string "abc"`, `number 1.5`, `an array`. Must not
// know class json.

#include <coworker/json/error.hpp>
#include <coworker/json/floating.hpp>
#include <coworker/json/member_gaps.hpp>
#include <coworker/json/number.hpp>
#include <coworker/json/storage.hpp>
#include <cstddef>
#include <string>
#include <string_view>

namespace coworker::inline v0_1::detail {

/// Returns a double as text for people, also one that JSON cannot express.
inline std::string double_to_text(const double& value) {
  if (is_nan(value)) return "NaN";
  if (!is_finite(value)) return is_negative(value) ? "-infinity" : "infinity";
  char digits[longest_number];
  return std::string(digits, write_double(digits, value));
}

/// Returns what the value is, and for a simple value its text too.
inline std::string describe(const json_slot& slot) {
  std::string text;
  switch (slot.kind()) {
    case slot_kind::null:
      text = "null";
      break;
    case slot_kind::boolean:
      text = slot.boolean.value ? "true" : "false";
      break;
    case slot_kind::integer:
      text.append("integer ").append(std::to_string(slot.integer.value));
      break;
    case slot_kind::natural:
      text.append("integer ").append(std::to_string(slot.natural.value));
      break;
    case slot_kind::floating:
      text.append("number ").append(double_to_text(slot.floating.value));
      break;
    case slot_kind::short_text:
    case slot_kind::long_text:
      text.append("string ").append(quoted_excerpt(text_of(slot)));
      break;
    case slot_kind::array:
      text = "an array";
      break;
    case slot_kind::object:
      text = "an object";
      break;
  }
  return text;
}

[[noreturn]] inline void throw_type_error(std::string_view expected, const json_slot& found) {
  std::string problem("expected ");
  problem.append(expected).append(", found ").append(describe(found));
  throw json_type_error(std::move(problem));
}

[[noreturn]] inline void throw_no_member(std::string_view key, const json_slot& object) {
  std::string problem("no member ");
  problem.append(quoted_excerpt(key));
  const std::size_t count = count_of(object);
  if (count == 0) throw json_out_of_range(problem.append("; the object is empty"));
  constexpr std::size_t most_listed = 8;
  problem.append("; the object has ");
  std::size_t place = place_from(object, 0);
  for (std::size_t i = 0; i < count && i < most_listed; ++i) {
    if (i != 0) problem.append(", ");
    problem.append(quoted_excerpt(text_of(object_of(object)->members()[place].key)));
    place = place_from(object, place + 1);
  }
  if (count > most_listed)
    problem.append(" and ").append(std::to_string(count - most_listed)).append(" more");
  throw json_out_of_range(std::move(problem));
}

[[noreturn]] inline void throw_no_element(std::string_view index, const json_slot& array) {
  std::string problem("no element ");
  problem.append(index).append("; the array has ").append(std::to_string(count_of(array)));
  throw json_out_of_range(std::move(problem));
}

}  // namespace coworker::inline v0_1::detail
