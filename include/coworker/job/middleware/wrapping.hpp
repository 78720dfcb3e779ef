#pragma once
// What a handler around another handler is written with. Such a wrapper, called middleware, is a handler
// itself: of the same input, and with the same kind of answer, as the one that it wraps.

#include <coworker/job/handler.hpp>
#include <coworker/job/job.hpp>
#include <coworker/json/json.hpp>

namespace coworker::inline v0_1 {

namespace detail {

// What is no handler looks like one of job<>, so that only the wrapper's constructor complains of it.
template <class Handler>
struct wrapped_call {
  using input = json;
  using answer = json;
};
template <job_handler Handler>
struct wrapped_call<Handler> {
  using input = handler_input<Handler>;
  using answer = handler_result<Handler>;
};

template <class Handler>
concept streaming_handler = job_handler<Handler> && is_streaming_handler<Handler>;
template <class Handler>
concept task_handler = job_handler<Handler> && kind_of_handler<Handler>
== handler_kind::task;

}  // namespace detail

/// The job<Input> that a handler takes, and what it answers: T, task<T> or async_generator<T>. A wrapper
/// whose call is
///
///     wrapped_answer<Handler> operator()(wrapped_job<Handler>&& job) { return handler(std::move(job)); }
///
/// is a handler of whatever kind Handler is. It takes the job by reference because one of its own would be
/// gone before a coroutine that takes its job by reference has begun. Where Handler is a task, the call may
/// be a coroutine that takes the job by value and awaits the handler. One more member passes on what the handler prepares:
/// see preparing_handler.
template <class Handler>
using wrapped_job = job<typename detail::wrapped_call<Handler>::input>;
template <class Handler>
using wrapped_answer = typename detail::wrapped_call<Handler>::answer;

}  // namespace coworker
