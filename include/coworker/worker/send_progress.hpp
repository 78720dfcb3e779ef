#pragma once
// Sends a job's reports of progress to the queue. Must not know the worker.

#include <coworker/coro/clock.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/insist.hpp>
#include <coworker/job/error_info.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/job/progress.hpp>
#include <coworker/job/record.hpp>
#include <coworker/json/json.hpp>
#include <coworker/log.hpp>
#include <coworker/transport/concept.hpp>
#include <exception>
#include <new>
#include <string>
#include <utility>

namespace coworker::inline v0_1::detail {

// Logs that one of the engine's operations threw.
inline void log_thrown(const char* operation, logger& log, log_subject subject) noexcept {
  try {
    log.write(log_level::error,
              std::string(operation) + " threw " + (describe_exception(std::current_exception()).trace)(),
              subject);
  } catch (const std::bad_alloc&) {
    log.write(log_level::error, operation, subject);
  }
}

// Returns whether JSON can hold the value; logs why if not.
inline bool can_be_sent(const json& value, const job_record& record, logger& log) {
  try {
    coworker::dump_size(value);
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  } catch (json_value_error& error) {
    error.inside_member("progress");
    log.write(log_level::warn, std::string("This progress is not sent: ") + error.what(), record.subject());
    return false;
  }
}

// Makes one attempt. An exception of the engine counts as refused.
template <progress_transport Queue>
task<delivery> try_progress(Queue& queue, const job_record& job, json value, logger& log) {
  try {
    co_return co_await queue.progress(job.id, std::move(value));
  } catch (...) {
    detail::log_thrown("The engine's progress()", log, job.subject());
  }
  co_return delivery::refused;
}

// Sends the latest value until there is no newer one, at most one in each interval. A value that could not be
// delivered is tried again while its job runs; a refused one is replaced by the next. One such task per job.
template <progress_transport Queue>
task<void> send_progress(Queue& queue, record_ref job, duration interval, logger& log) {
  constexpr duration pause = std::chrono::seconds(1);
  const executor_ref executor = co_await this_coro::executor();
  progress_state& state = *job->progress.state();
  try {
    json value;
    bool waits = false;  // `value` must be sent
    if (executor.now() < state.not_before) co_await state.ending.wait_until(state.not_before);
    while (!state.over) {
      json latest;
      if (state.take(latest)) {
        waits = detail::can_be_sent(latest, *job, log);
        value = std::move(latest);
      }
      if (!waits) break;
      state.not_before = after(executor.now(), interval);
      const delivery made = co_await detail::try_progress(queue, *job, value, log);
      waits = made == delivery::given_up;
      if (const time_point again = after(executor.now(), pause); waits && state.not_before < again)
        state.not_before = again;
      if (made == delivery::unwanted) {
        job->progress.close();
        state.take(value);
        break;
      }
      co_await state.ending.wait_until(state.not_before);
    }
  } catch (const std::bad_alloc&) {  // this value is lost; the next may get through
  }
  state.sending = false;
  detail::insist([&state] { state.sent.set(); });
}

// Sends the last report that was not sent yet, once the job's handler has ended. Makes one attempt, before
// the outcome.
template <progress_transport Queue>
task<void> send_last_progress(Queue& queue, job_record& job, progress_state& state, logger& log) {
  while (state.sending) co_await state.sent.wait();  // may still be set by an earlier one
  json value;
  if (!state.take(value) || !detail::can_be_sent(value, job, log)) co_return;
  try {
    co_await detail::try_progress(queue, job, std::move(value), log);
  } catch (const std::bad_alloc&) {  // the value is lost
  }
}

}  // namespace coworker::inline v0_1::detail
