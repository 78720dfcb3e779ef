#pragma once
// task_result<T>: what a task and its awaiter share, stored in the awaiter's frame: the address of the task's
// frame and, once it has ended, a value or an exception.
// Must not know any coroutine.

#include <coworker/coro/frame_memory.hpp>
#include <cstdint>
#include <exception>
#include <new>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1::detail {

struct void_value {};

template <class T>
struct result_value {
  using type = T;
};
template <class T>
struct result_value<T&> {
  using type = T*;
};
template <>
struct result_value<void> {
  using type = void_value;
};

// One word holds the whole state, so that a call needs a single test for all rare cases:
//
//   the frame's address    the task has not ended
//   value_mark             it ended with a value; its frame is freed
//   exception_mark         it ended with an exception; its frame is freed
//   the address | a mark   it ended, and its frame must still be destroyed
//
// value_mark is 0 if the value needs no destructor, so that nothing has to be written for it.
template <class T>
class task_result {
  using value_type = typename result_value<T>::type;

 public:
  explicit task_result(void* frame) noexcept : word_(frame) {}
  task_result(const task_result&) = delete;
  task_result& operator=(const task_result&) = delete;

  ~task_result() {
    if (has(exception_mark)) [[unlikely]]
      exception_.~exception_ptr();
    destroy_value();
  }

  // Only before the task has started. Null: there is no task.
  void* frame_to_begin() const noexcept { return word_; }
  // Null once the frame is freed.
  void* frame() const noexcept { return reinterpret_cast<void*>(bits() & ~all_marks); }
  void frame_is_freed() noexcept { keep(all_marks); }

  // Takes a value for T, an object for T&, nothing for void.
  template <class... Value>
  void set(Value&&... value) noexcept(std::is_reference_v<T> ||
                                      std::is_nothrow_constructible_v<value_type, Value...>) {
    void* const place = std::addressof(value_);
    if constexpr (std::is_reference_v<T>) {
      ::new (place) value_type(std::addressof(static_cast<T>(value))...);
    } else {
      ::new (place) value_type(std::forward<Value>(value)...);
    }
    if constexpr (value_mark != 0) add(value_mark);
  }

  // May replace a value: after co_return, the destructor of a local may still throw.
  void set_exception(std::exception_ptr exception) noexcept {
    destroy_value();
    keep(~value_mark);
    ::new (static_cast<void*>(&exception_)) std::exception_ptr(std::move(exception));
    add(exception_mark);
  }

  // Returns the value or rethrows the exception. Only once, and only after the task has ended.
  T take() {
    if (bits() != value_mark) [[unlikely]]
      throw_if_failed();
    if constexpr (std::is_reference_v<T>) {
      return *value_;
    } else if constexpr (!std::is_void_v<T>) {
      return std::move(value_);
    }
  }

 private:
  static constexpr std::uintptr_t value_mark = std::is_trivially_destructible_v<value_type> ? 0 : 1;
  static constexpr std::uintptr_t exception_mark = 2;
  static constexpr std::uintptr_t all_marks = 3;
  static_assert(frame_alignment > all_marks, "the marks stand in bits that are 0 in a frame's address");

  std::uintptr_t bits() const noexcept { return reinterpret_cast<std::uintptr_t>(word_); }
  bool has(std::uintptr_t mark) const noexcept { return (bits() & mark) != 0; }
  void add(std::uintptr_t mark) noexcept { word_ = reinterpret_cast<void*>(bits() | mark); }
  void keep(std::uintptr_t mask) noexcept { word_ = reinterpret_cast<void*>(bits() & mask); }

  void destroy_value() noexcept {
    if constexpr (value_mark != 0) {
      if (has(value_mark)) value_.~value_type();
    }
  }

  void throw_if_failed() const {
    if (has(exception_mark)) std::rethrow_exception(exception_);
  }

  void* word_;  // a pointer rather than an integer, so that compilers can follow where a frame comes from
  union {
    value_type value_;
    std::exception_ptr exception_;
  };
};

}  // namespace coworker::inline v0_1::detail
