#pragma once
// Where a job's time went, for queues whose clients ask for it. Must not know the fields of a record.

#include <coworker/coro/clock.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/job/progress.hpp>
#include <coworker/json/json.hpp>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace coworker::inline v0_1 {
/// The timings of one job: named spans of time, for a client that asked for them. An engine finds them in a
/// job_result.
/// Thread safety: all operations may be called on any thread.
class job_timings {
 public:
  /// `clock`: the worker's executor, by whose time the spans are measured.
  explicit job_timings(executor_ref clock) noexcept : clock_(clock) {}

  time_point now() const { return clock_.now(); }

  /// Adds a span from `start` to `end`, by that clock.
  void add(std::string name, time_point start, time_point end) {
    const std::lock_guard lock(mutex_);
    stretches_.push_back({std::move(name), start, end});
  }

  /// Returns an array of {"name", "start", "end", "duration_ms"}, the format that the platform's clients
  /// read. `start` and `end` are in seconds of a clock with an arbitrary zero.
  json to_json() const {
    json list = json::array();
    const std::lock_guard lock(mutex_);
    for (const stretch& one : stretches_) {
      json item = json::object();
      item["name"] = one.name;
      item["start"] = seconds(one.start.time_since_epoch());
      item["end"] = seconds(one.end.time_since_epoch());
      item["duration_ms"] = seconds(one.end - one.start) * 1e3;
      list.push_back(std::move(item));
    }
    return list;
  }

  static double seconds(duration span) noexcept { return std::chrono::duration<double>(span).count(); }

 private:
  struct stretch {
    std::string name;
    time_point start;
    time_point end;
  };

  const executor_ref clock_;
  mutable std::mutex mutex_;
  std::vector<stretch> stretches_;
};

/// Adds the time from a job's checkpoint() to its own destruction, under a name, to the job's timings. Costs
/// nothing if nobody asked for timings.
class [[nodiscard("it measures until it is destroyed: give it a name")]] checkpoint {
 public:
  checkpoint(checkpoint && other) noexcept
      : job_(std::move(other.job_)),
        timings_(std::exchange(other.timings_, nullptr)),
        name_(std::move(other.name_)),
        start_(other.start_) {}
  checkpoint& operator=(checkpoint&&) = delete;

  ~checkpoint() {
    try {
      if (timings_ != nullptr) timings_->add(std::move(name_), start_, timings_->now());
    } catch (...) {  // no memory: the measurement is dropped
    }
  }

  /// Made by job::checkpoint().
  checkpoint(detail::record_ref job, job_timings * timings, std::string name)
      : job_(std::move(job)), timings_(timings), name_(std::move(name)) {
    if (timings_ != nullptr) start_ = timings_->now();
  }

 private:
  detail::record_ref job_;  // keeps the timings alive
  job_timings* timings_;
  std::string name_;
  time_point start_{};
};

}  // namespace coworker::inline v0_1
