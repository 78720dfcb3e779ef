#pragma once
// Decides which jobs run together, and when: holds the jobs that wait for a batch, and applies the rules by
// which the first of them starts one. Must not know what a batch does, nor the types of inputs and results.

#include <atomic>
#include <coworker/coro/clock.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/exec/auto_reset_event.hpp>
#include <coworker/exec/wait_list.hpp>
#include <coworker/job/batch_metrics.hpp>
#include <coworker/job/record.hpp>
#include <coworker/job/worker_view.hpp>
#include <coworker/log.hpp>
#include <cstddef>
#include <mutex>
#include <stdexcept>
#include <string>

namespace coworker::inline v0_1 {

/// When batched() starts a batch, and where.
struct batch_options {
  /// The maximum number of jobs in a batch. A full batch starts at once. 1 or more. Default: 16.
  std::size_t most = 16;
  /// How long a job waits for others at most, while others can come and a batch could start. 0 or more.
  /// Default: 5 ms.
  duration within = std::chrono::milliseconds(5);
  /// How many batches may run at once, such as one per GPU. Jobs that arrive while that many run wait for the
  /// next. 1 or more. Default: 1.
  std::size_t at_once = 1;
  /// The executor that runs a plain function. Default: empty, which means the worker's pool.
  executor_ref run_on{};
};

namespace detail {

inline batch_options checked(batch_options options) {
  const auto require_option = [](bool holds, const char* problem) {
    if (!holds) throw std::invalid_argument(std::string("batch_options::") + problem);
  };
  require_option(options.most >= 1, "most must be 1 or more, or no job would ever run");
  require_option(options.at_once >= 1, "at_once must be 1 or more, or no job would ever run");
  require_option(options.within >= duration::zero(), "within is negative; it must be 0 or more");
  return options;
}

[[noreturn]] inline void throw_wrong_size(std::size_t jobs, std::size_t results) {
  throw std::logic_error("coworker::batched: the function returned " + std::to_string(results) +
                         " results for a batch of " + std::to_string(jobs) +
                         " jobs; it must return one for each, in their order");
}

// A job that waits for its batch or is in one. Lives in the frame of the job's coroutine.
struct batch_member : wait_link {
  enum class state : unsigned char { waits, runs, ended };

  auto_reset_event news;  // set under the line's lock, so that this is not destroyed before set() returns
  time_point arrived{};
  const worker_view* worker = nullptr;  // null: unknown
  state at = state::waits;              // guarded by the line's mutex

  batch_member() noexcept {}
};

// Thread-safe, except for the constructor.
class batch_line {
 public:
  explicit batch_line(batch_options options) : options_(detail::checked(options)) {}
  batch_line(const batch_line&) = delete;
  batch_line& operator=(const batch_line&) = delete;

  const batch_options& options() const noexcept { return options_; }

  void enter(batch_member& one, time_point now) {
    const std::lock_guard lock(mutex_);
    one.arrived = now;
    waiting_.push_back(one);
    ++inside_;
    ++size_;
    batch_member& first = waiting_.front();
    if (&first != &one && may_start(first, now)) first.news.set();
  }

  // Returns false if the job's batch is running or has run, so that it cannot leave any more.
  bool leave(batch_member& one) {
    const std::lock_guard lock(mutex_);
    if (one.at != batch_member::state::waits) return false;
    const bool was_first = &waiting_.front() == &one;
    one.unlink();
    --inside_;
    --size_;
    if (was_first) wake_first();
    return true;
  }

  enum class turn : unsigned char { waits, starts, ended };

  // Returns what a member does next. `starts`: it runs a batch; `add(member)` was called for each member of
  // the batch, itself first. `waits`: it waits until `until`, or until news is set.
  template <class Add>
  turn next_turn(batch_member& one, time_point now, time_point& until, Add add) {
    const std::lock_guard lock(mutex_);
    until = (time_point::max)();
    if (one.at == batch_member::state::ended) return turn::ended;
    if (one.at == batch_member::state::runs || &waiting_.front() != &one) return turn::waits;
    if (!may_start(one, now)) {
      if (running_ < options_.at_once) until = after(one.arrived, options_.within);
      return turn::waits;
    }
    ++running_;
    ++measured_.batches;
    for (std::size_t i = 0; i != options_.most && !waiting_.empty(); ++i) {
      batch_member& member = waiting_.pop_front();
      member.at = batch_member::state::runs;
      --size_;
      ++measured_.jobs;
      measured_.wait_seconds += seconds(now - member.arrived);
      add(member);
    }
    wake_first();
    return turn::starts;
  }

  // Ends the batch of those members, which may be destroyed as soon as this returns.
  template <class Members>
  void end(const Members& members, duration took) {
    const std::lock_guard lock(mutex_);
    --running_;
    measured_.run_seconds += seconds(took);
    for (batch_member* const one : members) {
      --inside_;
      one->at = batch_member::state::ended;
    }
    wake_first();
    for (batch_member* const one : members) one->news.set();
  }

  // Logs the warning once.
  void warn_of_low_limit(const job_record* job) {
    if (job == nullptr || job->worker == nullptr || job->log == nullptr) return;
    const int limit = job->worker->limit.load(std::memory_order_relaxed);
    if (static_cast<std::size_t>(limit) >= options_.most || warned_.exchange(true)) return;
    job->log->write(log_level::warn, "The worker runs " + std::to_string(limit) +
                                         " jobs at once, so that a batch never holds the " +
                                         std::to_string(options_.most) +
                                         " that batch_options::most allows; raise the concurrency, best to "
                                         "twice as many, or lower `most`.");
  }

  batch_metrics measured() const {
    const std::lock_guard lock(mutex_);
    return measured_;
  }

 private:
  static double seconds(duration span) noexcept { return std::chrono::duration<double>(span).count(); }

  bool may_start(const batch_member& first, time_point now) const noexcept {
    if (running_ >= options_.at_once) return false;
    return size_ >= options_.most || now >= after(first.arrived, options_.within) || none_can_come(first);
  }

  // Returns true if every job that the worker may run at once is here.
  bool none_can_come(const batch_member& first) const noexcept {
    if (first.worker == nullptr) return false;
    const auto here = static_cast<int>(inside_);
    return here >= first.worker->running.load(std::memory_order_relaxed) &&
           here >= first.worker->limit.load(std::memory_order_relaxed);
  }

  void wake_first() {
    if (!waiting_.empty()) waiting_.front().news.set();
  }

  const batch_options options_;
  mutable std::mutex mutex_;  // guards all that follows
  wait_list<batch_member> waiting_;
  std::size_t size_ = 0;     // number of jobs that wait
  std::size_t inside_ = 0;   // number of jobs that wait or are in batches that run
  std::size_t running_ = 0;  // number of batches that run
  batch_metrics measured_;
  std::atomic<bool> warned_{false};
};

}  // namespace detail
}  // namespace coworker::inline v0_1
