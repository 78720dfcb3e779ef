#pragma once
// scope: owns tasks that run side by side. It starts them, stops them together, and waits until all have
// ended.
// when_all, when_any and timeout are built on it; it must not know them, nor any concrete executor.

#include <atomic>
#include <concepts>
#include <coroutine>
#include <coworker/coro/context.hpp>
#include <coworker/coro/frame_memory.hpp>
#include <coworker/coro/result.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/coro/transfer.hpp>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <new>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1 {

class scope;

namespace detail {

// The coroutine at the start of a chain: runs in a context of its own and reports its end to its scope, the
// first parameter. Its frame is freed some time after its end, so parameters must not own what has to be
// released then.
class [[nodiscard("a child does nothing until it is started")]] child {
 public:
  class promise_type : public recycled_frame {
   public:
    struct final_awaiter {
      final_awaiter() noexcept {}
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<promise_type> self) const noexcept;
      void await_resume() const noexcept {}
    };

    template <class... Arguments>
    explicit promise_type(scope& owner, Arguments&...) noexcept : promise_type(nullptr, owner) {}
    template <class Object, class... Arguments>
    promise_type(Object&, scope& owner, Arguments&...) noexcept : promise_type(nullptr, owner) {}

    child get_return_object() noexcept {
      return child(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    final_awaiter final_suspend() const noexcept { return final_awaiter(); }
    void return_void() const noexcept {}
    void unhandled_exception() noexcept;
    coworker::context* context() noexcept { return &context_; }

   private:
    friend child;
    promise_type(std::nullptr_t, scope& owner) noexcept;

    scope& owner_;
    coworker::context context_;
  };

  // As scope::spawn(). To be called once: a child has no destructor, so that it is returned in a register.
  void start() const;

 private:
  explicit child(std::coroutine_handle<promise_type> coroutine) noexcept : coroutine_(coroutine) {}
  std::coroutine_handle<promise_type> coroutine_;
};

// Moving the task out of the parameter destroys it before its end is reported.
inline child run_in_scope(scope&, task<void> work) {
  task<void> owned = std::move(work);
  co_await std::move(owned);
}

template <class Callable, class... Args>
concept spawnable = requires(Callable& callable, Args&&... args) {
  callable(std::move(args)...);
  requires !std::is_void_v<decltype(callable(std::move(args)...))>;
};

// Keeps a callable and its arguments alive until the coroutine that they create has ended.
template <class Callable, class... Args>
task<void> call_and_await(Callable callable, Args... args) {
  co_await callable(std::move(args)...);
}

}  // namespace detail

/// Owns the tasks that it spawns. Takes executor, stop token and job from the context that it is constructed
/// with.
///
/// The first child that fails stops the others, and join() rethrows its exception. A child that ends with
/// `cancelled` counts as stopped, not as failed. A stop of the surrounding chain reaches all children.
///
/// A scope must be joined before it is destroyed, or the program is terminated with a message; where an
/// exception may come in between, use with_scope.
/// Thread safety: spawn() and request_stop() may be called on any thread while the scope has not been joined;
/// join() by one coroutine at a time.
/// Example:
///
///     scope children(co_await this_coro::context());
///     children.spawn(work(1));
///     children.spawn(work(2));
///     co_await children.join();
class scope {
 public:
  /// `surrounding`: the context of the owner; the scope takes its executor, stop token and job from it.
  explicit scope(const context& surrounding) noexcept
      : source_(surrounding.stop), context_(surrounding.executor, source_.get_token(), surrounding.job) {}

  scope(const scope&) = delete;
  scope& operator=(const scope&) = delete;

  ~scope() {
    if (count_.load(std::memory_order_acquire) != scope_unit) {
      std::fputs(
          "coworker: a scope was destroyed while its tasks run; co_await its join() first, or use "
          "with_scope\n",
          stderr);
      std::terminate();
    }
    reap(nullptr);
  }

  /// Starts a task; the executor resumes it soon.
  /// Throws: std::logic_error if the scope's context has no executor; std::bad_alloc and what the executor's
  /// post() throws. Nothing was then started.
  void spawn(task<void> work) { detail::run_in_scope(*this, std::move(work)).start(); }

  /// Starts the coroutine `callable(args...)`, and keeps the callable and the arguments alive until it has
  /// ended. So a capturing lambda is safe here.
  template <class Callable, class... Args>
  void spawn(Callable callable, Args... args) {
    constexpr bool fits = detail::spawnable<Callable, Args...>;
    static_assert(fits, "scope::spawn: takes a task<void>, or a coroutine and the arguments to call it with");
    if constexpr (fits) spawn(detail::call_and_await(std::move(callable), std::move(args)...));
  }

  /// Requests that every child ends early, including children spawned later.
  void request_stop() noexcept { source_.request_stop(); }

  // In parentheses, like other names in this library, because some programs define a macro `fail`.
  /// Acts as if a child had thrown `failure`: stops the children, and join() rethrows it unless another
  /// failure came first.
  void(fail)(std::exception_ptr failure) noexcept {
    if (failed_.exchange(true, std::memory_order_relaxed)) return;
    first_failure_ = std::move(failure);
    request_stop();
  }

  /// Returns the token of the stop that the children receive.
  stop_token get_token() const noexcept { return source_.get_token(); }

  /// Returns the number of children that have not ended.
  std::size_t running() const noexcept { return count_.load(std::memory_order_relaxed) / child_unit; }

  class join_awaiter {
   public:
    explicit join_awaiter(scope& joined) noexcept : scope_(joined) {}
    bool await_ready() const noexcept { return false; }

    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) noexcept {
      const context* const here = detail::context_of(awaiting);
      scope_.joiner_ = awaiting;
      scope_.joiner_executor_ = here != nullptr ? here->executor : executor_ref();
      return scope_.count_.fetch_sub(scope_unit, std::memory_order_acq_rel) != scope_unit;
    }

    void await_resume() {
      scope_.count_.store(scope_unit, std::memory_order_relaxed);
      if (scope_.failed_.exchange(false, std::memory_order_relaxed)) {
        std::rethrow_exception(std::exchange(scope_.first_failure_, nullptr));
      }
    }

   private:
    scope& scope_;
  };

  /// Waits, when awaited, until every child has ended. The scope may be used again afterwards, but once
  /// stopped (also by a failure) it stays stopped.
  /// Throws: what the first failed child threw.
  /// Cancellation: join() keeps waiting; the children receive the stop and end soon.
  join_awaiter join() noexcept { return join_awaiter(*this); }

 private:
  friend detail::child;
  friend detail::child::promise_type;
  using child_handle = std::coroutine_handle<detail::child::promise_type>;

  // Destroys the child if it throws.
  void start(child_handle started) {
    if (!context_.executor) {
      started.destroy();
      throw std::logic_error(
          "scope::spawn: the scope was made with a context that has no executor; make it with "
          "co_await this_coro::context(), or with context(executor)");
    }
    count_.fetch_add(child_unit, std::memory_order_relaxed);
    try {
      context_.executor.post(started);
    } catch (...) {
      count_.fetch_sub(child_unit, std::memory_order_relaxed);
      started.destroy();
      throw;
    }
  }

  // A child cannot free its own frame while its final suspension still runs, so each frees the one that ended
  // before it.
  void reap(child_handle newest) noexcept {
    const child_handle previous =
        child_handle::from_address(last_ended_.exchange(newest.address(), std::memory_order_acq_rel));
    if (previous) previous.destroy();
  }

  // Counts a child as ended, and resumes the joiner if it was the last. The joiner is resumed on its own
  // executor, which may differ from `place`, the executor of the child.
  void end(child_handle ended, executor_ref place) noexcept {
    reap(ended);
    if (count_.fetch_sub(child_unit, std::memory_order_acq_rel) != child_unit)
      return;  // the scope may already be destroyed
    if (!joiner_executor_ || joiner_executor_ == place) return detail::resume_from_bottom(joiner_);
    for (;;) {
      try {
        return joiner_executor_.post(joiner_);
      } catch (const std::bad_alloc&) {  // tried again: nobody else would post it
      }
    }
  }

  static constexpr std::size_t scope_unit = 1;
  static constexpr std::size_t child_unit = 2;

  linked_stop_source source_;
  context context_;
  // A child_unit for each child that has not ended, and a scope_unit until join() waits.
  std::atomic<std::size_t> count_{scope_unit};
  std::atomic<void*> last_ended_{nullptr};
  std::atomic<bool> failed_{false};
  std::exception_ptr first_failure_;
  std::coroutine_handle<> joiner_;
  executor_ref joiner_executor_;  // empty if the joiner has no context
};

namespace detail {

inline child::promise_type::promise_type(std::nullptr_t, scope& owner) noexcept
    : owner_(owner), context_(owner.context_) {}

inline void child::start() const { coroutine_.promise().owner_.start(coroutine_); }

inline void child::promise_type::unhandled_exception() noexcept {
  try {
    throw;
  } catch (const cancelled&) {
  } catch (...) {
    (owner_.fail)(std::current_exception());
  }
}

inline void child::promise_type::final_awaiter::await_suspend(
    std::coroutine_handle<promise_type> self) const noexcept {
  self.promise().owner_.end(self, self.promise().context_.executor);
}

inline task<void> join_all(scope& children) { co_await children.join(); }

// Runs a task to its end and stores its outcome, for a caller that has something else to do before it uses
// it.
template <class T>
task<void> capture(task<T> work, result<T>& into) {
  try {
    if constexpr (std::is_void_v<T>) {
      co_await std::move(work);
      into.set();
    } else {
      into.set(co_await std::move(work));
    }
  } catch (...) {
    into.set_exception(std::current_exception());
  }
}

template <class Body>
using scope_body_task = std::invoke_result_t<Body&, scope&>;

}  // namespace detail

/// Runs the coroutine `body(scope&)` and waits for all that it spawned. If the body throws, its children are
/// stopped and waited for first. A child that fails stops its siblings, not the body; the body can watch
/// `scope.get_token()`.
/// Returns what the body returned.
/// Throws: what the body threw; else what the first failed child threw.
template <class Body>
requires std::invocable<Body&, scope&> detail::scope_body_task<Body> with_scope(Body body) {
  const context surrounding = co_await this_coro::context();
  scope children(surrounding);
  detail::result<typename detail::scope_body_task<Body>::value_type> outcome;
  detail::result<void> joined;
  // Allocated before anything runs, so that a failure leaves nothing running.
  auto join = detail::capture(detail::join_all(children), joined);
  co_await detail::capture(body(children), outcome);
  if (outcome.state() == detail::result_state::exception) children.request_stop();
  co_await std::move(join);
  if (outcome.state() == detail::result_state::value) joined.take();
  co_return outcome.take();
}

}  // namespace coworker::inline v0_1
