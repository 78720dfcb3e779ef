#pragma once
// From a job's outcome, and from the chunks of its stream before that, to the queue. Must not know when jobs
// are taken or run.

#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/job/error_report.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/job/progress.hpp>
#include <coworker/job/record.hpp>
#include <coworker/log.hpp>
#include <coworker/transport/concept.hpp>
#include <coworker/worker/core.hpp>
#include <coworker/worker/settled_body.hpp>
#include <exception>
#include <string>
#include <utility>

namespace coworker::detail {

template <class Queue>
bool takes_chunks(const Queue& queue) {
  if constexpr (requires { queue.takes_chunks(); }) {
    return queue.takes_chunks();
  } else {
    return chunk_transport<Queue>;
  }
}

// Whether the queue has the chunk.
template <transport Queue>
task<bool> send_chunk(Queue& queue, const job_record& job, std::string text, logger& log) {
  bool sent = false;
  if constexpr (chunk_transport<Queue>) {
    try {
      sent = co_await queue.chunk(job.id, std::move(text)) == delivery::accepted;
    } catch (const cancelled&) {
      throw;
    } catch (...) {
      log.write(log_level::error,
                "The transport's chunk() threw " + describe_exception(std::current_exception()).trace,
                log_subject(job.id, job.batch_id));
    }
  }
  co_return sent;
}

// Not inlined, as its frame would then be part of every job's from the start.
template <transport Queue>
[[gnu::noinline]] task<delivery> send_outcome(Queue& queue, job_record& record, worker_core& core) {
  outcome& ended = record.ended;
  logger& log = core.log;
  const log_subject subject(record.id, record.batch_id);
  // No progress is to follow the outcome.
  if (progress_state* const told = record.progress.state(); told != nullptr) {
    while (told->sending) co_await told->sent.wait();  // may still be set by the one before
  }
  if (record.timings != nullptr) add_timings(record, core.options);
  std::string body = settled_body(ended, core.options);
  if (ended.succeeded()) {
    if (log.writes(log_level::debug))
      log.write(log_level::debug, "Handler output: " + ended.output.dump_spaced(), subject);
  } else {
    log.write(log_level::error, ended.error, subject);
  }
  if (log.writes(log_level::debug))
    log.write(log_level::debug, "run_job return: " + ended.body().dump_spaced(), subject);
  job_result result{record.id, ended, std::move(body), core.handler.is_streaming && core.place.sends_chunks};
  try {
    co_return co_await queue.complete(std::move(result));
  } catch (...) {
    const exception_description error = describe_exception(std::current_exception());
    log.write(log_level::error,
              "The transport gave up this result: its complete() threw " + error.type + ": " + error.message,
              subject);
  }
  co_return delivery::given_up;
}

}  // namespace coworker::detail
