#pragma once
// run_handler(): runs a handler of any kind on one job, up to the job's outcome. handler_ref: a handler
// without its type. Knows jobs and executors; must not know the worker or any queue.

#include <concepts>
#include <coworker/coro/context.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/job/batch_metrics.hpp>
#include <coworker/job/error_info.hpp>
#include <coworker/job/handler_kind.hpp>
#include <coworker/job/job.hpp>
#include <coworker/job/job_error.hpp>
#include <coworker/job/job_input.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/job/preparation.hpp>
#include <coworker/job/record.hpp>
#include <coworker/job/stream_handler.hpp>
#include <coworker/json/json.hpp>
#include <coworker/typed/write.hpp>
#include <exception>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1 {

namespace detail {

template <class Handler>
json call_plain(Handler& handler, job<handler_input<Handler>> work) {
  if constexpr (std::is_void_v<handler_result<Handler>>) {
    handler(std::move(work));
    return json();
  } else {
    return json(handler(std::move(work)));
  }
}

// Returns true if the exception, or one nested in it, asks for the worker to be recycled.
inline bool asks_to_recycle(const std::exception_ptr& thrown) noexcept {
  std::exception_ptr next = thrown;
  while (next != nullptr) {
    const std::exception_ptr here = std::exchange(next, nullptr);
    try {
      std::rethrow_exception(here);
    } catch (const job_error& error) {
      if (error.options().recycle_worker) return true;
      next = detail::cause_of(here);
    } catch (...) {
      next = detail::cause_of(here);
    }
  }
  return false;
}

// Returns the outcome of a job whose handler threw.
inline outcome outcome_of(const std::exception_ptr& thrown, job_record& record) noexcept {
  bool was_cancelled = false;
  try {
    std::rethrow_exception(thrown);
  } catch (const cancelled&) {
    was_cancelled = record.stop.stop_requested();
  } catch (...) {
  }
  if (was_cancelled) {
    if (record.outcome.succeeded()) return outcome::stop("stopped: a stop was requested");
    return std::move(record.outcome);
  }
  outcome made = outcome::out_of_memory();
  try {
    made = outcome::failure(describe_exception(thrown));
  } catch (const std::bad_alloc&) {
  }
  made.recycle_worker = detail::asks_to_recycle(thrown);
  return made;
}

}  // namespace detail

namespace detail {

// Sets the record's outcome: from what the handler returned (`made`), as the engine interprets it, or from
// what it threw.
inline void settle(job_record& record, outcome made, std::exception_ptr thrown,
                   const stream_sink& sink) noexcept {
  if (record.given_up) return;  // too late: the job already has an outcome
  if (thrown == nullptr) {
    try {
      sink.interpret(made);
      record.outcome = std::move(made);
      return;
    } catch (...) {
      thrown = std::current_exception();
    }
  }
  outcome failed = detail::outcome_of(thrown, record);
  failed.output = std::move(made.output);
  failed.recycle_worker = failed.recycle_worker || made.recycle_worker;
  record.outcome = std::move(failed);
}

}  // namespace detail

/// Runs one job and stores the outcome in its record, whatever the handler throws. Plain functions run on the
/// pool; the coroutine that awaits this task is resumed on the executor where it was. `sink` sends the chunks
/// of a streaming handler. All references must outlive the task.
///
/// If the job is asked to stop, the handler still decides: what it returns, or throws, becomes the outcome.
/// Only if it throws `cancelled`, the outcome is the one that the record had when the stop was requested.
///
/// Thread safety: all jobs share one handler object, which several threads may call at once.
template <job_handler Handler>
[[gnu::noinline]] task<void> run_handler(Handler& handler, job_record& record, const handler_place& place,
                                         const stream_sink& sink) {
  // One coroutine for all kinds but streams, with few locals: each job in progress costs one such frame. It
  // is not inlined, as clang would do, because the frame would then last as long as its caller's: until the
  // outcome is delivered.
  constexpr detail::handler_kind kind = detail::kind_of_handler<Handler>;
  using value = typename detail::awaited<detail::handler_result<Handler>>::type;
  detail::home_executor home = co_await detail::current_home();
  outcome made;
  std::exception_ptr thrown;
  try {
    if constexpr (is_streaming_handler<Handler>) {
      const executor_ref runs_on = kind == detail::handler_kind::range ? place.pool : place.coroutines;
      Handler* const called = std::addressof(handler);  // a handler may be a function
      co_await detail::run_streaming(&called, &detail::read_handler<Handler>, runs_on, record, place, sink,
                                     made);
    } else if constexpr (kind == detail::handler_kind::plain) {
      co_await resume_on(place.pool);
      made.output = detail::call_plain(handler, detail::job_of<handler_input<Handler>>(record));
    } else {
      if (place.coroutines) co_await resume_on(place.coroutines);
      [[maybe_unused]] detail::job_keeper<Handler> keeper;
      auto running = keeper.call(handler, record);
      if constexpr (std::is_void_v<value>) {
        co_await std::move(running);
      } else {
        made.output = json(co_await std::move(running));
      }
    }
    if constexpr (!is_streaming_handler<Handler>) made.untyped = std::same_as<value, json>;
  } catch (...) {
    thrown = std::current_exception();
  }
  co_await home;
  detail::settle(record, std::move(made), thrown, sink);
}

namespace detail {

// A handler that picks one of several other handlers for each job, and runs it.
template <class Handler>
concept choosing_handler = requires(Handler& handler, job_record& record, const handler_place& place,
                                    const stream_sink& sink) {
  { handler.choose_and_run(record, place, sink) } -> std::same_as<task<void>>;
};

// A reference to a handler, with its type erased, so that code which runs handlers is compiled once and not
// per handler.
class handler_ref {
 public:
  handler_ref() noexcept {}  // refers to no handler; must not be run

  template <job_handler Handler>
  explicit handler_ref(Handler& handler) noexcept
      : is_streaming(is_streaming_handler<Handler>),
        is_coroutine(is_coroutine_handler<Handler>),
        handler_(std::addressof(handler)),
        run_([](void* called, job_record& record, const handler_place& place, const stream_sink& sink) {
          if constexpr (choosing_handler<Handler>) {
            return static_cast<Handler*>(called)->choose_and_run(record, place, sink);
          } else {
            return coworker::run_handler(*static_cast<Handler*>(called), record, place, sink);
          }
        }) {
    if constexpr (choosing_handler<Handler>) is_streaming = Handler::streams;
    constexpr bool prepare_fits = !has_prepare<Handler> || preparing_handler<Handler>;
    static_assert(prepare_fits,
                  "the handler's prepare() does not fit; write `void prepare(const coworker::preparation& "
                  "how)`, or one that gives task<void>, or use another name");
    if constexpr (preparing_handler<Handler>) {
      prepare_ = [](void* called, const preparation& how) {
        return coworker::prepare_handler(*static_cast<Handler*>(called), how);
      };
    }
    if constexpr (batching_handler<Handler>) {
      batches_ = [](const void* called) { return static_cast<const Handler*>(called)->batches(); };
    }
  }

  task<void> run(job_record& record, const handler_place& place, const stream_sink& sink) const {
    return run_(handler_, record, place, sink);
  }

  bool prepares() const noexcept { return prepare_ != nullptr; }
  task<void> prepare(const preparation& how) const { return prepare_(handler_, how); }

  bool runs_batches() const noexcept { return batches_ != nullptr; }
  batch_metrics batches() const { return batches_(handler_); }

  bool is_streaming = false;
  bool is_coroutine = false;

 private:
  void* handler_ = nullptr;
  task<void> (*run_)(void*, job_record&, const handler_place&, const stream_sink&) = nullptr;
  task<void> (*prepare_)(void*, const preparation&) = nullptr;
  batch_metrics (*batches_)(const void*) = nullptr;
};

}  // namespace detail
}  // namespace coworker::inline v0_1
