#pragma once
// What a task and whoever awaits it share, in the awaiter's frame: where the task's frame is and, once it has
// ended, a value or an exception. Knows no coroutine.

#include <coworker/coro/frame_memory.hpp>
#include <cstdint>
#include <exception>
#include <new>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1::detail {

struct no_answer {};

template <class T>
struct answer_value {
  using type = T;
};
template <class T>
struct answer_value<T&> {
  using type = T*;
};
template <>
struct answer_value<void> {
  using type = no_answer;
};

// One word tells all that is to be known, so that a call needs a single test for whatever is out of the
// ordinary:
//
//   the frame's address                 the task has not ended
//   value_mark                          it ended with a value; its frame is gone
//   exception_mark                      it ended with an exception; its frame is gone
//   the address, one mark, ended_mark   it ended, and its frame is still to be destroyed
//
// The mark of a value that needs no destructor is 0, so that nothing has to be written for it.
template <class T>
class task_answer {
  using value_type = typename answer_value<T>::type;

 public:
  explicit task_answer(void* frame) noexcept : word_(frame) {}
  task_answer(const task_answer&) = delete;
  task_answer& operator=(const task_answer&) = delete;

  ~task_answer() {
    if (has(exception_mark)) [[unlikely]]
      exception_.~exception_ptr();
    destroy_value();
  }

  // Before it has begun; null: there is none.
  void* frame_to_begin() const noexcept { return word_; }
  // Null once it is gone.
  void* frame() const noexcept { return reinterpret_cast<void*>(bits() & ~all_marks); }
  void frame_is_gone() noexcept { keep(all_marks); }
  void ended_in_its_frame() noexcept { add(ended_mark); }

  // A value for T, an object for T&, nothing for void.
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

  // In place of a value too: when a coroutine has given one, the destructor of a local may yet throw.
  void set_exception(std::exception_ptr exception) noexcept {
    destroy_value();
    keep(~value_mark);
    ::new (static_cast<void*>(&exception_)) std::exception_ptr(std::move(exception));
    add(exception_mark);
  }

  // Once, when it has ended. Errors: rethrows its exception.
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
  static constexpr std::uintptr_t ended_mark = 4;
  static constexpr std::uintptr_t all_marks = 7;
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

  void* word_;  // as a pointer, so that compilers follow where a frame comes from
  union {
    value_type value_;
    std::exception_ptr exception_;
  };
};

}  // namespace coworker::detail
