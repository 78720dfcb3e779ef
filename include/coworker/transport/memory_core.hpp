#pragma once
// memory_core: the state of the jobs that a memory_queue and its memory_jobs share. Must not know how a
// worker takes them.

#include <coworker/coro/task.hpp>
#include <coworker/exec/event.hpp>
#include <coworker/exec/fifo.hpp>
#include <coworker/exec/hash_table.hpp>
#include <coworker/exec/shared_state.hpp>
#include <coworker/exec/this_thread.hpp>
#include <coworker/exec/thread.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/job/record.hpp>
#include <coworker/json/json.hpp>
#include <coworker/transport/concept.hpp>
#include <coworker/transport/control.hpp>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::inline v0_1::detail {

// Guarded by the mutex of its memory_core, except the id, which never changes.
struct memory_job_state : shared_state {
  const std::string id;
  job_envelope envelope;  // until it is taken
  fifo<json> chunks;      // not read yet
  std::optional<json> progress;
  bool progress_is_new = false;  // next_progress() must return it
  bool taken = false;
  std::optional<coworker::outcome> outcome;
  event news;         // for coroutines: something above has changed
  condition changed;  // for threads

  explicit memory_job_state(job_envelope&& pushed) : id(pushed.id), envelope(std::move(pushed)) {}

  void notify() {
    news.set();
    changed.notify_all();
  }
};

struct memory_job_keys {
  using key = std::string_view;
  std::uint64_t hash(std::string_view id) const noexcept { return hash_unseeded(id); }
  std::string_view key_of(const shared_handle<memory_job_state>& job) const noexcept { return job->id; }
  bool in_use(const shared_handle<memory_job_state>& job) const noexcept { return static_cast<bool>(job); }
};

// A worker that serves the queue.
struct memory_worker {
  worker_control control;
  bool leaving = false;
};

// What a memory_queue and its memory_jobs share. Thread-safe.
class memory_core : public shared_state {
 public:
  using job = shared_handle<memory_job_state>;

  explicit memory_core(std::size_t most_waiting) noexcept : most_waiting_(most_waiting) {}

  // --- the program's side: any thread
  // -----------------------------------------------------------------------

  job push(job_envelope envelope) {
    const std::lock_guard lock(mutex_);
    envelope.id = unique_id(std::move(envelope.id));
    const job made(new memory_job_state(std::move(envelope)));
    if (std::optional<outcome> refused = refusal()) {
      made->outcome = std::move(refused);
      return made;
    }
    jobs_.insert(made->id, [&made] { return made; });
    try {
      available_.set();  // a take that wakes waits for the lock
      waiting_.push(made);
    } catch (...) {
      jobs_.erase(made->id);
      throw;
    }
    ++backlog_;
    return made;
  }

  void stop(const job& stopped) {
    const std::lock_guard lock(mutex_);
    if (stopped->outcome) return;
    if (!stopped->taken) {
      --backlog_;
      return settle(stopped, outcome::stop("stopped before a worker took it"));
    }
    for (const memory_worker* const one : workers_) one->control.stop_job(stopped->id);
  }

  // Accepts no more jobs. Waiting jobs are still run.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    available_.set();
  }

  // The queue is being destroyed.
  void abandon() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    settle_waiting("stopped: the queue was destroyed before a worker took the job");
  }

  std::size_t backlog() const noexcept {
    const std::lock_guard lock(mutex_);
    return backlog_;
  }

  template <class Look>
  void look(memory_job_state& at, Look looks) const {
    const std::lock_guard lock(mutex_);
    looks(at);
  }

  // `looks(job, found)` is called under the lock and returns whether the wait is over. It must not throw.
  template <class Found, class Look>
  bool look_or_wait(memory_job_state& at, Found& found, Look looks) {
    const std::lock_guard lock(mutex_);
    if (looks(at, found)) return true;
    at.news.reset();
    return false;
  }

  template <class Found, class Look>
  void block(memory_job_state& at, Found& found, Look looks) {
    std::unique_lock lock(mutex_);
    while (!looks(at, found)) {
      detail::require_may_block("memory_job: what was asked for is not there yet",
                                "co_await result(), next_chunk() or next_progress() instead");
      at.changed.wait(lock);
    }
  }

  // --- the worker's side
  // ------------------------------------------------------------------------------------

  // Returns false if there is nothing to hand over yet.
  bool hand_over(std::size_t capacity, take_result& taken) {
    const std::lock_guard lock(mutex_);
    taken.jobs.reserve(capacity < backlog_ ? capacity : backlog_);
    while (backlog_ > 0 && taken.jobs.size() < capacity) {
      const job next = waiting_.pop();
      if (next->outcome) continue;
      --backlog_;
      next->taken = true;
      taken.jobs.push_back(std::move(next->envelope));
    }
    taken.closed = closed_ && backlog_ == 0;
    if (!taken.jobs.empty() || taken.closed) return true;
    available_.reset();
    return false;
  }

  event& available() noexcept { return available_; }

  // Returns false if the job is not here.
  template <class Change>
  bool change(std::string_view id, Change change) {
    const std::lock_guard lock(mutex_);
    const job* const found = jobs_.find(id);
    if (found == nullptr) return false;
    change(**found);
    (*found)->notify();
    return true;
  }

  bool end(std::string_view id, outcome ended) {
    const std::lock_guard lock(mutex_);
    const job* const found = jobs_.find(id);
    if (found == nullptr) return false;
    settle(job(*found), std::move(ended));
    return true;
  }

  void worker_comes(memory_worker& worker) {
    const std::lock_guard lock(mutex_);
    workers_.push_back(&worker);
    deserted_ = false;
  }

  // The worker takes no more jobs.
  void worker_leaves(memory_worker& worker) {
    const std::lock_guard lock(mutex_);
    worker.leaving = true;
    for (const memory_worker* const one : workers_) {
      if (!one->leaving) return;
    }
    deserted_ = true;
    settle_waiting("stopped: the worker left before it took the job");
  }

  void worker_is_gone(memory_worker& worker) noexcept {
    const std::lock_guard lock(mutex_);
    std::erase(workers_, &worker);
  }

 private:
  std::string unique_id(std::string wanted) {
    std::string id = wanted;
    while (id.empty() || jobs_.find(id) != nullptr)
      id = (wanted.empty() ? "job" : wanted) + "-" + std::to_string(++last_number_);
    return id;
  }

  // Returns why a job is not accepted; nothing if it is.
  std::optional<outcome> refusal() const {
    if (closed_) return outcome::failure("the queue is closed: it takes no more jobs");
    if (deserted_) return outcome::stop("stopped: the worker has left, and nobody takes jobs any more");
    if (backlog_ < most_waiting_) return std::nullopt;
    return outcome::failure(
        "the queue is full: " + std::to_string(backlog_) +
        " jobs wait, and most_waiting allows no more; push it again once some have ended");
  }

  void settle(const job& at, outcome ended) {
    jobs_.erase(at->id);
    at->outcome = std::move(ended);
    at->notify();
  }

  void settle_waiting(const char* why) {
    while (!waiting_.empty()) {
      const job next = waiting_.pop();
      if (!next->outcome) settle(next, outcome::stop(why));
    }
    backlog_ = 0;
  }

  mutable std::mutex mutex_;               // guards all members below, and the jobs
  event available_;                        // set when a take may find something
  fifo<job> waiting_;                      // including jobs that were stopped meanwhile
  std::size_t backlog_ = 0;                // without those
  hash_table<job, memory_job_keys> jobs_;  // those without an outcome, by id
  std::vector<memory_worker*> workers_;
  const std::size_t most_waiting_;
  std::size_t last_number_ = 0;
  bool closed_ = false;
  bool deserted_ = false;  // all workers that served it have left
};

// Registers a worker for as long as it serves the queue.
class memory_attendance {
 public:
  memory_attendance(memory_core& core, memory_worker& worker) : core_(core), worker_(worker) {
    core_.worker_comes(worker_);
  }
  memory_attendance(const memory_attendance&) = delete;
  memory_attendance& operator=(const memory_attendance&) = delete;
  ~memory_attendance() { core_.worker_is_gone(worker_); }

 private:
  memory_core& core_;
  memory_worker& worker_;
};

struct leave_memory_queue {
  memory_core* core;
  memory_worker* worker;
  leave_memory_queue(memory_core& left, memory_worker& by) noexcept : core(&left), worker(&by) {}
  void operator()() const noexcept { core->worker_leaves(*worker); }
};

}  // namespace coworker::inline v0_1::detail
