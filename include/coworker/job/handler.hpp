#pragma once
// What a callable is as a handler, decided at compile time, and how each kind is run to an outcome. Knows
// jobs and executors; must not know the worker or any queue.

#include <concepts>
#include <coworker/coro/async_generator.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/job/error_report.hpp>
#include <coworker/job/job.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/job/typed/read.hpp>
#include <coworker/job/typed/write.hpp>
#include <coworker/json/json.hpp>
#include <exception>
#include <type_traits>
#include <utility>

namespace coworker {

namespace detail {

template <class T>
struct job_input {};
template <class Input>
struct job_input<job<Input>> {
  using type = Input;
};

// The type of the only parameter, as the signature names it.
template <class Signature>
struct only_parameter {};
template <class R, class A>
struct only_parameter<R(A)> {
  using type = std::remove_cvref_t<A>;
};
template <class R, class A>
struct only_parameter<R(A) noexcept> : only_parameter<R(A)> {};
template <class R, class C, class A>
struct only_parameter<R (C::*)(A)> : only_parameter<R(A)> {};
template <class R, class C, class A>
struct only_parameter<R (C::*)(A) const> : only_parameter<R(A)> {};
template <class R, class C, class A>
struct only_parameter<R (C::*)(A) noexcept> : only_parameter<R(A)> {};
template <class R, class C, class A>
struct only_parameter<R (C::*)(A) const noexcept> : only_parameter<R(A)> {};

template <class Callable>
struct signature_of {};
template <class Callable>
  requires std::is_function_v<std::remove_pointer_t<Callable>>
struct signature_of<Callable> {
  using type = std::remove_pointer_t<Callable>;
};
template <class Callable>
  requires requires { &Callable::operator(); }
struct signature_of<Callable> {
  using type = decltype(&Callable::operator());
};

// A generic callable, whose signature names no job, takes its input as json.
template <class Handler>
struct input_of {
  using type = json;
};
template <class Handler>
  requires requires {
    typename job_input<typename only_parameter<typename signature_of<Handler>::type>::type>::type;
  }
struct input_of<Handler> : job_input<typename only_parameter<typename signature_of<Handler>::type>::type> {};

template <class T>
struct awaited {
  static constexpr bool is_task = false;
  static constexpr bool is_generator = false;
  using type = T;
};
template <class T>
struct awaited<task<T>> {
  static constexpr bool is_task = true;
  static constexpr bool is_generator = false;
  using type = T;
};
template <class T>
struct awaited<async_generator<T>> {
  static constexpr bool is_task = false;
  static constexpr bool is_generator = true;
  using type = T;
};

template <class T>
concept output_value =
    std::is_void_v<T> || std::same_as<std::remove_cvref_t<T>, json> || std::constructible_from<json, T>;

template <class Handler>
using handler_answer = std::invoke_result_t<Handler&, job<typename input_of<Handler>::type>>;

}  // namespace detail

/// What a handler takes its jobs' input as: the X of its job<X>.
template <class Handler>
using handler_input = typename detail::input_of<Handler>::type;

/// Anything that can be called with a job.
template <class Handler>
concept callable_with_job = std::invocable<Handler&, job<handler_input<Handler>>>;

/// A plain function, one that returns task<T>, or one that returns async_generator<T>; T turns into json, or
/// is void.
template <class Handler>
concept job_handler = callable_with_job<Handler> &&
                      detail::output_value<typename detail::awaited<detail::handler_answer<Handler>>::type>;

namespace detail {

template <class Input>
Input take_input(json& input) {
  if constexpr (std::same_as<Input, json>) {
    return std::move(input);
  } else if constexpr (typed_input<Input>) {
    const json given = std::move(input);  // not kept beside what is made of it
    Input made{};
    read_input(given, made, "input");
    return made;
  } else if constexpr (any_of<Input, std::string_view, std::nullptr_t>) {
    try {
      return input.get<Input>();
    } catch (json_value_error& error) {
      error.inside_member("input");
      throw;
    }
  } else {
    throw input_error({});  // job<Input> has said that it cannot be compiled
  }
}

// Takes a member out of an object. null where there is none, or where it says no: false, 0 or "", which
// handlers that came from other languages may always set.
inline json take_out(json& object, std::string_view key) {
  const auto found = object.find(key);
  if (found == object.end()) return json();
  json value = std::move(*found);
  object.erase(key);
  const bool says_no = value == json(false) || value == json(0) || value == json("");
  return says_no ? json() : value;
}

// A returned object may say that the job failed, and that the worker is to be recycled; both members are
// taken out.
inline outcome outcome_of(json returned) {
  outcome made;
  if (returned.is_object()) {
    made.stop_pod = !take_out(returned, "refresh_worker").is_null();
    const json error = take_out(returned, "error");
    if (!error.is_null()) {
      made.ended = outcome::status::failed;
      made.error = error.is_string() ? error.get<std::string>() : error.dump();
    }
  }
  made.output = std::move(returned);
  return made;
}

template <class Handler>
json call_plain(Handler& handler, job<handler_input<Handler>> work) {
  if constexpr (std::is_void_v<handler_answer<Handler>>) {
    handler(std::move(work));
    return json();
  } else {
    return json(handler(std::move(work)));
  }
}

template <class Input>
job<Input> job_of(job_record& record) {
  Input input = take_input<Input>(record.input);
  return job<Input>(record.id, std::move(input), std::move(record.details), record.stop.get_token());
}

inline outcome outcome_of(const std::exception_ptr& thrown, const job_record& record,
                          const worker_identity& identity) {
  const exception_description error = describe_exception(thrown);
  try {
    std::rethrow_exception(thrown);
  } catch (const cancelled&) {
    if (record.stop.stop_requested()) return outcome::stop("stopped: " + error.message);
  } catch (...) {
  }
  return outcome::failure(error_report(error, identity));
}

inline outcome outcome_of(json returned, const std::exception_ptr& thrown, const job_record& record,
                          const worker_identity& identity) {
  if (thrown != nullptr) return outcome_of(thrown, record, identity);
  try {
    return outcome_of(std::move(returned));
  } catch (...) {
    return outcome_of(std::current_exception(), record, identity);
  }
}

}  // namespace detail

/// Whether the handler streams: its chunks go out one by one, and its final output is an empty list.
template <class Handler>
inline constexpr bool is_streaming_handler = detail::awaited<detail::handler_answer<Handler>>::is_generator;

/// Where handlers run.
struct handler_place {
  executor_ref pool;         ///< for plain functions
  worker_identity identity;  ///< named in error reports
};

/// Runs one job to its outcome, which its record then has, whatever the handler throws. Plain functions run
/// on the pool; the coroutine that awaits this is resumed where it was. `emit(json)` gives a task that hands
/// one chunk on. All references must outlive the task. A handler object is shared by all jobs: it must bear
/// being called by several threads at once.
//
// One coroutine for all, with few locals: its frame is what each job in progress costs. Inlined, as clang
// would have it, that frame would stay with its caller's until the outcome is delivered.
template <job_handler Handler, class Emit>
[[gnu::noinline]] task<void> run_handler(Handler& handler, job_record& record, const handler_place& place,
                                         Emit& emit) {
  using kind = detail::awaited<detail::handler_answer<Handler>>;
  const executor_ref home = co_await this_coro::executor();
  json returned;
  std::exception_ptr thrown;
  try {
    if constexpr (kind::is_generator) {
      auto chunks = handler(detail::job_of<handler_input<Handler>>(record));
      for (auto* chunk = co_await chunks.next(); chunk != nullptr; chunk = co_await chunks.next()) {
        co_await emit(json(std::move(*chunk)));
      }
      returned = json::array();
    } else if constexpr (kind::is_task) {
      auto answer = handler(detail::job_of<handler_input<Handler>>(record));
      if constexpr (std::is_void_v<typename kind::type>) {
        co_await std::move(answer);
      } else {
        returned = json(co_await std::move(answer));
      }
    } else {
      co_await resume_on(place.pool);
      returned = detail::call_plain(handler, detail::job_of<handler_input<Handler>>(record));
    }
  } catch (...) {
    thrown = std::current_exception();
  }
  const executor_ref here = co_await this_coro::executor();
  if (here != home) co_await resume_on(home);
  record.ended = detail::outcome_of(std::move(returned), thrown, record, place.identity);
}

}  // namespace coworker
