#pragma once
// Sends a job's outcome, and before that the chunks of its stream, to the queue. Must not know when jobs are
// taken or run.

#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/insist.hpp>
#include <coworker/job/error_info.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/job/progress.hpp>
#include <coworker/job/record.hpp>
#include <coworker/json/json.hpp>
#include <coworker/log.hpp>
#include <coworker/transport/concept.hpp>
#include <coworker/worker/core.hpp>
#include <coworker/worker/send_progress.hpp>
#include <coworker/worker/sendable.hpp>
#include <exception>
#include <new>
#include <string>
#include <utility>

namespace coworker::inline v0_1::detail {

template <class Queue>
transport_limits limits_of(const Queue& queue) {
  transport_limits found;
  if constexpr (limited_transport<Queue>) found = queue.limits();
  found.chunks = found.chunks && chunk_transport<Queue>;
  return found;
}

// Returns whether the queue has the chunk.
template <transport Queue>
task<bool> send_chunk(Queue& queue, job_record& job, json chunk, logger& log) {
  bool sent = false;
  if constexpr (chunk_transport<Queue>) {
    if (job.given_up) co_return false;  // its outcome is already being sent
    job.sends_chunk = true;
    bool was_cancelled = false;
    try {
      sent = co_await queue.chunk(job.id, std::move(chunk)) == delivery::accepted;
    } catch (const cancelled&) {
      was_cancelled = true;
    } catch (...) {
      detail::log_thrown("The engine's chunk()", log, job.subject());
    }
    job.sends_chunk = false;
    if (was_cancelled) throw cancelled();
  }
  co_return sent;
}

// A stopped job is logged at INFO, because it did what it was asked to do.
inline void log_outcome(const outcome& made, logger& log, log_subject subject) noexcept {
  try {
    if (made.succeeded()) {
      if (log.writes(log_level::debug))
        log.write(log_level::debug, "Handler output: " + made.output.dump_spaced(), subject);
      return;
    }
    const std::string text =
        (made.error)() != nullptr ? ((made.error)()->trace)() : std::string(made.message());
    log.write(made.status == outcome_status::stopped ? log_level::info : log_level::error, text, subject);
  } catch (...) {
    log.write(made.succeeded() ? log_level::debug : log_level::error, made.message(), subject);
  }
}

// Passes the outcome to the engine. Throws std::bad_alloc if the engine had no memory to begin: then nothing
// was sent, and the record has an outcome that says so, for the next attempt.
template <transport Queue>
task<delivery> begin_complete(Queue& queue, job_record& record, bool streamed) {
  job_result result;
  result.job_id = record.id;
  result.outcome = std::move(record.outcome);
  result.streamed = streamed;
  result.timings = record.timings;
  // What the worker needs of the outcome later. If the engine does not begin, this outcome is sent instead.
  record.outcome = outcome::out_of_memory();
  const outcome_status ended = result.outcome.status;
  record.outcome.recycle_worker = result.outcome.recycle_worker;
  task<delivery> begun = queue.complete(std::move(result));
  record.outcome.status = ended;
  return begun;
}

// Not inlined, because its frame would then be part of every job's frame from the start.
template <transport Queue>
[[gnu::noinline]] task<delivery> send_outcome(Queue& queue, job_record& record, worker_core& core) {
  logger& log = core.log;
  const log_subject subject = record.subject();
  if constexpr (progress_transport<Queue>) {  // none may follow the outcome
    progress_state* const state = record.progress.state();
    if (state != nullptr) {
      task<void> last =
          detail::insist([&] { return detail::send_last_progress(queue, record, *state, log); });
      co_await std::move(last);
    }
  }
  if (record.timings != nullptr)
    detail::insist([&] { record.timings->add("handler", record.started, record.settled); });
  detail::make_sendable(record.outcome, core.place.terms.output_limit);
  detail::log_outcome(record.outcome, log, subject);
  try {
    task<delivery> complete = detail::insist([&] {
      return detail::begin_complete(
          queue, record, core.handler.is_streaming && core.place.terms.sends_chunks && !record.only_whole);
    });
    co_return co_await std::move(complete);
  } catch (...) {
    detail::log_thrown("The engine gave up this result: its complete()", log, subject);
  }
  co_return delivery::given_up;
}

}  // namespace coworker::inline v0_1::detail
