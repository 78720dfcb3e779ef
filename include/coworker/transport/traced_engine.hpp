#pragma once
// traced_engine: an engine that also records a span for each job. Must not know which engine it wraps, nor
// where the spans go.

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

  void begin(const job_envelope& job) {
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

  void end(std::string_view job_id, const outcome& made) {
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

  std::vector<job_span> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(ended_, {});
  }

 private:
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

class traced_engine {
 public:
  traced_engine(engine_ref engine, span_list& spans) noexcept : engine_(engine), spans_(spans) {}

  task<take_result> take(take_request request) {
    take_result taken = co_await engine_.take(request);
    for (const job_envelope& job : taken.jobs) spans_.begin(job);
    co_return taken;
  }
  task<delivery> complete(job_result result) {
    spans_.end(result.job_id, result.outcome);
    return engine_.complete(std::move(result));
  }
  task<delivery> chunk(std::string_view job_id, json value) {
    return engine_.chunk(job_id, std::move(value));
  }
  task<delivery> progress(std::string_view job_id, json value) {
    return engine_.progress(job_id, std::move(value));
  }
  transport_limits limits() const { return engine_.limits(); }
  void interpret(outcome& made) const { engine_.interpret(made); }
  task<void> attend(worker_control control) { return engine_.attend(control); }
  std::size_t backlog() const { return engine_.backlog(); }

 private:
  engine_ref engine_;
  span_list& spans_;
};

static_assert(transport<traced_engine> && chunk_transport<traced_engine> &&
              attended_transport<traced_engine>);

}  // namespace coworker::inline v0_1::detail
