#pragma once
// Classifies C++ types for typed inputs and outputs, at compile time and by their shape, so that no
// container's header is needed here. Must not know how they are read or written.

#include <concepts>
#include <coworker/json/shape.hpp>
#include <coworker/json/value.hpp>
#include <coworker/typed/enum_names.hpp>
#include <coworker/typed/members.hpp>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1::detail {

// Passed in place of json to find out whether a type's author wrote a conversion: the conversions in
// write.hpp and read.hpp fit nearly every struct, but accept only json itself.
struct json_stand_in : json {};

template <class T>
concept has_own_from_json = requires(const json_stand_in& in, T& value) {
  from_json(in, value);
};
template <class T>
concept has_own_to_json = requires(json_stand_in& out, const T& value) {
  to_json(out, value);
};

template <class T>
concept duration_like = requires(const T& span) {
  typename T::rep;
  span.count();
  requires(T::period::num > 0 && T::period::den > 0);
};

/// Texts that own their characters.
template <class T>
concept owned_text = text_like<T> && std::is_class_v<T> && std::constructible_from<T, std::string_view> &&
    requires(T& text) {
  text.assign("", std::size_t{});
};

/// Maps whose keys own their text, so that a struct may contain them. (A trivially copyable key that is no
/// text is a view, or was not meant as a key.)
template <class T>
concept owned_map = growing_map<T> &&
    (owned_text<typename T::key_type> ||
     (!text_like<typename T::key_type> && !std::is_trivially_copyable_v<typename T::key_type>));

enum class input_kind : unsigned char {
  none,
  anything,  // json
  own,       // its author wrote a from_json
  boolean,
  character,  // a text of one character
  integer,
  floating,
  text,
  enumeration,
  duration,
  optional,
  pair,  // an array of two elements
  map,
  sequence,
  fixed_array,
  structure,
};

template <class T>
consteval input_kind kind_of() {
  using enum input_kind;
  if constexpr (std::same_as<T, json>)
    return anything;
  else if constexpr (!std::is_object_v<T> || std::is_const_v<T> || std::is_volatile_v<T> ||
                     std::is_array_v<T> || std::is_pointer_v<T>)
    return none;
  else if constexpr (has_own_from_json<T>)
    return own;
  else if constexpr (std::same_as<T, bool>)
    return boolean;
  else if constexpr (std::same_as<T, char>)
    return character;
  else if constexpr (plain_integer<T>)
    return integer;
  else if constexpr (std::floating_point<T>)
    return floating;
  else if constexpr (plain_enum<T>)
    return enumeration;
  else if constexpr (owned_text<T>)
    return text;
  else if constexpr (text_like<T>)
    return none;
  else if constexpr (duration_like<T>)
    return duration;
  else if constexpr (optional_like<T>)
    return optional;
  else if constexpr (is_pair<T>)
    return pair;
  else if constexpr (owned_map<T>)
    return map;
  else if constexpr (growing_map<T>)
    return none;
  else if constexpr (growing_sequence<T>)
    return sequence;
  else if constexpr (fixed_sequence<T>)
    return fixed_array;
  else if constexpr (range_like<T>)
    return none;
  else if constexpr (plain_struct<T>)
    return structure;
  else
    return none;
}

template <class T>
inline constexpr input_kind kind = kind_of<T>();

template <class... T>
struct type_list {};

/// The member types, with const: a const member can be written as JSON, but not read from it.
template <class Struct>
using member_types = decltype(detail::with_members(std::declval<Struct&>(), [](auto&... member) {
  return type_list<std::remove_reference_t<decltype(member)>...>();
}));

// Whether a T can be read from json, with all its parts. A struct may contain itself, as in a tree; `Open`
// are the structs whose members are being examined.
template <class T, class... Open>
consteval bool reads_from_json();

template <class Struct, class... Open, class... Member>
consteval bool all_read_from_json(type_list<Member...>) {
  return (reads_from_json<Member, Struct, Open...>() && ...);
}

template <class T, class... Open>
consteval bool reads_from_json() {
  constexpr input_kind is = kind<T>;
  if constexpr (is == input_kind::optional || is == input_kind::sequence || is == input_kind::fixed_array) {
    return reads_from_json<typename T::value_type, Open...>();
  } else if constexpr (is == input_kind::pair) {
    return reads_from_json<typename T::first_type, Open...>() &&
           reads_from_json<typename T::second_type, Open...>();
  } else if constexpr (is == input_kind::map) {
    return reads_from_json<typename T::mapped_type, Open...>();
  } else if constexpr (is == input_kind::structure && !any_of<T, Open...>) {
    return detail::all_read_from_json<T, Open...>(member_types<T>());
  } else if constexpr (is == input_kind::enumeration) {
    return names_of_enum<T>::count != 0 && !has_far_values<T>();
  } else {
    return is != input_kind::none;
  }
}

// Whether a T can be converted to json, with all its parts.
template <class T, class... Open>
consteval bool writes_to_json();

template <class Struct, class... Open, class... Member>
consteval bool all_write_to_json(type_list<Member...>) {
  return (writes_to_json<std::remove_const_t<Member>, Struct, Open...>() && ...);
}

template <class T, class... Open>
consteval bool writes_to_json() {
  if constexpr (any_of<T, json, Open...> || has_own_to_json<T> || plain_enum<T> || duration_like<T>) {
    return true;
  } else if constexpr (text_like<T>) {
    return true;
  } else if constexpr (optional_like<T>) {
    return writes_to_json<std::remove_cvref_t<decltype(*std::declval<const T&>())>, Open...>();
  } else if constexpr (is_pair<T>) {
    return writes_to_json<std::remove_const_t<typename T::first_type>, Open...>() &&
           writes_to_json<std::remove_const_t<typename T::second_type>, Open...>();
  } else if constexpr (object_like<T>) {
    return writes_to_json<typename T::mapped_type, Open...>();
  } else if constexpr (map_like<T>) {
    return false;
  } else if constexpr (range_like<T>) {
    if constexpr (std::same_as<element_of<T>, T>) {
      return false;
    } else if constexpr (requires { typename T::value_type; }) {
      return writes_to_json<typename T::value_type, Open...>();
    } else {
      return writes_to_json<element_of<T>, Open...>();
    }
  } else if constexpr (plain_struct<T>) {
    return detail::all_write_to_json<T, Open...>(member_types<T>());
  } else {
    return turns_into_json<T>();
  }
}

}  // namespace coworker::inline v0_1::detail

namespace coworker::inline v0_1 {

/// A type that a job's input may have: json, bool, numbers, char (a text of one ASCII character), texts,
/// enums, durations (in seconds), optionals, containers, pairs (arrays of two elements), maps with texts
/// as keys, plain structs of these, and any type with a `void from_json(const coworker::json&, T&)` in
/// its namespace. Texts and keys must own their characters: a std::string_view would refer to text that
/// no longer exists.
///
/// An enum is read by the names of its values, which must be from -16 to 143. An enum with other values is
/// refused, as far as the compiler can find them: up to 599, and powers of two and round numbers beyond.
///
/// A plain struct is an aggregate that can be made without arguments: no constructors, no private members, no
/// base, no std::tuple_size, 1 to 64 members, none of them a C array, a bit-field, a union, a reference or
/// volatile. Any other struct is refused at compile time, with an error that names the member and the reason.
///
/// A member that the object omits keeps the default that the struct gives it; a member that the struct does
/// not have is refused. A text or container whose default is empty must be given, because C++ cannot
/// distinguish `std::string prompt = "";` from `std::string prompt;`. If empty is the intended default, write
/// `member(&request::prompt).optional()` in the rules beside the struct, or make the member a std::optional.
/// For rules see type in rules.hpp.
template <class T>
concept typed_input = detail::reads_from_json<T>();

/// A struct, enum or duration that converts to json without code of its author: see typed_input. For the
/// other types that convert, and that structs may contain, see json_source.
template <class T>
concept typed_output = (detail::plain_struct<T> || detail::plain_enum<T> ||
                        detail::duration_like<T>)&&!detail::range_like<T> &&
                       !detail::optional_like<T> && !detail::text_like<T> && detail::writes_to_json<T>();

}  // namespace coworker::inline v0_1
