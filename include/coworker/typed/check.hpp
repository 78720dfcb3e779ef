#pragma once
// Whether values that were read keep to their rules. Must not know how they were read.

#include <coworker/json/json.hpp>
#include <coworker/typed/problems.hpp>
#include <coworker/typed/rules.hpp>
#include <coworker/typed/write.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

namespace coworker::detail {

/// Code points; whatever else a text holds counts as something.
inline std::size_t characters_in(std::string_view text) noexcept {
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
  return text.append(" ").append(of);
}

template <class Rule, class Item>
void check_item(const Rule& rule, const Item& item, const input_place& place, input_problems& problems) {
  if constexpr (kind<Item> == input_kind::optional) {
    if (item.has_value()) detail::check_item(rule, *item, place, problems);
  } else {
    if constexpr (bounded<Item>) {
      const bool low = rule.has_least && item < rule.least;
      const bool high = rule.has_most && rule.most < item;
      if (low || high) problems.expected(place, detail::bounds_text(rule), json(item));
    }
    if constexpr (Rule::choice_count != 0) {
      bool found = false;
      for (std::size_t i = 0; i < Rule::choice_count; ++i) {
        found = found || typename Rule::choice_type(item) == rule.choices[i];
      }
      if (!found) problems.expected(place, detail::choices_text(rule), json(item));
    }
  }
}

template <class Rule, class Value>
void check_length(const Rule& rule, const Value& value, const input_place& place, input_problems& problems) {
  if (rule.shortest == 0 && rule.longest == Rule::any_length) return;
  std::size_t length = 0;
  std::string_view of;
  if constexpr (text_like<Value>) {
    length = detail::characters_in(value);
    of = "characters";
  } else {
    length = value.size();
    of = kind<Value> == input_kind::map ? "members" : "elements";
  }
  if (length >= rule.shortest && length <= rule.longest) return;
  problems.add(place, "expected " + detail::length_text(rule, of) + ", found " + std::to_string(length));
}

/// Checks what one rule says about the member that it is about.
template <class Rule, class Value>
void check_value(const Rule& rule, const Value& value, const input_place& place, input_problems& problems) {
  if constexpr (kind<Value> == input_kind::optional) {
    if (value.has_value()) detail::check_value(rule, *value, place, problems);
  } else {
    const std::size_t before = problems.count();
    if constexpr (measurable<Value>) detail::check_length(rule, value, place, problems);
    if constexpr (kind<Value> == input_kind::sequence || kind<Value> == input_kind::fixed_array) {
      std::size_t index = 0;
      for (const typename Value::value_type& item : value) {
        detail::check_item(rule, item, place.element(index++), problems);
      }
    } else {
      detail::check_item(rule, value, place, problems);
    }
    if (rule.predicate == nullptr || problems.count() != before || rule.predicate(value)) return;
    problems.expected(place, rule.predicate_words, json(value));
  }
}

}  // namespace coworker::detail
