#pragma once
// lender_board: which values of a lender are free.
// Must not know how values are made, nor who waits for one.

#include <coworker/exec/maker.hpp>
#include <cstddef>
#include <stdexcept>

namespace coworker::inline v0_1::detail {

template <class T>
class lender_board {
 public:
  struct slot {
    made_value<T> value{};
    std::size_t index = 0;
    bool broken = false;
    slot* below = nullptr;  // the next in a stack of free slots
  };

  explicit lender_board(std::size_t count) : slots_(new slot[checked(count)]), size_(count) {
    for (std::size_t i = 0; i != count; ++i) slots_[i].index = i;
    stack_all();
  }

  lender_board(const lender_board&) = delete;
  lender_board& operator=(const lender_board&) = delete;
  ~lender_board() { delete[] slots_; }

  // Only before any value is lent.
  template <class Make>
  void make_all(Make make) {
    for (std::size_t i = 0; i != size_; ++i) make(slots_[i]);
    stack_all();
  }

  std::size_t size() const noexcept { return size_; }
  std::size_t available() const noexcept { return available_; }

  // Takes a value that is made before one that is not, and of those the one returned last. Null if none is
  // free.
  slot* take() noexcept {
    slot*& top = made_ != nullptr ? made_ : unmade_;
    slot* const free = top;
    if (free == nullptr) return nullptr;
    top = free->below;
    --available_;
    return free;
  }

  void put(slot& free) noexcept {
    slot*& top = free.value.made() ? made_ : unmade_;
    free.below = top;
    top = &free;
    ++available_;
  }

 private:
  static std::size_t checked(std::size_t count) {
    if (count == 0)
      throw std::invalid_argument("lender: count is 0, so there is no value to lend; give 1 or more");
    return count;
  }

  void stack_all() noexcept {
    made_ = unmade_ = nullptr;
    available_ = 0;
    for (std::size_t i = size_; i-- > 0;) put(slots_[i]);
  }

  slot* const slots_;
  const std::size_t size_;
  slot* made_ = nullptr;  // stacks of free slots
  slot* unmade_ = nullptr;
  std::size_t available_ = 0;
};

}  // namespace coworker::detail
