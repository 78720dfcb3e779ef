#pragma once
// Implements the functions of json that access a value and change its parts. value.hpp has the interface.
// Must not know JSON text.

#include <coworker/json/containers.hpp>
#include <coworker/json/describe.hpp>
#include <coworker/json/member_gaps.hpp>
#include <coworker/json/object_index.hpp>
#include <coworker/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace coworker::inline v0_1 {

inline json_type json::type() const noexcept {
  using detail::slot_kind;
  switch (slot_.kind()) {
    case slot_kind::null:
      return json_type::null;
    case slot_kind::boolean:
      return json_type::boolean;
    case slot_kind::integer:
    case slot_kind::natural:
      return json_type::integer;
    case slot_kind::floating:
      return json_type::floating;
    case slot_kind::short_text:
    case slot_kind::long_text:
      return json_type::string;
    case slot_kind::array:
      return json_type::array;
    case slot_kind::object:
      break;
  }
  return json_type::object;
}

inline const char* json::type_name() const noexcept {
  switch (type()) {
    case json_type::null:
      return "null";
    case json_type::boolean:
      return "boolean";
    case json_type::integer:
    case json_type::floating:
      return "number";
    case json_type::string:
      return "string";
    case json_type::array:
      return "array";
    case json_type::object:
      break;
  }
  return "object";
}

inline std::size_t json::size() const noexcept {
  if (detail::is_container(slot_.kind())) return detail::count_of(slot_);
  return is_null() ? 0 : 1;
}

inline const json_member* json::member(std::string_view key) const noexcept {
  if (!is_object()) return nullptr;
  const detail::member_slot* const found = detail::find_member(object_of(slot_), detail::key_probe(key));
  return reinterpret_cast<const json_member*>(found);
}

inline std::size_t json::place_of(const json_member* found) const noexcept {
  return static_cast<std::size_t>(reinterpret_cast<const detail::member_slot*>(found) -
                                  object_of(slot_)->members());
}

/// Returns an iterator to the element or member at that place of an array or object that is not empty,
/// or its end.
inline json::iterator json::iterator_at(std::size_t place) noexcept {
  if (is_array()) {
    json* const elements = &detail::json_gate::as_json(array_of(slot_)->elements()[0]);
    return {elements + place, elements + detail::places_of(slot_)};
  }
  auto* const members = reinterpret_cast<json_member*>(object_of(slot_)->members());
  return {members + place, members + object_of(slot_)->used};
}

inline json::const_iterator json::iterator_at(std::size_t place) const noexcept {
  return const_cast<json&>(*this).iterator_at(place);
}

inline json& json::operator[](json_key named) & {
  const std::string_view key = named.text();
  if (is_null()) slot_ = detail::object_slot(nullptr);
  if (!is_object())
    detail::throw_type_error("an object, to set the member " + detail::quoted_excerpt(key), slot_);
  return detail::json_gate::as_json(detail::find_or_append_member(slot_, key).value);
}

inline const json& json::at(json_key named) const& {
  const std::string_view key = named.text();
  if (const json_member* const found = member(key)) return found->value();
  if (!is_object())
    detail::throw_type_error("an object with the member " + detail::quoted_excerpt(key), slot_);
  detail::throw_no_member(key, slot_);
}

inline const json& json::element(element_position at) const {
  if (is_array() && at.index < size()) return detail::json_gate::as_json(detail::child_of(slot_, at.index));
  const std::string index = at.text();
  if (!is_array()) detail::throw_type_error("an array with the element " + index, slot_);
  detail::throw_no_element(index, slot_);
}

inline json& json::element_or_new(element_position at) {
  if (is_null()) slot_ = detail::array_slot(nullptr);
  if (!is_array()) detail::throw_type_error("an array, to set the element " + at.text(), slot_);
  if (at.negative) detail::throw_no_element(at.text(), slot_);
  if (at.index >= size()) {
    detail::grow_elements(slot_, at.index + 1);
    while (size() <= at.index) detail::append_element(slot_);
  }
  return detail::json_gate::as_json(detail::child_of(slot_, at.index));
}

inline const json& json::back() const& {
  const std::size_t count = size();
  return element(is_array() && count != 0 ? count - 1 : 0);
}

inline json::const_iterator json::find(json_key key) const noexcept {
  const json_member* const found = member(key.text());
  return found == nullptr ? end() : iterator_at(place_of(found));
}

inline json::iterator json::find(json_key key) noexcept {
  const json_member* const found = member(key.text());
  return found == nullptr ? end() : iterator_at(place_of(found));
}

inline json::iterator json::begin() noexcept {
  if (!detail::is_container(slot_.kind()) || empty()) return {};
  return iterator_at(detail::place_from(slot_, 0));
}

inline json::iterator json::end() noexcept {
  if (!detail::is_container(slot_.kind()) || empty()) return {};
  return iterator_at(detail::places_of(slot_));
}

inline json::const_iterator json::begin() const noexcept { return const_cast<json&>(*this).begin(); }
inline json::const_iterator json::end() const noexcept { return const_cast<json&>(*this).end(); }

inline json_items<false> json::items() & {
  if (is_null()) return {};
  if (!is_object()) detail::throw_type_error("an object, to go through its items", slot_);
  if (empty()) return {};
  auto* const members = reinterpret_cast<json_member*>(object_of(slot_)->members());
  return {members + detail::place_from(slot_, 0), members + object_of(slot_)->used, size()};
}

inline json_items<true> json::items() const& {
  const json_items<false> all = const_cast<json&>(*this).items();
  return {all.first_, all.past_, all.size_};
}

namespace detail {

[[noreturn]] inline void throw_nothing_to_erase() {
  throw json_out_of_range(
      "nothing to erase: the iterator is the end of this value, or points into another one");
}

/// Returns which of the `count` parts from `first` on a position is. The addresses are compared as integers,
/// because the position may be in another value, or nowhere.
template <class Part>
std::size_t index_of(const Part* position, const Part* first, std::size_t count) {
  const auto distance = reinterpret_cast<std::uintptr_t>(position) - reinterpret_cast<std::uintptr_t>(first);
  const std::size_t index = distance / sizeof(Part);
  if (position != nullptr && first != nullptr && index < count && distance % sizeof(Part) == 0) return index;
  detail::throw_nothing_to_erase();
}

}  // namespace detail

inline void json::push_back(json element) {
  if (is_null()) slot_ = detail::array_slot(nullptr);
  if (!is_array()) detail::throw_type_error("an array, to append to", slot_);
  detail::append_element(slot_) = std::exchange(element.slot_, detail::null_slot());
}

template <class... Args>
json& json::emplace_back(Args&&... args) {
  push_back(json(std::forward<Args>(args)...));
  return detail::json_gate::as_json(detail::child_of(slot_, size() - 1));
}

inline void json::reserve(std::size_t count) {
  if (count == 0) return;
  if (is_array()) {
    detail::reserve_elements(slot_, count);
  } else if (is_object()) {
    detail::reserve_members(slot_, count);
  } else {
    detail::throw_type_error("an array or object, to reserve room in", slot_);
  }
}

inline std::size_t json::erase(json_key named) {
  const std::string_view key = named.text();
  if (!is_object())
    detail::throw_type_error("an object, to erase the member " + detail::quoted_excerpt(key), slot_);
  const json_member* const found = member(key);
  if (found == nullptr) return 0;
  detail::erase_member(*object_of(slot_), place_of(found));
  return 1;
}

inline void json::erase_element(element_position at) {
  element(at);  // throws if there is none
  detail::erase_element(*array_of(slot_), at.index);
}

inline json::iterator json::erase(const_iterator position) {
  std::size_t place = 0;
  if (is_array()) {
    place = detail::index_of(position.element_, std::as_const(*this).begin().element_, size());
    detail::erase_element(*array_of(slot_), place);
  } else if (is_object() && !empty()) {
    const auto* const members = reinterpret_cast<const json_member*>(object_of(slot_)->members());
    place = detail::index_of(position.member_, members, object_of(slot_)->used);
    // An erased member leaves a gap in its place.
    if (detail::is_gap(object_of(slot_)->members()[place])) detail::throw_nothing_to_erase();
    place = detail::erase_member(*object_of(slot_), place);
  } else {
    detail::throw_nothing_to_erase();
  }
  return empty() ? end() : iterator_at(place);
}

inline void json::clear() noexcept {
  json cleared;
  switch (type()) {
    case json_type::null:
      break;
    case json_type::boolean:
      cleared.slot_ = detail::boolean_slot(false);
      break;
    case json_type::integer:
      cleared.slot_ = detail::integer_slot(0);
      break;
    case json_type::floating:
      cleared.slot_ = detail::floating_slot(0);
      break;
    case json_type::string:
      cleared.slot_ = detail::text_slot({});
      break;
    case json_type::array:
      cleared.slot_ = detail::array_slot(nullptr);
      break;
    case json_type::object:
      cleared.slot_ = detail::object_slot(nullptr);
      break;
  }
  std::swap(slot_, cleared.slot_);
}

}  // namespace coworker::inline v0_1
