#pragma once
// How a handler prepares before it can serve, such as by loading a model. Must not know the worker, nor what
// is prepared.

#include <concepts>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/job/error_info.hpp>
#include <coworker/log.hpp>
#include <stdexcept>
#include <utility>

namespace coworker::inline v0_1 {

/// Given to a handler's prepare(). Valid until prepare() has ended.
class preparation {
 public:
  preparation(executor_ref pool, logger& log, stop_token stop = {}) noexcept
      : pool_(pool), log_(&log), stop_(stop) {}

  /// Returns the pool, where blocking is allowed.
  executor_ref pool() const noexcept { return pool_; }

  /// Returns the worker's log, to report how far it is: `how.log().write(log_level::info, "Half of the
  /// weights are read.")`. Thread-safe.
  logger&(log)() const noexcept { return *log_; }

  /// A token whose stop is requested when the worker is to end, so that preparing further is useless. start()
  /// does not wait for prepare() then: it ends the process.
  coworker::stop_token stop_token() const noexcept { return stop_; }

 private:
  executor_ref pool_;
  logger* log_;
  coworker::stop_token stop_;
};

/// Thrown by worker::run() and serve() if a handler could not prepare itself. No job was taken.
class preparation_error : public std::runtime_error {
 public:
  explicit preparation_error(error_info cause)
      : std::runtime_error("the handler could not be prepared, so no job was taken: " + (cause.trace)()),
        cause_(std::move(cause)) {}

  /// Returns what was thrown.
  const error_info&(error)() const noexcept { return cause_; }

 private:
  error_info cause_;
};

namespace detail {

template <class Handler>
concept prepares_as_task = requires(Handler& handler, const preparation& how) {
  { handler.prepare(how) } -> std::same_as<task<void>>;
};
template <class Handler>
concept prepares_plainly = requires(Handler& handler, const preparation& how) {
  { handler.prepare(how) } -> std::same_as<void>;
};

// A handler with a member of that name, whatever its signature.
template <class Handler>
concept has_prepare = requires {
  &Handler::prepare;
}
|| requires(Handler& handler, const preparation& how) { handler.prepare(how); }
|| requires(Handler& handler) { handler.prepare(); };

}  // namespace detail

/// A handler that must be prepared before it is called. It has `void prepare(const preparation&)`, which runs
/// on a thread that may block, or `task<void> prepare(const preparation&)`, which runs on the worker's
/// executor. A worker calls it at the beginning of each run, once the engine sends heartbeats, and takes no
/// job before it has ended. An exception from it ends the run. A wrapper around another handler forwards it:
///
///     task<void> prepare(const preparation& how) requires preparing_handler<Handler> {
///       return prepare_handler(handler_, how);
///     }
template <class Handler>
concept preparing_handler = detail::prepares_as_task<Handler> || detail::prepares_plainly<Handler>;

namespace detail {

template <class Handler>
task<void> prepare_plainly(Handler& handler, const preparation& how) {
  handler.prepare(how);
  co_return;
}

}  // namespace detail

/// Prepares a handler; for code that wraps or runs one. Both arguments must outlive the task.
/// Throws: what prepare() throws.
/// Cancellation: that of prepare().
template <preparing_handler Handler>
task<void> prepare_handler(Handler& handler, const preparation& how) {
  if constexpr (detail::prepares_as_task<Handler>) {
    return handler.prepare(how);
  } else {
    return coworker::run_on(how.pool(), detail::prepare_plainly(handler, how));
  }
}

}  // namespace coworker::inline v0_1
