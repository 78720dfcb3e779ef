#pragma once
// The context that a chain of tasks shares, and how a coroutine of the chain reads it. A chain begins where
// something starts a task instead of awaiting it (sync_wait, a scope, when_all, a worker's job); whatever
// starts the chain owns the context.
// Must not know which executor runs the chain, nor what a job is.

#include <coroutine>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <stdexcept>
#include <string>

namespace coworker::inline v0_1 {

struct job_record;  // what a worker keeps of a job; defined in job/record.hpp

/// What a chain of tasks shares. A task that is awaited takes it over from its awaiter.
/// Thread safety: no lock is needed, because only one coroutine of a chain runs at a time.
struct context {
  executor_ref executor;            ///< where the chain runs now; `resume_on` changes it
  stop_token stop;                  ///< requests that the whole chain ends early
  const job_record* job = nullptr;  ///< the job that the chain works for; null outside a worker

  context() noexcept {}
  explicit context(executor_ref place, stop_token token = {}, const job_record* of = nullptr) noexcept
      : executor(place), stop(token), job(of) {}
};

namespace detail {

// Returns the context of an awaiting coroutine. `what` names the operation that needs it, for the error
// message. Throws std::logic_error if there is no context or no executor.
template <class Promise>
coworker::context& require_context(std::coroutine_handle<Promise> awaiting, const char* what) {
  coworker::context* const found = detail::context_of(awaiting);
  if (found == nullptr || !found->executor) {
    throw std::logic_error(
        std::string(what) +
        ": the awaiting coroutine runs on no executor; await it from a task that was started by "
        "sync_wait, a scope or a worker");
  }
  return *found;
}

// Suspends only to find the context of the awaiting coroutine, which then continues at once.
template <class Derived>
class context_awaiter {
 public:
  bool await_ready() const noexcept { return false; }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting) {
    context_ = &detail::require_context(awaiting, Derived::name);
    return false;
  }

 protected:
  context_awaiter() noexcept {}
  coworker::context* context_ = nullptr;
};

}  // namespace detail

/// Reads the context of the current task, with co_await.
/// Throws: std::logic_error when the task runs on no executor.
namespace this_coro {

/// `executor_ref e = co_await this_coro::executor();` gives the executor that this coroutine runs on now.
class executor : public detail::context_awaiter<executor> {
 public:
  static constexpr const char* name = "this_coro::executor";
  executor() noexcept {}
  executor_ref await_resume() const noexcept { return context_->executor; }
};

/// `stop_token t = co_await this_coro::stop_token();` gives the token that requests this coroutine to end
/// early. Valid while the coroutine runs.
class stop_token : public detail::context_awaiter<stop_token> {
 public:
  static constexpr const char* name = "this_coro::stop_token";
  stop_token() noexcept {}
  coworker::stop_token await_resume() const noexcept { return context_->stop; }
};

/// `context c = co_await this_coro::context();` gives a copy of what the chain shares, to start another chain
/// with.
class context : public detail::context_awaiter<context> {
 public:
  static constexpr const char* name = "this_coro::context";
  context() noexcept {}
  coworker::context await_resume() const noexcept { return *context_; }
};

}  // namespace this_coro
}  // namespace coworker::inline v0_1
