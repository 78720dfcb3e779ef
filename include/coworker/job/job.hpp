#pragma once
// The job that a handler takes. Must not know queues or workers.

#include <concepts>
#include <coworker/coro/stop.hpp>
#include <coworker/job/job_log.hpp>
#include <coworker/job/job_observer.hpp>
#include <coworker/job/record.hpp>
#include <coworker/job/stream_options.hpp>
#include <coworker/json/json.hpp>
#include <coworker/refusal.hpp>
#include <coworker/typed/flaws.hpp>
#include <coworker/typed/kinds.hpp>
#include <coworker/typed/names.hpp>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace coworker::inline v0_1 {

template <class Input>
struct job;

namespace detail {

/// Returns why a type cannot be a job's input; no_refusal if it can.
template <class Input>
consteval auto refuse_job() {
  if constexpr (any_of<Input, std::string_view, std::nullptr_t>) {
    return named_type<no_refusal>();
  } else {
    return detail::refuse_input<job<Input>, fixed_name<5>("input"), Input>();
  }
}
template <class Input>
using refusal_of_job = typename decltype(detail::refuse_job<Input>())::type;

template <class Input>
concept fit_for_job = std::same_as<refusal_of_job<Input>, no_refusal>;

}  // namespace detail

/// A job, which a handler takes by value. A test can make one without a worker: `job<>{"id", {{"n", 1}}}`.
/// typed_input says which types the input may have; for any other type, a compile-time error explains what is
/// wrong where a job is made or its handler is given to a worker.
template <class Input = json>
struct job {
  std::string id;
  Input input;
  json details = json::object();  ///< other members that came with the job from the queue

  job(std::string job_id, Input job_input,
      json other_members = json::object()) requires(detail::fit_for_job<Input>)
      : id(std::move(job_id)), input(std::move(job_input)), details(std::move(other_members)) {}

  // Takes anything for the id and the details, so that no conversion can throw: g++ then reports one error
  // only.
  template <class Id>
  job(const Id&, const Input& job_input, detail::refusal_of_job<Input> = {}) noexcept
      requires(!detail::fit_for_job<Input>)
      : input(std::move(const_cast<Input&>(job_input))) {}
  template <class Id, class Details>
  job(const Id&, const Input& job_input, const Details&, detail::refusal_of_job<Input> = {}) noexcept
      requires(!detail::fit_for_job<Input>)
      : input(std::move(const_cast<Input&>(job_input))) {}

  /// Made by the worker.
  job(detail::record_ref record, Input job_input)
      : id(record->id),
        input(std::move(job_input)),
        details(std::move(record->details)),
        record_(std::move(record)) {}

  /// A token whose stop is requested when this job is to end early. Only code that does not await needs it:
  /// whatever is awaited observes it by itself. The token is valid as long as this job or a copy of it lives.
  coworker::stop_token stop_token() const noexcept {
    return record_ ? record_->stop.get_token() : coworker::stop_token();
  }

  /// Returns how many times the queue has handed this job over, including this one; 0 if the queue does not
  /// say. If it is above 1, an earlier worker may have done part of the work.
  int deliveries() const noexcept { return record_ ? record_->deliveries : 0; }

  /// Returns the `traceparent` header of the request that this job serves, to be sent on to services that it
  /// calls; empty if there is none. The text is valid as long as this job or a copy of it lives.
  std::string_view trace_parent() const noexcept {
    if (!record_ || record_->labels == nullptr) return {};
    return record_->labels->trace_parent;
  }

  /// Reports how far the job is to whoever waits for it. `value`: anything that converts to json. Returns at
  /// once. Values are sent one after the other; a value that is still unsent when the next one comes is
  /// replaced by it. Does nothing after the handler has returned, or if the queue takes no progress. A value
  /// that JSON cannot hold (NaN, text that is not UTF-8) is logged and not sent.
  /// Thread safety: may be called on any thread, at any rate.
  template <class Value>
  requires std::constructible_from<json, Value>
  void progress(Value&& value) const {
    if (!record_) return;
    json given(std::forward<Value>(value));
    const detail::worker_view* const around = record_->worker;
    if (around != nullptr && around->observer != nullptr) around->observer->reported(given);
    record_->progress.report(record_, std::move(given));
  }
  template <class Value>
  requires(!std::constructible_from<json, Value>) COWORKER_REFUSE(
      "coworker::job::progress: the value does not fit; it must be something that turns into json, such as a "
      "number, a text or a plain struct of such")
  void progress(Value&&) const {}

  /// Overrides the worker's stream options for this job. Must be called by its handler before the first
  /// chunk. Does nothing without a worker.
  /// Throws: std::logic_error after the first chunk; std::invalid_argument if gather_for is negative.
  void stream_with(const stream_options& wanted) const {
    if (wanted.gather_for < duration::zero())
      throw std::invalid_argument("job::stream_with: gather_for is negative; 0 gathers none");
    if (!record_) return;
    if (record_->stream_began) {
      throw std::logic_error(
          "job::stream_with: the first chunk is on its way already; call it before the handler yields one");
    }
    if (record_->own_stream == nullptr) record_->own_stream = new stream_options;  // owned by the record
    *record_->own_stream = wanted;
  }

  /// Returns a log that writes to the worker's log under this job's id: `work.log().write(log_level::info,
  /// "model loaded");`.
  job_log(log)() const noexcept { return job_log(record_ ? &*record_ : nullptr); }

  /// Measures the time until the returned object is destroyed, which must be before the handler ends, and
  /// adds it to the timings that the worker collects (worker_options::measure_times): `auto measured =
  /// work.checkpoint("load");`.
  /// Thread safety: may be called on any thread.
  coworker::checkpoint checkpoint(std::string name) const {
    return coworker::checkpoint(record_, record_ ? record_->timings : nullptr, std::move(name));
  }

 private:
  detail::record_ref record_;
};

}  // namespace coworker::inline v0_1
