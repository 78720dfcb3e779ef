#pragma once
// task<T>: a lazy coroutine that is owned by one object and awaited once. Must not know what a context
// contains (executor, stop token, job); that is in context.hpp.
//
// How `co_await f()` runs (the outcome is in task_result.hpp; enter, hand_back, resume in transfer.hpp):
//   1. f() allocates f's frame and returns a task that owns it. Nothing runs yet. `operator co_await` moves
//      the frame into an awaiter in the caller's frame, which also has room for f's outcome, a task_result.
//   2. await_suspend gives f's promise the caller, the context and the task_result. enter() resumes f as a
//      nested call; if nested calls have used 16 KiB of stack, f runs only once they have returned.
//   3. When f ends, its outcome is stored, final_suspend calls hand_back(), and f frees its frame. The caller
//      continues: because enter() returns true or, if f had suspended and enter() has returned false, from
//      the resume() at the bottom of the stack.
//   4. If f was resumed by a plain handle.resume() of other code, hand_back() returns false. final_awaiter
//      then resumes the caller, and the awaiter's destructor frees f's frame.
//   5. await_resume returns the value or rethrows the exception.

#include <concepts>
#include <coroutine>
#include <coworker/coro/frame_memory.hpp>
#include <coworker/coro/task_result.hpp>
#include <coworker/coro/transfer.hpp>
#include <exception>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1 {

struct context;

template <class T = void>
class task;

/// A promise of a coroutine that belongs to a chain of coroutines sharing one context.
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

// A task frees its own frame when it ends, before the awaiting coroutine continues. That is cheaper than
// letting the awaiter destroy it.
template <class T>
class task_promise_base : public recycled_frame, public entered_promise {
 public:
  class final_awaiter {
   public:
    explicit final_awaiter(bool handed_back) noexcept : handed_back_(handed_back) {}
    bool await_ready() const noexcept { return handed_back_; }

    // Nobody on the stack would continue the awaiting coroutine. This call does, and its awaiter destroys
    // this frame.
    void await_suspend(std::coroutine_handle<task_promise<T>> self) const noexcept {
      detail::resume_at_once(std::coroutine_handle<>::from_address(self.promise().continuation_));
    }

    void await_resume() const noexcept {}

   private:
    bool handed_back_;
  };

  task<T> get_return_object() noexcept;
  std::suspend_always initial_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { result_->set_exception(std::current_exception()); }

  final_awaiter final_suspend() noexcept {
    task_result<T>& result = *result_;
    const bool handed_back = detail::hand_back(self(), continuation_);
    if (handed_back) result.frame_is_freed();
    return final_awaiter(handed_back);
  }

  coworker::context* context() const noexcept { return context_; }

  void begin(std::coroutine_handle<> continuation, coworker::context* context,
             task_result<T>& result) noexcept {
    store_apart(continuation_, continuation.address());
    store_apart(context_, context);
    result_ = &result;
  }

 protected:
  task_promise_base() noexcept {}
  task_result<T>& result() noexcept { return *result_; }

 private:
  std::coroutine_handle<task_promise<T>> self() noexcept;

  // Set by begin(), before the body can read them. Left uninitialised, because that makes a call cheaper.
  void* continuation_;
  coworker::context* context_;
  task_result<T>* result_;
};

template <class T>
class task_promise final : public task_promise_base<T> {
  static_assert(
      alignof(task_result<T>) <= frame_alignment,
      "task<T>: T needs a stricter alignment than coroutine frames have; give a std::unique_ptr<T>");

 public:
  template <std::convertible_to<T> U = T>
  void return_value(U&& value) {
    this->result().set(std::forward<U>(value));
  }
};

template <>
class task_promise<void> final : public task_promise_base<void> {
 public:
  void return_void() noexcept { result().set(); }
};

[[noreturn]] inline void throw_not_awaitable() {
  throw std::logic_error(
      "task: awaited a second time, or after it was moved from; a task runs once, so call the coroutine "
      "again");
}

}  // namespace detail

/// A coroutine that starts when it is awaited and produces one T (a value, a reference or void) or an
/// exception.
///
/// Awaited at most once, as an rvalue: `co_await f()` or `co_await std::move(t)`. A task that is never
/// awaited never runs. Its frame belongs to the task object, then to the co_await; the frame and the
/// arguments are destroyed before the awaiting coroutine continues. While awaited the task shares the context
/// of its awaiter: executor, stop token, job.
/// Throws: awaiting rethrows what the coroutine threw, and throws std::logic_error if the task was awaited
/// before or moved from.
/// Thread safety: the coroutine may be resumed on any thread, one thread at a time. The object itself is not
/// thread-safe.
template <class T>
class [[nodiscard("a task does nothing until it is awaited")]] task {
  static_assert(!std::is_rvalue_reference_v<T>,
                "task<T&&>: the object would no longer exist when the caller uses it; use T, or T& to one "
                "that lives longer");

 public:
  using promise_type = detail::task_promise<T>;
  using value_type = T;

  class awaiter {
   public:
    explicit awaiter(std::coroutine_handle<promise_type> coroutine) noexcept : result_(coroutine.address()) {}
    awaiter(const awaiter&) = delete;
    awaiter& operator=(const awaiter&) = delete;

    ~awaiter() {
      if (result_.frame() != nullptr)
        std::coroutine_handle<promise_type>::from_address(result_.frame()).destroy();
    }

    bool await_ready() const {
      if (result_.frame_to_begin() == nullptr) [[unlikely]]
        detail::throw_not_awaitable();
      return false;
    }

    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) noexcept {
      return start(awaiting, detail::context_of(awaiting));
    }

    T await_resume() { return result_.take(); }

   protected:
    bool start(std::coroutine_handle<> awaiting, coworker::context* shared) noexcept {
      const auto coroutine = std::coroutine_handle<promise_type>::from_address(result_.frame_to_begin());
      coroutine.promise().begin(awaiting, shared, result_);
      return !detail::enter(coroutine);
    }

   private:
    detail::task_result<T> result_;
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

  /// An awaiter that starts the task in a given context instead of its awaiter's.
  class awaiter_in_context : public awaiter {
   public:
    awaiter_in_context(std::coroutine_handle<promise_type> coroutine, coworker::context& own) noexcept
        : awaiter(coroutine), own_(own) {}

    bool await_suspend(std::coroutine_handle<> awaiting) noexcept { return this->start(awaiting, &own_); }

   private:
    coworker::context& own_;
  };

  awaiter operator co_await()&& noexcept { return awaiter(std::exchange(coroutine_, nullptr)); }

  /// `co_await f().in(own);` runs the task, and what it awaits, in the context `own`, which must outlive the
  /// task. If the task changes its executor, only `own` records that; the awaiting coroutine must return to
  /// its own executor by itself.
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
}  // namespace coworker::inline v0_1
