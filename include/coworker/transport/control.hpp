#pragma once
// worker_control: what an engine may ask of the worker that serves it; attend() receives it. Must not know
// the worker.

#include <coworker/coro/stop.hpp>
#include <coworker/scale/metrics.hpp>
#include <string>
#include <utility>
#include <vector>

namespace coworker::inline v0_1 {

namespace detail {

// The worker's side. Thread-safe.
class worker_access {
 public:
  virtual void stop_job(std::string id) = 0;
  virtual void drain() = 0;
  virtual std::vector<std::string> jobs_in_progress() const = 0;
  virtual metrics measured() const = 0;
  virtual stop_token leaving() const = 0;
  virtual bool preparing() const { return false; }

 protected:
  worker_access() = default;
  ~worker_access() = default;
  worker_access(const worker_access&) = delete;
  worker_access& operator=(const worker_access&) = delete;
};

}  // namespace detail

/// A handle to the worker that serves an engine, for attend(). Cheap to copy.
///
/// Thread safety: all members may be called on any thread until attend() has ended.
class worker_control {
 public:
  /// Called by the worker.
  explicit worker_control(detail::worker_access& worker) noexcept : worker_(&worker) {}

  /// Asks a job to stop. A job that has no slot yet ends without being run. Ignores an id that is not in
  /// progress.
  void stop_job(std::string id) const { worker_->stop_job(std::move(id)); }

  /// Takes no more jobs, and ends the worker once those in progress have ended, like worker::stop().
  void drain() const { worker_->drain(); }

  /// Returns the ids of all jobs that take() has handed over and whose complete() has not returned, in no
  /// particular order.
  std::vector<std::string> jobs_in_progress() const { return worker_->jobs_in_progress(); }

  /// Returns a token that is triggered when the worker begins to leave: no more jobs are taken, and those in
  /// progress end within its grace period.
  stop_token leaving() const { return worker_->leaving(); }

  /// Returns whether the handler is still being prepared, for example while its model is loaded. No job is
  /// taken before that has ended.
  bool preparing() const { return worker_->preparing(); }

  /// Returns what the worker measures, as a concurrency modifier sees it.
  metrics measured() const { return worker_->measured(); }

 private:
  detail::worker_access* worker_;
};

}  // namespace coworker::inline v0_1
