#pragma once
// Converts JSON to C++ values: implements json's get, get_to and value. shape.hpp says which types convert.
// Must not know JSON text.

#include <concepts>
#include <coworker/json/access.hpp>
#include <coworker/json/describe.hpp>
#include <coworker/json/floating.hpp>
#include <coworker/json/shape.hpp>
#include <coworker/json/value.hpp>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1 {

namespace detail {

/// Returns a text such as "an integer from 0 to 255".
template <class Integer>
std::string integer_range() {
  std::string text("an integer from ");
  return text.append(std::to_string((std::numeric_limits<Integer>::min)()))
      .append(" to ")
      .append(std::to_string((std::numeric_limits<Integer>::max)()));
}

template <class Integer>
[[noreturn]] void throw_does_not_fit(const json_slot& slot) {
  std::string problem("expected ");
  throw json_out_of_range(problem.append(integer_range<Integer>()).append(", found ").append(describe(slot)));
}

/// Returns whether a floating-point number is in an integer's range. -2^63 is not: integers below it, which
/// fit into no integer, are rounded to it when they are parsed.
template <class Integer>
bool is_in_range(const double& value) noexcept {
  using limits = std::numeric_limits<Integer>;
  // The largest value may be rounded up as a double. The next one is a power of two, which is exact.
  const double past_largest = 2.0 * static_cast<double>((limits::max)() / 2 + 1);
  const double least = static_cast<double>((limits::min)());
  constexpr bool takes_least = sizeof(Integer) < 8 || std::unsigned_integral<Integer>;
  return is_finite(value) && (value > least || (takes_least && value == least)) && value < past_largest;
}

template <class Integer>
Integer integer_from(const json_slot& slot) {
  if (slot.kind() == slot_kind::integer) {
    if (std::in_range<Integer>(slot.integer.value)) return static_cast<Integer>(slot.integer.value);
    detail::throw_does_not_fit<Integer>(slot);
  }
  if (slot.kind() == slot_kind::natural) {
    if (std::in_range<Integer>(slot.natural.value)) return static_cast<Integer>(slot.natural.value);
    detail::throw_does_not_fit<Integer>(slot);
  }
  if (slot.kind() != slot_kind::floating) throw_type_error("an integer", slot);
  const double& value = slot.floating.value;
  if (!is_finite(value)) throw_type_error("an integer", slot);
  if (!detail::is_in_range<Integer>(value)) detail::throw_does_not_fit<Integer>(slot);
  const auto whole = static_cast<Integer>(value);
  if (static_cast<double>(whole) != value) throw_type_error("an integer", slot);
  return whole;
}

/// Reads a char from a text of one ASCII character.
inline char char_from(const json_slot& slot) {
  const bool text = slot.kind() == slot_kind::short_text;
  if (!text || slot.text.size != 1) throw_type_error("a string of one ASCII character", slot);
  return slot.text.chars[0];
}

/// Converts a number to a type that may be smaller. Returns false if it is too large. NaN and infinities are
/// not too large.
template <class Float>
bool narrow(const double& value, Float& target) noexcept {
  if constexpr (sizeof(Float) < sizeof(double)) {
    using limits = std::numeric_limits<Float>;
    const double most = static_cast<double>((limits::max)());
    const double rounds_past_most = most + most * (static_cast<double>(limits::epsilon()) / 4);
    if (is_finite(value) && (value > most || value < -most)) {
      target = value < 0 ? -(limits::max)() : (limits::max)();
      return value < rounds_past_most && value > -rounds_past_most;
    }
  }
  target = static_cast<Float>(value);
  return true;
}

template <class Float>
Float float_from(const json_slot& slot) {
  if (slot.kind() == slot_kind::integer) return static_cast<Float>(slot.integer.value);
  if (slot.kind() == slot_kind::natural) return static_cast<Float>(slot.natural.value);
  if (slot.kind() != slot_kind::floating) throw_type_error("a number", slot);
  Float made{};
  if (detail::narrow(slot.floating.value, made)) return made;
  throw json_out_of_range("expected a number up to " +
                          double_to_text(static_cast<double>((std::numeric_limits<Float>::max)())) +
                          ", found " + describe(slot));
}

template <class T>
void read_elements(const json& array, T& target) {
  if (!array.is_array()) throw_type_error("an array", json_gate::slot(array));
  if constexpr (fixed_sequence<T> && !growing_sequence<T>) {
    constexpr std::size_t length = std::tuple_size<T>::value;
    if (array.size() != length) {
      throw_type_error("an array of " + std::to_string(length), json_gate::slot(array));
    }
  } else {
    target.clear();
    if constexpr (requires { target.reserve(array.size()); }) target.reserve(array.size());
  }
  std::size_t index = 0;
  try {
    for (const json& element : array) {
      using value_type = typename T::value_type;
      if constexpr (fixed_sequence<T> && !growing_sequence<T>) {
        target[index] = element.get<value_type>();
      } else if constexpr (requires { target.push_back(std::declval<value_type>()); }) {
        target.push_back(element.get<value_type>());
      } else {
        target.insert(element.get<value_type>());
      }
      ++index;
    }
  } catch (json_value_error& error) {
    error.inside_element(index);
    throw;
  }
}

template <class T>
T read_pair(const json& array) {
  if (!array.is_array() || array.size() != 2) throw_type_error("an array of 2", json_gate::slot(array));
  std::size_t index = 0;
  try {
    auto first = array[0].get<std::remove_const_t<typename T::first_type>>();
    ++index;
    return T(std::move(first), array[1].get<typename T::second_type>());
  } catch (json_value_error& error) {
    error.inside_element(index);
    throw;
  }
}

template <class T>
void read_members(const json& object, T& target) {
  if (!object.is_object()) throw_type_error("an object", json_gate::slot(object));
  target.clear();
  for (const auto& [key, value] : object.items()) {
    try {
      target.insert_or_assign(typename T::key_type(key), value.template get<typename T::mapped_type>());
    } catch (json_value_error& error) {
      error.inside_member(key);
      throw;
    }
  }
}

}  // namespace detail

template <class T>
T json::get() const {
  using namespace detail;
  static_assert(!std::is_reference_v<T> && !std::is_const_v<T>,
                "json::get<T>: name the type without const or &");
  if constexpr (std::same_as<T, json>) {
    return *this;
  } else if constexpr (has_from_json<T>) {
    T result{};
    from_json(*this, result);
    return result;
  } else if constexpr (std::same_as<T, bool>) {
    if (!is_boolean()) throw_type_error("a boolean", slot_);
    return slot_.boolean.value;
  } else if constexpr (std::same_as<T, char>) {
    return char_from(slot_);
  } else if constexpr (plain_integer<T>) {
    return detail::integer_from<T>(slot_);
  } else if constexpr (std::floating_point<T>) {
    return detail::float_from<T>(slot_);
  } else if constexpr (any_of<T, std::string, std::string_view>) {
    if (!is_string()) throw_type_error("a string", slot_);
    return T(text_of(slot_));
  } else if constexpr (std::same_as<T, std::nullptr_t>) {
    if (!is_null()) throw_type_error("null", slot_);
    return nullptr;
  } else if constexpr (optional_like<T>) {
    if (is_null()) return T{};
    return T(get<typename T::value_type>());
  } else if constexpr (is_pair<T>) {
    return detail::read_pair<T>(*this);
  } else if constexpr (growing_map<T>) {
    T result{};
    detail::read_members(*this, result);
    return result;
  } else if constexpr (growing_sequence<T> || fixed_sequence<T>) {
    T result{};
    detail::read_elements(*this, result);
    return result;
  } else {
    static_assert(always_false<T>,
                  "json::get<T>: JSON does not turn into this T by itself; write "
                  "`void from_json(const coworker::json&, T&)` in T's namespace");
  }
}

template <class T>
T& json::get_to(T& target) const {
  if constexpr (detail::has_from_json<T>) {
    from_json(*this, target);
  } else {
    target = get<T>();
  }
  return target;
}

template <class T>
auto json::value(json_key named, T&& fallback) const {
  const std::string_view key = named.text();
  // Returns a text as a std::string, so that neither a literal nor the member needs to outlive the call.
  using plain = std::remove_cvref_t<T>;
  using result = std::conditional_t<detail::text_like<plain>, std::string, plain>;
  if (!is_object())
    detail::throw_type_error("an object with the member " + detail::quoted_excerpt(key), slot_);
  const json_member* const found = member(key);
  if (found == nullptr) {
    if constexpr (std::is_pointer_v<plain>) {
      if (fallback == nullptr) {
        throw json_type_error("expected a text in place of the member " + detail::quoted_excerpt(key) +
                              ", which is not there, found a null pointer");
      }
    }
    return result(std::forward<T>(fallback));
  }
  try {
    return found->value().template get<result>();
  } catch (json_value_error& error) {
    error.inside_member(key);
    throw;
  }
}

}  // namespace coworker::inline v0_1
