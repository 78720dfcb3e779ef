#pragma once
// fifo<T>: a queue in one block of memory. std::deque would serve, but costs several times as much to include
// and per element.
// Must not know its elements' meaning; not thread-safe.

#include <cstddef>
#include <utility>
#include <vector>

namespace coworker::inline v0_1::detail {

// Elements before first_ have been taken; their room is reused once all have been taken.
template <class T>
class fifo {
 public:
  bool empty() const noexcept { return first_ == items_.size(); }
  std::size_t size() const noexcept { return items_.size() - first_; }
  void push(T item) { items_.push_back(std::move(item)); }

  // Makes sure that the next push() cannot throw. Throws: std::bad_alloc.
  void make_room() {
    if (items_.size() == items_.capacity()) items_.reserve(items_.empty() ? 8 : 2 * items_.size());
  }

  // Index 0 is the next element to be taken.
  T& operator[](std::size_t index) noexcept { return items_[first_ + index]; }

  T pop() noexcept {
    T item = std::move(items_[first_++]);
    if (first_ == items_.size()) {
      items_.clear();
      first_ = 0;
    } else if (first_ >= 64 && first_ * 2 >= items_.size()) {
      items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(first_));
      first_ = 0;
    }
    return item;
  }

  // Takes an element from any position.
  T take(std::size_t index) noexcept {
    for (; index > 0; --index) std::swap((*this)[index], (*this)[index - 1]);
    return pop();
  }

 private:
  std::vector<T> items_;
  std::size_t first_ = 0;
};

}  // namespace coworker::detail
