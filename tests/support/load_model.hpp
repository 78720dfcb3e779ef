#pragma once
// A discrete-event model of a worker and its load in virtual time, to compare concurrency modifiers. Takes,
// slots and the moments at which the modifier is asked are as in coworker/worker.hpp. A job is an amount of
// work, done at a speed that depends on how many jobs share the machine. A simulated hour takes some
// milliseconds.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <coworker/coro/clock.hpp>
#include <coworker/exec/random.hpp>
#include <coworker/scale/modifier.hpp>
#include <coworker/scale/recorder.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <queue>
#include <utility>
#include <vector>

namespace coworker::testing {

/// A load for a worker. Times are in seconds. A load changes only at its steps: between two steps, speed and
/// arrivals must not depend on the moment.
struct load {
  const char* name = "";
  const char* description = "";
  double length = 1000;  ///< of the run
  double work = 1;       ///< mean work of a job: the seconds that it takes alone
  double sigma = 0.2;    ///< standard deviation of the work's logarithm (lognormal)
  /// Returns the work done per second for each of `in_progress` jobs at a moment; 1: the speed of a job
  /// alone.
  double (*speed)(int in_progress, double at) = [](int, double) { return 1.0; };
  /// Returns how many jobs arrive per second (Poisson) at a moment; 0: the queue is never empty.
  double (*arrivals)(double at) = [](double) { return 0.0; };
  double first_step = 0;  ///< speed or arrivals change at these moments; 0: never
  double second_step = 0;
  double job_gigabytes = 0;     ///< memory of a job in progress, besides 1 GB that is always used
  double memory_gigabytes = 0;  ///< a worker that needs more is killed; 0: no limit
  double begins_at = 0;         ///< the moment that speed and arrivals count from
};

struct completion {
  double at;
  double latency;
};

struct limit_change {
  double at;
  int limit;
};

/// What happened in a run.
struct run_record {
  std::vector<completion> completions;
  std::vector<limit_change> limits;
  int most_in_progress = 0;
  double killed_at = 0;  ///< when the worker was killed; 0: it was not
};

template <class Modifier>
class modelled_worker {
 public:
  modelled_worker(const load& what, Modifier modifier, std::uint64_t seed)
      : load_(what), modifier_(std::move(modifier)), works_(seed), gaps_(seed + 1) {}

  run_record run() {
    next_arrival_ = infinite_queue() ? never : gap();
    record_.limits.push_back({0, limit_});
    pump();
    while (record_.killed_at == 0) {
      const double finish = jobs_.empty() ? never : now_ + (jobs_.top().due - progress_) / speed();
      const double answer = answers_.empty() ? never : answers_.front().due;
      const double tick = jobs_.empty() ? never : ask_again_;
      const double next = std::min({finish, answer, tick, next_arrival_, next_step(), load_.length});
      if (!jobs_.empty()) progress_ += (next - now_) * speed();
      now_ = next;
      if (next >= load_.length) break;
      if (next == finish) {
        end_job();
      } else if (next == answer) {
        at_the_queue();
      } else if (next == next_arrival_) {
        next_arrival_ = now_ + gap();
        ++backlog_;
        serve_waiting();
      }
      pump();
    }
    return std::move(record_);
  }

 private:
  static constexpr double never = std::numeric_limits<double>::infinity();
  static constexpr double round_trip_to_queue = 0.002;  // seconds
  static constexpr double modifier_interval = 1;
  static constexpr std::size_t takes_at_once = 2;

  struct active_job {
    double due;  // the value of progress_ at which the job ends
    double taken;
    bool operator<(const active_job& other) const { return due > other.due; }
  };

  struct take {
    double sent;
    double due;
    int asked;
  };

  bool infinite_queue() const { return load_.arrivals(load_.begins_at) == 0; }
  double speed() const { return load_.speed(static_cast<int>(jobs_.size()), load_.begins_at + now_); }
  double next_step() const {
    if (load_.first_step > now_) return load_.first_step;
    return load_.second_step > now_ ? load_.second_step : never;
  }

  // Draws the time to the next arrival: exponential, at the current rate.
  double gap() { return -std::log(1 - gaps_.fraction()) / load_.arrivals(load_.begins_at + now_); }

  double draw_work() {
    const double angle = 6.283185307179586 * works_.fraction();
    const double normal = std::sqrt(-2 * std::log(1 - works_.fraction())) * std::cos(angle);
    return load_.work * std::exp(load_.sigma * normal - load_.sigma * load_.sigma / 2);
  }

  static duration span(double seconds) {
    return std::chrono::duration_cast<duration>(std::chrono::duration<double>(seconds));
  }
  static time_point moment(double seconds) { return time_point(span(seconds)); }

  int in_progress() const { return static_cast<int>(jobs_.size()); }
  int capacity() const { return limit_ - in_progress() - requested_; }

  // The main loop of worker::serve().
  void pump() {
    for (;;) {
      const bool another_take = answers_.size() + waiting_.size() < takes_at_once;
      if ((another_take && capacity() > 0) || (in_progress() > 0 && now_ >= ask_again_)) {
        ask_modifier();
        ask_again_ = now_ + modifier_interval;
      }
      const int wanted = capacity();
      if (!another_take || wanted <= 0) return;
      requested_ += wanted;
      recorder_.take_sent(moment(now_), static_cast<std::size_t>(wanted));
      answers_.push_back({now_, now_ + round_trip_to_queue, wanted});
    }
  }

  void ask_modifier() {
    metrics& outside = recorder_.external();
    outside.resources_at = moment(now_);
    outside.memory_used_bytes = outside.resident_bytes = bytes(1 + load_.job_gigabytes * in_progress());
    outside.peak_resident_bytes = bytes(1 + load_.job_gigabytes * record_.most_in_progress);
    outside.memory_limit_bytes = bytes(load_.memory_gigabytes);
    const int wanted = decide_limit(modifier_, recorder_.snapshot(moment(now_), limit_)).limit;
    if (wanted != limit_) record_.limits.push_back({now_, wanted});
    limit_ = wanted;
  }

  static std::uint64_t bytes(double gigabytes) { return static_cast<std::uint64_t>(gigabytes * 1e9); }

  void at_the_queue() {
    waiting_.push_back(answers_.front());
    answers_.erase(answers_.begin());
    serve_waiting();
  }

  void serve_waiting() {
    while (!waiting_.empty() && (infinite_queue() || backlog_ > 0)) {
      const take served = waiting_.front();
      waiting_.erase(waiting_.begin());
      const int brought = infinite_queue() ? served.asked : std::min(served.asked, backlog_);
      backlog_ -= infinite_queue() ? 0 : brought;
      requested_ -= served.asked;
      recorder_.take_answered(moment(now_), moment(served.sent), static_cast<std::size_t>(served.asked),
                              static_cast<std::size_t>(brought));
      for (int i = 0; i < brought; ++i) jobs_.push({progress_ + draw_work(), now_});
      count_jobs();
    }
  }

  void end_job() {
    const double latency = now_ - jobs_.top().taken;
    jobs_.pop();
    record_.completions.push_back({now_, latency});
    recorder_.handler_ended(moment(now_), span(latency));
    recorder_.job_ended(moment(now_), outcome_status::succeeded, span(latency), duration::zero());
    count_jobs();
  }

  void count_jobs() {
    recorder_.in_progress(moment(now_), in_progress());
    record_.most_in_progress = std::max(record_.most_in_progress, in_progress());
    const double needed = 1 + load_.job_gigabytes * in_progress();
    if (load_.memory_gigabytes > 0 && needed > load_.memory_gigabytes) record_.killed_at = now_;
  }

  const load& load_;
  Modifier modifier_;
  random_source works_;
  random_source gaps_;
  metrics_recorder recorder_;
  run_record record_;
  std::priority_queue<active_job> jobs_;
  std::vector<take> answers_;  // takes on their way to the queue and back
  std::vector<take> waiting_;  // takes that wait at an empty queue
  double now_ = 0;
  double progress_ = 0;  // the work done for a job that has been in progress since the start
  double next_arrival_ = never;
  double ask_again_ = 0;
  int limit_ = 1;
  int requested_ = 0;
  int backlog_ = 0;
};

template <class Modifier>
run_record simulate(const load& what, Modifier modifier, std::uint64_t seed) {
  return modelled_worker<Modifier>(what, std::move(modifier), seed).run();
}

}  // namespace coworker::testing
