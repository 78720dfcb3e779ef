#pragma once
// Reads json into numbers, durations and enums, and says in words what was expected. Must not know
// structs or rules.

#include <concepts>
#include <coworker/json/json.hpp>
#include <coworker/typed/enum_names.hpp>
#include <coworker/typed/kinds.hpp>
#include <coworker/typed/problems.hpp>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1::detail {

template <class Enum>
std::string enum_words() {
  std::string text("one of ");
  for (std::size_t i = 0; i < names_of_enum<Enum>::count; ++i) {
    text.append(i == 0 ? "\"" : ", \"").append(names_of_enum<Enum>::name(i)).append("\"");
  }
  return text;
}

/// Returns what a T is in JSON, in the words of "expected an integer".
template <class T>
std::string input_words() {
  switch (kind<T>) {
    case input_kind::boolean:
      return "a boolean";
    case input_kind::character:
      return "a string of one ASCII character";
    case input_kind::integer:
      return "an integer";
    case input_kind::floating:
      return "a number";
    case input_kind::text:
      return "a string";
    case input_kind::duration:
      return "a number of seconds";
    case input_kind::map:
    case input_kind::structure:
      return "an object";
    case input_kind::sequence:
      return "an array";
    case input_kind::pair:
      return "an array of 2";
    case input_kind::enumeration:
    case input_kind::optional:
    case input_kind::fixed_array:
    case input_kind::anything:
    case input_kind::own:
    case input_kind::none:
      break;
  }
  if constexpr (kind<T> == input_kind::enumeration) return enum_words<T>();
  if constexpr (kind<T> == input_kind::optional) return input_words<typename T::value_type>();
  if constexpr (kind<T> == input_kind::fixed_array) {
    return "an array of " + std::to_string(std::tuple_size<T>::value);
  }
  return "a value";
}

template <class Integer>
void read_integer(const json& from, Integer& target, const input_place& place, input_problems& problems) {
  const json_slot& slot = json_gate::slot(from);
  if (slot.kind() == slot_kind::integer) {
    if (std::in_range<Integer>(slot.integer.value)) [[likely]] {
      target = static_cast<Integer>(slot.integer.value);
      return;
    }
  } else if (slot.kind() == slot_kind::natural) {
    if (std::in_range<Integer>(slot.natural.value)) {
      target = static_cast<Integer>(slot.natural.value);
      return;
    }
  } else if (slot.kind() == slot_kind::floating) {
    const double& whole = slot.floating.value;
    if (detail::is_in_range<Integer>(whole)) {
      const auto cut = static_cast<Integer>(whole);
      if (static_cast<double>(cut) == whole) {
        target = cut;
        return;
      }
      return problems.expected(place, "an integer", from);
    }
  } else {
    return problems.expected(place, "an integer", from);
  }
  problems.expected(place, integer_range<Integer>(), from);
}

inline bool number_in(const json_slot& slot, double& value) noexcept {
  if (slot.kind() == slot_kind::integer) {
    value = static_cast<double>(slot.integer.value);
  } else if (slot.kind() == slot_kind::natural) {
    value = static_cast<double>(slot.natural.value);
  } else if (slot.kind() == slot_kind::floating) {
    value = slot.floating.value;
  } else {
    return false;
  }
  return true;
}

template <class Float>
void read_floating(const json& from, Float& target, const input_place& place, input_problems& problems) {
  double value = 0;
  if (!number_in(json_gate::slot(from), value)) return problems.expected(place, "a number", from);
  Float made{};
  if (!detail::narrow(value, made)) {
    return problems.expected(place, "a number that the member can hold", from);
  }
  target = made;
}

/// Reads a text of one byte, the most that a char can hold.
inline void read_character(const json& from, char& target, const input_place& place,
                           input_problems& problems) {
  const json_slot& slot = json_gate::slot(from);
  if (slot.kind() != slot_kind::short_text || slot.text.size != 1) {
    return problems.expected(place, input_words<char>(), from);
  }
  target = slot.text.chars[0];
}

template <class Duration>
void read_duration(const json& from, Duration& target, const input_place& place, input_problems& problems) {
  using rep = typename Duration::rep;
  using period = typename Duration::period;
  double seconds = 0;
  if (!number_in(json_gate::slot(from), seconds)) {
    return problems.expected(place, "a number of seconds", from);
  }
  // Checked before any multiplication: with -Ofast, an infinite product may count as a number.
  constexpr double in_a_second = static_cast<double>(period::den) / static_cast<double>(period::num);
  constexpr double most = (std::numeric_limits<double>::max)() / (in_a_second < 1 ? 1 : in_a_second);
  if (seconds > most || seconds < -most) {
    return problems.expected(place, "a number of seconds that the member can hold", from);
  }
  const double count = seconds * static_cast<double>(period::den) / static_cast<double>(period::num);
  if constexpr (std::floating_point<rep>) {
    rep made{};
    if (!detail::narrow(count, made)) {
      return problems.expected(place, "a number of seconds that the member can hold", from);
    }
    target = Duration(made);
  } else {
    const double rounded = count < 0 ? count - 0.5 : count + 0.5;
    const double past_largest = 2.0 * static_cast<double>((std::numeric_limits<rep>::max)() / 2 + 1);
    if (!(rounded >= static_cast<double>((std::numeric_limits<rep>::min)()) && rounded < past_largest)) {
      return problems.expected(place, "a number of seconds that the member can hold", from);
    }
    target = Duration(static_cast<rep>(rounded));
  }
}

template <class Enum>
void read_enum(const json& from, Enum& target, const input_place& place, input_problems& problems) {
  if (from.is_string()) {
    const std::string_view text = text_of(json_gate::slot(from));
    for (std::size_t i = 0; i < names_of_enum<Enum>::count; ++i) {
      if (names_of_enum<Enum>::name(i) != text) continue;
      target = names_of_enum<Enum>::value(i);
      return;
    }
  }
  problems.expected(place, enum_words<Enum>(), from);
}

}  // namespace coworker::inline v0_1::detail
