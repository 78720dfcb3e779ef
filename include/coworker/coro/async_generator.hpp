#pragma once
// async_generator<T>: a coroutine that produces many values, each on request, and may await between them.
// Passes control as task does (see transfer.hpp); must not know who consumes the values.

#include <concepts>
#include <coroutine>
#include <coworker/coro/frame_memory.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/coro/transfer.hpp>
#include <exception>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1 {

template <class T>
class async_generator;

namespace detail {

template <class T>
class generator_promise final : public recycled_frame, public entered_promise {
 public:
  // The awaiter that suspends the generator and resumes the consumer: after a value, or at the end of the
  // body.
  class pass_to_consumer {
   public:
    pass_to_consumer() noexcept {}
    bool await_ready() const noexcept { return false; }

    void await_suspend(std::coroutine_handle<generator_promise> self) const noexcept {
      resume_consumer(self);
    }

    void await_resume() const noexcept {}
  };

  // The same for a value that had to be converted. This object, in the generator's frame, keeps the converted
  // value until the next one is requested.
  class pass_converted {
   public:
    template <class U>
    explicit pass_converted(U&& value) : value_(std::forward<U>(value)) {}
    bool await_ready() const noexcept { return false; }

    void await_suspend(std::coroutine_handle<generator_promise> self) noexcept {
      self.promise().value_ = std::addressof(value_);
      resume_consumer(self);
    }

    void await_resume() const noexcept {}

   private:
    T value_;
  };

  generator_promise() noexcept {}
  async_generator<T> get_return_object() noexcept;
  std::suspend_always initial_suspend() const noexcept { return {}; }

  pass_to_consumer final_suspend() noexcept {
    value_ = nullptr;
    return pass_to_consumer();
  }

  pass_to_consumer yield_value(T& value) noexcept {
    value_ = std::addressof(value);
    return pass_to_consumer();
  }

  pass_to_consumer yield_value(T&& value) noexcept {
    value_ = std::addressof(value);
    return pass_to_consumer();
  }

  template <class U>
  requires(std::convertible_to<U, T> && !std::same_as<std::remove_reference_t<U>, T>) pass_converted
      yield_value(U&& value) {
    return pass_converted(std::forward<U>(value));
  }

  void return_void() const noexcept {}
  void unhandled_exception() noexcept { exception_ = std::current_exception(); }

  coworker::context* context() const noexcept { return context_; }

  void continue_with(std::coroutine_handle<> consumer, coworker::context* context) noexcept {
    consumer_ = consumer;
    context_ = context;
  }

  // Destroys a suspended generator. If the destructor of a local throws, handle.destroy() continues the body
  // as if it had been resumed, up to another suspension. That suspension must not resume the consumer: it
  // returns here, and the loop then destroys what remains.
  static void destroy(std::coroutine_handle<generator_promise> self) noexcept {
    bool suspended_again = false;
    self.promise().suspended_again_ = &suspended_again;
    do {
      suspended_again = false;
      self.destroy();
    } while (suspended_again);
  }

  T* take() {
    if (exception_ != nullptr) [[unlikely]]
      std::rethrow_exception(std::exchange(exception_, nullptr));
    return value_;
  }

 private:
  static void resume_consumer(std::coroutine_handle<generator_promise> self) noexcept {
    generator_promise& promise = self.promise();
    if (promise.suspended_again_ == nullptr) [[likely]]
      detail::leave(self, promise.consumer_.address());
    else
      *promise.suspended_again_ = true;
  }

  T* value_ = nullptr;
  std::coroutine_handle<> consumer_;
  bool* suspended_again_ = nullptr;  // not null during destroy(): set to true if the body suspends again
  coworker::context* context_ = nullptr;
  std::exception_ptr exception_;
};

}  // namespace detail

/// Produces a stream of T, and may await between its values.
///
/// Starts with the first next(), runs only while its consumer waits for a value, and shares the consumer's
/// context. Movable. If it is destroyed before its end, its locals are destroyed at the point where it is
/// suspended, and exceptions of their destructors are dropped.
/// Thread safety: not thread-safe.
/// Example:
///
///     auto numbers = count_to(3);
///     for (int* n = co_await numbers.next(); n != nullptr; n = co_await numbers.next()) use(*n);
template <class T>
class [[nodiscard("a generator does nothing until it is asked for a value")]] async_generator {
  static_assert(std::is_object_v<T>,
                "async_generator<T>: T must be an object type; yield a pointer instead of a reference");

 public:
  using promise_type = detail::generator_promise<T>;
  using value_type = T;

  class next_awaiter {
   public:
    explicit next_awaiter(std::coroutine_handle<promise_type> coroutine) noexcept : coroutine_(coroutine) {}
    bool await_ready() const noexcept { return !coroutine_ || coroutine_.done(); }

    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) noexcept {
      coroutine_.promise().continue_with(awaiting, detail::context_of(awaiting));
      return !detail::enter(coroutine_);
    }

    T* await_resume() { return coroutine_ ? coroutine_.promise().take() : nullptr; }

   private:
    std::coroutine_handle<promise_type> coroutine_;
  };

  async_generator(async_generator && other) noexcept : coroutine_(std::exchange(other.coroutine_, nullptr)) {}

  async_generator& operator=(async_generator&& other) noexcept {
    async_generator moved(std::move(other));
    std::swap(coroutine_, moved.coroutine_);
    return *this;
  }

  async_generator(const async_generator&) = delete;
  async_generator& operator=(const async_generator&) = delete;

  ~async_generator() {
    if (coroutine_) promise_type::destroy(coroutine_);
  }

  /// Requests the next value: `T* value = co_await values.next();`.
  /// Returns, when awaited, a pointer to the value, which the consumer may change or move from until the next
  /// call, or null at the end of the stream.
  /// Throws: what the generator threw, once; the stream has then ended.
  next_awaiter next() noexcept { return next_awaiter(coroutine_); }

 private:
  friend promise_type;
  explicit async_generator(std::coroutine_handle<promise_type> coroutine) noexcept : coroutine_(coroutine) {}

  std::coroutine_handle<promise_type> coroutine_;
};

namespace detail {

template <class T>
async_generator<T> generator_promise<T>::get_return_object() noexcept {
  return async_generator<T>(std::coroutine_handle<generator_promise>::from_promise(*this));
}

}  // namespace detail
}  // namespace coworker::inline v0_1
