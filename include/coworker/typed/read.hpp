#pragma once
// Reads json into a typed input, a job's or any other. Continues after a problem, so that all problems are
// reported together. Must not know jobs.

#include <concepts>
#include <coworker/json/json.hpp>
#include <coworker/typed/check.hpp>
#include <coworker/typed/flaws.hpp>
#include <coworker/typed/kinds.hpp>
#include <coworker/typed/problems.hpp>
#include <coworker/typed/read_scalar.hpp>
#include <coworker/typed/rule_lookup.hpp>
#include <coworker/typed/rules.hpp>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1 {

namespace detail {

template <class T>
void read_value(const json& from, T& target, const input_place& place, input_problems& problems);

template <class T>
void read_own(const json& from, T& target, const input_place& place, input_problems& problems) {
  try {
    from_json(from, target);
  } catch (json_value_error& error) {
    problems.add(place, error);
  } catch (const std::exception& error) {
    problems.add(place, error.what());
  }
}

template <class T>
void read_sequence(const json& from, T& target, const input_place& place, input_problems& problems) {
  if (!from.is_array()) return problems.expected(place, "an array", from);
  target.clear();
  if constexpr (requires { target.reserve(from.size()); }) target.reserve(from.size());
  std::size_t index = 0;
  for (const json& part : from) {
    typename T::value_type element{};
    detail::read_value(part, element, place.element(index++), problems);
    if constexpr (requires { target.push_back(std::move(element)); }) {
      target.push_back(std::move(element));
    } else {
      target.insert(std::move(element));
    }
  }
}

template <class T>
void read_fixed_array(const json& from, T& target, const input_place& place, input_problems& problems) {
  if (!from.is_array()) return problems.expected(place, input_words<T>(), from);
  constexpr std::size_t length = std::tuple_size<T>::value;
  if (from.size() != length) {
    problems.add(place, "expected " + input_words<T>() + ", found " + std::to_string(from.size()));
  }
  std::size_t index = 0;
  for (const json& part : from) {
    if (index == length) break;
    detail::read_value(part, target[index], place.element(index), problems);
    ++index;
  }
}

template <class T>
void read_pair(const json& from, T& target, const input_place& place, input_problems& problems) {
  if (!from.is_array()) return problems.expected(place, input_words<T>(), from);
  if (from.size() != 2) {
    return problems.add(place, "expected " + input_words<T>() + ", found " + std::to_string(from.size()));
  }
  detail::read_value(from[0], target.first, place.element(0), problems);
  detail::read_value(from[1], target.second, place.element(1), problems);
}

template <class T>
void read_map(const json& from, T& target, const input_place& place, input_problems& problems) {
  if (!from.is_object()) return problems.expected(place, "an object", from);
  target.clear();
  for (const auto& [key, part] : from.items()) {
    typename T::mapped_type value{};
    detail::read_value(part, value, place.member(key), problems);
    target.insert_or_assign(typename T::key_type(key), std::move(value));
  }
}

/// Finds the members of an object, and is fast if they are asked for in the order in which they appear.
class member_search {
 public:
  explicit member_search(const json& object) noexcept
      : block_(object_of(json_gate::slot(object))),
        size_(count_of(json_gate::slot(object))),
        places_(places_of(json_gate::slot(object))) {}

  const json* find(std::string_view key) noexcept {
    if (next_ < places_ && !is_gap(block_->members()[next_]) && text_of(block_->members()[next_].key) == key)
        [[likely]]
      return found(next_);
    if (block_ == nullptr) return nullptr;
    const member_slot* const member = find_member(block_, key_probe(key));
    return member == nullptr ? nullptr : found(static_cast<std::size_t>(member - block_->members()));
  }
  /// Returns how many members were not asked for, provided that none was asked for twice.
  std::size_t not_asked_for() const noexcept { return size_ - found_; }

 private:
  const json* found(std::size_t at) noexcept {
    next_ = at + 1;
    ++found_;
    return &json_gate::as_json(block_->members()[at].value);
  }

  object_block* block_;
  std::size_t size_;
  std::size_t places_;
  std::size_t next_ = 0;
  std::size_t found_ = 0;
};

/// Lists whose elements have the order of the input, which those of a set do not.
template <class T>
concept ordered_list = is_list<T> && requires(T& list) {
  list[0];
};

/// Checks a rule about the elements of a list in the order of the JSON, in which it reads them again. Leaves
/// out those that cannot be read.
template <class Value, class Rule>
void check_elements(const Rule& rule, const json& from, const input_place& place, input_problems& problems) {
  std::size_t index = 0;
  for (const json& part : from) {
    const input_place place_of_part = place.element(index++);
    typename Value::value_type element{};
    input_problems of_part;
    detail::read_value(part, element, place_of_part, of_part);
    if (of_part.none()) detail::check_item(rule, element, place_of_part, problems);
  }
}

/// Checks a rule about a list or map in which something is wrong.
template <class Value, class Rule>
void check_parts(const Rule& rule, const json& from, const input_place& place, input_problems& problems) {
  if constexpr (kind<Value> == input_kind::map) {
    if (from.is_object()) detail::check_length<Value>(rule, from.size(), place, problems);
  } else {
    if (!from.is_array()) return;
    // The number of different elements of a set is unknown, and the length of an array has been reported.
    if constexpr (requires(Value & list, typename Value::value_type & part) { list.push_back(part); }) {
      detail::check_length<Value>(rule, from.size(), place, problems);
    }
    detail::check_elements<Value>(rule, from, place, problems);
  }
}

/// Reads one struct: first the members that are given, then those that are not, then the rules.
template <class Struct>
class struct_reader {
 public:
  struct_reader(const json& from, Struct& target, const input_place& place, input_problems& problems)
      : from_(from), target_(target), place_(place), problems_(problems), keys_(member_keys<Struct>::all()) {}

  void read() {
    const std::size_t before = problems_.count();
    member_search search(from_);
    detail::with_members(target_, [&](auto&... member) {
      std::size_t index = 0;
      (read_member(search, member, index++), ...);
    });
    if (search.not_asked_for() != 0 && !ignores_unknown()) {
      detail::refuse_unknown(from_, keys_, member_count<Struct>, place_, problems_);
    }
    if constexpr (has_rules<Struct>) check_rules(before);
  }

 private:
  template <class Member>
  void read_member(member_search& search, Member& member, std::size_t index) {
    const input_place place = place_.member(keys_[index]);
    if (const json* const found = search.find(keys_[index])) {
      const std::size_t before = problems_.count();
      detail::read_value(*found, member, place, problems_);
      (problems_.count() == before ? fine_ : partly_) |= std::uint64_t{1} << index;
    } else {
      do_without(member, place);
    }
  }

  template <class Member>
  void do_without(Member& member, const input_place& place) {
    bool required = false;
    presence said = presence::usual;
    detail::for_each_member_rule<Struct>([&](const auto& rule) {
      if (is_about(rule, member) && rule.given != presence::usual) said = rule.given;
    });
    if constexpr (kind<Member> == input_kind::text || kind<Member> == input_kind::map ||
                  kind<Member> == input_kind::sequence) {
      required = member.begin() == member.end();
    } else if constexpr (kind<Member> == input_kind::structure) {
      // Reads {}: the member's own members may have defaults.
      if (said == presence::usual) return detail::read_value(json::object(), member, place, problems_);
    }
    if (said != presence::usual) required = said == presence::required;
    if (required) problems_.add(place, "missing; expected " + input_words<Member>());
  }

  template <class Rule, class Member>
  bool is_about(const Rule& rule, const Member& member) const noexcept {
    return static_cast<const void*>(std::addressof(target_.*rule.which)) ==
           static_cast<const void*>(std::addressof(member));
  }

  static bool ignores_unknown() {
    bool ignored = false;
    detail::for_each_rule<Struct>([&ignored](const auto& rule) {
      if constexpr (std::same_as<std::remove_cvref_t<decltype(rule)>, unknown_members>) {
        ignored = rule == unknown_members::ignored;
      }
    });
    return ignored;
  }

  void check_rules(std::size_t problems_before) {
    detail::for_each_member_rule<Struct>([this](const auto& rule) {
      std::size_t index = 0;
      detail::with_members(target_, [&](const auto&... member) {
        ((is_about(rule, member) ? check_rule(rule, index) : void(), ++index), ...);
      });
    });
    if (problems_.count() != problems_before) return;
    detail::for_each_rule<Struct>([this](const auto& rule) {
      if constexpr (is_struct_rule<std::remove_cvref_t<decltype(rule)>>) {
        if (!rule.predicate(std::as_const(target_)))
          problems_.add(place_, std::string("expected ").append(rule.words));
      }
    });
  }

  // Checks only what was given and could be read; of a list, the elements that could be.
  template <class Rule>
  void check_rule(const Rule& rule, std::size_t index) {
    const input_place place = place_.member(keys_[index]);
    using value_type = typename Rule::value_type;
    if ((fine_ >> index & 1) != 0) {
      detail::check_value(rule, target_.*rule.which, place, problems_, [&](const auto& list) {
        if constexpr (ordered_list<value_type>) {
          std::size_t at = 0;
          for (const typename value_type::value_type& item : list) {
            detail::check_item(rule, item, place.element(at++), problems_);
          }
        } else {
          detail::check_elements<value_type>(rule, given(index), place, problems_);
        }
      });
    } else if constexpr (is_list<value_type> || kind<value_type> == input_kind::map) {
      if ((partly_ >> index & 1) != 0) detail::check_parts<value_type>(rule, given(index), place, problems_);
    }
  }

  const json& given(std::size_t index) const noexcept { return *member_search(from_).find(keys_[index]); }

  const json& from_;
  Struct& target_;
  const input_place& place_;
  input_problems& problems_;
  const std::string_view* keys_;
  std::uint64_t fine_ = 0;    // one bit per member: read without a problem
  std::uint64_t partly_ = 0;  // one bit per member: given, but something in it is wrong
};

template <class T>
void read_value(const json& from, T& target, const input_place& place, input_problems& problems) {
  constexpr input_kind is = kind<T>;
  const json_slot& slot = json_gate::slot(from);
  if constexpr (is == input_kind::anything) {
    target = from;
  } else if constexpr (is == input_kind::own) {
    detail::read_own(from, target, place, problems);
  } else if constexpr (is == input_kind::boolean) {
    if (!from.is_boolean()) return problems.expected(place, "a boolean", from);
    target = slot.boolean.value;
  } else if constexpr (is == input_kind::character) {
    detail::read_character(from, target, place, problems);
  } else if constexpr (is == input_kind::integer) {
    detail::read_integer(from, target, place, problems);
  } else if constexpr (is == input_kind::floating) {
    detail::read_floating(from, target, place, problems);
  } else if constexpr (is == input_kind::text) {
    if (!from.is_string()) return problems.expected(place, "a string", from);
    const std::string_view text = text_of(slot);
    target.assign(text.data(), text.size());
  } else if constexpr (is == input_kind::enumeration) {
    detail::read_enum(from, target, place, problems);
  } else if constexpr (is == input_kind::duration) {
    detail::read_duration(from, target, place, problems);
  } else if constexpr (is == input_kind::optional) {
    target.reset();
    if (!from.is_null()) detail::read_value(from, target.emplace(), place, problems);
  } else if constexpr (is == input_kind::pair) {
    detail::read_pair(from, target, place, problems);
  } else if constexpr (is == input_kind::map) {
    detail::read_map(from, target, place, problems);
  } else if constexpr (is == input_kind::sequence) {
    detail::read_sequence(from, target, place, problems);
  } else if constexpr (is == input_kind::fixed_array) {
    detail::read_fixed_array(from, target, place, problems);
  } else {
    if (!from.is_object()) return problems.expected(place, "an object", from);
    struct_reader<T>(from, target, place, problems).read();
  }
}

/// Reads an input. `name` begins each path. Throws: input_error with every problem.
template <typed_input T>
void read_input(const json& from, T& target, std::string_view name) {
  input_problems problems;
  detail::read_value(from, target, input_place{nullptr, name}, problems);
  problems.throw_if_any();
}

}  // namespace detail

/// The inverse of to_json, for `json::get` and `json::value`: reads a struct from an object, an enum's value
/// from its name, a duration from seconds. Throws: input_error with every problem.
template <std::same_as<json> Json, class T>
requires(detail::kind<T> == detail::input_kind::structure ||
         detail::kind<T> == detail::input_kind::enumeration ||
         detail::kind<T> == detail::input_kind::duration) &&
    typed_input<T> void from_json(const Json& from, T& value) {
  static_assert(detail::refuse_input<type<T>, 0, T>().says_nothing,
                "json::get<T>: T, a rule beside it or a default does not fit; job<T> says what is wrong");
  detail::read_input(from, value, "");
}

}  // namespace coworker::inline v0_1
