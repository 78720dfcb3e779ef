#pragma once
// authorised: a handler that is only called for jobs which may be run.

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

/// What a job ends with that `authorised` has refused.
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

/// Calls the handler for jobs of which `bool allows(const job<Input>&)` is true:
///
///     start(argc, argv, authorised(handle, [](const job<>& j) { return j.input.value("token", "") == secret;
///     }))
///
/// Any other job has failed with `not_authorised`, and one for which `allows` throws has failed with that.
/// Works around every kind of handler. `allows` runs where the handler begins (a plain function's on the
/// pool, else on the worker's thread, which it must not block), and for many jobs at once.
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

  // By reference, so that the job is there for as long as a handler that takes it by reference runs.
  wrapped_answer<Handler> operator()(wrapped_job<Handler>&& work) {
    if constexpr (job_handler<Handler> && detail::predicate_over_job<Allows, Handler>) {
      if (!allows_(std::as_const(work))) throw not_authorised();
      return handler_(std::move(work));
    } else {
      std::terminate();  // the constructor has said what is wrong
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

// Said outright because clang does not look at the constructors' constraints when it deduces.
template <class Handler, class Allows>
authorised(Handler, Allows) -> authorised<Handler, Allows>;

}  // namespace coworker
