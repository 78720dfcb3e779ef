#pragma once
// What tests need from code outside coworker: a coroutine of another library, whose promise has no context,
// and awaiters that let the test decide when and how a coroutine is resumed.
// Must not know any executor.

#include <coroutine>
#include <coworker/coro/task.hpp>
#include <exception>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

namespace foreign {

/// A coroutine that starts at once and does not use coworker's transfer.hpp.
class eager_task {
 public:
  struct promise_type {
    std::exception_ptr failure;

    eager_task get_return_object() noexcept {
      return eager_task(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_always final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() noexcept { failure = std::current_exception(); }
  };

  eager_task(eager_task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  eager_task& operator=(eager_task&&) = delete;
  ~eager_task() {
    if (handle_) handle_.destroy();
  }

  bool done() const { return handle_.done(); }
  std::coroutine_handle<> handle() const noexcept { return handle_; }

  /// Rethrows what the coroutine threw.
  void check() const {
    if (handle_.promise().failure) std::rethrow_exception(handle_.promise().failure);
  }

 private:
  explicit eager_task(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

/// Starts a task in a chain that has no context.
inline eager_task start(coworker::task<> work) { co_await std::move(work); }

/// Returns the result of a task that ends without really suspending.
template <class T>
T run(coworker::task<T> work) {
  constexpr bool is_void = std::is_void_v<T>;
  std::conditional_t<is_void, bool, std::add_pointer_t<T>> seen{};
  std::optional<std::conditional_t<is_void || std::is_reference_v<T>, int, T>> value;
  const auto await = [](coworker::task<T> awaited, auto& to, auto& kept) -> eager_task {
    if constexpr (is_void) {
      co_await std::move(awaited);
      to = true;
    } else if constexpr (std::is_reference_v<T>) {
      to = &co_await std::move(awaited);
    } else {
      kept.emplace(co_await std::move(awaited));
      to = &*kept;
    }
  };
  const eager_task chain = await(std::move(work), seen, value);
  if (!chain.done()) throw std::logic_error("foreign::run: the task has suspended");
  chain.check();
  if constexpr (std::is_reference_v<T>) {
    return *seen;
  } else if constexpr (!is_void) {
    return std::move(*value);
  }
}

/// Keeps coroutines suspended until the test takes them out.
/// Thread safety: not thread-safe.
class parking_lot {
 public:
  class awaiter {
   public:
    explicit awaiter(parking_lot& lot) noexcept : lot_(lot) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) { lot_.parked_.push_back(handle); }
    void await_resume() const noexcept {}

   private:
    parking_lot& lot_;
  };

  awaiter park() noexcept { return awaiter(*this); }
  bool empty() const noexcept { return parked_.empty(); }
  std::vector<std::coroutine_handle<>> take_all() noexcept { return std::exchange(parked_, {}); }

  std::coroutine_handle<> take() noexcept {
    const std::coroutine_handle<> last = parked_.back();
    parked_.pop_back();
    return last;
  }

 private:
  std::vector<std::coroutine_handle<>> parked_;
};

/// Suspends and calls a callable with the handle: `co_await suspend_and(f)`. Keeps a reference to the
/// callable, not a copy.
template <class Callable>
class suspend_and {
 public:
  explicit suspend_and(Callable& callable) noexcept : callable_(callable) {}
  bool await_ready() const noexcept { return false; }

  // If this is inlined, clang before 19 keeps its locals in the frame, which may be destroyed by then (LLVM
  // 56301).
#if defined(__clang__) && __clang_major__ < 19
  [[gnu::noinline]]
#endif
  void
  await_suspend(std::coroutine_handle<> handle) {
    callable_(handle);
  }
  void await_resume() const noexcept {}

 private:
  Callable& callable_;
};

}  // namespace foreign
