#pragma once
// Concepts that say, by a type's shape, whether it converts to JSON and back. They need no container header,
// and containers of other libraries fit as well. Must not know how types are converted.

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1 {

class json;

namespace detail {

template <class T, class... Others>
concept any_of = (std::same_as<T, Others> || ...);

/// The types of a unit of Unicode text. With -fno-char8_t there is no char8_t, and u8'x' is a char.
template <class T>
concept unicode_unit = any_of<T, wchar_t, decltype(u8'x'), char16_t, char32_t> && !std::same_as<T, char>;

/// Integers, except the types of a unit of text.
template <class T>
concept plain_integer = std::integral<T> && !any_of<T, bool, char> && !unicode_unit<T>;

template <class T>
concept text_like = std::convertible_to<const T&, std::string_view> && !std::same_as<T, std::nullptr_t>;

template <class T>
concept optional_like = requires(const T& optional, T& target) {
  { optional.has_value() } -> std::same_as<bool>;
  *optional;
  target.reset();
  typename T::value_type;
};

template <class T>
concept range_like = requires(const T& range) {
  std::begin(range) != std::end(range);
  *std::begin(range);
};

template <range_like T>
using element_of = std::remove_cvref_t<decltype(*std::begin(std::declval<const T&>()))>;

template <class T>
inline constexpr bool is_pair = false;
template <class First, class Second>
inline constexpr bool is_pair<std::pair<First, Second>> = true;

/// Maps of any kind, as opposed to lists of pairs.
template <class T>
concept map_like = range_like<T> && requires {
  typename T::key_type;
  typename T::mapped_type;
};

/// Maps with texts as keys that contain each key once, and return its value: objects in JSON.
template <class T>
concept object_like = map_like<T> && text_like<typename T::key_type> &&
    requires(const T& map, const typename T::key_type& key) {
  map.at(key);
  (*std::begin(map)).first;
  (*std::begin(map)).second;
};

/// Maps that may contain a key several times.
template <class T>
concept multimap_like = map_like<T> && text_like<typename T::key_type> && !object_like<T>;

/// A type whose author wrote `void to_json(coworker::json&, const T&)` in its namespace.
template <class T>
concept has_to_json = requires(json& out, const T& value) {
  to_json(out, value);
};

/// A type whose author wrote `void from_json(const coworker::json&, T&)` in its namespace.
template <class T>
concept has_from_json = requires(const json& in, T& value) {
  from_json(in, value);
};

template <class T>
consteval bool turns_into_json() {
  if constexpr (std::is_array_v<T> && std::same_as<std::remove_cv_t<std::remove_extent_t<T>>, char>) {
    return true;  // first, because each length of a literal is a type
  } else if constexpr (any_of<T, json, std::nullptr_t> || std::derived_from<T, json>) {
    return true;
  } else if constexpr (has_to_json<T>) {
    return true;
  } else if constexpr (any_of<T, bool, char> || plain_integer<T> || std::floating_point<T> || text_like<T>) {
    return true;
  } else if constexpr (optional_like<T>) {
    return turns_into_json<std::remove_cvref_t<decltype(*std::declval<const T&>())>>();
  } else if constexpr (is_pair<T>) {
    return turns_into_json<std::remove_cvref_t<typename T::first_type>>() &&
           turns_into_json<std::remove_cvref_t<typename T::second_type>>();
  } else if constexpr (object_like<T>) {
    return turns_into_json<typename T::mapped_type>();
  } else if constexpr (map_like<T>) {
    return false;
  } else if constexpr (range_like<T>) {
    if constexpr (std::same_as<element_of<T>, T>) {
      return false;
    } else if constexpr (requires { typename T::value_type; }) {
      return turns_into_json<typename T::value_type>();  // the elements of vector<bool> convert to it
    } else {
      return turns_into_json<element_of<T>>();
    }
  } else {
    return false;
  }
}

/// Containers that grow one element at a time.
template <class T>
concept growing_sequence = requires(T& sequence, typename T::value_type value) {
  sequence.push_back(std::move(value));
}
|| requires(T& set, typename T::key_type value) { set.insert(std::move(value)); };

template <class T>
concept growing_map = requires(T& map, typename T::mapped_type value) {
  map.insert_or_assign(typename T::key_type(std::string_view()), std::move(value));
};

/// Arrays whose length is part of their type.
template <class T>
concept fixed_sequence = requires(T& array) {
  requires(std::tuple_size<T>::value > 0);
  array[0];
  typename T::value_type;
};

template <class T>
inline constexpr bool always_false = false;

}  // namespace detail

/// A type that converts to json: bool, numbers, texts, char (a text of one character), optionals, ranges and
/// pairs of these (arrays), maps with texts as keys (objects; not maps that may contain a key several times),
/// json itself, and every type with a `void to_json(coworker::json&, const T&)` in its namespace.
template <class T>
concept json_source = detail::turns_into_json<std::remove_cvref_t<T>>();

}  // namespace coworker::inline v0_1
