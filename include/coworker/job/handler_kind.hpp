#pragma once
// The concept job_handler, and which of the four kinds of handler a callable is: plain, task, generator,
// range. Must not know how a handler is run.

#include <concepts>
#include <coworker/coro/async_generator.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/job/job.hpp>
#include <coworker/job/whole.hpp>
#include <coworker/json/json.hpp>
#include <coworker/json/shape.hpp>
#include <coworker/typed/flaws.hpp>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1 {

/// Makes a plain function stream the elements of a range that would otherwise be returned as one JSON list:
/// `return streamed{std::move(words)};`.
template <class Range>
struct streamed {
  Range range;

  explicit streamed(Range elements) : range(std::move(elements)) {}
  auto begin() { return range.begin(); }
  auto end() { return range.end(); }
};

namespace detail {

template <class T>
struct job_input {};
template <class Input>
struct job_input<job<Input>> {
  using type = Input;
};

// The type of the only parameter in a signature.
template <class Signature>
struct only_parameter {};
template <class R, class A>
struct only_parameter<R(A)> {
  using type = std::remove_cvref_t<A>;
  static constexpr bool by_value = !std::is_reference_v<A>;
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

// True if the handler takes its job by value. Otherwise, or if the signature does not tell, the job must be
// kept until the handler's coroutine has ended.
template <class Handler>
concept takes_by_value = only_parameter<typename signature_of<Handler>::type>::by_value;

// The input of a generic callable, whose signature names no job type, is json.
template <class Handler>
struct input_of {
  using type = json;
};
template <class Handler>
requires requires {
  typename job_input<typename only_parameter<typename signature_of<Handler>::type>::type>::type;
}
struct input_of<Handler> : job_input<typename only_parameter<typename signature_of<Handler>::type>::type> {};

enum class handler_kind : unsigned char { plain, task, generator, range };

template <class T>
struct is_streamed : std::false_type {};
template <class Range>
struct is_streamed<streamed<Range>> : std::true_type {};

// A range that is read once, from begin() to end(). A range that can be read repeatedly, through const, is a
// list for JSON.
template <class T>
concept element_range = (is_streamed<T>::value || !range_like<T>)&&requires(T& range) {
  { range.begin() != range.end() } -> std::convertible_to<bool>;
  *range.begin();
};

template <class T>
using range_element = std::remove_cvref_t<decltype(*std::declval<T&>().begin())>;

template <class T>
struct awaited {
  static constexpr handler_kind kind = handler_kind::plain;
  using type = T;
};
template <class T>
struct awaited<task<T>> {
  static constexpr handler_kind kind = handler_kind::task;
  using type = T;
};
template <class T>
struct awaited<async_generator<T>> {
  static constexpr handler_kind kind = handler_kind::generator;
  using type = T;
};
template <element_range T>
struct awaited<T> {
  static constexpr handler_kind kind = handler_kind::range;
  using type = range_element<T>;
};

// Stands in for a handler that was refused, so that no further errors are reported for it.
struct refused_handler {
  json operator()(job<>) const { return json(); }
};

template <class T>
concept output_value =
    std::is_void_v<T> || std::same_as<std::remove_cvref_t<T>, json> || std::constructible_from<json, T>;

// A type that a handler may return: a value, a task of one, or a stream of them.
template <class Result>
concept handler_output = output_value<typename awaited<Result>::type> ||
    ((awaited<Result>::kind == handler_kind::generator || awaited<Result>::kind == handler_kind::range) &&
     is_chunk_or_whole<typename awaited<Result>::type> &&
     output_value<typename chunk_type<typename awaited<Result>::type>::type>);

template <class Handler>
using handler_result = std::invoke_result_t<Handler&, job<typename input_of<Handler>::type>>;

template <class Handler>
inline constexpr handler_kind kind_of_handler = awaited<handler_result<Handler>>::kind;

}  // namespace detail

/// The type of input that a handler takes: the X in its job<X>.
template <class Handler>
using handler_input = typename detail::input_of<Handler>::type;

/// A type that can be called with a job.
template <class Handler>
concept callable_with_job = std::invocable<Handler&, job<handler_input<Handler>>>;

namespace detail {

template <class Handler>
using output_of_handler = typename chunk_type<typename awaited<handler_result<Handler>>::type>::type;

/// Returns why a struct makes a handler's input or result unusable; no_refusal if there is nothing to
/// explain.
template <class Handler>
consteval auto refuse_handler() {
  // The input comes first: if it cannot be moved, no handler is callable with a job of it.
  if constexpr (!fit_for_job<handler_input<Handler>>) {
    return detail::refuse_job<handler_input<Handler>>();
  } else if constexpr (!callable_with_job<Handler>) {
    return named_type<no_refusal>();
  } else if constexpr (std::is_void_v<output_of_handler<Handler>>) {
    return named_type<no_refusal>();
  } else {
    using output = std::remove_cvref_t<output_of_handler<Handler>>;
    using refusal = decltype(detail::refuse_output<output, 0, output>());
    if constexpr (any_of<typename refusal::type, member_of_output<output, 0, output>,
                         struct_without_members<output, 0, output>>) {
      return named_type<no_refusal>();
    } else {
      return refusal();
    }
  }
}
template <class Handler>
using refusal_of_handler = typename decltype(detail::refuse_handler<Handler>())::type;

// A handler that can be called with a job, but whose input or result is a struct that cannot be used.
template <class Handler>
concept spoiled_handler = !std::same_as<refusal_of_handler<Handler>, no_refusal>;

}  // namespace detail

/// A plain function, or one that returns task<T> or async_generator<T>, where T is void or convertible to
/// json. A plain function streams as well if it returns a range that is read once, such as a generator, that
/// is, one whose begin() is not const. Other ranges are lists, unless they are wrapped in `streamed`.
template <class Handler>
concept job_handler = callable_with_job<Handler> && detail::handler_output<detail::handler_result<Handler>>;

/// Whether the handler streams: its elements are sent as they are produced, and its final output is an empty
/// list.
template <class Handler>
inline constexpr bool is_streaming_handler =
    detail::kind_of_handler<Handler> == detail::handler_kind::generator ||
    detail::kind_of_handler<Handler> == detail::handler_kind::range;

/// Whether the handler is a coroutine. Other handlers always run on the pool, whatever the options say.
template <class Handler>
inline constexpr bool is_coroutine_handler =
    detail::kind_of_handler<Handler> == detail::handler_kind::task ||
    detail::kind_of_handler<Handler> == detail::handler_kind::generator;

}  // namespace coworker::inline v0_1
