#pragma once
// Passes progress from the thread that reports it to the worker that sends it: keeps the latest value of each
// job, and which jobs have one. Must not know the fields of a record.

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

// One of several owners of a record. May be copied and destroyed on any thread; the last owner deletes the
// record.
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

// The jobs of a worker that have progress to send. Reported on any thread, taken on the worker's thread.
class progress_list {
 public:
  explicit progress_list(auto_reset_event& news) noexcept : news_(news) {}

  void add(record_ref job) {
    {
      const std::lock_guard lock(mutex_);
      jobs_.push(std::move(job));
      any_.store(true, std::memory_order_relaxed);
    }
    news_.set();
  }

  // Returns an empty reference if no job has progress to send.
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
  auto_reset_event& news_;        // wakes the worker when a job is added
};

// The state of a job that has reported progress; most jobs never do.
struct progress_state {
  std::mutex mutex;  // guards the next four members
  json latest;
  bool waits = false;   // `latest` is still to be sent
  bool listed = false;  // the job is in the list
  bool closed = false;

  // For the worker only.
  bool over = false;                            // no further coroutine may start to send it
  bool sending = false;                         // a coroutine is sending it
  time_point not_before = (time_point::min)();  // the earliest time to send the next value
  auto_reset_event ending;                      // tells that coroutine to stop retrying
  auto_reset_event sent;                        // set when that coroutine has ended

  // For the worker only. Returns false if there is nothing new.
  bool take(json& value) {
    const std::lock_guard lock(mutex);
    listed = false;
    if (!std::exchange(waits, false)) return false;
    value = std::move(latest);
    return true;
  }
};

// The progress of one job. Closed until it is opened; values reported while it is closed are dropped.
class progress_line {
 public:
  progress_line() noexcept : state_(shut()) {}
  progress_line(const progress_line&) = delete;
  progress_line& operator=(const progress_line&) = delete;
  ~progress_line() { delete state(); }

  // Must be called before any thread can report. The list must live until close().
  void open(progress_list& list) noexcept {
    list_ = &list;
    state_.store(nullptr, std::memory_order_release);
  }

  // Thread-safe. `job` is the owner of this line.
  void report(const record_ref& job, json value) {
    progress_state* known = state_.load(std::memory_order_acquire);
    if (known == nullptr) known = make_state();
    if (known == shut()) return;
    const std::lock_guard lock(known->mutex);
    if (known->closed) return;
    known->latest = std::move(value);
    known->waits = true;
    if (!std::exchange(known->listed, true)) list_->add(job);
  }

  // For the worker only. Afterwards nothing more is reported, and the list is not used any more. The last
  // value reported may still be taken.
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

  // Returns null if nothing was ever reported.
  progress_state* state() const noexcept {
    progress_state* const known = state_.load(std::memory_order_acquire);
    return known == shut() ? nullptr : known;
  }

 private:
  // If several threads report first, one of them makes the state.
  progress_state* make_state() {
    auto* const made = new progress_state;
    progress_state* known = nullptr;
    if (state_.compare_exchange_strong(known, made, std::memory_order_acq_rel)) return made;
    delete made;
    return known;
  }

  // Returns an address that no state has; it marks a closed line without a state.
  progress_state* shut() const noexcept {
    return reinterpret_cast<progress_state*>(const_cast<progress_line*>(this));
  }

  std::atomic<progress_state*> state_;
  progress_list* list_ = nullptr;
};

}  // namespace detail
}  // namespace coworker::inline v0_1
