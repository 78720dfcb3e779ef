#pragma once
// The types with which middleware is written: a handler around another handler, with the same input and the
// same kind of result. Must not know the worker.

#include <coworker/job/handler.hpp>
#include <coworker/job/job.hpp>
#include <coworker/json/json.hpp>

namespace coworker::inline v0_1 {

namespace detail {

// A type that is no handler is treated as one of job<>, so that only the wrapper's constructor reports an
// error.
template <class Handler>
struct wrapped_call {
  using input = json;
  using result_type = json;
};
template <job_handler Handler>
struct wrapped_call<Handler> {
  using input = handler_input<Handler>;
  using result_type = handler_result<Handler>;
};

template <class Handler>
concept streaming_handler = job_handler<Handler> && is_streaming_handler<Handler>;
template <class Handler>
concept task_handler = job_handler<Handler> && kind_of_handler<Handler>
== handler_kind::task;

}  // namespace detail

/// The job<Input> that a handler takes. A wrapper whose call is
///
///     wrapped_result<Handler> operator()(wrapped_job<Handler>&& job) { return handler(std::move(job)); }
///
/// is a handler of the same kind as Handler. It takes the job by reference, because a parameter of its own
/// would be destroyed before a coroutine that takes its job by reference has begun. If Handler returns a
/// task, the call may be a coroutine that takes the job by value and awaits the handler. One more member
/// forwards what the handler prepares: see preparing_handler.
template <class Handler>
using wrapped_job = job<typename detail::wrapped_call<Handler>::input>;
/// What a handler returns: T, task<T> or async_generator<T>.
template <class Handler>
using wrapped_result = typename detail::wrapped_call<Handler>::result_type;

}  // namespace coworker::inline v0_1
