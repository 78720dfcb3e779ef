#pragma once
// task<T>: a lazy, owned, awaited-once coroutine. Knows what its chain shares only as a pointer that a child
// takes over from whoever awaits it; what that context holds (executor, stop token, job) is in context.hpp.

#include <concepts>
#include <coroutine>
#include <coworker/coro/frame_memory.hpp>
#include <coworker/coro/task_answer.hpp>
#include <coworker/coro/transfer.hpp>
#include <exception>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1 {

struct context;

template <class T = void>
class task;

/// A promise that belongs to a chain of coroutines sharing one context.
template <class Promise>
concept context_promise = requires(Promise& promise) {
  { promise.context() } -> std::same_as<coworker::context*>;
};

namespace detail {

template <class T>
class task_promise;

template <class Promise>
coworker::context* context_of(std::coroutine_handle<Promise> coroutine) noexcept {
  if constexpr (context_promise<Promise>) {
    return coroutine.promise().context();
  } else {
    return nullptr;
  }
}

// A task that ends frees its frame at once and then lets its awaiter go on, which is cheaper than being
// destroyed from there.
template <class T>
class task_promise_base : public recycled_frame, public entered_promise {
 public:
  class final_awaiter {
   public:
    explicit final_awaiter(bool may_go) noexcept : may_go_(may_go) {}
    bool await_ready() const noexcept { return may_go_; }

    // Nobody below will let the awaiter go on: it does so inside this call, and destroys the frame.
    void await_suspend(std::coroutine_handle<task_promise<T>> self) const noexcept {
      self.promise().answer_->ended_in_its_frame();
      detail::resume_at_once(std::coroutine_handle<>::from_address(self.promise().continuation_));
    }

    void await_resume() const noexcept {}

   private:
    bool may_go_;
  };

  task<T> get_return_object() noexcept;
  std::suspend_always initial_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { answer_->set_exception(std::current_exception()); }

  final_awaiter final_suspend() noexcept {
    task_answer<T>& answer = *answer_;
    const bool handed_back = detail::hand_back(self(), continuation_);
    if (handed_back) answer.frame_is_gone();
    return final_awaiter(handed_back);
  }

  coworker::context* context() const noexcept { return context_; }

  void begin(std::coroutine_handle<> continuation, coworker::context* context,
             task_answer<T>& answer) noexcept {
    store_apart(continuation_, continuation.address());
    store_apart(context_, context);
    answer_ = &answer;
  }

 protected:
  task_promise_base() noexcept {}
  task_answer<T>& answer() noexcept { return *answer_; }

 private:
  std::coroutine_handle<task_promise<T>> self() noexcept;

  // Set when the task is awaited, which is before its body can read any: left raw, a call costs less.
  void* continuation_;
  coworker::context* context_;
  task_answer<T>* answer_;
};

template <class T>
class task_promise final : public task_promise_base<T> {
  static_assert(
      alignof(task_answer<T>) <= frame_alignment,
      "task<T>: T needs a stricter alignment than coroutine frames have; give a std::unique_ptr<T>");

 public:
  template <std::convertible_to<T> U = T>
  void return_value(U&& value) {
    this->answer().set(std::forward<U>(value));
  }
};

template <>
class task_promise<void> final : public task_promise_base<void> {
 public:
  void return_void() noexcept { answer().set(); }
};

[[noreturn]] inline void throw_not_awaitable() {
  throw std::logic_error(
      "task: awaited a second time, or after it was moved from; a task runs once, so call the coroutine "
      "again");
}

}  // namespace detail

/// A coroutine that starts when it is awaited and gives one T (a value, a reference or void) or an exception.
///
/// Awaited at most once, as an rvalue: `co_await f()` or `co_await std::move(t)`. Its frame belongs to the
/// task object, then to the co_await; it ends, arguments included, before the awaiting coroutine goes on. A
/// task that is never awaited never runs. While awaited it shares the context of its awaiter: executor, stop
/// token, job. A task may be resumed on any thread, one at a time; the object itself is not
/// thread-safe.
///
/// Errors: awaiting rethrows what the coroutine threw; std::logic_error when awaited twice or after a move.
template <class T>
class [[nodiscard("a task does nothing until it is awaited")]] task {
  static_assert(
      !std::is_rvalue_reference_v<T>,
      "task<T&&>: what the reference is bound to would be gone; give a T, or a T& to what lives on");

 public:
  using promise_type = detail::task_promise<T>;
  using value_type = T;

  class awaiter {
   public:
    explicit awaiter(std::coroutine_handle<promise_type> coroutine) noexcept : answer_(coroutine.address()) {}
    awaiter(const awaiter&) = delete;
    awaiter& operator=(const awaiter&) = delete;

    ~awaiter() {
      if (answer_.frame() != nullptr)
        std::coroutine_handle<promise_type>::from_address(answer_.frame()).destroy();
    }

    bool await_ready() const {
      if (answer_.frame_to_begin() == nullptr) [[unlikely]]
        detail::throw_not_awaitable();
      return false;
    }

    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) noexcept {
      return start(awaiting, detail::context_of(awaiting));
    }

    T await_resume() { return answer_.take(); }

   protected:
    bool start(std::coroutine_handle<> awaiting, coworker::context* shared) noexcept {
      const auto coroutine = std::coroutine_handle<promise_type>::from_address(answer_.frame_to_begin());
      coroutine.promise().begin(awaiting, shared, answer_);
      return !detail::enter(coroutine);
    }

   private:
    detail::task_answer<T> answer_;
  };

  task(task && other) noexcept : coroutine_(std::exchange(other.coroutine_, nullptr)) {}

  task& operator=(task&& other) noexcept {
    task moved(std::move(other));
    std::swap(coroutine_, moved.coroutine_);
    return *this;
  }

  task(const task&) = delete;
  task& operator=(const task&) = delete;

  ~task() {
    if (coroutine_) coroutine_.destroy();
  }

  /// An awaiter that starts the task in a context of its own rather than its awaiter's.
  class awaiter_in_context : public awaiter {
   public:
    awaiter_in_context(std::coroutine_handle<promise_type> coroutine, coworker::context& own) noexcept
        : awaiter(coroutine), own_(own) {}

    bool await_suspend(std::coroutine_handle<> awaiting) noexcept { return this->start(awaiting, &own_); }

   private:
    coworker::context& own_;
  };

  awaiter operator co_await()&& noexcept { return awaiter(std::exchange(coroutine_, nullptr)); }

  /// `co_await f().in(own);` runs the task, and what it awaits, in the context `own`, which must outlive it.
  /// If it hops, only `own` says where to, and the awaiting coroutine must hop back by itself.
  awaiter_in_context in(coworker::context & own)&& noexcept {
    return awaiter_in_context(std::exchange(coroutine_, nullptr), own);
  }

  template <class Task = task>
  awaiter operator co_await()& noexcept {
    static_assert(!std::same_as<Task, task>,
                  "a task runs once, so awaiting it uses it up: write co_await std::move(the_task)");
    return awaiter(coroutine_);
  }

 private:
  friend detail::task_promise_base<T>;
  explicit task(std::coroutine_handle<promise_type> coroutine) noexcept : coroutine_(coroutine) {}

  std::coroutine_handle<promise_type> coroutine_;
};

namespace detail {

template <class T>
std::coroutine_handle<task_promise<T>> task_promise_base<T>::self() noexcept {
  return std::coroutine_handle<task_promise<T>>::from_promise(static_cast<task_promise<T>&>(*this));
}

template <class T>
task<T> task_promise_base<T>::get_return_object() noexcept {
  return task<T>(self());
}

}  // namespace detail
}  // namespace coworker
