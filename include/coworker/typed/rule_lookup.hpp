#pragma once
// Finds the rules beside a struct, and what its members are called in JSON because of them. Must not know
// what any rule says.

#include <concepts>
#include <coworker/typed/kinds.hpp>
#include <coworker/typed/names.hpp>
#include <coworker/typed/rules.hpp>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

namespace coworker::detail {

// Found beside the struct: nothing else may be called so in these namespaces.
template <class T>
concept has_rules = requires {
  rules(type<T>());
};

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

/// Whether the rules of T and of what it holds, as far as there are any, can be followed.
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
  } else if constexpr (is == input_kind::map) {
    return rules_fit<typename T::mapped_type, Open...>();
  } else if constexpr (is == input_kind::structure && !any_of<T, Open...>) {
    return own_rules_fit<T>() && detail::member_rules_fit<T, Open...>(member_types<T>());
  } else {
    return true;
  }
}

template <class T, class Visit>
void for_each_rule(Visit&& visit) {
  if constexpr (has_rules<T> && own_rules_fit<T>()) rules(type<T>())(visit);
}

/// The same for those about members.
template <class T, class Visit>
void for_each_member_rule(Visit&& visit) {
  detail::for_each_rule<T>([&visit](const auto& rule) {
    if constexpr (is_member_rule<std::remove_cvref_t<decltype(rule)>>) visit(rule);
  });
}

/// What the members of a struct are called in JSON.
template <class T>
class member_keys {
 public:
  static constexpr std::size_t count = member_count<T>;

  static const std::string_view* all() {
    if constexpr (has_rules<T>) {
      static const member_keys renamed{T{}};
      return renamed.keys_;
    } else {
      return usual_;
    }
  }

 private:
  template <class Indices>
  struct named;
  template <std::size_t... Index>
  struct named<std::index_sequence<Index...>> {
    static constexpr std::string_view keys[] = {member_name<T, Index>...};
  };
  static constexpr const std::string_view* usual_ = named<std::make_index_sequence<count>>::keys;

  explicit member_keys(const T& example) {
    for (std::size_t i = 0; i < count; ++i) keys_[i] = usual_[i];
    detail::for_each_member_rule<T>([&](const auto& rule) {
      if (rule.key.empty()) return;
      std::size_t at = 0;
      detail::with_members(example, [&](const auto&... member) {
        const auto name_if_meant = [&](const void* one) {
          if (one == static_cast<const void*>(&(example.*rule.which))) keys_[at] = rule.key;
          ++at;
        };
        (name_if_meant(&member), ...);
      });
    });
  }

  std::string_view keys_[count];
};

}  // namespace coworker::detail
