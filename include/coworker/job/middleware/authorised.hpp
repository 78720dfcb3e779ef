#pragma once
// authorised: calls a handler only for jobs that a predicate allows. Must not know the worker or any queue.

#include <concepts>
#include <coworker/coro/task.hpp>
#include <coworker/job/batch_metrics.hpp>
#include <coworker/job/handler.hpp>
#include <coworker/job/job.hpp>
#include <coworker/job/middleware/wrapping.hpp>
#include <coworker/job/preparation.hpp>
#include <coworker/refusal.hpp>
#include <exception>
#include <utility>

namespace coworker::inline v0_1 {

/// The error of a job that `authorised` has refused.
class not_authorised : public std::exception {
 public:
  const char* what() const noexcept override {
    return "not authorised: this worker refuses to run the job; send what it asks for, such as a valid token";
  }
};

namespace detail {

template <class Allows, class Handler>
concept predicate_over_job = requires(Allows& allows, const wrapped_job<Handler>& work) {
  { allows(work) } -> std::convertible_to<bool>;
};

}  // namespace detail

/// Calls the handler only for jobs for which `bool allows(const job<Input>&)` returns true:
///
///     auto allows = [](const job<>& work) { return work.input.value("token", "") == secret; };
///     start(argc, argv, authorised(handle, allows));
///
/// Any other job fails with `not_authorised`; if `allows` throws, the job fails with that exception. Wraps
/// handlers of every kind.
/// Thread safety: `allows` runs where the handler begins, and for many jobs at once: on the pool for a plain
/// function, else on the worker's thread, which it must not block.
template <class Handler, class Allows>
class authorised {
 public:
  authorised(Handler handler,
             Allows allows) requires(job_handler<Handler>&& detail::predicate_over_job<Allows, Handler>)
      : handler_(std::move(handler)), allows_(std::move(allows)) {}

  COWORKER_REFUSE_HANDLER("coworker::authorised")
  authorised(Handler handler, Allows allows) requires(!job_handler<Handler>)
      : handler_(std::move(handler)), allows_(std::move(allows)) {}

  COWORKER_REFUSE(
      "coworker::authorised: the predicate does not fit; it must be callable with the handler's job and say "
      "yes or no, as in `bool allows(const job<>& work)`")
  authorised(Handler handler,
             Allows allows) requires(job_handler<Handler> && !detail::predicate_over_job<Allows, Handler>)
      : handler_(std::move(handler)), allows_(std::move(allows)) {}

  // Takes the job by reference, so that it outlives a handler that takes it by reference.
  wrapped_result<Handler> operator()(wrapped_job<Handler>&& work) {
    if constexpr (job_handler<Handler> && detail::predicate_over_job<Allows, Handler>) {
      if (!allows_(std::as_const(work))) throw not_authorised();
      return handler_(std::move(work));
    } else {
      std::terminate();  // never reached: the constructor does not compile
    }
  }

  task<void> prepare(const preparation& how) requires(preparing_handler<Handler>) {
    return coworker::prepare_handler(handler_, how);
  }
  batch_metrics batches() const requires(batching_handler<Handler>) { return handler_.batches(); }

 private:
  Handler handler_;
  Allows allows_;
};

// Explicit because clang ignores the constraints of constructors when it deduces the arguments.
template <class Handler, class Allows>
authorised(Handler, Allows) -> authorised<Handler, Allows>;

}  // namespace coworker::inline v0_1
