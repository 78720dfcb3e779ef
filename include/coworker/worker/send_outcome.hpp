#pragma once
// From a job's outcome, and from the chunks of its stream before that, to the queue. Must not know when jobs are taken or
// run.

#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/job/error_info.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/job/progress.hpp>
#include <coworker/job/record.hpp>
#include <coworker/json/json.hpp>
#include <coworker/log.hpp>
#include <coworker/transport/concept.hpp>
#include <coworker/worker/core.hpp>
#include <coworker/worker/sendable.hpp>
#include <exception>
#include <string>
#include <utility>

namespace coworker::detail {

template <class Queue>
transport_limits limits_of(const Queue& queue) {
  transport_limits found;
  if constexpr (limited_transport<Queue>) found = queue.limits();
  found.chunks = found.chunks && chunk_transport<Queue>;
  return found;
}

// Whether the queue has the chunk.
template <transport Queue>
task<bool> send_chunk(Queue& queue, const job_record& job, json chunk, logger& log) {
  bool sent = false;
  if constexpr (chunk_transport<Queue>) {
    try {
      sent = co_await queue.chunk(job.id, std::move(chunk)) == delivery::accepted;
    } catch (const cancelled&) {
      throw;
    } catch (...) {
      log.write(log_level::error,
                "The engine's chunk() threw " + (describe_exception(std::current_exception()).trace)(),
                log_subject(job.id, job.log_label));
    }
  }
  co_return sent;
}

// A job that was stopped did what it was asked to.
inline void log_outcome(const outcome& made, logger& log, log_subject subject) {
  if (made.succeeded()) {
    if (log.writes(log_level::debug))
      log.write(log_level::debug, "Handler output: " + made.output.dump_spaced(), subject);
    return;
  }
  const std::string text =
      (made.error)() != nullptr ? ((made.error)()->trace)() : std::string(made.message());
  if (made.status == outcome_status::stopped) {
    log.write(log_level::info, text, subject);
  } else {
    log.write(log_level::error, text, subject);
  }
}

// Not inlined, as its frame would then be part of every job's from the start.
template <transport Queue>
[[gnu::noinline]] task<delivery> send_outcome(Queue& queue, job_record& record, worker_core& core) {
  logger& log = core.log;
  const log_subject subject(record.id, record.log_label);
  // No progress is to follow the outcome.
  if (progress_state* const told = record.progress.state(); told != nullptr) {
    while (told->sending) co_await told->sent.wait();  // may still be set by the one before
  }
  try {
    if (record.timings != nullptr) record.timings->add("handler", record.started, record.settled);
    detail::make_sendable(record.outcome, core.place.terms.output_limit);
    detail::log_outcome(record.outcome, log, subject);
    job_result result;
    result.job_id = record.id;
    result.outcome = std::move(record.outcome);
    record.outcome.status = result.outcome.status;
    record.outcome.recycle_worker = result.outcome.recycle_worker;
    result.streamed = core.handler.is_streaming && core.place.terms.sends_chunks;
    result.timings = record.timings;
    co_return co_await queue.complete(std::move(result));
  } catch (...) {
    const error_info error = describe_exception(std::current_exception());
    log.write(log_level::error, "The engine gave up this result: its complete() threw " + error.text(),
              subject);
  }
  co_return delivery::given_up;
}

}  // namespace coworker::detail
