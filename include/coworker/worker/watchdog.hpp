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
#include <utility>
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
  struct noted {
    void* coroutine;
    std::uint64_t number;  // of the note, among all that the watchdog has been given
  };

  void note(std::coroutine_handle<> handle);
  void note(void* coroutine, std::uint64_t number) {
    for (noted& known : coroutines_) {
      if (known.coroutine == coroutine) return void(known.number = number);
    }
    coroutines_.push_back({coroutine, number});
  }
  std::uint64_t note_of(void* coroutine) const noexcept {
    for (const noted& known : coroutines_) {
      if (known.coroutine == coroutine) return known.number;
    }
    return 0;
  }

  watchdog& dog_;
  const std::string id_;
  const std::string batch_id_;
  std::vector<noted> coroutines_;  // those that were to be resumed here; guarded by the watchdog's mutex
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
    made->note(loop_.current_turn().coroutine, ++notes_);
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

  // Frames are recycled between jobs, so that several may have noted the same one: the last has it now.
  watched_executor* last_to_note(void* coroutine) const noexcept {
    watched_executor* last = nullptr;
    std::uint64_t number = 0;
    for (watched_executor* const job : jobs_) {
      if (job->note_of(coroutine) <= number) continue;
      number = job->note_of(coroutine);
      last = job;
    }
    return last;
  }

  void name_who_has(void* coroutine) {
    watched_executor* const job = last_to_note(coroutine);
    if (job == nullptr || std::exchange(job->named_, true)) return;
    log_.write(
        log_level::warn,
        "It has kept the event loop to itself for " + seconds_text(limit_) +
            " or more, in which no other job, take or post goes on. What computes or blocks belongs on a "
            "pool: a plain function as handler, run_on, or coroutines_on_pool.",
        log_subject(job->id_, job->batch_id_));
  }

  event_loop& loop_;
  const duration limit_;
  logger& log_;
  std::mutex mutex_;  // guards all below
  condition changed_;
  std::vector<watched_executor*> jobs_;
  std::uint64_t notes_ = 0;
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
  note(handle.address(), ++dog_.notes_);
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
