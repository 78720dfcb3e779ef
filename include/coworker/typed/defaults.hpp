#pragma once
// Checks the defaults of a struct against the rules beside it: at compile time as far as they are known then,
// else when the program starts. Must not know how an input is read.

#include <coworker/typed/check.hpp>
#include <coworker/typed/kinds.hpp>
#include <coworker/typed/names.hpp>
#include <coworker/typed/problems.hpp>
#include <coworker/typed/rule_lookup.hpp>
#include <coworker/typed/rules.hpp>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace coworker::inline v0_1::detail {

/// Returns whether an omitted member counts as missing. `is_about` returns whether a rule is
/// about this member.
template <class Struct, class Member, class IsAbout>
constexpr bool has_to_be_given(const Member& member, const IsAbout& is_about) {
  presence said = presence::usual;
  detail::for_each_member_rule<Struct>([&](const auto& rule) {
    if (rule.given != presence::usual && is_about(rule)) said = rule.given;
  });
  if (said != presence::usual) return said == presence::required;
  constexpr input_kind is = kind<Member>;
  if constexpr (is == input_kind::text || is == input_kind::map || is == input_kind::sequence) {
    return member.begin() == member.end();
  } else {
    return false;
  }
}

template <std::size_t Index, class First, class... Rest>
constexpr const auto& nth_of(const First& first, const Rest&... rest) {
  if constexpr (Index == 0) {
    return first;
  } else {
    return detail::nth_of<Index - 1>(rest...);
  }
}

// Makes the value whose members are the defaults: the struct itself, or one that contains it and gives
// it other defaults.
template <class Struct>
struct default_made {
  using type = Struct;
  static constexpr Struct make() { return Struct{}; }
};
template <class Outer, std::size_t Index>
struct default_made_in {
  static constexpr auto make() {
    const typename Outer::type outer = Outer::make();
    return detail::with_members(outer,
                                [](const auto&... member) { return detail::nth_of<Index>(member...); });
  }
  using type = decltype(make());
};

// The parts of the check. They are evaluated separately, because each may be possible only at run time.
enum class default_part : unsigned char { limits, predicate };

/// Returns whether the default of the member that this rule is about meets it.
template <class Make, std::size_t Rule, default_part Part>
constexpr bool default_keeps() {
  using made = typename Make::type;
  const made value = Make::make();
  bool keeps = true;
  std::size_t number = 0;
  detail::for_each_member_rule<made>([&](const auto& rule) {
    if (number++ != Rule) return;
    const auto& member = value.*rule.which;
    const std::size_t index = detail::member_index<made>(rule.which);
    const auto is_about = [index](const auto& other) {
      return detail::member_index<made>(other.which) == index;
    };
    if (detail::has_to_be_given<made>(member, is_about)) return;
    if constexpr (Part == default_part::limits) {
      keeps = detail::keeps_limits(rule, member);
    } else if constexpr (kind<std::remove_cvref_t<decltype(member)>> == input_kind::optional) {
      keeps = rule.predicate == nullptr || !member.has_value() || rule.predicate(*member);
    } else {
      keeps = rule.predicate == nullptr || rule.predicate(member);
    }
  });
  return keeps;
}

template <class Make, std::size_t Rule, default_part Part>
concept default_is_known = requires {
  typename std::bool_constant<default_keeps<Make, Rule, Part>()>;
};

template <class Make, std::size_t Rule, default_part Part>
consteval bool default_breaks() {
  if constexpr (default_is_known<Make, Rule, Part>) {
    return !default_keeps<Make, Rule, Part>();
  } else {
    return false;
  }
}

template <class Struct>
consteval std::size_t count_member_rules() {
  std::size_t count = 0;
  detail::for_each_member_rule<Struct>([&count](const auto&) { ++count; });
  return count;
}

template <class Struct>
constexpr std::size_t member_of_rule(std::size_t wanted) {
  std::size_t number = 0;
  std::size_t member = 0;
  detail::for_each_member_rule<Struct>([&](const auto& rule) {
    if (number++ == wanted) member = detail::member_index<Struct>(rule.which);
  });
  return member;
}

template <class Make, std::size_t... Rule>
consteval std::size_t find_broken_default(std::index_sequence<Rule...>) {
  constexpr std::size_t none = member_count<typename Make::type>;
  std::size_t found = none;
  const auto look = [&found](bool breaks, std::size_t rule) {
    if (breaks && found == none) found = detail::member_of_rule<typename Make::type>(rule);
  };
  (look(detail::default_breaks<Make, Rule, default_part::limits>() ||
            detail::default_breaks<Make, Rule, default_part::predicate>(),
        Rule),
   ...);
  return found;
}

/// Returns the index of a member whose default is known to break a rule; member_count if there is none.
template <class Make>
consteval std::size_t broken_default() {
  using made = typename Make::type;
  if constexpr (constant_rules<made> && own_rules_fit<made>()) {
    return detail::find_broken_default<Make>(std::make_index_sequence<count_member_rules<made>()>());
  } else {
    return member_count<made>;
  }
}

/// Returns whether a value with these defaults may be read from an empty object.
template <class Struct>
constexpr bool may_be_empty(const Struct& value) {
  return detail::with_members(value, [](const auto&... member) {
    std::size_t index = 0;
    const auto may_be_left_out = [&index](const auto& one) {
      const std::size_t own = index++;
      const auto is_about = [own](const auto& rule) {
        return detail::member_index<Struct>(rule.which) == own;
      };
      bool may = !detail::has_to_be_given<Struct>(one, is_about);
      if constexpr (kind<std::remove_cvref_t<decltype(one)>> == input_kind::structure) {
        may = may && detail::may_be_empty(one);
      }
      return may;
    };
    return (may_be_left_out(member) && ...);
  });
}

/// Returns whether the checks over several members of a struct hold for the defaults, where an empty object
/// may be given.
template <class Make>
constexpr bool default_keeps_checks() {
  using made = typename Make::type;
  const made value = Make::make();
  bool keeps = true;
  if (detail::may_be_empty(value)) {
    detail::for_each_rule<made>([&](const auto& rule) {
      if constexpr (is_struct_rule<std::remove_cvref_t<decltype(rule)>>)
        keeps = keeps && rule.predicate(value);
    });
  }
  return keeps;
}

template <class Make>
consteval bool defaults_break_a_check() {
  if constexpr (!constant_rules<typename Make::type> || !own_rules_fit<typename Make::type>()) {
    return false;
  } else if constexpr (requires { typename std::bool_constant<default_keeps_checks<Make>()>; }) {
    return !default_keeps_checks<Make>();
  } else {
    return false;
  }
}

template <class Struct, std::size_t... Rule>
consteval bool all_known(std::index_sequence<Rule...>) {
  return ((default_is_known<default_made<Struct>, Rule, default_part::limits> &&
           default_is_known<default_made<Struct>, Rule, default_part::predicate>)&&...);
}

/// Returns whether all rules of a struct can be checked at compile time.
template <class Struct>
consteval bool defaults_are_known() {
  if constexpr (!has_rules<Struct>) {
    return true;
  } else if constexpr (constant_rules<Struct>) {
    return detail::all_known<Struct>(std::make_index_sequence<count_member_rules<Struct>()>());
  } else {
    return false;
  }
}

/// Checks the defaults of one struct against its rules.
template <class Struct>
void check_defaults(input_problems& problems) {
  const Struct example{};
  const std::string_view* const keys = member_keys<Struct>::all();
  const input_place place{nullptr, type_name<Struct>()};
  detail::for_each_member_rule<Struct>([&](const auto& rule) {
    const auto& member = example.*rule.which;
    const auto is_about = [&](const auto& other) {
      return static_cast<const void*>(std::addressof(example.*other.which)) ==
             static_cast<const void*>(std::addressof(member));
    };
    if (detail::has_to_be_given<Struct>(member, is_about)) return;
    std::size_t index = 0;
    detail::with_members(example, [&](const auto&... each) {
      bool found = false;
      const auto look_at = [&](const void* one) {
        found = found || one == static_cast<const void*>(std::addressof(member));
        if (!found) ++index;
      };
      (look_at(std::addressof(each)), ...);
    });
    const input_place at = place.member(keys[index]);
    detail::check_value(rule, member, at, problems, [&](const auto& list) {
      std::size_t element = 0;
      for (const auto& item : list) detail::check_item(rule, item, at.element(element++), problems);
    });
  });
}

template <class T, class... Open>
void check_defaults_within(input_problems& problems);

template <class Struct, class... Open, class... Member>
void check_defaults_of_members(type_list<Member...>, input_problems& problems) {
  (detail::check_defaults_within<Member, Struct, Open...>(problems), ...);
}

template <class T, class... Open>
void check_defaults_within([[maybe_unused]] input_problems& problems) {
  constexpr input_kind is = kind<T>;
  if constexpr (is == input_kind::optional || is == input_kind::sequence || is == input_kind::fixed_array) {
    detail::check_defaults_within<typename T::value_type, Open...>(problems);
  } else if constexpr (is == input_kind::pair) {
    detail::check_defaults_within<typename T::first_type, Open...>(problems);
    detail::check_defaults_within<typename T::second_type, Open...>(problems);
  } else if constexpr (is == input_kind::map) {
    detail::check_defaults_within<typename T::mapped_type, Open...>(problems);
  } else if constexpr (is == input_kind::structure && !any_of<T, Open...>) {
    if constexpr (!defaults_are_known<T>()) detail::check_defaults<T>(problems);
    detail::check_defaults_of_members<T, Open...>(member_types<T>(), problems);
  }
}

/// Checks, once and before the first input is read, the defaults that could not be checked at compile time.
/// Throws: std::logic_error that names each default that breaks a rule.
template <class Input>
void require_sound_defaults() {
  input_problems problems;
  detail::check_defaults_within<Input>(problems);
  if (problems.none()) return;
  std::string text("coworker: a default breaks the rule beside it: ");
  const std::vector<std::string> all = std::move(problems).take();
  for (const std::string& problem : all) text.append(problem).append("; ");
  throw std::logic_error(
      text.append("give it one that keeps to the rule, or make the member a std::optional"));
}

}  // namespace coworker::inline v0_1::detail
