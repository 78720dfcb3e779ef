#pragma once
// From a job's reports of progress to the queue. Must not know the worker.

#include <coworker/coro/clock.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/job/error_info.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/job/progress.hpp>
#include <coworker/job/record.hpp>
#include <coworker/json/json.hpp>
#include <coworker/log.hpp>
#include <coworker/transport/concept.hpp>
#include <exception>
#include <string>
#include <utility>

namespace coworker::detail {

// Whether JSON can hold the value; where not, that is logged.
inline bool can_be_sent(const json& value, const job_record& record, logger& log) {
  try {
    coworker::dump_size(value);
    return true;
  } catch (json_value_error& error) {
    error.inside_member("progress");
    log.write(log_level::warn, std::string("This progress is not sent: ") + error.what(),
              log_subject(record.id, record.log_label));
    return false;
  }
}

// Sends the latest value until there is none newer; a value that does not get through is tried again while
// its job runs. One such task at a time for a job.
template <progress_transport Queue>
task<void> send_progress(Queue& queue, record_ref job, logger& log) {
  constexpr duration pause = std::chrono::seconds(1);
  const executor_ref executor = co_await this_coro::executor();
  progress_state& state = *job->progress.state();
  try {
    json value;
    bool waits = false;  // `value` is to be sent
    for (bool over = false; !over;) {
      json latest;
      if (state.take(latest)) {
        waits = detail::can_be_sent(latest, *job, log);
        value = std::move(latest);
      }
      if (!waits) break;
      const delivery made = co_await queue.progress(job->id, value);
      switch (made) {
        case delivery::accepted:
          waits = false;
          break;
        case delivery::given_up:
          over = co_await state.ending.wait_until(executor.now() + pause);
          break;
        case delivery::refused:
          job->progress.close();
          over = true;
          break;
      }
    }
  } catch (...) {
    log.write(log_level::error,
              "The engine's progress() threw " + (describe_exception(std::current_exception()).trace)(),
              log_subject(job->id, job->log_label));
  }
  state.sending = false;
  state.sent.set();
}

}  // namespace coworker::detail
