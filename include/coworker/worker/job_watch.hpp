#pragma once
// Which handlers run, and which of their jobs are to stop: because somebody asks, because the worker leaves,
// or because their time is over. Must not know how a job is run.

#include <charconv>
#include <coworker/coro/clock.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/job/job_list.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/job/record.hpp>
#include <coworker/json/decimal.hpp>
#include <coworker/json/json.hpp>
#include <coworker/log.hpp>
#include <coworker/worker/options.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace coworker::detail {

// "2 s", "0.25 s"
inline std::string seconds_text(duration span) {
  return decimal_text(std::chrono::duration<double>(span).count(), std::chars_format::general, 6) + " s";
}

// What a job's own policy allows it; 0 where it says nothing, or nothing that makes sense.
inline duration execution_timeout(const json& details) {
  constexpr double longest = 1e12;  // milliseconds; some thirty years
  const auto policy = details.find("policy");
  if (policy == details.end() || !policy->is_object()) return duration::zero();
  const auto limit = policy->find("executionTimeout");
  if (limit == policy->end() || !limit->is_number()) return duration::zero();
  const double milliseconds = limit->template get<double>();
  if (!(milliseconds > 0)) return duration::zero();
  const std::chrono::duration<double, std::milli> span(milliseconds < longest ? milliseconds : longest);
  return std::chrono::duration_cast<duration>(span);
}

// The running jobs of one worker, on its thread. One look over all of them serves every deadline that has
// passed, so that a job costs no timer of its own.
class job_watch {
 public:
  job_watch(const worker_options& options, logger& log) noexcept : options_(options), log_(log) {}

  void add(job_record& record, time_point now) {
    running_.push_back(record);
    const duration own = execution_timeout(record.details);
    const duration limit = own > duration::zero() ? own : options_.job_timeout;
    if (limit > duration::zero()) set_alarm(record, after(now, limit));
    record.started = now;
  }

  void remove(job_record& record) noexcept { running_.remove(record); }

  // Null: its handler does not run.
  job_record* find(std::string_view id) const noexcept { return running_.find(id); }

  // `ended` is what becomes of it unless the handler says otherwise.
  void stop(job_record& record, outcome ended, time_point now) {
    if (record.stop.stop_requested()) return;
    record.ended = std::move(ended);
    set_alarm(record, after(now, options_.stop_patience));
    record.stop.request_stop();
  }

  void stop_all(const outcome& ended, time_point now) {
    for (job_record* record = running_.front(); record != nullptr; record = record->next)
      stop(*record, ended, now);
  }

  // When look() is to be called next.
  time_point next_look() const noexcept { return next_; }

  // Stops the jobs whose time is over, and names those that were stopped and go on all the same.
  void look(time_point now) {
    if (now < next_) return;
    next_ = (time_point::max)();
    for (job_record* record = running_.front(); record != nullptr; record = record->next) {
      if (record->alarm <= now) ring(*record, now);
      if (record->alarm < next_) next_ = record->alarm;
    }
    // So that thousands of deadlines cost one look in a millisecond, not one each.
    const time_point soonest = after(now, std::chrono::milliseconds(1));
    if (next_ < soonest) next_ = soonest;
  }

 private:
  void set_alarm(job_record& record, time_point at) noexcept {
    record.alarm = at;
    if (at < next_) next_ = at;
  }

  void ring(job_record& record, time_point now) {
    const log_subject subject(record.id, record.batch_id);
    if (!record.stop.stop_requested()) {
      const std::string limit = seconds_text(record.alarm - record.started);
      log_.write(log_level::warn, "It has run for " + limit + ", which is all that it may: stop requested.",
                 subject);
      stop(record, outcome::failure("timed out: it ran longer than the " + limit + " that it may"), now);
      return;
    }
    record.alarm = (time_point::max)();
    log_.write(log_level::warn,
               "It was asked to stop " + seconds_text(options_.stop_patience) +
                   " ago and still runs; it keeps its slot until it ends.",
               subject);
  }

  const worker_options& options_;
  logger& log_;
  job_list running_;
  time_point next_ = (time_point::max)();
};

}  // namespace coworker::detail
