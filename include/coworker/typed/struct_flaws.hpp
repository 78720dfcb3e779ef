#pragma once
// Finds out why the members of a struct cannot be accessed, and which member is the cause: by name if that
// can be found, else by position. Must not know JSON, nor the text of the error.

#include <concepts>
#include <coworker/typed/members.hpp>
#include <coworker/typed/names.hpp>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1::detail {

enum class struct_flaw : unsigned char {
  none,
  constructors,  // or private members, or virtual functions: not an aggregate
  no_members,
  tuple_like,
  no_default,  // a member has no default constructor, and the struct gives it no default
  immovable,
  base,
  c_array,
  union_member,
  too_many,
  bit_field,  // or volatile
};

/// The maximum number of values, elements of C arrays included, from which a struct is tried to be made to
/// find a C array.
inline constexpr std::size_t most_elements = 1024;

template <class Struct>
consteval std::size_t count_elements() {
  return count_members<Struct, 0, most_elements + 1>();
}

/// Returns how many values the member after the first `At` values takes: more than one if it is a C array.
template <class Struct, std::size_t Elements, std::size_t At, std::size_t Least, std::size_t Most>
consteval std::size_t values_behind() {
  if constexpr (Least == Most) {
    return Least;
  } else {
    constexpr std::size_t middle = (Least + Most + 1) / 2;
    if constexpr (detail::next_is_one<Struct>(std::make_index_sequence<At>(),
                                              std::make_index_sequence<middle>())) {
      return values_behind<Struct, Elements, At, middle, Most>();
    } else {
      return values_behind<Struct, Elements, At, Least, middle - 1>();
    }
  }
}

template <class Struct, std::size_t Elements, std::size_t At>
consteval std::size_t values_of_member() {
  constexpr std::size_t left = Elements - At - 1;
  if constexpr (detail::next_is_one<Struct>(std::make_index_sequence<At>(),
                                            std::make_index_sequence<left>())) {
    return 1;
  } else if constexpr (!detail::next_is_one<Struct>(std::make_index_sequence<At>(),
                                                    std::make_index_sequence<0>())) {
    return 1;  // an empty brace does not initialise it
  } else {
    return Elements - At - values_behind<Struct, Elements, At, 0, left - 1>();
  }
}

struct struct_layout {
  std::size_t members = 0;      // most_members + 1 means more
  std::size_t first_array = 0;  // position from 1; 0: none
};

template <class Struct, std::size_t Elements, std::size_t At = 0, std::size_t Member = 0,
          std::size_t Array = 0>
consteval struct_layout layout_of() {
  if constexpr (At >= Elements || Member > most_members) {
    return {Member, Array};
  } else {
    constexpr std::size_t values = values_of_member<Struct, Elements, At>();
    constexpr std::size_t array = Array == 0 && values > 1 ? Member + 1 : Array;
    return layout_of<Struct, Elements, At + values, Member + 1, array>();
  }
}

// For a struct with more values than are tried, which must be in C arrays: finds the first member that takes
// several values where no number, pointer or enum can.
template <class Struct>
struct any_scalar {
  template <class T>
  requires(std::is_scalar_v<T>) operator T() const;
};
template <class Struct, std::size_t... Before>
consteval bool begins_scalar_array(std::index_sequence<Before...>) {
  return requires {
    Struct{(static_cast<void>(Before), any_member<Struct>())..., any_scalar<Struct>()};
    Struct{(static_cast<void>(Before), any_member<Struct>())...,
           {any_member<Struct>(), any_member<Struct>()}};
  };
}
template <class Struct, std::size_t Member = 0>
consteval std::size_t first_scalar_array() {
  if constexpr (Member > most_members) {
    return 0;
  } else if constexpr (detail::begins_scalar_array<Struct>(std::make_index_sequence<Member>())) {
    return Member + 1;
  } else {
    return first_scalar_array<Struct, Member + 1>();
  }
}

template <class Struct, std::size_t... Index>
consteval std::size_t first_union(std::index_sequence<Index...>) {
  std::size_t found = 0;
  ((found =
        found == 0 && detail::next_is_union<Struct>(std::make_index_sequence<Index>()) ? Index + 1 : found),
   ...);
  return found;
}

// Takes one member by reference, and the others in a way that fits a bit-field.
struct any_reference {
  template <class T>
  constexpr any_reference(const T&) {}
};
template <std::size_t>
using any_reference_at = any_reference;
template <class Indices>
struct one_reference_probe;
template <std::size_t... Before>
struct one_reference_probe<std::index_sequence<Before...>> {
  template <class Member, class... After>
  requires(!std::is_volatile_v<Member>) constexpr bool operator()(any_reference_at<Before>..., Member&,
                                                                  const After&...) const {
    return true;
  }
};

template <class Struct, std::size_t... Index>
consteval std::size_t first_bit_field(std::index_sequence<Index...>) {
  std::size_t found = 0;
  ((found =
        found == 0 && std::is_void_v<decltype(detail::with_members(
                          std::declval<Struct&>(), one_reference_probe<std::make_index_sequence<Index>>()))>
            ? Index + 1
            : found),
   ...);
  return found;
}

/// What is wrong with a struct, and with which member. `name`: the member's name, if it can be found.
/// `Position`: its position from 1 on; 0 if no member is the cause.
template <struct_flaw Flaw, std::size_t Position, std::size_t Members>
struct flaw_at {
  static constexpr struct_flaw flaw = Flaw;
  static constexpr std::size_t position = Position;
  static constexpr std::size_t members = Members;  // 0: members cannot be named
};

template <class Struct>
consteval auto array_flaw() {
  constexpr std::size_t elements = count_elements<Struct>();
  if constexpr (elements > most_elements) {
    return flaw_at<struct_flaw::c_array, first_scalar_array<Struct>(), 0>();
  } else {
    constexpr struct_layout layout = layout_of<Struct, elements>();
    constexpr std::size_t nameable = layout.members > most_members ? 0 : layout.members;
    constexpr auto flaw = layout.first_array != 0         ? struct_flaw::c_array
                          : layout.members > most_members ? struct_flaw::too_many
                                                          : struct_flaw::none;
    return flaw_at<flaw, layout.first_array, nameable>();
  }
}

// For a struct that cannot be made without arguments: returns the smallest number of members from
// which it can.
template <class Struct, std::size_t Count>
consteval std::size_t least_count() {
  if constexpr (Count > most_members) {
    return 0;
  } else if constexpr (made_from_count<Struct, Count>) {
    return Count;
  } else {
    return least_count<Struct, Count + 1>();
  }
}
template <class Struct, std::size_t Count>
consteval std::size_t most_count() {
  if constexpr (Count < most_members && made_from_count<Struct, Count + 1>) {
    return most_count<Struct, Count + 1>();
  } else {
    return Count;
  }
}
template <class Struct>
struct any_class {
  template <class T>
  requires(std::is_class_v<T> && !std::same_as<T, Struct>) operator T() const;
};
// True also for arrays of objects without a default constructor, and for a class that is made
// from two objects.
template <class Struct, std::size_t... Before, std::size_t... After>
consteval bool may_be_array(std::index_sequence<Before...>, std::index_sequence<After...>) {
  return requires {
    Struct{(static_cast<void>(Before), any_member<Struct>())...,
           {any_class<Struct>(), any_class<Struct>()},
           (static_cast<void>(After), any_member<Struct>())...};
  };
}
template <class Struct, std::size_t... Index>
consteval bool all_are_plain(std::index_sequence<Index...>) {
  constexpr std::size_t last = sizeof...(Index) - 1;
  return ((detail::next_is_one<Struct>(std::make_index_sequence<Index>(),
                                       std::make_index_sequence<last - Index>()) ||
           !detail::may_be_array<Struct>(std::make_index_sequence<Index>(),
                                         std::make_index_sequence<last - Index>())) &&
          ...);
}

template <class Struct>
consteval auto default_flaw() {
  constexpr std::size_t needed = least_count<Struct, 1>();
  constexpr std::size_t count = needed == 0 ? 0 : most_count<Struct, needed>();
  if constexpr (count != 0 && detail::all_are_plain<Struct>(std::make_index_sequence<count>())) {
    return flaw_at<struct_flaw::no_default, needed, count>();
  } else {
    return flaw_at<struct_flaw::no_default, needed, 0>();
  }
}

/// Returns the flaw of a class that is not a plain_struct.
template <class Struct>
consteval auto find_struct_flaw() {
  if constexpr (!std::is_aggregate_v<Struct>) {
    return flaw_at<struct_flaw::constructors, 0, 0>();
  } else if constexpr (tuple_like<Struct>) {
    return flaw_at<struct_flaw::tuple_like, 0, 0>();
  } else if constexpr (!std::default_initializable<Struct>) {
    return detail::default_flaw<Struct>();
  } else if constexpr (!std::move_constructible<Struct>) {
    return flaw_at<struct_flaw::immovable, 0, 0>();
  } else if constexpr (has_base<Struct>) {
    return flaw_at<struct_flaw::base, 0, 0>();
  } else if constexpr (member_count<Struct> == 0) {
    return flaw_at<struct_flaw::no_members, 0, 0>();
  } else if constexpr (array_flaw<Struct>().flaw != struct_flaw::none) {
    return detail::array_flaw<Struct>();
  } else {
    using members = std::make_index_sequence<member_count<Struct>>;
    if constexpr (detail::first_union<Struct>(members()) != 0) {
      return flaw_at<struct_flaw::union_member, first_union<Struct>(members()), 0>();
    } else if constexpr (has_bit_field<Struct>()) {
      return flaw_at<struct_flaw::bit_field, first_bit_field<Struct>(members()), 0>();
    } else {
      return flaw_at<struct_flaw::none, 0, 0>();
    }
  }
}

}  // namespace coworker::inline v0_1::detail
