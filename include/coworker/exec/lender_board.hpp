#pragma once
// Which values of a lender are free. Knows neither how they are made nor who waits for one.

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
    slot* below = nullptr;  // in a stack of free ones
  };

  explicit lender_board(std::size_t count) : slots_(new slot[checked(count)]), size_(count) {
    for (std::size_t i = 0; i != count; ++i) slots_[i].index = i;
    stack_all();
  }

  lender_board(const lender_board&) = delete;
  lender_board& operator=(const lender_board&) = delete;
  ~lender_board() { delete[] slots_; }

  // Before any is lent.
  template <class Make>
  void make_all(Make make) {
    for (std::size_t i = 0; i != size_; ++i) make(slots_[i]);
    stack_all();
  }

  std::size_t size() const noexcept { return size_; }
  std::size_t available() const noexcept { return available_; }

  // What was made is given out first, and of that what was given back last.
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
      throw std::invalid_argument("lender: it was told to lend 0 values, so nobody would ever get one");
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
