#pragma once
// result<T>: storage for the outcome of a coroutine until it is fetched: nothing yet, a value, or an
// exception.
// Must not know any coroutine.

#include <exception>
#include <new>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1::detail {

enum class result_state : unsigned char { empty, value, exception };

// Stored is T itself, a pointer for a reference, or an empty struct for void.
template <class Stored>
class result_storage {
 public:
  result_storage() noexcept {}
  result_storage(const result_storage&) = delete;
  result_storage& operator=(const result_storage&) = delete;

  ~result_storage() {
    if (state_ == result_state::exception) [[unlikely]] {
      exception_.~exception_ptr();
    } else if constexpr (!std::is_trivially_destructible_v<Stored>) {
      if (state_ == result_state::value) value_.~Stored();
    }
  }

  template <class... Args>
  void emplace(Args&&... args) noexcept(std::is_nothrow_constructible_v<Stored, Args...>) {
    ::new (static_cast<void*>(std::addressof(value_))) Stored(std::forward<Args>(args)...);
    state_ = result_state::value;
  }

  // May replace a value: after co_return, the destructor of a local may still throw.
  void set_exception(std::exception_ptr exception) noexcept {
    if constexpr (!std::is_trivially_destructible_v<Stored>) {
      if (state_ == result_state::value) value_.~Stored();
    }
    ::new (static_cast<void*>(&exception_)) std::exception_ptr(std::move(exception));
    state_ = result_state::exception;
  }

  result_state state() const noexcept { return state_; }

  // Requires state() == result_state::exception.
  const std::exception_ptr& exception() const noexcept { return exception_; }

  // Returns the value, or rethrows the exception. Requires that one of the two is set.
  Stored& get() {
    if (state_ != result_state::value) [[unlikely]]
      std::rethrow_exception(exception_);
    return value_;
  }

 private:
  union {
    Stored value_;
    std::exception_ptr exception_;
  };
  result_state state_ = result_state::empty;
};

template <class T>
class result : public result_storage<T> {
 public:
  template <class U>
  void set(U&& value) {
    this->emplace(std::forward<U>(value));
  }

  T take() { return std::move(this->get()); }
};

template <class T>
class result<T&> : public result_storage<T*> {
 public:
  void set(T& value) noexcept { this->emplace(std::addressof(value)); }
  T& take() { return *this->get(); }
};

struct no_result {};

template <>
class result<void> : public result_storage<no_result> {
 public:
  void set() noexcept { emplace(); }
  void take() { get(); }
};

}  // namespace coworker::detail
