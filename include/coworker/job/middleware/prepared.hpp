#pragma once
// prepared: a handler with a value, such as a model, that is loaded before the first job is taken. Must not
// know the worker.

#include <concepts>
#include <coworker/coro/task.hpp>
#include <coworker/exec/maker.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/job/batch_metrics.hpp>
#include <coworker/job/handler_kind.hpp>
#include <coworker/job/job.hpp>
#include <coworker/job/preparation.hpp>
#include <coworker/json/json.hpp>
#include <coworker/refusal.hpp>
#include <exception>
#include <stdexcept>
#include <type_traits>
#include <utility>

#define COWORKER_REFUSE_HANDLER_OF_VALUE                                                               \
  COWORKER_REFUSE(                                                                                     \
      "coworker::prepared: the handler does not fit; it must be callable with a reference to what is " \
      "loaded and with a job, and give something that turns into json, as in `task<std::string> "      \
      "handle(model& loaded, job<> work)`")

namespace coworker::inline v0_1 {

namespace detail {

// Stands for a second step that was not given.
struct no_step {};

// Calls `load` with the preparation, or without arguments, as its signature asks.
template <class Load>
decltype(auto) call_load(Load& load, [[maybe_unused]] const preparation& how) {
  if constexpr (std::is_invocable_v<Load&, const preparation&>) {
    return load(how);
  } else if constexpr (std::is_invocable_v<Load&>) {
    return load();
  }
}

template <class Load>
using load_result =
    awaited_result<decltype(detail::call_load(std::declval<Load&>(), std::declval<const preparation&>()))>;

template <class Load>
concept loads_value = std::is_object_v<typename load_result<Load>::type>;

// The type of the second parameter in a signature of two.
template <class Signature>
struct second_parameter {};
template <class R, class A, class B>
struct second_parameter<R(A, B)> : std::remove_cvref<B> {};
template <class R, class A, class B>
struct second_parameter<R(A, B) noexcept> : std::remove_cvref<B> {};
template <class R, class C, class A, class B>
struct second_parameter<R (C::*)(A, B)> : std::remove_cvref<B> {};
template <class R, class C, class A, class B>
struct second_parameter<R (C::*)(A, B) const> : std::remove_cvref<B> {};
template <class R, class C, class A, class B>
struct second_parameter<R (C::*)(A, B) noexcept> : std::remove_cvref<B> {};
template <class R, class C, class A, class B>
struct second_parameter<R (C::*)(A, B) const noexcept> : std::remove_cvref<B> {};

// The job type of a handler that takes a value before it; job<> if the signature does not tell.
template <class Handler>
struct job_after_value {
  using type = job<>;
};
template <class Handler>
requires requires {
  typename job_input<typename second_parameter<typename signature_of<Handler>::type>::type>::type;
}
struct job_after_value<Handler> : second_parameter<typename signature_of<Handler>::type> {};

template <class Handler, class Value>
concept handler_with_value = std::invocable<Handler&, Value&, typename job_after_value<Handler>::type> &&
    handler_output<std::invoke_result_t<Handler&, Value&, typename job_after_value<Handler>::type>>;

template <class Handler, class Load>
concept handler_with_loaded = handler_with_value<Handler, typename load_result<Load>::type>;

template <class WarmUp, class Load>
concept warms_up = requires(WarmUp& warm_up, typename load_result<Load>::type& value) {
  { warm_up(value) } -> std::same_as<void>;
}
|| requires(WarmUp& warm_up, typename load_result<Load>::type& value) {
  { warm_up(value) } -> std::same_as<task<void>>;
};

// An optional value that keeps its address when its owner is moved, so that it need not be movable. A copy of
// its owner is empty.
template <class T>
class loaded_value {
 public:
  loaded_value() noexcept {}
  loaded_value(const loaded_value&) noexcept {}
  loaded_value(loaded_value&& other) noexcept : value_(std::exchange(other.value_, nullptr)) {}
  loaded_value& operator=(loaded_value other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~loaded_value() { delete value_; }

  explicit operator bool() const noexcept { return value_ != nullptr; }
  T& operator*() const noexcept { return *value_; }
  void clear() noexcept { delete std::exchange(value_, nullptr); }

  template <class Make>
  void emplace(Make&& make) {
    value_ = new T(make());
  }

 private:
  T* value_ = nullptr;
};

template <class Load, class WarmUp, class Handler>
class prepared_handler {
  using value = typename load_result<Load>::type;
  using work_type = typename job_after_value<Handler>::type;
  using result_type = std::invoke_result_t<Handler&, value&, work_type>;

 public:
  prepared_handler(Load loads, WarmUp warms_up, Handler handler)
      : load_(std::move(loads)), warm_up_(std::move(warms_up)), handler_(std::move(handler)) {}

  task<void> prepare(const preparation& how) {
    if (value_) co_return;
    co_await load(how);
    std::exception_ptr failure;
    try {
      co_await warm_up(how);
    } catch (...) {
      failure = std::current_exception();
    }
    if (failure == nullptr) co_return;
    value_.clear();
    std::rethrow_exception(failure);
  }

  // Takes the job by reference, so that it outlives a handler that takes it by reference.
  result_type operator()(work_type&& work) {
    if (!value_) {
      throw std::logic_error(
          "coworker::prepared: the handler was called before it was prepared; run it by start() or in a "
          "worker, or await prepare_handler() before you call it");
    }
    return handler_(*value_, std::move(work));
  }

  batch_metrics batches() const requires(batching_handler<Handler>) { return handler_.batches(); }

 private:
  task<void> load(const preparation& how) {
    if constexpr (load_result<Load>::is_task) {
      auto loading = detail::call_load(load_, how);
      value made = co_await std::move(loading);
      value_.emplace([&made]() -> value&& { return std::move(made); });
    } else {
      co_await coworker::run_on(how.pool(), load_now(how));
    }
  }

  task<void> load_now(const preparation& how) {
    value_.emplace([this, &how]() -> value { return detail::call_load(load_, how); });
    co_return;
  }

  task<void> warm_up(const preparation& how) {
    if constexpr (std::same_as<WarmUp, no_step>) {
      co_return;
    } else if constexpr (std::is_void_v<std::invoke_result_t<WarmUp&, value&>>) {
      co_await coworker::run_on(how.pool(), warm_up_now());
    } else {
      auto warming = warm_up_(*value_);
      co_await std::move(warming);
    }
  }

  task<void> warm_up_now() {
    warm_up_(*value_);
    co_return;
  }

  Load load_;
  WarmUp warm_up_;
  Handler handler_;
  loaded_value<value> value_;
};

}  // namespace detail

/// Passes a value to a handler by reference; the value is loaded before the first job is taken:
///
///     model load();
///     task<std::string> handle(model& loaded, job<request> work);
///     start(argc, argv, prepared(load, handle));
///
/// `load` returns the value or a task of it, and may take a `const preparation&` for the log and the stop
/// token. A plain function runs on a thread that may block, a task on the worker's executor; heartbeats are
/// sent meanwhile. The loaded value is kept for later runs of the worker, and destroyed with it. The handler
/// may be of any kind: see job_handler.
///
/// Throws: an exception from `load` ends the run of the worker as preparation_error, and start() then returns
/// status 5. The handler throws std::logic_error if it is called before prepare_handler().
/// Thread safety: jobs share the value; plain handlers use it on several threads at once. It is destroyed on
/// the thread that destroys the worker; use lanes for objects that are bound to the thread that makes them.
/// Cancellation: if a signal comes while `load` runs, start() ends the process at once. A worker that is
/// stopped by worker::stop() requests a stop of `load`, and waits for its end.
template <class Load, class Handler>
requires(detail::loads_value<Load>&& detail::handler_with_loaded<Handler, Load>) auto prepared(
    Load load, Handler handler) {
  return detail::prepared_handler<Load, detail::no_step, Handler>(std::move(load), {}, std::move(handler));
}

/// As above, with a second step: `void warm_up(model&)`, or a function that returns task<void>. It runs, and
/// fails, as `load` does.
template <class Load, class WarmUp, class Handler>
requires(detail::loads_value<Load>&& detail::handler_with_loaded<Handler, Load>&&
             detail::warms_up<WarmUp, Load>) auto prepared(Load load, WarmUp warm_up, Handler handler) {
  return detail::prepared_handler<Load, WarmUp, Handler>(std::move(load), std::move(warm_up),
                                                         std::move(handler));
}

template <class Load, class... Others>
requires(!detail::loads_value<Load>) COWORKER_REFUSE(
    "coworker::prepared: the function that loads does not fit; it must be callable without arguments, or "
    "with a `const preparation&`, and give an object or a task of one, as in `model load()`")
detail::refused_handler prepared(Load, Others...) { return {}; }

template <class Load, class Handler>
requires(detail::loads_value<Load> &&
         !detail::handler_with_loaded<Handler, Load>) COWORKER_REFUSE_HANDLER_OF_VALUE detail::refused_handler
    prepared(Load, Handler) {
  return {};
}

template <class Load, class WarmUp, class Handler>
requires(detail::loads_value<Load> &&
         !detail::handler_with_loaded<Handler, Load>) COWORKER_REFUSE_HANDLER_OF_VALUE detail::refused_handler
    prepared(Load, WarmUp, Handler) {
  return {};
}

template <class Load, class WarmUp, class Handler>
requires(detail::loads_value<Load>&& detail::handler_with_loaded<Handler, Load> &&
         !detail::warms_up<WarmUp, Load>)
    COWORKER_REFUSE(
        "coworker::prepared: the second step does not fit; it must be callable with a reference to what is "
        "loaded, as in `void warm_up(model& loaded)`, or give task<void>")
detail::refused_handler prepared(Load, WarmUp, Handler) { return {}; }

#undef COWORKER_REFUSE_HANDLER_OF_VALUE

}  // namespace coworker::inline v0_1
