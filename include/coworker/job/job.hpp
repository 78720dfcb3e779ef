#pragma once
// A job as a handler meets it, and as a queue hands it over. Knows neither queues nor workers.

#include <coworker/coro/stop.hpp>
#include <coworker/json/json.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace coworker {

/// A job as a queue hands it over.
struct job_envelope {
  std::string id;
  json input;
  json details = json::object();  ///< whatever else came with it: webhook, batchId, policy, ...
  std::string problem = {};       ///< why it cannot be run, in a sentence; empty: it can

  /// The batch that the job says it belongs to; empty for none.
  std::string_view batch_id() const {
    const auto found = details.find("batchId");
    return found != details.end() && found->is_string() ? found->get<std::string_view>() : std::string_view();
  }
};

/// What a worker keeps of a job in progress; a chain of tasks finds it in its context.
struct job_record {
  std::string id;
  std::string batch_id;
  stop_source stop;                ///< stops this job only; asked itself when all jobs are to stop
  job_record* previous = nullptr;  ///< the worker's list of jobs whose handlers run
  job_record* next = nullptr;

  job_record(std::string_view job_id, std::string_view batch, stop_token all_jobs)
      : id(job_id), batch_id(batch), stop(all_jobs) {}
};

/// A job as a handler takes it, by value. A test can make one without any worker: `job<>{"id", {{"n", 1}}}`.
template <class Input = json>
struct job {
  std::string id;
  Input input;
  json details = json::object();  ///< whatever else came with it: webhook, batchId, policy, ...

  job(std::string job_id, Input job_input, json other_members = json::object())
      : id(std::move(job_id)), input(std::move(job_input)), details(std::move(other_members)) {}

  /// Made by the worker.
  job(std::string job_id, Input job_input, json other_members, coworker::stop_token stop)
      : id(std::move(job_id)), input(std::move(job_input)), details(std::move(other_members)), stop_(stop) {}

  /// Asked when this job is to end early. For code that does not await; what is awaited sees it by itself.
  /// Valid until the handler has returned.
  coworker::stop_token stop_token() const noexcept { return stop_; }

 private:
  coworker::stop_token stop_;
};

}  // namespace coworker
