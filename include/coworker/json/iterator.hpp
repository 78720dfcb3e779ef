#pragma once
// Iterators over the elements of an array and the members of an object, in order. Must not know how they were
// found or made.

#include <coworker/json/error.hpp>
#include <coworker/json/member_gaps.hpp>
#include <coworker/json/storage.hpp>
#include <cstddef>
#include <string_view>  // also the iterator tags; <iterator> would bring the stream classes
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1 {

class json;

/// A member of an object, as in `for (auto& [key, value] : j.items())`. Its key cannot be changed in place.
class json_member {
 public:
  json_member(const json_member&) = delete;
  json_member& operator=(const json_member&) = delete;

  std::string_view key() const noexcept { return detail::text_of(slot_.key); }
  json& value() noexcept { return reinterpret_cast<json&>(slot_.value); }
  const json& value() const noexcept { return reinterpret_cast<const json&>(slot_.value); }

  template <std::size_t Part>
  decltype(auto) get() noexcept {
    if constexpr (Part == 0) {
      return key();
    } else {
      return value();
    }
  }
  template <std::size_t Part>
  decltype(auto) get() const noexcept {
    if constexpr (Part == 0) {
      return key();
    } else {
      return value();
    }
  }

 private:
  detail::member_slot slot_;
};

namespace detail {

/// Returns the member at `at`, or the next one if a gap begins there.
template <class Member>
Member* member_from(Member* at, const json_member* past) noexcept {
  const auto* const place = reinterpret_cast<const member_slot*>(at);
  return at + (step_over_gap(place, reinterpret_cast<const member_slot*>(past)) - place);
}

[[noreturn]] inline void throw_past_the_end() {
  throw json_out_of_range(
      "no value here: the iterator is the end, as find() returns it for a key that is missing; compare it "
      "with end() first, or use at() or value()");
}

}  // namespace detail

/// Iterates over the elements of an array or the values of an object, whose keys `key()` returns. Invalidated
/// by adding to the value or erasing from it.
/// Throws: json_out_of_range if the value or the key of the end, or of an iterator to nothing, is read.
template <bool Const>
class json_iterator {
  template <class T>
  using maybe_const = std::conditional_t<Const, const T, T>;

 public:
  using iterator_category = std::bidirectional_iterator_tag;
  using value_type = json;
  using difference_type = std::ptrdiff_t;
  using pointer = maybe_const<json>*;
  using reference = maybe_const<json>&;

  json_iterator() noexcept = default;
  /// `past`: the end of the array's elements, or of the object's members.
  json_iterator(pointer element, const json* past) noexcept : element_(element), past_(past) {}
  json_iterator(maybe_const<json_member>* member, const json_member* past) noexcept
      : member_(member), past_(past) {}
  template <bool OtherConst>
  requires(Const && !OtherConst) json_iterator(const json_iterator<OtherConst>& other)
  noexcept : element_(other.element_), member_(other.member_), past_(other.past_) {}

  reference operator*() const {
    require_value();
    return member_ == nullptr ? *element_ : member_->value();
  }
  pointer operator->() const { return &**this; }
  reference value() const { return **this; }
  /// Returns the member's key; empty for an element of an array.
  std::string_view key() const {
    require_value();
    return member_ == nullptr ? std::string_view() : member_->key();
  }

  json_iterator& operator++() noexcept;
  json_iterator& operator--() noexcept;
  json_iterator operator++(int) noexcept {
    const json_iterator before = *this;
    ++*this;
    return before;
  }
  json_iterator operator--(int) noexcept {
    const json_iterator before = *this;
    --*this;
    return before;
  }
  bool operator==(const json_iterator&) const noexcept = default;

 private:
  friend class json;
  template <bool>
  friend class json_iterator;

  void require_value() const {
    const void* const at = member_ == nullptr ? static_cast<const void*>(element_) : member_;
    if (at == past_) detail::throw_past_the_end();
  }

  pointer element_ = nullptr;
  maybe_const<json_member>* member_ = nullptr;
  const void* past_ = nullptr;
};

/// Iterates over the members of an object. Invalidated like json_iterator.
template <bool Const>
class json_member_iterator {
  using member = std::conditional_t<Const, const json_member, json_member>;

 public:
  using iterator_category = std::forward_iterator_tag;
  using value_type = json_member;
  using difference_type = std::ptrdiff_t;
  using pointer = member*;
  using reference = member&;

  json_member_iterator() noexcept = default;
  json_member_iterator(member* at, const json_member* past) noexcept : at_(at), past_(past) {}

  member& operator*() const noexcept { return *at_; }
  member* operator->() const noexcept { return at_; }
  json_member_iterator& operator++() noexcept {
    at_ = detail::member_from(at_ + 1, past_);
    return *this;
  }
  json_member_iterator operator++(int) noexcept {
    const json_member_iterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const json_member_iterator&) const noexcept = default;

 private:
  member* at_ = nullptr;
  const json_member* past_ = nullptr;
};

/// The result of `items()`: the members of an object, in order.
template <bool Const>
class json_items {
  using member = std::conditional_t<Const, const json_member, json_member>;

 public:
  using iterator = json_member_iterator<Const>;

  json_items() noexcept = default;
  json_items(member* first, member* past, std::size_t size) noexcept
      : first_(first), past_(past), size_(size) {}
  iterator begin() const noexcept { return {first_, past_}; }
  iterator end() const noexcept { return {past_, past_}; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

 private:
  friend class json;

  member* first_ = nullptr;
  member* past_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace coworker::inline v0_1

template <>
struct std::tuple_size<coworker::json_member> : std::integral_constant<std::size_t, 2> {};
template <>
struct std::tuple_element<0, coworker::json_member> {
  using type = const std::string_view;
};
template <>
struct std::tuple_element<1, coworker::json_member> {
  using type = coworker::json;
};
