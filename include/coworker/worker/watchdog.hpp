#pragma once
// The watchdog: a thread that detects a job whose coroutine blocks the event loop, and names the job. Must
// not know the worker.

#include <atomic>
#include <coroutine>
#include <coworker/coro/clock.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/hash_table.hpp>
#include <coworker/exec/thread.hpp>
#include <coworker/job/record.hpp>
#include <coworker/json/object_index.hpp>
#include <coworker/log.hpp>
#include <coworker/worker/job_watch.hpp>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

namespace coworker::inline v0_1::detail {

class watchdog;

// The loop as the executor of one job's coroutines: records which coroutines belong to the job until they are
// resumed.
class watched_executor {
 public:
  watched_executor(watchdog& owner, const job_record& job);

  void post(std::coroutine_handle<> handle);
  void arm(timer& alarm);
  void cancel(timer& alarm);
  time_point now() const;

 private:
  friend class watchdog;

  watchdog& owner_;
  const std::string id_;
  const std::string log_label_;
  // Guarded by the watchdog's mutex.
  std::size_t notes_ = 0;  // coroutines of the job that are posted or wait for a time
  bool named_ = false;
};

// A coroutine that will be resumed, and the job that it belongs to.
struct watched_coroutine {
  void* frame = nullptr;
  watched_executor* job = nullptr;
};

struct coroutine_keys {
  using key = void*;
  std::uint64_t hash(void* frame) const noexcept {
    return fold_product(reinterpret_cast<std::uintptr_t>(frame), 0x9e3779b97f4a7c15);
  }
  void* key_of(const watched_coroutine& entry) const noexcept { return entry.frame; }
  bool in_use(const watched_coroutine& entry) const noexcept { return entry.frame != nullptr; }
};

// Looks twice in each `limit` while there are jobs, and sleeps while there are none. Its memory grows with
// the number of coroutines that wait at the same time, not with all that there have been.
class watchdog final : turn_watcher {
 public:
  // The loop must not be running yet.
  watchdog(event_loop& loop, duration limit, logger& log)
      : loop_(loop), limit_(limit), log_(log), thread_(&run_in, this) {
    loop_.watch_turns(this);
  }

  watchdog(const watchdog&) = delete;
  watchdog& operator=(const watchdog&) = delete;

  // The loop must not be running any more.
  ~watchdog() {
    loop_.watch_turns(nullptr);
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

  // Called on the loop, in the job's first turn.
  watched_executor* add(const job_record& job) {
    auto* const made = new watched_executor(*this, job);
    const std::lock_guard lock(mutex_);
    in_turn_ = made;
    if (++jobs_ == 1) changed_.notify_one();
    return made;
  }

  // Called once the job has no coroutine left. A coroutine that is not of this library may still be on its
  // way to the loop.
  void remove(watched_executor* job) noexcept {
    {
      const std::lock_guard lock(mutex_);
      if (in_turn_ == job) in_turn_ = nullptr;
      if (job->notes_ != 0)
        notes_.erase_if([job](const watched_coroutine& noted) { return noted.job == job; });
      if (--jobs_ == 0) notes_.clear();
    }
    delete job;
  }

  // The number of coroutines that will be resumed and belong to a job.
  std::size_t notes() const {
    const std::lock_guard lock(mutex_);
    return notes_.size();
  }

 private:
  friend class watched_executor;

  static void* run_in(void* self) {
    static_cast<watchdog*>(self)->watch();
    return nullptr;
  }

  void turn_begins(std::coroutine_handle<> coroutine) noexcept override {
    const std::lock_guard lock(mutex_);
    in_turn_ = take_note_of(coroutine.address());
    turn_.store(turn_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  void turn_ends() noexcept override {
    turn_.store(turn_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  void note(std::coroutine_handle<> handle, watched_executor& job) {
    const std::lock_guard lock(mutex_);
    take_note_of(handle.address());
    notes_.insert(handle.address(), [&] { return watched_coroutine{handle.address(), &job}; });
    ++job.notes_;
  }

  void forget(std::coroutine_handle<> handle) noexcept {
    const std::lock_guard lock(mutex_);
    take_note_of(handle.address());
  }

  // Null if the coroutine belongs to no job.
  watched_executor* take_note_of(void* frame) noexcept {
    const watched_coroutine* const noted = notes_.find(frame);
    if (noted == nullptr) return nullptr;
    watched_executor* const job = noted->job;
    --job->notes_;
    notes_.erase(frame);
    return job;
  }

  void watch() {
    std::unique_lock lock(mutex_);
    std::uint64_t seen = 0;
    time_point since = clock_type::now();
    while (!closing_) {
      if (jobs_ == 0) {
        changed_.wait(lock);
        since = clock_type::now();
        continue;
      }
      changed_.wait_until(lock, clock_type::now() + limit_ / 2);
      const std::uint64_t found = turn_.load(std::memory_order_relaxed);
      const time_point now = clock_type::now();
      const bool between_turns = found % 2 == 0;
      if (between_turns || found != seen) {
        since = now;
      } else if (now - since >= limit_) {
        log_blocking_job();
      }
      seen = found;
    }
  }

  void log_blocking_job() {
    if (in_turn_ == nullptr || std::exchange(in_turn_->named_, true)) return;
    log_.write(
        log_level::warn,
        "It has blocked the event loop for " + seconds_text(limit_) +
            " or more, in which no other job, take or post proceeds. Run what computes or blocks on a pool: "
            "as a plain function, with run_on, or with coroutines_on_pool.",
        log_subject(in_turn_->id_, in_turn_->log_label_));
  }

  event_loop& loop_;
  const duration limit_;
  logger& log_;
  // Odd while the loop is in a turn. It becomes odd under the mutex, together with in_turn_.
  std::atomic<std::uint64_t> turn_{0};
  mutable std::mutex mutex_;  // guards all members below
  condition changed_;
  hash_table<watched_coroutine, coroutine_keys> notes_;
  watched_executor* in_turn_ = nullptr;  // the job of the current or the last turn; null: no job's
  std::size_t jobs_ = 0;
  bool closing_ = false;
  thread thread_;
};

// Sets a pointer for as long as this object lives.
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

inline watched_executor::watched_executor(watchdog& owner, const job_record& job)
    : owner_(owner), id_(job.id), log_label_(job.subject().label) {}

inline void watched_executor::post(std::coroutine_handle<> handle) {
  owner_.note(handle, *this);
  try {
    owner_.loop_.post(handle);
  } catch (...) {
    owner_.forget(handle);
    throw;
  }
}

inline void watched_executor::arm(timer& alarm) {
  const std::coroutine_handle<> handle = alarm.handle;  // once armed, the timer may be gone at any time
  owner_.note(handle, *this);
  try {
    owner_.loop_.arm(alarm);
  } catch (...) {
    owner_.forget(handle);
    throw;
  }
}

inline void watched_executor::cancel(timer& alarm) { owner_.loop_.cancel(alarm); }
inline time_point watched_executor::now() const { return owner_.loop_.now(); }

}  // namespace coworker::inline v0_1::detail
