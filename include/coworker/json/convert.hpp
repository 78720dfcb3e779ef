#pragma once
// C++ values into JSON and back: the bodies of json's converting constructors, get, value and the braced
// lists. Which types take part is told by shape.hpp. Must not know of JSON text.

#include <concepts>
#include <coworker/json/access.hpp>
#include <coworker/json/containers.hpp>
#include <coworker/json/copy.hpp>
#include <coworker/json/describe.hpp>
#include <coworker/json/shape.hpp>
#include <coworker/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace coworker {

namespace detail {

template <class Range>
json array_from(Range&& range) {
  using source = std::remove_cvref_t<Range>;
  json result = json::array();
  if constexpr (requires { range.size(); }) result.reserve(range.size());
  for (auto&& element : range) {
    if constexpr (requires { typename source::value_type; }) {
      result.push_back(json(static_cast<const typename source::value_type&>(element)));
    } else {
      result.push_back(json(element));
    }
  }
  return result;
}

template <class Range>
json object_from(Range&& range) {
  json result = json::object();
  if constexpr (requires { range.size(); }) result.reserve(range.size());
  for (auto&& pair : range) result[std::string_view(pair.first)] = json(pair.second);
  return result;
}

template <class T>
json_slot slot_from(const T& value) {
  if constexpr (std::same_as<T, bool>) {
    return detail::boolean_slot(value);
  } else if constexpr (std::signed_integral<T>) {
    return detail::integer_slot(value);
  } else if constexpr (std::unsigned_integral<T>) {
    return detail::natural_slot(value);
  } else if constexpr (std::floating_point<T>) {
    return floating_slot(static_cast<double>(value));
  } else {
    return text_slot(std::string_view(value));
  }
}

}  // namespace detail

template <json_source T>
requires(!std::same_as<std::remove_cvref_t<T>, json>) json::json(T&& value) : json() {
  using source = std::remove_cvref_t<T>;
  if constexpr (detail::has_to_json<source>) {
    to_json(*this, std::as_const(value));
  } else if constexpr (std::same_as<source, bool> || detail::plain_integer<source> ||
                       std::floating_point<source> || detail::text_like<source>) {
    slot_ = detail::slot_from<source>(value);
  } else if constexpr (detail::optional_like<source>) {
    if (value.has_value()) *this = json(*std::forward<T>(value));
  } else if constexpr (detail::keyed_range<source>) {
    *this = detail::object_from(value);
  } else {
    *this = detail::array_from(value);
  }
}

inline json::json(const json& other) : slot_(detail::copy_slot(other.slot_)) {}

inline json::json(initializer_list parts) : json() {
  bool pairs = true;
  for (const json_element& part : parts) {
    const json& value = part.peek();
    pairs = pairs && value.is_array() && value.size() == 2 && value[0].is_string();
  }
  *this = pairs ? object(parts) : array(parts);
}

inline json json::array(initializer_list parts) {
  json result;
  result.slot_ = detail::array_slot(nullptr);
  result.reserve(parts.size());
  for (const json_element& part : parts) result.push_back(part.take());
  return result;
}

inline json json::object(initializer_list members) {
  json result;
  result.slot_ = detail::object_slot(nullptr);
  result.reserve(members.size());
  for (const json_element& member : members) {
    json pair = member.take();
    if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string()) {
      detail::throw_type_error("a pair of a string and a value as member of json::object", pair.slot_);
    }
    result[detail::text_of(pair[0].slot_)] = std::move(pair[1]);
  }
  return result;
}

namespace detail {

/// "an integer from 0 to 255".
template <class Integer>
std::string integer_range() {
  std::string text("an integer from ");
  return text.append(std::to_string(std::numeric_limits<Integer>::min()))
      .append(" to ")
      .append(std::to_string(std::numeric_limits<Integer>::max()));
}

template <class Integer>
[[noreturn]] void throw_does_not_fit(const json_slot& slot) {
  std::string problem("expected ");
  throw json_out_of_range(problem.append(integer_range<Integer>()).append(", found ").append(describe(slot)));
}

template <class Integer>
Integer integer_from(const json_slot& slot) {
  using limits = std::numeric_limits<Integer>;
  if (slot.kind() == slot_kind::integer) {
    if (std::in_range<Integer>(slot.integer.value)) return static_cast<Integer>(slot.integer.value);
    detail::throw_does_not_fit<Integer>(slot);
  }
  if (slot.kind() == slot_kind::natural) {
    if (std::in_range<Integer>(slot.natural.value)) return static_cast<Integer>(slot.natural.value);
    detail::throw_does_not_fit<Integer>(slot);
  }
  if (slot.kind() != slot_kind::floating) throw_type_error("an integer", slot);
  // The largest value may round up as a double; one past it is a power of two and exact.
  const double value = slot.floating.value;
  const double past_largest = 2.0 * static_cast<double>(limits::max() / 2 + 1);
  if (!(value >= static_cast<double>(limits::min()) && value < past_largest)) {
    if (value - value != 0) throw_type_error("an integer", slot);
    detail::throw_does_not_fit<Integer>(slot);
  }
  const auto whole = static_cast<Integer>(value);
  if (static_cast<double>(whole) != value) throw_type_error("an integer", slot);
  return whole;
}

template <class Float>
Float float_from(const json_slot& slot) {
  if (slot.kind() == slot_kind::integer) return static_cast<Float>(slot.integer.value);
  if (slot.kind() == slot_kind::natural) return static_cast<Float>(slot.natural.value);
  if (slot.kind() == slot_kind::floating) return static_cast<Float>(slot.floating.value);
  throw_type_error("a number", slot);
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
auto json::value(std::string_view key, T&& fallback) const {
  // A text comes back as a std::string: neither a literal nor the member need outlive the call.
  using plain = std::remove_cvref_t<T>;
  using result = std::conditional_t<detail::text_like<plain>, std::string, plain>;
  if (!is_object())
    detail::throw_type_error("an object with the member " + detail::quoted_excerpt(key), slot_);
  const json_member* const found = member(key);
  if (found == nullptr) return result(std::forward<T>(fallback));
  try {
    return found->value().template get<result>();
  } catch (json_value_error& error) {
    error.inside_member(key);
    throw;
  }
}

}  // namespace coworker
