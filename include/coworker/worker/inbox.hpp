#pragma once
// worker_inbox: what other threads ask of a worker while it serves: to leave, to stop a job, to send a job's
// progress. Must not know the worker.

#include <atomic>
#include <coworker/exec/auto_reset_event.hpp>
#include <coworker/exec/fifo.hpp>
#include <coworker/job/progress.hpp>
#include <mutex>
#include <string>
#include <utility>

namespace coworker::inline v0_1::detail {

class worker_inbox {
 public:
  // Any thread.
  void leave() {
    leaving_.store(true);
    changed.set();
  }
  // Ends the grace period. To be called after leave().
  void leave_at_once() {
    at_once_.store(true);
    changed.set();
  }
  void stop_job(std::string id) {
    {
      const std::lock_guard lock(mutex_);
      to_stop_.push(std::move(id));
      any_to_stop_.store(true, std::memory_order_relaxed);
    }
    changed.set();
  }
  // Sequentially consistent: a thread that has called leave() and then finds the worker preparing knows that
  // no job will be taken.
  bool leaving() const noexcept { return leaving_.load(); }

  bool leaving_at_once() const noexcept { return at_once_.load(); }

  // The worker's thread.
  void open_again() noexcept {
    at_once_.store(false);
    leaving_.store(false);
  }
  bool next_to_stop(std::string& id) {
    if (!any_to_stop_.load(std::memory_order_relaxed)) return false;
    const std::lock_guard lock(mutex_);
    id = to_stop_.pop();
    if (to_stop_.empty()) any_to_stop_.store(false, std::memory_order_relaxed);
    return true;
  }

  auto_reset_event changed;  // set when something that the worker's decisions depend on has changed
  progress_list progress{changed};

 private:
  std::atomic<bool> leaving_{false};
  std::atomic<bool> at_once_{false};
  std::mutex mutex_;
  fifo<std::string> to_stop_;
  std::atomic<bool> any_to_stop_{false};  // set before the worker is woken
};

}  // namespace coworker::inline v0_1::detail
