#pragma once
// plain_array and plain_view: a growing array of trivial values, and a view of one. std::vector and std::span
// do more, but would add a hundredth to the cost of including coworker, for each type of value. Must not know
// what the values mean.

#include <cstddef>
#include <type_traits>

namespace coworker::inline v0_1::detail {

template <class T>
class plain_view {
 public:
  plain_view() noexcept {}
  plain_view(T* values, std::size_t size) noexcept : values_(values), size_(size) {}

  std::size_t size() const noexcept { return size_; }
  T& operator[](std::size_t place) const noexcept { return values_[place]; }
  T* begin() const noexcept { return values_; }
  T* end() const noexcept { return values_ + size_; }

 private:
  T* values_ = nullptr;
  std::size_t size_ = 0;
};

template <class T>
class plain_array {
  static_assert(std::is_trivially_copyable_v<T>, "plain_array: it copies values as plain memory");

 public:
  plain_array() noexcept {}
  plain_array(const plain_array&) = delete;
  plain_array& operator=(const plain_array&) = delete;
  ~plain_array() { delete[] values_; }

  std::size_t size() const noexcept { return size_; }
  T* data() noexcept { return values_; }
  T& operator[](std::size_t place) noexcept { return values_[place]; }

  /// Grows to `least` values or more; new ones are T(). Throws: std::bad_alloc, after which
  /// nothing has changed.
  void grow(std::size_t least) {
    if (least <= size_) return;
    const std::size_t size = least + least / 2 + 8;
    T* const values = new T[size]();
    for (std::size_t place = 0; place < size_; ++place) values[place] = values_[place];
    delete[] values_;
    values_ = values;
    size_ = size;
  }

 private:
  T* values_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace coworker::inline v0_1::detail
