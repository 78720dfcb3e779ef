#pragma once
// Compares JSON values for equality, without recursion. Must not know JSON text.

#include <coworker/json/floating.hpp>
#include <coworker/json/member_gaps.hpp>
#include <coworker/json/object_index.hpp>
#include <coworker/json/stack.hpp>
#include <coworker/json/storage.hpp>
#include <coworker/json/value.hpp>
#include <cstddef>
#include <cstdint>

namespace coworker::inline v0_1 {

namespace detail {

/// Returns whether a double equals an integer exactly. They are compared as integers: as doubles, 2^53 and
/// 2^53 + 1 would be equal.
inline bool same_integer_and_double(const json_slot& whole, const double& value) noexcept {
  if (!is_finite(value)) return false;
  constexpr double two_to_63 = 9223372036854775808.0;
  if (whole.kind() == slot_kind::integer) {
    if (!(value >= -two_to_63 && value < two_to_63)) return false;
    const auto truncated = static_cast<std::int64_t>(value);
    return truncated == whole.integer.value && static_cast<double>(truncated) == value;
  }
  if (!(value >= two_to_63 && value < 2 * two_to_63)) return false;
  const auto truncated = static_cast<std::uint64_t>(value);
  return truncated == whole.natural.value && static_cast<double>(truncated) == value;
}

inline bool same_leaf(const json_slot& a, const json_slot& b) noexcept {
  if (a.kind() != b.kind()) {
    const auto is_integer = [](slot_kind kind) {
      return kind == slot_kind::integer || kind == slot_kind::natural;
    };
    if (a.kind() == slot_kind::floating && is_integer(b.kind()))
      return same_integer_and_double(b, a.floating.value);
    if (b.kind() == slot_kind::floating && is_integer(a.kind()))
      return same_integer_and_double(a, b.floating.value);
    return false;
  }
  switch (a.kind()) {
    case slot_kind::boolean:
      return a.boolean.value == b.boolean.value;
    case slot_kind::integer:
      return a.integer.value == b.integer.value;
    case slot_kind::natural:
      return a.natural.value == b.natural.value;
    case slot_kind::floating:
      return a.floating.value == b.floating.value;
    case slot_kind::short_text:
    case slot_kind::long_text:
      return text_of(a) == text_of(b);
    case slot_kind::null:
    case slot_kind::array:
    case slot_kind::object:
      break;
  }
  return true;
}

/// Two arrays or two objects of the same size, and how many of their parts have been compared.
struct compare_step {
  json_slot a;
  json_slot b;
  std::size_t next;
};

/// Returns the child of `b` that must equal the child of `a` at `index`: in an array the one at the same
/// place, in an object the one with the same key (usually at the same place too), or nullptr.
inline const json_slot* counterpart(const json_slot& a, const json_slot& b, std::size_t index) noexcept {
  if (a.kind() == slot_kind::array) return &child_of(b, index);
  const key_probe key(object_of(a)->members()[index].key);
  object_block& other = *object_of(b);
  if (index < other.used && key.matches(other.members()[index].key)) return &other.members()[index].value;
  const member_slot* const found = find_member(&other, key);
  return found == nullptr ? nullptr : &found->value;
}

inline bool same_slot(const json_slot& a, const json_slot& b) {
  if (!is_container(a.kind())) return same_leaf(a, b);
  if (a.kind() != b.kind() || count_of(a) != count_of(b)) return false;
  inline_stack<compare_step, 16> steps;
  steps.push({a, b, place_from(a, 0)});
  while (!steps.empty()) {
    compare_step& step = steps.top();
    if (step.next == places_of(step.a)) {
      steps.pop();
      continue;
    }
    const std::size_t index = step.next;
    step.next = place_from(step.a, index + 1);
    const json_slot& mine = child_of(step.a, index);
    const json_slot* const other = counterpart(step.a, step.b, index);
    if (other == nullptr) return false;
    if (!is_container(mine.kind())) {
      if (!same_leaf(mine, *other)) return false;
    } else {
      if (mine.kind() != other->kind() || count_of(mine) != count_of(*other)) return false;
      steps.push({mine, *other, place_from(mine, 0)});
    }
  }
  return true;
}

}  // namespace detail

inline bool json::equal(const json& a, const json& b) { return detail::same_slot(a.slot_, b.slot_); }

}  // namespace coworker::inline v0_1
