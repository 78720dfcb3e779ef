#pragma once
// Converts C++ values to JSON: implements json's converting constructors and the braced lists. shape.hpp says
// which types convert. Must not know JSON text.

#include <concepts>
#include <coworker/json/access.hpp>
#include <coworker/json/containers.hpp>
#include <coworker/json/copy.hpp>
#include <coworker/json/describe.hpp>
#include <coworker/json/number.hpp>
#include <coworker/json/shape.hpp>
#include <coworker/json/value.hpp>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1 {

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

template <class Map>
json object_from(const Map& map) {
  json result = json::object();
  if constexpr (requires { map.size(); }) result.reserve(map.size());
  for (auto&& pair : map) result[pair.first] = json(pair.second);
  return result;
}

template <class Pair>
json array_from_pair(const Pair& pair) {
  json result = json::array();
  result.reserve(2);
  result.push_back(json(pair.first));
  result.push_back(json(pair.second));
  return result;
}

/// A null pointer becomes null.
template <class Text>
json_slot slot_from_text(const Text& text) {
  if constexpr (std::is_pointer_v<Text>) {
    if (text == nullptr) return null_slot();
  }
  if constexpr (std::is_array_v<Text>) {
    return detail::slot_of_chars(text, std::extent_v<Text>);
  } else {
    return text_slot(std::string_view(text));
  }
}

template <class T>
json_slot slot_from(const T& value) {
  if constexpr (std::same_as<T, bool>) {
    return detail::boolean_slot(value);
  } else if constexpr (std::same_as<T, char>) {
    return detail::text_slot({&value, 1});
  } else if constexpr (std::signed_integral<T>) {
    return detail::integer_slot(value);
  } else if constexpr (std::unsigned_integral<T>) {
    return detail::natural_slot(value);
  } else if constexpr (std::same_as<T, float>) {
    double wide = 0;
    detail::widen(value, wide);
    return floating_slot(wide);
  } else if constexpr (std::floating_point<T>) {
    return floating_slot(static_cast<double>(value));
  } else {
    return detail::slot_from_text(value);
  }
}

}  // namespace detail

template <json_source T>
requires(!std::same_as<std::remove_cvref_t<T>, json>) json::json(T&& value) : json() {
  using source = std::remove_cvref_t<T>;
  if constexpr (detail::has_to_json<source>) {
    to_json(*this, std::as_const(value));
  } else if constexpr (std::derived_from<source, json>) {
    *this = static_cast<const json&>(value);
  } else if constexpr (detail::any_of<source, bool, char> || detail::plain_integer<source> ||
                       std::floating_point<source> || detail::text_like<source>) {
    if constexpr (std::is_scalar_v<source>) {
      const source plain = value;  // the value may be volatile
      slot_ = detail::slot_from(plain);
    } else {
      slot_ = detail::slot_from(value);
    }
  } else if constexpr (detail::optional_like<source>) {
    if (value.has_value()) *this = json(*std::forward<T>(value));
  } else if constexpr (detail::is_pair<source>) {
    *this = detail::array_from_pair(value);
  } else if constexpr (detail::object_like<source>) {
    *this = detail::object_from(value);
  } else {
    *this = detail::array_from(value);
  }
}

inline json::json(const json& other) : slot_(detail::copy_slot(other.slot_)) {}

inline json::json(initializer_list parts) : json() {
  // Compilers disagree on whether braces around one json are a list: clang never calls this
  // constructor for them.
  if (parts.size() == 1 && parts.begin()->is_json()) {
    *this = parts.begin()->take();
  } else {
    *this = list(parts);
  }
}

inline json json::list(initializer_list parts) {
  bool pairs = true;
  for (const json_element& part : parts) {
    const json& value = part.peek();
    pairs = pairs && value.is_array() && value.size() == 2 && value[0].is_string();
  }
  return pairs ? object(parts) : array(parts);
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

}  // namespace coworker::inline v0_1
