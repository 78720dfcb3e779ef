#pragma once
// The way of a job's progress from whatever thread reports it to the worker that sends it: the latest value
// of each job, and which jobs have one. Must not know how a record looks.

#include <atomic>
#include <coworker/coro/clock.hpp>
#include <coworker/exec/auto_reset_event.hpp>
#include <coworker/exec/fifo.hpp>
#include <coworker/exec/insist.hpp>
#include <coworker/json/json.hpp>
#include <mutex>
#include <utility>

namespace coworker::inline v0_1 {

struct job_record;

namespace detail {

// One owner among several of a record. Any thread; the last one deletes it.
class record_ref {
 public:
  record_ref() noexcept {}
  explicit record_ref(job_record& record) noexcept;
  record_ref(const record_ref& other) noexcept {
    if (other.record_ != nullptr) *this = record_ref(*other.record_);
  }
  record_ref(record_ref&& other) noexcept : record_(std::exchange(other.record_, nullptr)) {}
  record_ref& operator=(record_ref other) noexcept {
    std::swap(record_, other.record_);
    return *this;
  }
  ~record_ref();

  explicit operator bool() const noexcept { return record_ != nullptr; }
  job_record& operator*() const noexcept { return *record_; }
  job_record* operator->() const noexcept { return record_; }

 private:
  job_record* record_ = nullptr;
};

// The jobs of a worker that have progress to send. Reported on any thread, taken on the worker's.
class progress_desk {
 public:
  explicit progress_desk(auto_reset_event& news) noexcept : news_(news) {}

  void add(record_ref job) {
    {
      const std::lock_guard lock(mutex_);
      jobs_.push(std::move(job));
      any_.store(true, std::memory_order_relaxed);
    }
    news_.set();
  }

  // No record: there is none.
  record_ref take() {
    if (!any_.load(std::memory_order_relaxed)) return record_ref();
    const std::lock_guard lock(mutex_);
    record_ref first = jobs_.pop();
    if (jobs_.empty()) any_.store(false, std::memory_order_relaxed);
    return first;
  }

 private:
  std::mutex mutex_;
  fifo<record_ref> jobs_;
  std::atomic<bool> any_{false};  // set before the worker is woken
  auto_reset_event& news_;        // for the worker: there is one more
};

// What a job needs once it has reported progress; most never do.
struct progress_state {
  std::mutex mutex;  // guards the next four
  json latest;
  bool waits = false;   // `latest` is to be sent
  bool listed = false;  // at the desk
  bool closed = false;

  // The worker's own.
  bool over = false;                            // no coroutine is to begin with it any more
  bool sending = false;                         // a coroutine is at it
  time_point not_before = (time_point::min)();  // the next value is sent
  auto_reset_event ending;                      // for that coroutine: there is no more use in trying again
  auto_reset_event sent;                        // for who waits for that coroutine: it has ended

  // The worker's. False: there is nothing new.
  bool take(json& value) {
    const std::lock_guard lock(mutex);
    listed = false;
    if (!std::exchange(waits, false)) return false;
    value = std::move(latest);
    return true;
  }
};

// The progress of one job. Closed until it is opened; what is reported to a closed one is dropped.
class progress_line {
 public:
  progress_line() noexcept : state_(shut()) {}
  progress_line(const progress_line&) = delete;
  progress_line& operator=(const progress_line&) = delete;
  ~progress_line() { delete state(); }

  // Before any thread can report. The desk must live until close().
  void open(progress_desk& desk) noexcept {
    desk_ = &desk;
    state_.store(nullptr, std::memory_order_release);
  }

  // Any thread. `job` is the one whose line this is.
  void report(const record_ref& job, json value) {
    progress_state* known = state_.load(std::memory_order_acquire);
    if (known == nullptr) known = make_state();
    if (known == shut()) return;
    const std::lock_guard lock(known->mutex);
    if (known->closed) return;
    known->latest = std::move(value);
    known->waits = true;
    if (!std::exchange(known->listed, true)) desk_->add(job);
  }

  // For the worker. Nothing is reported from then on, and the desk not touched any more. What was reported last may still
  // be taken.
  void close() {
    progress_state* known = nullptr;
    if (state_.compare_exchange_strong(known, shut(), std::memory_order_acq_rel) || known == shut()) return;
    {
      const std::lock_guard lock(known->mutex);
      known->closed = true;
    }
    known->over = true;
    detail::insist([known] { known->ending.set(); });
  }

  // Null: nothing was ever reported.
  progress_state* state() const noexcept {
    progress_state* const known = state_.load(std::memory_order_acquire);
    return known == shut() ? nullptr : known;
  }

 private:
  // Of several threads that report first, one makes the state.
  progress_state* make_state() {
    auto* const made = new progress_state;
    progress_state* known = nullptr;
    if (state_.compare_exchange_strong(known, made, std::memory_order_acq_rel)) return made;
    delete made;
    return known;
  }

  // An address that no state has, for a line without one that is closed.
  progress_state* shut() const noexcept {
    return reinterpret_cast<progress_state*>(const_cast<progress_line*>(this));
  }

  std::atomic<progress_state*> state_;
  progress_desk* desk_ = nullptr;
};

}  // namespace detail
}  // namespace coworker
