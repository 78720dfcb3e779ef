#pragma once
// The watchdog: a thread that sees when a job's coroutine keeps the event loop to itself, and names the job.
// Must not know the worker.

#include <algorithm>
#include <coroutine>
#include <coworker/coro/clock.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/thread.hpp>
#include <coworker/job/record.hpp>
#include <coworker/log.hpp>
#include <coworker/worker/job_watch.hpp>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace coworker::detail {

class watchdog;

// The loop as the executor of one job's chains: notes which coroutines are the job's.
class watched_executor {
 public:
  watched_executor(watchdog& dog, const job_record& job);

  void post(std::coroutine_handle<> handle);
  void arm(timer& alarm);
  void cancel(timer& alarm);
  time_point now() const;

 private:
  friend class watchdog;
  void note(std::coroutine_handle<> handle);
  bool has(void* coroutine) const noexcept {
    return std::find(coroutines_.begin(), coroutines_.end(), coroutine) != coroutines_.end();
  }

  watchdog& dog_;
  const std::string id_;
  const std::string batch_id_;
  std::vector<void*> coroutines_;  // those that were to be resumed here; guarded by the watchdog's mutex
  bool named_ = false;
};

// Looks twice in each `limit` while there are jobs, and sleeps while there are none.
class watchdog {
 public:
  watchdog(event_loop& loop, duration limit, logger& log)
      : loop_(loop), limit_(limit), log_(log), thread_(&run_in, this) {}

  watchdog(const watchdog&) = delete;
  watchdog& operator=(const watchdog&) = delete;

  ~watchdog() {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

  // On the loop, in the job's first turn.
  watched_executor* add(const job_record& job) {
    auto* const made = new watched_executor(*this, job);
    const std::lock_guard lock(mutex_);
    made->coroutines_.push_back(loop_.current_turn().coroutine);
    jobs_.push_back(made);
    if (jobs_.size() == 1) changed_.notify_one();
    return made;
  }

  // Once none of its coroutines is left.
  void remove(watched_executor* job) noexcept {
    {
      const std::lock_guard lock(mutex_);
      jobs_.erase(std::find(jobs_.begin(), jobs_.end(), job));
    }
    delete job;
  }

 private:
  friend class watched_executor;

  static void* run_in(void* dog) {
    static_cast<watchdog*>(dog)->watch();
    return nullptr;
  }

  void watch() {
    std::unique_lock lock(mutex_);
    event_loop::turn seen;
    time_point since = clock_type::now();
    while (!closing_) {
      if (jobs_.empty()) {
        changed_.wait(lock);
        since = clock_type::now();
        continue;
      }
      changed_.wait_until(lock, clock_type::now() + limit_ / 2);
      const event_loop::turn found = loop_.current_turn();
      const time_point now = clock_type::now();
      if (found.coroutine == nullptr || found.number != seen.number) {
        since = now;
      } else if (now - since >= limit_) {
        name_who_has(found.coroutine);
      }
      seen = found;
    }
  }

  void name_who_has(void* coroutine) {
    for (watched_executor* const job : jobs_) {
      if (job->named_ || !job->has(coroutine)) continue;
      job->named_ = true;
      log_.warn(
          "It has kept the event loop to itself for " + seconds_text(limit_) +
              " or more, in which no other job, take or post goes on. What computes or blocks belongs on a "
              "pool: a plain function as handler, run_on, or coroutines_on_pool.",
          log_subject(job->id_, job->batch_id_));
      return;
    }
  }

  event_loop& loop_;
  const duration limit_;
  logger& log_;
  std::mutex mutex_;  // guards all below
  condition changed_;
  std::vector<watched_executor*> jobs_;
  bool closing_ = false;
  thread thread_;
};

// A pointer that is set for as long as this lives.
template <class T>
class borrowed {
 public:
  borrowed(T*& place, T& lent) noexcept : place_(place) { place_ = &lent; }
  borrowed(const borrowed&) = delete;
  borrowed& operator=(const borrowed&) = delete;
  ~borrowed() { place_ = nullptr; }

 private:
  T*& place_;
};

inline watched_executor::watched_executor(watchdog& dog, const job_record& job)
    : dog_(dog), id_(job.id), batch_id_(job.batch_id) {}

inline void watched_executor::note(std::coroutine_handle<> handle) {
  const std::lock_guard lock(dog_.mutex_);
  if (!has(handle.address())) coroutines_.push_back(handle.address());
}

inline void watched_executor::post(std::coroutine_handle<> handle) {
  note(handle);
  dog_.loop_.post(handle);
}

inline void watched_executor::arm(timer& alarm) {
  note(alarm.handle);
  dog_.loop_.arm(alarm);
}

inline void watched_executor::cancel(timer& alarm) { dog_.loop_.cancel(alarm); }
inline time_point watched_executor::now() const { return dog_.loop_.now(); }

}  // namespace coworker::detail
