#pragma once
// job_watch: which handlers run, and which jobs must stop: on request, because the worker leaves, or because
// their time is over. Must not know how a job is run.

#include <charconv>
#include <coworker/coro/clock.hpp>
#include <coworker/exec/due_heap.hpp>
#include <coworker/job/job_list.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/job/record.hpp>
#include <coworker/json/decimal.hpp>
#include <coworker/json/json.hpp>
#include <coworker/log.hpp>
#include <coworker/worker/options.hpp>
#include <cstddef>
#include <new>
#include <string>
#include <string_view>
#include <utility>

namespace coworker::inline v0_1::detail {

// "2 s", "0.25 s"
inline std::string seconds_text(duration span) {
  return decimal_text(std::chrono::duration<double>(span).count(), std::chars_format::general, 6) + " s";
}

// The running jobs of one worker, on its thread. Their deadlines are in one heap, which costs nothing for
// jobs without a deadline.
class job_watch {
 public:
  job_watch(const coworker::options& options, logger& log) noexcept : options_(options), log_(log) {}

  // Throws std::bad_alloc; the record is then not watched.
  void add(job_record& record, time_point now) {
    duration limit = record.time_limit;
    if (options_.job_timeout > duration::zero() &&
        (limit <= duration::zero() || options_.job_timeout < limit))
      limit = options_.job_timeout;
    const time_point end = limit > duration::zero() ? after(now, limit) : (time_point::max)();
    const time_point due = end < record.deadline ? end : record.deadline;
    // A job that was stopped while it waited ends as soon as it gets its turn, and must not be given up
    // before.
    if (due != (time_point::max)() && !record.stop.stop_requested()) set_alarm(record, due);
    running_.push_back(record);
    record.started = now;
  }

  void remove(job_record& record) noexcept {
    clear_alarm(record);
    running_.remove(record);
  }

  // Null if the job's handler does not run.
  job_record* find(std::string_view id) noexcept { return running_.find(id); }

  // `ended` is the job's outcome unless the handler returns another.
  void stop(job_record& record, outcome ended, time_point now) {
    stop(record, std::move(ended), now, options_.stop_patience);
  }

  // Because the worker leaves. Jobs that were asked to stop before also have little time left.
  void stop_all(const char* why, time_point now) {
    constexpr duration most = std::chrono::seconds(1);
    const duration patience = options_.stop_patience < most ? options_.stop_patience : most;
    for (job_record* record = running_.front(); record != nullptr; record = record->next) {
      if (record->stop.stop_requested()) {
        wait_no_longer_than(*record, after(now, patience));
      } else {
        stop(*record, outcome::stop(why), now, patience);
      }
    }
  }

  // When look() must be called next.
  time_point next_look() const noexcept { return next_; }

  // Stops the jobs whose time is over, and calls `give_up(record)` for those that still run after they were
  // asked to stop; that may remove the record. Returns how many jobs it looked at.
  template <class GiveUp>
  std::size_t look(time_point now, GiveUp give_up) {
    if (now < next_) return 0;
    std::size_t looked_at = 0;
    set_missing_alarms(now);
    try {
      for (; alarms_.next_due() <= now; ++looked_at) {
        job_record& record = alarms_.front();
        if (!record.stop.stop_requested()) {
          time_is_over(record, alarms_.next_due(), now);
        } else if (record.sends_chunk) {  // the outcome must come after the chunk
          wait_no_longer_than(record, after(now, std::chrono::milliseconds(100)));
        } else {
          clear_alarm(record);
          give_up(record);
        }
      }
    } catch (const std::bad_alloc&) {
      // The alarm is still set: the next look tries again.
    }
    // At most one look per millisecond, so that thousands of deadlines do not cost one each.
    const time_point soonest = after(now, look_interval);
    next_ = alarms_.next_due() < soonest || some_without_alarm_ ? soonest : alarms_.next_due();
    return looked_at;
  }

 private:
  static constexpr duration look_interval = std::chrono::milliseconds(1);

  void set_alarm(job_record& record, time_point at) {
    alarms_.push(record, at);
    if (at < next_) next_ = at;
  }

  void clear_alarm(job_record& record) noexcept {
    if (record.look_slot != due_slot_none) alarms_.remove(record);
  }

  void stop(job_record& record, outcome ended, time_point now, duration patience) {
    if (record.stop.stop_requested()) return;
    record.outcome = std::move(ended);
    // A job that is stopped has at least the time until the next look to end.
    wait_no_longer_than(record, after(now, patience > look_interval ? patience : look_interval));
    record.stop.request_stop();
  }

  void wait_no_longer_than(job_record& record, time_point due) {
    clear_alarm(record);
    try {
      set_alarm(record, due);
    } catch (const std::bad_alloc&) {
      some_without_alarm_ = true;
      if (due < next_) next_ = due;
    }
  }

  // For stopped jobs whose alarm could not be set for lack of memory.
  void set_missing_alarms(time_point now) {
    if (!std::exchange(some_without_alarm_, false)) return;
    for (job_record* record = running_.front(); record != nullptr; record = record->next) {
      if (record->stop.stop_requested() && record->look_slot == due_slot_none)
        wait_no_longer_than(*record, now);
    }
  }

  void time_is_over(job_record& record, time_point due, time_point now) {
    const std::string limit = seconds_text(due > record.started ? due - record.started : duration::zero());
    outcome ended = outcome::failure("timed out: it ran longer than its limit of " + limit);
    log_.write(log_level::warn, "It has run for " + limit + ", its time limit: stop requested.",
               record.subject());
    stop(record, std::move(ended), now);
  }

  const coworker::options& options_;
  logger& log_;
  job_list running_;
  due_heap<job_record, &job_record::look_slot> alarms_;
  static_assert(due_slot_none == UINT32_MAX, "a new record is in no heap");
  time_point next_ = (time_point::max)();
  bool some_without_alarm_ = false;
};

}  // namespace coworker::inline v0_1::detail
