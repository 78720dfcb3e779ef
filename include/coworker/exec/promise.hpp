#pragma once
// promise<T> and future<T>: pass one value from any thread to one coroutine, for example from a library's
// callback.
// Must not know who sets the value, nor any concrete executor.

#include <concepts>
#include <coroutine>
#include <coworker/coro/context.hpp>
#include <coworker/coro/result.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/exec/promise_core.hpp>
#include <coworker/exec/shared_state.hpp>
#include <coworker/exec/wait_list.hpp>
#include <exception>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1 {

/// What a future throws if its promise was destroyed before it was set.
class broken_promise : public std::exception {
 public:
  const char* what() const noexcept override {
    return "broken promise: the promise was destroyed before it had a value or an exception; let every way "
           "out of the code that keeps it call set_value() or set_exception()";
  }
};

/// The value of a promise, once it is set. Awaited once, as an rvalue: `co_await std::move(answer)`.
/// Throws: the exception that the promise was set to; `broken_promise` if the promise was destroyed without
/// being set; std::logic_error if the future was awaited before or moved from, or if the awaiting coroutine
/// runs on no executor.
/// Thread safety: ready() may be called on any thread; the object itself belongs to one coroutine.
/// Cancellation: throws `cancelled` as soon as a stop is requested, at once if it was before, unless the
/// promise is set. The future is then used up, and its promise abandoned.
template <class T>
class [[nodiscard("co_await it")]] future {
  using core = detail::promise_core<T>;

 public:
  using value_type = T;

  future(future && other) noexcept = default;

  future& operator=(future&& other) noexcept {
    future moved(std::move(other));
    std::swap(core_, moved.core_);
    return *this;
  }

  ~future() { abandon(core_); }

  /// Returns whether the promise is set or destroyed, so that awaiting the future takes no time.
  bool ready() const { return !core_ || core_->ready(); }

  class awaiter {
   public:
    explicit awaiter(detail::shared_handle<core> from) noexcept : core_(std::move(from)) {}
    awaiter(const awaiter&) = delete;
    awaiter& operator=(const awaiter&) = delete;
    ~awaiter() { abandon(core_); }

    bool await_ready() const {
      if (!core_) {
        throw std::logic_error(
            "future: awaited a second time, or after it was moved from; a promise has one value, so use a "
            "channel for more");
      }
      return core_->ready();
    }

    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) {
      const context& here = detail::require_context(awaiting, "future");
      one_.handle = awaiting;
      one_.executor = here.executor;
      on_stop_.emplace(here.stop, detail::leave_on_stop(core_->mutex(), one_));
      return core_->wait(one_);
    }

    T await_resume() {
      on_stop_.reset();
      if (!core_->ready()) throw cancelled();
      return core_->take();
    }

   private:
    detail::shared_handle<core> core_;
    detail::waiting one_;
    detail::stop_of_wait on_stop_;
  };

  awaiter operator co_await()&& noexcept { return awaiter(std::move(core_)); }

  template <class Future = future>
  awaiter operator co_await()& noexcept {
    static_assert(!std::same_as<Future, future>,
                  "a future has one value, so awaiting it uses it up: write co_await std::move(the_future)");
    return awaiter(std::move(core_));
  }

 private:
  template <class U>
  friend class promise;
  explicit future(const detail::shared_handle<core>& from) noexcept : core_(from) {}

  static void abandon(const detail::shared_handle<core>& left) noexcept {
    if (left) left->abandoned.store(true, std::memory_order_relaxed);
  }

  detail::shared_handle<core> core_;
};

/// Passes one value from any thread to a coroutine; T may be a reference or void. If it is destroyed without
/// being set, its future throws `broken_promise`.
/// Thread safety: all operations except moving it may be called on any thread; if two threads set it, one of
/// them throws.
/// Example:
///
///     promise<std::string> done;
///     future<std::string> answer = done.get_future();
///     library.ask(question, [p = std::move(done)](std::string text) mutable { p.set_value(text); });
///     use(co_await std::move(answer));
template <class T = void>
class promise {
  static_assert(!std::is_rvalue_reference_v<T>,
                "promise<T&&>: the object would no longer exist when it is used; use T, or T& to one that "
                "lives longer");
  using core = detail::promise_core<T>;
  using value_argument = std::conditional_t<std::is_void_v<T>, detail::no_result, T>;

 public:
  promise() : core_(new core) {}
  promise(promise&& other) noexcept = default;

  promise& operator=(promise&& other) noexcept {
    promise moved(std::move(other));
    std::swap(core_, moved.core_);
    return *this;
  }

  ~promise() {
    if (core_)
      core_->set("~promise",
                 [](auto& outcome) { outcome.set_exception(std::make_exception_ptr(broken_promise())); });
  }

  /// Returns the future of this promise.
  /// Throws: std::logic_error if it is called a second time, or if the promise was moved from.
  future<T> get_future() {
    throw_unless("promise::get_future", core_ && !core_->has_future.exchange(true),
                 "its future was taken before");
    return future<T>(core_);
  }

  /// Sets the value and resumes the coroutine that awaits the future, on its executor.
  /// Throws: std::logic_error if the promise is already set or was moved from, or if this thread is outside
  /// the simulation that the coroutine runs in; what moving the value throws. Nothing was then set.
  void set_value(value_argument value) requires(!std::is_void_v<T>) {
    fill("promise::set_value", [&](auto& outcome) { outcome.set(std::forward<value_argument>(value)); });
  }
  void set_value() requires std::is_void_v<T> {
    fill("promise::set_value", [](auto& outcome) { outcome.set(); });
  }

  /// Sets an exception, which the coroutine that awaits the future throws.
  /// Throws: as set_value().
  void set_exception(std::exception_ptr failure) {
    fill("promise::set_exception", [&](auto& outcome) { outcome.set_exception(std::move(failure)); });
  }
  template <std::derived_from<std::exception> Exception>
  void set_exception(Exception failure) {
    set_exception(std::make_exception_ptr(std::move(failure)));
  }

  /// Returns whether nobody will receive the value, because the future was destroyed, for example when its
  /// coroutine was stopped. The promise may still be set, but the work for it can end.
  bool abandoned() const noexcept { return !core_ || core_->abandoned.load(std::memory_order_relaxed); }

 private:
  void throw_unless(const char* call, bool fact, const char* otherwise) const {
    if (fact) return;
    throw std::logic_error(std::string(call) + ": " + (core_ ? otherwise : "the promise was moved from"));
  }

  template <class Fill>
  void fill(const char* call, Fill set) {
    throw_unless(call, core_ && core_->set(call, set),
                 "it has a value or an exception already, and a promise is set once");
  }

  detail::shared_handle<core> core_;
};

}  // namespace coworker
