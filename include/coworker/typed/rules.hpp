#pragma once
// The functions with which a struct's author writes rules about its members. Must not know their effect:
// check.hpp applies them when an input is read, schema.hpp describes them.

#include <concepts>
#include <coworker/typed/kinds.hpp>
#include <cstddef>
#include <limits>
#include <string_view>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1 {

/// Names a struct in its rules:
///
///     struct request {
///       std::string prompt;
///       int width = 512;
///     };
///     constexpr auto rules(coworker::type<request>) {
///       return coworker::rule_list(
///           coworker::member(&request::prompt).length(1, 2000),
///           coworker::member(&request::width).range(64, 2048).check(
///               [](int w) { return w % 8 == 0; }, "a multiple of 8"),
///           coworker::unknown_members::ignored);
///     }
///
/// The function is in the struct's own namespace, or is a friend of the struct. Rules apply to inputs; an
/// output is written without checks, under the names that named() gives.
///
/// Rules apply to what is given. A default that breaks its own rule, and two members with the same name, are
/// refused at compile time, as far as the rules and the struct's defaults are known then. Otherwise (the
/// struct contains a std::map, or a check is not constexpr) they are refused when the worker is made.
template <class T>
struct type {};

/// What happens to members of an input that the struct does not have. Default: they are refused.
enum class unknown_members : unsigned char { refused, ignored };

namespace detail {

// The type inside an optional, or of a container's elements: ranges and choices apply to each of them.
template <class T>
struct without_optional {
  using type = T;
};
template <class T>
requires(kind<T> == input_kind::optional) struct without_optional<T> {
  using type = typename T::value_type;
};

template <class T>
struct item_type {
  using type = T;
};
template <class T>
requires(kind<T> == input_kind::sequence || kind<T> == input_kind::fixed_array) struct item_type<T> {
  using type = typename without_optional<typename T::value_type>::type;
};

struct unbounded {};

template <class T>
concept bounded = plain_integer<T> || std::floating_point<T> || duration_like<T>;

template <class T>
concept measurable = requires(const T& value) {
  value.size();
};

enum class presence : unsigned char { usual, required, optional };

}  // namespace detail

/// The rule about one member; made by member().
template <class Owner, class Member, std::size_t Choices = 0>
class member_rule {
 public:
  using owner = Owner;
  using value_type = typename detail::without_optional<Member>::type;
  using item_type = typename detail::item_type<value_type>::type;
  using bound_type = std::conditional_t<detail::bounded<item_type>, item_type, detail::unbounded>;
  using choice_type = std::conditional_t<detail::text_like<item_type>, std::string_view,
                                         std::conditional_t<std::same_as<item_type, char>, char, bound_type>>;
  static constexpr std::size_t choice_count = Choices;
  static constexpr std::size_t any_length = (std::numeric_limits<std::size_t>::max)();

  explicit constexpr member_rule(Member Owner::*pointer) noexcept : which(pointer) {}

  /// Requires a value from `least_value` to `most_value`, both included; in a container, for each element.
  /// For numbers and durations.
  constexpr member_rule range(bound_type least_value,
                              bound_type most_value) const requires detail::bounded<item_type> {
    return at_least(least_value).at_most(most_value);
  }
  constexpr member_rule at_least(bound_type value) const requires detail::bounded<item_type> {
    member_rule made = *this;
    made.least = value;
    made.has_least = true;
    return made;
  }
  constexpr member_rule at_most(bound_type value) const requires detail::bounded<item_type> {
    member_rule made = *this;
    made.most = value;
    made.has_most = true;
    return made;
  }

  /// Requires a length: of a text in characters (code points), of a container in elements.
  constexpr member_rule length(std::size_t least_length, std::size_t most_length = any_length)
      const requires detail::measurable<value_type> {
    member_rule made = *this;
    made.shortest = least_length;
    made.longest = most_length;
    return made;
  }

  /// Requires one of these values; in a container, for each element. For texts, chars and numbers; an enum's
  /// values need no such list.
  template <class... Value>
  constexpr member_rule<Owner, Member, sizeof...(Value)> one_of(Value... value) const
      requires(!std::same_as<choice_type, detail::unbounded> && sizeof...(Value) > 0) {
    member_rule<Owner, Member, sizeof...(Value)> made(*this);
    std::size_t at = 0;
    ((made.choices[at++] = choice_type(value)), ...);
    return made;
  }

  /// Requires that `predicate(value)` is true. `words` complete the sentence "expected ...". The predicate is
  /// a function or a lambda without captures, and is not called if there is no value.
  template <class Predicate>
  constexpr member_rule(check)(Predicate predicate_given, std::string_view words) const {
    static_assert(
        std::is_invocable_r_v<bool, Predicate&, const value_type&>,
        "coworker::member(...).check: the predicate must be callable with the member and give a bool");
    member_rule made = *this;
    made.predicate_words = words;
    if constexpr (std::is_convertible_v<Predicate, bool (*)(const value_type&)>) {
      made.predicate = predicate_given;
    } else if constexpr (std::is_empty_v<Predicate> && std::default_initializable<Predicate>) {
      made.predicate = [](const value_type& value) -> bool { return Predicate()(value); };
    } else {
      static_assert(
          detail::always_false<Predicate>,
          "coworker::member(...).check: pass a lambda without captures, or a function of a const reference");
    }
    return made;
  }

  /// The member must be given. This is the default for texts and containers whose default is empty.
  constexpr member_rule required() const {
    member_rule made = *this;
    made.given = detail::presence::required;
    return made;
  }
  /// The member may be omitted, whatever its default, also a text or container whose default is empty.
  constexpr member_rule optional() const {
    member_rule made = *this;
    made.given = detail::presence::optional;
    return made;
  }

  /// Sets the member's name in JSON, for names that C++ does not allow. No other member may have it. Pass a
  /// literal: the text is not copied.
  constexpr member_rule named(std::string_view key_in_json) const {
    member_rule made = *this;
    made.key = key_in_json;
    return made;
  }
  /// Sets the member's description in the schema. Pass a literal: the text is not copied.
  constexpr member_rule described(std::string_view words) const {
    member_rule made = *this;
    made.description = words;
    return made;
  }

  /// Used by one_of.
  template <std::size_t Fewer>
  explicit constexpr member_rule(const member_rule<Owner, Member, Fewer>& other)
      : which(other.which),
        least(other.least),
        most(other.most),
        has_least(other.has_least),
        has_most(other.has_most),
        given(other.given),
        shortest(other.shortest),
        longest(other.longest),
        key(other.key),
        description(other.description),
        predicate(other.predicate),
        predicate_words(other.predicate_words) {}

  Member Owner::*which;
  bound_type least{};
  bound_type most{};
  bool has_least = false;
  bool has_most = false;
  detail::presence given = detail::presence::usual;
  std::size_t shortest = 0;
  std::size_t longest = any_length;
  std::string_view key;
  std::string_view description;
  bool (*predicate)(const value_type&) = nullptr;
  std::string_view predicate_words;
  choice_type choices[Choices + 1] = {};
};

/// A check over several members together; made by check().
template <class Predicate>
struct struct_rule {
  Predicate predicate;
  std::string_view words;
};

/// Begins the rule about one member; everything that is added to it must hold. See type for an example.
template <class Owner, class Member>
constexpr member_rule<Owner, Member> member(Member Owner::*which) noexcept {
  return member_rule<Owner, Member>(which);
}

/// Requires that `predicate(value)` is true for the whole struct. `words` complete the sentence "expected
/// ...". Called only if nothing is wrong with the members.
template <class Predicate>
constexpr struct_rule<Predicate>(check)(Predicate predicate, std::string_view words) {
  return {predicate, words};
}

namespace detail {

template <class T>
inline constexpr bool is_struct_rule = false;
template <class Predicate>
inline constexpr bool is_struct_rule<struct_rule<Predicate>> = true;

template <class T>
concept is_member_rule = requires {
  typename T::owner;
};

// The struct that a rule is about; void if the rule names none.
template <class Rule>
struct rule_owner {
  using type = void;
};
template <is_member_rule Rule>
struct rule_owner<Rule> {
  using type = typename Rule::owner;
};

// A list of rules, as a callable that passes on each of them, so that no tuple is needed.
template <class Call, class... Owner>
struct rules_about : Call {};

}  // namespace detail

/// Makes the rules of a struct, from member(), check() and unknown_members in any order.
template <class... Rule>
constexpr auto rule_list(Rule... rule) {
  const auto each = [rule...](auto&& visit) { (visit(rule), ...); };
  return detail::rules_about<std::remove_const_t<decltype(each)>, typename detail::rule_owner<Rule>::type...>{
      each};
}

}  // namespace coworker::inline v0_1
