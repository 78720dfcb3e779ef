#pragma once
// Checks values that were read against their rules. Must not know how they were read.

#include <coworker/json/json.hpp>
#include <coworker/typed/problems.hpp>
#include <coworker/typed/rules.hpp>
#include <coworker/typed/write.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

namespace coworker::inline v0_1::detail {

/// Returns the number of code points. Of invalid UTF-8, each byte that does not continue a code point
/// counts as one.
constexpr std::size_t characters_in(std::string_view text) noexcept {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xc0) != 0x80 ? 1 : 0;
  return count;
}

template <class Rule>
std::string bounds_text(const Rule& rule) {
  if (rule.has_least && rule.has_most) {
    return "from " + json(rule.least).dump() + " to " + json(rule.most).dump();
  }
  return rule.has_least ? "at least " + json(rule.least).dump() : "at most " + json(rule.most).dump();
}

template <class Rule>
std::string choices_text(const Rule& rule) {
  std::string text("one of ");
  for (std::size_t i = 0; i < Rule::choice_count; ++i) {
    text.append(i == 0 ? "" : ", ").append(json(rule.choices[i]).dump());
  }
  return text;
}

template <class Rule>
std::string length_text(const Rule& rule, std::string_view of) {
  const bool open = rule.longest == Rule::any_length;
  std::string text(open ? "at least " : "from ");
  text.append(std::to_string(rule.shortest));
  if (!open) text.append(" to ").append(std::to_string(rule.longest));
  text.append(" ").append(of);
  return text;
}

template <class Rule, class Item>
constexpr bool in_bounds([[maybe_unused]] const Rule& rule, [[maybe_unused]] const Item& item) {
  if constexpr (bounded<Item>) {
    return !(rule.has_least && item < rule.least) && !(rule.has_most && rule.most < item);
  } else {
    return true;
  }
}

template <class Rule, class Item>
constexpr bool is_choice([[maybe_unused]] const Rule& rule, [[maybe_unused]] const Item& item) {
  bool found = Rule::choice_count == 0;
  if constexpr (Rule::choice_count != 0) {
    for (std::size_t i = 0; i < Rule::choice_count; ++i) {
      found = found || typename Rule::choice_type(item) == rule.choices[i];
    }
  }
  return found;
}

template <class Value>
constexpr std::size_t length_of(const Value& value) {
  if constexpr (text_like<Value>) {
    return detail::characters_in(value);
  } else {
    return value.size();
  }
}

template <class Rule>
constexpr bool has_length(const Rule& rule, std::size_t length) noexcept {
  return length >= rule.shortest && length <= rule.longest;
}

template <class T>
inline constexpr bool is_list = kind<T> == input_kind::sequence || kind<T> == input_kind::fixed_array;

template <class Rule, class Item>
void check_item(const Rule& rule, const Item& item, const input_place& place, input_problems& problems) {
  if constexpr (kind<Item> == input_kind::optional) {
    if (item.has_value()) detail::check_item(rule, *item, place, problems);
  } else {
    if constexpr (bounded<Item>) {
      if (!detail::in_bounds(rule, item)) problems.expected(place, detail::bounds_text(rule), json(item));
    }
    if constexpr (Rule::choice_count != 0) {
      if (!detail::is_choice(rule, item)) problems.expected(place, detail::choices_text(rule), json(item));
    }
  }
}

template <class Value, class Rule>
void check_length(const Rule& rule, std::size_t length, const input_place& place, input_problems& problems) {
  if (detail::has_length(rule, length)) return;
  const std::string_view of = text_like<Value>                 ? "characters"
                              : kind<Value> == input_kind::map ? "members"
                                                               : "elements";
  problems.add(place, "expected " + detail::length_text(rule, of) + ", found " + std::to_string(length));
}

/// Checks a rule's predicate, if nothing else is wrong.
template <class Rule, class Value>
void check_predicate(const Rule& rule, const Value& value, const input_place& place,
                     input_problems& problems) {
  if (rule.predicate == nullptr || rule.predicate(value)) return;
  if constexpr (json_source<Value>) {
    problems.expected(place, rule.predicate_words, json(value));
  } else {
    problems.add(place, std::string("expected ").append(rule.predicate_words));
  }
}

/// Checks a member against one rule. `check_elements` checks the elements of a list.
template <class Rule, class Value, class CheckElements>
void check_value(const Rule& rule, const Value& value, const input_place& place, input_problems& problems,
                 const CheckElements& check_elements) {
  if constexpr (kind<Value> == input_kind::optional) {
    if (value.has_value()) detail::check_value(rule, *value, place, problems, check_elements);
  } else {
    const std::size_t before = problems.count();
    if constexpr (measurable<Value>) {
      detail::check_length<Value>(rule, detail::length_of(value), place, problems);
    }
    if constexpr (is_list<Value>) {
      check_elements(value);
    } else {
      detail::check_item(rule, value, place, problems);
    }
    if (problems.count() == before) detail::check_predicate(rule, value, place, problems);
  }
}

template <class Rule, class Item>
constexpr bool keeps_item(const Rule& rule, const Item& item) {
  if constexpr (kind<Item> == input_kind::optional) {
    return !item.has_value() || detail::keeps_item(rule, *item);
  } else {
    return detail::in_bounds(rule, item) && detail::is_choice(rule, item);
  }
}

/// Returns whether a value meets a rule, without its predicate, which may not be constexpr.
template <class Rule, class Value>
constexpr bool keeps_limits(const Rule& rule, const Value& value) {
  if constexpr (kind<Value> == input_kind::optional) {
    return !value.has_value() || detail::keeps_limits(rule, *value);
  } else {
    if constexpr (measurable<Value>) {
      if (!detail::has_length(rule, detail::length_of(value))) return false;
    }
    bool keeps = true;
    if constexpr (is_list<Value>) {
      for (const typename Value::value_type& item : value) keeps = keeps && detail::keeps_item(rule, item);
    } else {
      keeps = detail::keeps_item(rule, value);
    }
    return keeps;
  }
}

}  // namespace coworker::inline v0_1::detail
