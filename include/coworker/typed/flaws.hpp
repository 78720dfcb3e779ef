#pragma once
// Finds out why a type cannot be a job's input or a handler's result: which class of refusals.hpp explains
// it. Must not know handlers.

#include <concepts>
#include <coworker/typed/defaults.hpp>
#include <coworker/typed/kinds.hpp>
#include <coworker/typed/members.hpp>
#include <coworker/typed/names.hpp>
#include <coworker/typed/refusals.hpp>
#include <coworker/typed/rule_lookup.hpp>
#include <coworker/typed/struct_flaws.hpp>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1::detail {

// A class that is only named, never constructed.
template <class T>
struct named_type {
  using type = T;
  static constexpr bool says_nothing = std::same_as<T, no_refusal>;
};

template <std::size_t Index, class... T>
struct nth_type;
template <std::size_t Index, class First, class... Rest>
struct nth_type<Index, First, Rest...> : nth_type<Index - 1, Rest...> {};
template <class First, class... Rest>
struct nth_type<0, First, Rest...> {
  using type = First;
};

struct list_types {
  template <class... Member>
  constexpr auto operator()(const Member&...) const {
    return type_list<Member...>();
  }
};
template <std::size_t Index, class... Member>
nth_type<Index, Member...> pick_type(type_list<Member...>);
/// The type of the member at `Index` of a struct with `Count` members. Works for bit-fields too.
template <class Struct, std::size_t Index, std::size_t Count>
using type_of_member = typename decltype(detail::pick_type<Index>(
    detail::take_apart<Count>(std::declval<Struct&>(), std::declval<const list_types&>())))::type;

/// The refusal of a member, by its name if that can be found, else by its position.
template <template <class, auto, class> class Refusal, class Struct, class At>
consteval auto refuse_member() {
  if constexpr (At::position == 0) {
    return named_type<Refusal<Struct, 0, void>>();
  } else if constexpr (At::members == 0) {
    return named_type<Refusal<Struct, At::position, void>>();
  } else {
    return named_type<Refusal<Struct, member_name_chars<Struct, At::position - 1, At::members>,
                              type_of_member<Struct, At::position - 1, At::members>>>();
  }
}

template <class Holder, auto Name, class Struct>
consteval auto refuse_struct() {
  using at = decltype(detail::find_struct_flaw<Struct>());
  if constexpr (at::flaw == struct_flaw::constructors) {
    return named_type<class_with_constructors<Holder, Name, Struct>>();
  } else if constexpr (at::flaw == struct_flaw::no_members) {
    return named_type<struct_without_members<Holder, Name, Struct>>();
  } else if constexpr (at::flaw == struct_flaw::tuple_like) {
    return named_type<struct_with_tuple_size<Holder, Name, Struct>>();
  } else if constexpr (at::flaw == struct_flaw::base) {
    return named_type<struct_with_base<Holder, Name, Struct>>();
  } else if constexpr (at::flaw == struct_flaw::too_many) {
    return named_type<struct_of_too_many_members<Holder, Name, Struct>>();
  } else if constexpr (at::flaw == struct_flaw::immovable) {
    return named_type<struct_that_cannot_be_moved<Holder, Name, Struct>>();
  } else if constexpr (at::flaw == struct_flaw::no_default) {
    return detail::refuse_member<member_without_default, Struct, at>();
  } else if constexpr (at::flaw == struct_flaw::c_array) {
    return detail::refuse_member<c_array_member, Struct, at>();
  } else if constexpr (at::flaw == struct_flaw::union_member) {
    return detail::refuse_member<union_member, Struct, at>();
  } else if constexpr (at::flaw == struct_flaw::bit_field) {
    using type = type_of_member<Struct, at::position - 1, member_count<Struct>>;
    return named_type<bit_field_member<Struct, at::position, type>>();
  } else {
    return named_type<no_refusal>();
  }
}

// Returns the first refusal in a list that is not no_refusal.
template <class First, class... Rest>
consteval auto first_refusal(First first, Rest... rest) {
  if constexpr (sizeof...(Rest) == 0 || !First::says_nothing) {
    return first;
  } else {
    return detail::first_refusal(rest...);
  }
}

// --- inputs

template <class Holder, auto Name, class T, class... Open>
consteval auto refuse_input();

template <class Struct, class... Open, std::size_t... Index, class... Member>
consteval auto refuse_members_of_input(std::index_sequence<Index...>, type_list<Member...>) {
  return detail::first_refusal(
      detail::refuse_input<Struct, member_name_chars<Struct, Index>, Member, Struct, Open...>()...);
}

template <class Make>
consteval auto refuse_defaults();

template <class Make, std::size_t Index, class Member>
consteval auto refuse_defaults_within() {
  if constexpr (kind<Member> == input_kind::structure) {
    return detail::refuse_defaults<default_made_in<Make, Index>>();
  } else {
    return named_type<no_refusal>();
  }
}
template <class Make, std::size_t... Index, class... Member>
consteval auto refuse_defaults_of_members(std::index_sequence<Index...>, type_list<Member...>) {
  return detail::first_refusal(detail::refuse_defaults_within<Make, Index, Member>()...);
}

template <class Make>
consteval auto refuse_defaults() {
  using made = typename Make::type;
  constexpr std::size_t broken = broken_default<Make>();
  if constexpr (broken != member_count<made>) {
    return detail::refuse_member<default_that_breaks_its_rule, made,
                                 flaw_at<struct_flaw::none, broken + 1, member_count<made>>>();
  } else if constexpr (defaults_break_a_check<Make>()) {
    return named_type<defaults_that_break_a_check<made, 0, made>>();
  } else {
    return detail::refuse_defaults_of_members<Make>(std::make_index_sequence<member_count<made>>(),
                                                    member_types<made>());
  }
}

template <class Struct>
consteval auto refuse_rules() {
  if constexpr (!own_rules_fit<Struct>()) {
    return named_type<rules_of_another_struct<Struct, 0, Struct>>();
  } else if constexpr (has_key_twice<Struct>()) {
    return detail::refuse_member<
        name_used_twice, Struct,
        flaw_at<struct_flaw::none, constant_keys<Struct>.key_used_twice() + 1, member_count<Struct>>>();
  } else {
    return named_type<no_refusal>();
  }
}

// Refuses a type that JSON cannot fill and that contains no other type.
template <class Holder, auto Name, class T>
consteval auto refuse_plain_input() {
  if constexpr (std::is_const_v<T>) {
    return named_type<constant_member_of_input<Holder, Name, T>>();
  } else if constexpr (plain_enum<T>) {
    return named_type<far_enum_member_of_input<Holder, Name, T>>();
  } else if constexpr (std::is_enum_v<T>) {
    return named_type<bare_enum_member_of_input<Holder, Name, T>>();
  } else if constexpr (std::is_array_v<T>) {
    return named_type<c_array_member<Holder, Name, T>>();
  } else if constexpr (text_like<T> || growing_map<T>) {
    return named_type<view_member_of_input<Holder, Name, T>>();
  } else if constexpr (std::is_class_v<T> && !range_like<T>) {
    return detail::first_refusal(detail::refuse_struct<Holder, Name, T>(),
                                 named_type<member_of_input<Holder, Name, T>>());
  } else {
    return named_type<member_of_input<Holder, Name, T>>();
  }
}

/// Returns why T, which is the member `Name` of `Holder` or is contained in it, cannot be filled. `Open`: the
/// structs around it.
template <class Holder, auto Name, class T, class... Open>
consteval auto refuse_input() {
  constexpr input_kind is = kind<T>;
  if constexpr (is == input_kind::optional || is == input_kind::sequence || is == input_kind::fixed_array) {
    return detail::refuse_input<Holder, Name, typename T::value_type, Open...>();
  } else if constexpr (is == input_kind::pair) {
    return detail::first_refusal(detail::refuse_input<Holder, Name, typename T::first_type, Open...>(),
                                 detail::refuse_input<Holder, Name, typename T::second_type, Open...>());
  } else if constexpr (is == input_kind::map) {
    return detail::refuse_input<Holder, Name, typename T::mapped_type, Open...>();
  } else if constexpr (is == input_kind::structure) {
    if constexpr (any_of<T, Open...>) {
      return named_type<no_refusal>();
    } else {
      constexpr auto of_members = detail::refuse_members_of_input<T, Open...>(
          std::make_index_sequence<member_count<T>>(), member_types<T>());
      if constexpr (!of_members.says_nothing) {
        return of_members;
      } else if constexpr (!refuse_rules<T>().says_nothing) {
        return detail::refuse_rules<T>();
      } else {
        return detail::refuse_defaults<default_made<T>>();
      }
    }
  } else if constexpr (reads_from_json<T>()) {
    return named_type<no_refusal>();
  } else {
    return detail::refuse_plain_input<Holder, Name, T>();
  }
}

// --- results

template <class Holder, auto Name, class T, class... Open>
consteval auto refuse_output();

template <class Struct, class... Open, std::size_t... Index, class... Member>
consteval auto refuse_members_of_output(std::index_sequence<Index...>, type_list<Member...>) {
  return detail::first_refusal(detail::refuse_output<Struct, member_name_chars<Struct, Index>,
                                                     std::remove_const_t<Member>, Struct, Open...>()...);
}

/// Returns why T does not convert to json.
template <class Holder, auto Name, class T, class... Open>
consteval auto refuse_output() {
  if constexpr (any_of<T, Open...>) {
    return named_type<no_refusal>();
  } else if constexpr (has_own_to_json<T> || text_like<T> || std::derived_from<T, json>) {
    return named_type<no_refusal>();
  } else if constexpr (optional_like<T>) {
    return detail::refuse_output<Holder, Name, std::remove_cvref_t<decltype(*std::declval<const T&>())>,
                                 Open...>();
  } else if constexpr (multimap_like<T>) {
    return named_type<multimap_member_of_output<Holder, Name, T>>();
  } else if constexpr (is_pair<T>) {
    return detail::first_refusal(
        detail::refuse_output<Holder, Name, std::remove_const_t<typename T::first_type>, Open...>(),
        detail::refuse_output<Holder, Name, std::remove_const_t<typename T::second_type>, Open...>());
  } else if constexpr (object_like<T>) {
    return detail::refuse_output<Holder, Name, typename T::mapped_type, Open...>();
  } else if constexpr (map_like<T>) {
    return named_type<member_of_output<Holder, Name, T>>();
  } else if constexpr (range_like<T> && requires { typename T::value_type; }) {
    return detail::refuse_output<Holder, Name, typename T::value_type, Open...>();
  } else if constexpr (plain_struct<T>) {
    constexpr auto of_members = detail::refuse_members_of_output<T, Open...>(
        std::make_index_sequence<member_count<T>>(), member_types<T>());
    if constexpr (!of_members.says_nothing) {
      return of_members;
    } else {
      return detail::refuse_rules<T>();
    }
  } else if constexpr (writes_to_json<T>()) {
    return named_type<no_refusal>();
  } else if constexpr (std::is_class_v<T>) {
    return detail::first_refusal(detail::refuse_struct<Holder, Name, T>(),
                                 named_type<member_of_output<Holder, Name, T>>());
  } else {
    return named_type<member_of_output<Holder, Name, T>>();
  }
}

}  // namespace coworker::inline v0_1::detail
