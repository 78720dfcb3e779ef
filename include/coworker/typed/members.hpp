#pragma once
// Accesses the members of a plain struct without their names: counts them, and calls a function with all of
// them. C++20 has no reflection: the count is found by trying how many values the struct can be made from,
// and a structured binding gives access. Must not know JSON.

#include <concepts>
#include <coworker/typed/take_apart_32.hpp>
#include <coworker/typed/take_apart_48.hpp>
#include <coworker/typed/take_apart_64.hpp>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1::detail {

/// The maximum number of members of a plain struct.
inline constexpr std::size_t most_members = 64;

// These conversions are declared but never called. If Struct has internal linkage, clang warns that their
// definitions are missing, because it instantiates constexpr constructors such as std::optional's to see
// whether they fit.
#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wundefined-internal"
#endif

/// Converts to any type from which a member of Struct can be made.
template <class Struct>
struct any_member {
  template <class T>
  requires(!std::same_as<T, Struct>) operator T() const;
};

/// Converts to unions only.
template <class Struct>
struct any_union {
  template <class T>
  requires(std::is_union_v<T>) operator T() const;
};

/// Converts to bases of Struct only.
template <class Struct>
struct any_base {
  template <class T>
  requires(std::is_base_of_v<T, Struct> && !std::same_as<T, Struct>) operator T() const;
};

#ifdef __clang__
#pragma clang diagnostic pop
#endif

template <class Struct, std::size_t... Index>
consteval bool made_from(std::index_sequence<Index...>) {
  return requires { Struct{(static_cast<void>(Index), any_member<Struct>())...}; };
}

template <class Struct, std::size_t Count>
inline constexpr bool made_from_count = detail::made_from<Struct>(std::make_index_sequence<Count>());

/// Returns whether an empty brace may initialise the member after the first `Index` members. It may not if
/// that is an array such as int[3], whose elements count one by one.
template <class Struct, std::size_t... Before, std::size_t... After>
consteval bool next_is_one(std::index_sequence<Before...>, std::index_sequence<After...>) {
  return requires {
    Struct{(static_cast<void>(Before), any_member<Struct>())...,
           {},
           (static_cast<void>(After), any_member<Struct>())...};
  };
}

template <class Struct, std::size_t... Before>
consteval bool next_is_union(std::index_sequence<Before...>) {
  return requires { Struct{(static_cast<void>(Before), any_member<Struct>())..., any_union<Struct>()}; };
}

template <class Struct, std::size_t Least, std::size_t Most>
consteval std::size_t count_members() {
  if constexpr (Least == Most) {
    return Least;
  } else {
    constexpr std::size_t middle = (Least + Most + 1) / 2;
    if constexpr (made_from_count<Struct, middle>) {
      return count_members<Struct, middle, Most>();
    } else {
      return count_members<Struct, Least, middle - 1>();
    }
  }
}

/// The number of members of a struct that can be made without arguments; most_members + 1 means more.
template <class Struct>
inline constexpr std::size_t member_count = count_members<Struct, 0, most_members + 1>();

template <class Struct>
inline constexpr bool has_base = requires {
  Struct{any_base<Struct>()};
};

// The elements of an array are no members, and an anonymous union hides the members after it.
template <class Struct, std::size_t... Index>
consteval bool has_array_or_union(std::index_sequence<Index...>) {
  return !(detail::next_is_one<Struct>(std::make_index_sequence<Index>(),
                                       std::make_index_sequence<sizeof...(Index) - 1 - Index>()) &&
           ...) ||
         (detail::next_is_union<Struct>(std::make_index_sequence<Index>()) || ...);
}

/// Calls `visit` with all members of `value`, in order.
template <class Struct, class Visit>
constexpr decltype(auto) with_members(Struct& value, Visit&& visit) {
  return detail::take_apart<member_count<std::remove_const_t<Struct>>>(value, visit);
}

/// Can be called with all members of a struct if none is a bit-field, to which no reference can be bound, or
/// volatile, whose name cannot be found.
struct reference_probe {
  template <class... Member>
  requires(!std::is_volatile_v<Member> && ...) constexpr bool operator()(Member&...) const { return true; }
};

template <class Struct>
consteval bool has_bit_field() {
  return std::is_void_v<decltype(detail::with_members(std::declval<Struct&>(), reference_probe()))>;
}

/// A type that structured bindings take apart by get() and std::tuple_size instead of by its members.
template <class T>
concept tuple_like = requires {
  std::tuple_size<T>::value;
};

/// A struct whose members with_members can access: an aggregate with 1 to most_members members, all of them
/// its own, none of them a C array, a union, a bit-field, volatile or a reference, and without std::tuple_size.
template <class T>
concept plain_struct =
    std::is_class_v<T> && std::is_aggregate_v<T> && !tuple_like<T> && std::default_initializable<T> &&
    std::move_constructible<T> && (member_count<T> >= 1) && (member_count<T> <= most_members) &&
    !has_base<T> && !detail::has_array_or_union<T>(std::make_index_sequence<member_count<T>>()) &&
    !detail::has_bit_field<T>();

}  // namespace coworker::inline v0_1::detail
