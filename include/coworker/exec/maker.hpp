#pragma once
// made_value and maker: a value that is made later, perhaps again, and the user's function that makes it; for
// lender and lanes.
// Must not know who uses the value.

#include <coworker/coro/task.hpp>
#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1::detail {

// Storage for a T that may be absent. The T is never moved, so it need not be movable.
template <class T>
class made_value {
 public:
  made_value() noexcept {}
  made_value(const made_value&) = delete;
  made_value& operator=(const made_value&) = delete;
  ~made_value() { clear(); }

  bool made() const noexcept { return made_; }
  T& get() noexcept { return value_; }

  // Throws: what `make` throws; there is then no value.
  template <class Make>
  void emplace(Make&& make) {
    ::new (static_cast<void*>(std::addressof(value_))) T(make());
    made_ = true;
  }

  void clear() noexcept {
    if (made_) value_.~T();
    made_ = false;
  }

 private:
  union {
    T value_;
  };
  bool made_ = false;
};

template <class T>
struct awaited_result {
  using type = T;
  static constexpr bool is_task = false;
};
template <class T>
struct awaited_result<task<T>> {
  using type = T;
  static constexpr bool is_task = true;
};

template <class Make>
decltype(auto) call_make(Make& make, [[maybe_unused]] std::size_t index) {
  if constexpr (std::is_invocable_v<Make&, std::size_t>) {
    return make(index);
  } else if constexpr (std::is_invocable_v<Make&>) {
    return make();
  }
}

// What `make` returns, be it a T or a task<T>; void if it cannot be called.
template <class Make>
using make_result = awaited_result<decltype(detail::call_make(std::declval<Make&>(), std::size_t()))>;

// Hides the type of the user's function. std::function would serve for some types, but <functional> costs
// compile time for all users.
template <class T>
class maker {
 public:
  maker() noexcept {}
  maker(const maker&) = delete;
  maker& operator=(const maker&) = delete;
  virtual ~maker() = default;

  // Returns whether the function returns a task, so that only make() works.
  virtual bool awaits() const noexcept = 0;
  virtual task<void> make(std::size_t index, made_value<T>& into) = 0;
  virtual void make_now(std::size_t index, made_value<T>& into) = 0;
};

template <class T, class Make>
class maker_of final : public maker<T> {
 public:
  explicit maker_of(Make&& make) : make_(std::move(make)) {}

  bool awaits() const noexcept override { return make_result<Make>::is_task; }

  task<void> make(std::size_t index, made_value<T>& into) override {
    if constexpr (make_result<Make>::is_task) {
      auto work = detail::call_make(make_, index);
      T made = co_await std::move(work);
      into.emplace([&made]() -> T&& { return std::move(made); });
    } else {
      make_now(index, into);
      co_return;
    }
  }

  void make_now([[maybe_unused]] std::size_t index, [[maybe_unused]] made_value<T>& into) override {
    if constexpr (std::is_same_v<decltype(detail::call_make(make_, index)), T>) {
      into.emplace([this, index]() -> T { return detail::call_make(make_, index); });
    }
  }

 private:
  Make make_;
};

// Owns a maker.
template <class T>
class maker_handle {
 public:
  template <class Make>
  explicit maker_handle(Make&& make) : maker_(new maker_of<T, Make>(std::move(make))) {}
  maker_handle(const maker_handle&) = delete;
  maker_handle& operator=(const maker_handle&) = delete;
  ~maker_handle() { delete maker_; }
  maker<T>* operator->() const noexcept { return maker_; }

 private:
  maker<T>* maker_;
};

}  // namespace coworker::detail
