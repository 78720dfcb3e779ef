#pragma once
// A job as a handler meets it, and as a queue hands it over. Knows neither queues nor workers.

#include <coworker/coro/clock.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/job/typed/kinds.hpp>
#include <coworker/job/typed/rule_lookup.hpp>
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

/// What a worker keeps of a job from the take to the end of its delivery; a chain of tasks finds it in its
/// context.
struct job_record {
  std::string id;
  std::string batch_id;
  json input;                      ///< until the handler has it
  json details;                    ///< as well
  linked_stop_source stop;                ///< stops this job only; asked itself when all jobs are to stop
  outcome ended;                   ///< once it has
  bool runnable = true;            ///< false: it has its outcome already
  time_point taken{};              ///< when the queue handed it over
  time_point settled{};            ///< when it got its outcome
  job_record* previous = nullptr;  ///< in the list that it is in
  job_record* next = nullptr;

  job_record(job_envelope&& envelope, stop_token all_jobs)
      : id(std::move(envelope.id)),
        batch_id(envelope.batch_id()),
        input(std::move(envelope.input)),
        details(std::move(envelope.details)),
        stop(all_jobs) {
    if (!envelope.problem.empty()) settle(outcome::failure(std::move(envelope.problem)));
  }

  /// Gives it an outcome without its being run.
  void settle(outcome known) {
    ended = std::move(known);
    runnable = false;
  }
};

/// A job as a handler takes it, by value. A test can make one without any worker: `job<>{"id", {{"n", 1}}}`.
template <class Input = json>
struct job {
  static_assert(detail::fits_job<Input>,
                "job<Input>: JSON cannot fill this Input; coworker::typed_input says what can");
  static_assert(detail::rules_fit<Input>(),
                "job<Input>: rules(type<Input>) must return coworker::rule_list(...) of Input's own members");

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
