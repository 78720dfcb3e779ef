#pragma once
// traced_engine: an engine that also records a span for each job. Must not know which engine it wraps, nor
// where the spans go.

#include <coworker/coro/clock.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/random.hpp>
#include <coworker/exec/waiter.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/job/record.hpp>
#include <coworker/json/json.hpp>
#include <coworker/scale/otlp.hpp>
#include <coworker/transport/concept.hpp>
#include <coworker/transport/control.hpp>
#include <coworker/transport/engine_ref.hpp>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::inline v0_1::detail {

// Spans of jobs in progress, and ended spans that wait to be sent. Thread-safe.
class span_list {
 public:
  static constexpr std::size_t most_waiting = 2048;  // the oldest ones are dropped

  span_list(std::uint64_t seed, std::uint64_t (*now)()) noexcept : random_(seed), now_(now) {}

  // Without memory for its span, a job has none.
  void begin(const job_envelope& job) noexcept {
    try {
      add_open(job);
    } catch (const std::bad_alloc&) {
    }
  }
  void end(std::string_view job_id, const outcome& made) noexcept {
    try {
      close_open(job_id, made);
    } catch (const std::bad_alloc&) {
    }
  }
  std::vector<job_span> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(ended_, {});
  }

 private:
  void add_open(const job_envelope& job) {
    const std::lock_guard lock(mutex_);
    const std::optional<trace_context> given = coworker::parse_trace_parent(job.trace_parent);
    if (given && !given->sampled) return;
    job_span made;
    made.trace_id = given ? std::string(given->trace_id) : digits() + digits();
    made.span_id = digits();
    if (given) made.parent_span_id = given->parent_id;
    made.job_id = job.id;
    made.start = now_();
    open_.push_back(std::move(made));
  }

  void close_open(std::string_view job_id, const outcome& made) {
    const std::lock_guard lock(mutex_);
    for (job_span& one : open_) {
      if (one.job_id != job_id) continue;
      one.end = now_();
      one.failed = !made.succeeded();
      one.error = made.message();
      if (ended_.size() == most_waiting) ended_.erase(ended_.begin());
      ended_.push_back(std::move(one));
      one = std::move(open_.back());
      open_.pop_back();
      return;
    }
  }

  std::string digits() {
    std::uint64_t bits = 0;
    while (bits == 0) bits = random_.next();
    std::string text;
    for (int shift = 60; shift >= 0; shift -= 4) text += "0123456789abcdef"[bits >> shift & 15];
    return text;
  }

  std::mutex mutex_;
  random_source random_;
  std::uint64_t (*const now_)();  // nanoseconds since 1970
  std::vector<job_span> open_;
  std::vector<job_span> ended_;
};

// Has the same operations as the engine. Without a list, it records nothing.
template <transport Engine>
class traced_engine {
 public:
  traced_engine(Engine& engine, span_list* spans) noexcept : engine_(engine), spans_(spans) {}

  task<take_result> take(take_request request) {
    return spans_ == nullptr ? engine_.take(request) : take_noted(request);
  }
  task<delivery> complete(job_result result) {
    if (spans_ != nullptr) spans_->end(result.job_id, result.outcome);
    return engine_.complete(std::move(result));
  }
  task<delivery> chunk(std::string_view job_id, json value) requires chunk_transport<Engine> {
    return engine_.chunk(job_id, std::move(value));
  }
  task<delivery> progress(std::string_view job_id, json value) requires progress_transport<Engine> {
    return engine_.progress(job_id, std::move(value));
  }
  transport_limits limits() const requires limited_transport<Engine> { return engine_.limits(); }
  void interpret(outcome& made) const requires interpreting_transport<Engine> { engine_.interpret(made); }
  task<void> attend(worker_control control) requires attended_transport<Engine> {
    return engine_.attend(control);
  }
  std::size_t backlog() const requires counted_transport<Engine> { return engine_.backlog(); }
  double arrivals_per_second(time_point now) const requires metered_transport<Engine> {
    return engine_.arrivals_per_second(now);
  }
  coworker::waiter& waiter() requires waiting_transport<Engine> { return engine_.waiter(); }

 private:
  task<take_result> take_noted(take_request request) {
    take_result taken = co_await engine_.take(request);
    for (const job_envelope& job : taken.jobs) spans_->begin(job);
    co_return taken;
  }

  Engine& engine_;
  span_list* spans_;
};

static_assert(transport<traced_engine<engine_ref>> && chunk_transport<traced_engine<engine_ref>> &&
              attended_transport<traced_engine<engine_ref>>);

}  // namespace coworker::inline v0_1::detail
