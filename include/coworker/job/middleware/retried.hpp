#pragma once
// retried: runs a handler again when it fails, after waits that grow. Must not know the worker.

#include <coworker/coro/clock.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/block_for.hpp>
#include <coworker/exec/random.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/job/batch_metrics.hpp>
#include <coworker/job/handler.hpp>
#include <coworker/job/job.hpp>
#include <coworker/job/middleware/wrapping.hpp>
#include <coworker/job/preparation.hpp>
#include <coworker/refusal.hpp>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace coworker::inline v0_1 {

/// Describes a run of a handler that threw and will be followed by another.
struct failed_try {
  std::string_view job_id;
  int number;                 ///< of this run, counted from 1
  std::exception_ptr thrown;  ///< describe_exception() turns it into text
  duration wait;              ///< time until the next run
};

/// How often and when `retried` runs a handler again.
struct retry_options {
  /// The maximum number of runs. 1 or more. Default: 3.
  int times = 3;
  /// The wait after the first failure; each wait is up to twice the one before. 0 or more. Default: 100 ms.
  /// Each wait is shortened by up to half, so that jobs which failed together do not return together; the
  /// job's id and the number of the run determine by how much.
  duration first_wait = std::chrono::milliseconds(100);
  /// The longest wait. 0 or more. Default: 10 s.
  duration longest_wait = std::chrono::seconds(10);
  /// Returns whether to run again after this exception, as in `.only = thrown<connection_lost, timed_out>`.
  /// Not called for `cancelled`, after which there is never another run. Default: null, run again after any
  /// exception.
  bool (*only)(const std::exception_ptr&) = nullptr;
  /// Called before each wait, for a log or a counter. Default: null, failures before the last run are not
  /// reported.
  void (*on_failure)(const failed_try&) = nullptr;
};

namespace detail {

template <class Exception>
bool is_a(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Exception&) {
    return true;
  } catch (...) {
    return false;
  }
}

inline retry_options checked(retry_options options) {
  const auto require_option = [](bool holds, const char* problem) {
    if (!holds) throw std::invalid_argument(std::string("retry_options::") + problem);
  };
  require_option(options.times >= 1, "times must be 1 or more, or the handler would never be run");
  require_option(options.first_wait >= duration::zero(), "first_wait is negative; it must be 0 or more");
  require_option(options.longest_wait >= duration::zero(), "longest_wait is negative; it must be 0 or more");
  return options;
}

// Returns the wait after that run: from the upper half of [0, min(longest, first * 2^(number - 1))].
inline duration wait_after(int number, std::string_view job_id, const retry_options& options) noexcept {
  duration bound = options.first_wait;
  for (int n = 1; n < number && bound < options.longest_wait; ++n)
    bound = bound > options.longest_wait / 2 ? options.longest_wait : bound * 2;
  if (bound > options.longest_wait) bound = options.longest_wait;
  std::uint64_t seed = static_cast<std::uint64_t>(number);
  for (const char c : job_id) seed = random_source(seed ^ static_cast<unsigned char>(c)).next();
  return bound - std::chrono::duration_cast<duration>(bound * (0.5 * random_source(seed).fraction()));
}

template <class Handler>
concept repeatable_handler = job_handler<Handler> && !is_streaming_handler<Handler>;

}  // namespace detail

/// Returns whether the exception has one of these types: `retried(handle, {.only = thrown<connection_lost,
/// timed_out>})`.
template <class... Exception>
bool thrown(const std::exception_ptr& exception) {
  return (detail::is_a<Exception>(exception) || ...);
}

/// Runs the handler again when it throws, up to `times` runs, each on a copy of the job:
///
///     start(argc, argv, retried(handle, {.times = 5, .first_wait = 200ms}))
///
/// For plain functions and those that return task<T>; streaming handlers are refused, because their first
/// chunks have been sent. During the waits of a task other jobs run; those of a plain function block their
/// thread of the pool, in real time. An object with an `error` member is a result, and is not retried.
///
/// Throws: the exception of the last run; the constructor throws std::invalid_argument for options out of
/// range.
/// Cancellation: a stop ends the wait at once, and the job is not run again.
template <class Handler>
class retried {
 public:
  retried(Handler handler, retry_options options = {}) requires(detail::repeatable_handler<Handler>)
      : handler_(std::move(handler)), options_(detail::checked(options)) {}

  COWORKER_REFUSE_HANDLER("coworker::retried")
  retried(Handler handler, retry_options options = {}) requires(!job_handler<Handler>)
      : handler_(std::move(handler)), options_(options) {}

  COWORKER_REFUSE(
      "coworker::retried: a streaming handler cannot be run again, as its first chunks have gone out; repeat "
      "what fails inside the handler")
  retried(Handler handler, retry_options options = {}) requires(detail::streaming_handler<Handler>)
      : handler_(std::move(handler)), options_(options) {}

  wrapped_result<Handler> operator()(wrapped_job<Handler> work) {
    if constexpr (detail::task_handler<Handler>) {
      return run_and_await(std::move(work));
    } else if constexpr (detail::repeatable_handler<Handler>) {
      return run(std::move(work));
    } else {
      std::terminate();  // never reached: the constructor does not compile
    }
  }

  task<void> prepare(const preparation& how) requires(preparing_handler<Handler>) {
    return coworker::prepare_handler(handler_, how);
  }
  batch_metrics batches() const requires(batching_handler<Handler>) { return handler_.batches(); }

 private:
  using result_type = wrapped_result<Handler>;

  result_type run_and_await(wrapped_job<Handler> work) {
    for (int number = 1;; ++number) {
      std::exception_ptr failure;
      try {
        wrapped_job<Handler> copy = work;  // outlives the run, which may have a reference to it
        result_type running = handler_(std::move(copy));
        co_return co_await std::move(running);
      } catch (...) {
        failure = std::current_exception();
      }
      co_await coworker::sleep_for(wait_after_failure(number, failure, work));
    }
  }

  result_type run(wrapped_job<Handler> work) {
    for (int number = 1;; ++number) {
      std::exception_ptr failure;
      try {
        return handler_(wrapped_job<Handler>(work));
      } catch (...) {
        failure = std::current_exception();
      }
      coworker::block_for(wait_after_failure(number, failure, work), work.stop_token());
    }
  }

  // Rethrows the exception if there must not be another run.
  duration wait_after_failure(int number, const std::exception_ptr& failure,
                              const wrapped_job<Handler>& work) const {
    if (number >= options_.times || thrown<cancelled>(failure) || work.stop_token().stop_requested() ||
        (options_.only != nullptr && !options_.only(failure))) {
      std::rethrow_exception(failure);
    }
    const duration wait = detail::wait_after(number, work.id, options_);
    if (options_.on_failure != nullptr) options_.on_failure({work.id, number, failure, wait});
    return wait;
  }

  Handler handler_;
  retry_options options_;
};

// Explicit because clang ignores the constraints of constructors when it deduces the arguments.
template <class Handler>
retried(Handler, retry_options = {}) -> retried<Handler>;

}  // namespace coworker::inline v0_1
