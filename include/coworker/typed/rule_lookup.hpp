#pragma once
// Finds the rules beside a struct, and the names in JSON that they give its members. Must not know what
// any rule says.

#include <concepts>
#include <coworker/json/error.hpp>
#include <coworker/typed/kinds.hpp>
#include <coworker/typed/names.hpp>
#include <coworker/typed/rules.hpp>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1::detail {

// Rules are found by argument-dependent lookup: nothing else in the struct's namespaces may
// be called `rules`.
template <class T>
concept has_rules = requires {
  rules(type<T>());
};

/// Rules that can be evaluated at compile time.
template <class T>
concept constant_rules = has_rules<T> && requires {
  typename std::bool_constant<(static_cast<void>(rules(type<T>())), true)>;
};
template <constant_rules T>
inline constexpr auto rules_of = rules(type<T>());

template <class T, class Rules>
inline constexpr bool are_about = false;
template <class T, class Call, class... Owner>
inline constexpr bool are_about<T, rules_about<Call, Owner...>> = ((std::is_void_v<Owner> ||
                                                                    std::same_as<Owner, T>)&&...);

template <class T>
consteval bool own_rules_fit() {
  if constexpr (has_rules<T>) {
    return are_about<T, decltype(rules(type<T>()))>;
  } else {
    return true;
  }
}

/// Returns whether the rules of T, and of the types that it contains, are valid.
template <class T, class... Open>
consteval bool rules_fit();

template <class Struct, class... Open, class... Member>
consteval bool member_rules_fit(type_list<Member...>) {
  return (rules_fit<Member, Struct, Open...>() && ...);
}

template <class T, class... Open>
consteval bool rules_fit() {
  constexpr input_kind is = kind<T>;
  if constexpr (is == input_kind::optional || is == input_kind::sequence || is == input_kind::fixed_array) {
    return rules_fit<typename T::value_type, Open...>();
  } else if constexpr (is == input_kind::pair) {
    return rules_fit<typename T::first_type, Open...>() && rules_fit<typename T::second_type, Open...>();
  } else if constexpr (is == input_kind::map) {
    return rules_fit<typename T::mapped_type, Open...>();
  } else if constexpr (is == input_kind::structure && !any_of<T, Open...>) {
    return own_rules_fit<T>() && detail::member_rules_fit<T, Open...>(member_types<T>());
  } else {
    return true;
  }
}

template <class T, class Visit>
constexpr void for_each_rule(Visit&& visit) {
  if constexpr (has_rules<T> && own_rules_fit<T>()) {
    if constexpr (constant_rules<T>) {
      rules_of<T>(visit);
    } else {
      rules(type<T>())(visit);
    }
  }
}

/// As above, for the rules about members.
template <class T, class Visit>
constexpr void for_each_member_rule(Visit&& visit) {
  detail::for_each_rule<T>([&visit](const auto& rule) {
    if constexpr (is_member_rule<std::remove_cvref_t<decltype(rule)>>) visit(rule);
  });
}

template <class T, class Indices = std::make_index_sequence<member_count<T>>>
struct usual_keys;
template <class T, std::size_t... Index>
struct usual_keys<T, std::index_sequence<Index...>> {
  static constexpr std::string_view keys[sizeof...(Index)] = {member_name<T, Index>...};
};

template <std::size_t Count>
struct key_table {
  std::string_view keys[Count];

  constexpr bool has_key_twice() const noexcept { return key_used_twice() != Count; }
  /// Returns the last member whose name another member has, too; Count if there is none.
  constexpr std::size_t key_used_twice() const noexcept {
    for (std::size_t last = Count; last-- > 0;) {
      for (std::size_t i = 0; i < last; ++i) {
        if (keys[i] == keys[last]) return last;
      }
    }
    return Count;
  }
};

/// Returns the names in JSON of a struct's members. `index_of` returns the index of the member that a
/// rule is about.
template <class T, class IndexOf>
constexpr auto make_keys(const IndexOf& index_of) {
  key_table<member_count<T>> made;
  for (std::size_t i = 0; i < member_count<T>; ++i) made.keys[i] = usual_keys<T>::keys[i];
  detail::for_each_member_rule<T>([&](const auto& rule) {
    if (!rule.key.empty()) made.keys[index_of(rule)] = rule.key;
  });
  return made;
}

template <class T>
inline constexpr auto constant_keys = detail::make_keys<T>([](const auto& rule) {
  return detail::member_index<T>(rule.which);
});

/// Returns whether two members of a struct are known to have the same name in JSON.
template <class T>
consteval bool has_key_twice() {
  if constexpr (constant_rules<T> && own_rules_fit<T>()) {
    return constant_keys<T>.has_key_twice();
  } else {
    return false;
  }
}

template <class T>
class member_keys {
 public:
  static const std::string_view* all() {
    static_assert(
        !has_key_twice<T>(),
        "coworker: two members of this struct have one name in JSON; see coworker::member(...).named");
    if constexpr (!has_rules<T>) {
      return usual_keys<T>::keys;
    } else if constexpr (constant_rules<T>) {
      return constant_keys<T>.keys;
    } else {
      static const auto renamed = made_from(T{});
      return renamed.keys;
    }
  }

 private:
  static auto made_from(const T& example) {
    const auto made = detail::make_keys<T>([&](const auto& rule) {
      const void* const wanted = std::addressof(example.*rule.which);
      std::size_t index = 0;
      detail::with_members(example, [&](const auto&... member) {
        bool found = false;
        const auto look_at = [&](const void* one) {
          found = found || one == wanted;
          if (!found) ++index;
        };
        (look_at(std::addressof(member)), ...);
      });
      return index;
    });
    if (made.has_key_twice()) {
      throw std::logic_error(
          std::string("coworker: two members of ").append(type_name<T>()) + " have one name in JSON, " +
          detail::quoted_excerpt(made.keys[made.key_used_twice()]) + "; see coworker::member(...).named");
    }
    return made;
  }
};

}  // namespace coworker::inline v0_1::detail
