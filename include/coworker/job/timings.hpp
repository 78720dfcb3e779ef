#pragma once
// Where a job's time went, for a job whose queue is to be told. Must not know how a record looks.

#include <coworker/coro/clock.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/job/progress.hpp>
#include <coworker/json/json.hpp>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace coworker::inline v0_1 {
/// Where one job's time went: stretches of time by name, for a client that asked for them. An engine finds it in a job_result.
/// Thread safety: all operations may be called on any thread.
class job_timings {
 public:
  /// `clock` is the worker's.
  explicit job_timings(executor_ref clock) noexcept : clock_(clock) {}

  time_point now() const { return clock_.now(); }

  /// Adds a stretch, from `start` to `end` of that clock.
  void add(std::string name, time_point start, time_point end) {
    const std::lock_guard lock(mutex_);
    stretches_.push_back({std::move(name), start, end});
  }

  /// Returns an array of {"name", "start", "end", "duration_ms"}, as the platform's clients read it: `start` and `end` in
  /// seconds of a clock that counts from anywhere.
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

/// The time from a job's checkpoint() to its own end, under a name, among the job's timings. Where nobody
/// asked for timings it costs nothing.
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
    } catch (...) {  // no memory for a measurement: there is none
    }
  }

  /// Made by job::checkpoint().
  checkpoint(detail::record_ref job, job_timings * timings, std::string name)
      : job_(std::move(job)), timings_(timings), name_(std::move(name)) {
    if (timings_ != nullptr) start_ = timings_->now();
  }

 private:
  detail::record_ref job_;  // keeps the timings
  job_timings* timings_;
  std::string name_;
  time_point start_{};
};

}  // namespace coworker::inline v0_1
