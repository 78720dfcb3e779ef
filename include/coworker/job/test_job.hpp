#pragma once
// test_job: runs a handler on one job in virtual time, without a queue or a worker, and records all that it
// does. For unit tests; must not know their framework.

#include <atomic>
#include <coworker/coro/clock.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/job/handler.hpp>
#include <coworker/job/job_observer.hpp>
#include <coworker/job/preparation.hpp>
#include <coworker/job/record.hpp>
#include <coworker/job/worker_view.hpp>
#include <coworker/json/json.hpp>
#include <coworker/log.hpp>
#include <coworker/typed/write.hpp>
#include <cstddef>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::inline v0_1 {

namespace detail {

// A simulated loop that counts how many times a coroutine on it waits.
class await_counter {
 public:
  static constexpr executor_clock clock = executor_clock::simulated;
  static constexpr bool serial = true;

  await_counter(simulated_loop& loop, stop_source& stop) noexcept : loop_(loop), stop_(stop) {}
  void post(std::coroutine_handle<> handle) { loop_.post(handle); }
  void arm(timer& alarm) {
    if (++count == stop_at) stop_.request_stop();
    loop_.arm(alarm);
  }
  void cancel(timer& alarm) { loop_.cancel(alarm); }
  time_point now() const noexcept { return loop_.now(); }

  int count = 0;
  int stop_at = 0;

 private:
  simulated_loop& loop_;
  stop_source& stop_;
};

class kept_lines final : public log_sink {
 public:
  void write(log_level, std::string_view line) noexcept override {
    const std::lock_guard lock(mutex_);
    lines.emplace_back(line);
  }

  std::vector<std::string> lines;

 private:
  std::mutex mutex_;
};

}  // namespace detail

/// Runs one job through a handler under test:
///
///     test_job<request> job({.prompt = "fog"});
///     job.stop_at_progress(3);
///     job.run(handle);
///     CHECK(job.outcome.status == outcome_status::stopped);
///     CHECK(job.progress.size() == 3);
///
/// The handler may be of any kind, middleware included; one that is prepared() is prepared first. It runs on
/// a simulated_loop of the job's own: sleeps take no time, plain functions run on the calling thread, and
/// real threads are refused. The input is converted through JSON, with its rules, as in a worker.
///
/// Thread safety: none, except that progress may be reported on any thread.
template <class Input = json>
class test_job : private detail::job_observer {
 public:
  explicit test_job(Input input = Input(), std::string id = "test_job") {
    envelope.id = std::move(id);
    envelope.input = json(std::move(input));
  }
  test_job(const test_job&) = delete;
  test_job& operator=(const test_job&) = delete;

  // How the job is run.
  job_envelope envelope;       ///< the job as a queue hands it over: details, deliveries, trace parent
  stream_options stream = {};  ///< how a streaming handler's elements become chunks
  log_level level = log_level::trace;

  /// Requests a stop of the job at that time after its handler has begun; 0: as it begins.
  void stop_at(duration after_start) { stop_after_ = after_start; }
  /// Requests a stop within the n-th call of job::progress(), counted from 1.
  void stop_at_progress(int number) { stop_at_progress_ = number; }
  /// Requests a stop when its coroutine waits for the n-th time, counted from 1: for a time or an event, in
  /// whatever it awaits.
  void stop_at_await(int number) { stop_at_await_ = number; }
  /// Ends its time at that time after its handler has begun: the job is stopped, and fails unless the handler
  /// then still returns something.
  void deadline_at(duration after_start) { deadline_after_ = after_start; }

  // What the job did.
  coworker::outcome outcome;
  std::vector<json> progress;    ///< every report, including those that a later one would replace in a queue
  std::vector<json> chunks;      ///< of a streaming handler
  std::vector<std::string> log;  ///< lines as a worker writes them, the level first
  duration elapsed{};            ///< virtual time from the start of its handler to its end
  int awaits = 0;                ///< how many times it waited

  /// Runs the handler to its end and returns the outcome. May be called once.
  /// Throws: what the handler's preparation throws; std::logic_error for a second call, and if the handler
  /// awaits something that can never happen.
  template <class Handler>
  const coworker::outcome& run(Handler&& handler) {
    constexpr bool is_handler = job_handler<std::remove_reference_t<Handler>>;
    static_assert(is_handler,
                  "test_job::run: the handler does not fit; it must be callable with a job and give "
                  "something that turns into json, as in `task<std::string> handle(job<> work)` or `json "
                  "handle(job<> work)`");
    if constexpr (is_handler) {
      if (std::exchange(ran_, true))
        throw std::logic_error("test_job::run: it has run already; make another test_job");
      coworker::sync_wait(loop_, run_all(handler));
      log = std::move(sink_.lines);
    }
    return outcome;
  }

 private:
  static constexpr duration never{-1};

  struct chunk_target {
    test_job& of;
    task<bool> send(const job_record&, json chunk) const {
      of.chunks.push_back(std::move(chunk));
      co_return true;
    }
    void interpret(coworker::outcome&) const {}
  };

  void reported(const json& value) override {
    bool stops = false;
    {
      const std::lock_guard lock(mutex_);
      progress.push_back(value);
      stops = static_cast<int>(progress.size()) == stop_at_progress_;
    }
    if (stops) record_->stop.request_stop();
  }

  task<void> end_later(job_record& record, duration at, coworker::outcome known) {
    co_await coworker::sleep_for(at);
    if (record.stop.stop_requested()) co_return;
    record.outcome = std::move(known);
    record.stop.request_stop();
  }

  template <class Handler>
  task<void> run_all(Handler& handler) {
    logger lines(level);
    lines.set_sink(sink_);
    if constexpr (preparing_handler<Handler>) {
      const preparation how(loop_, lines);
      co_await coworker::prepare_handler(handler, how);
    }
    const detail::record_ref owned(*new job_record(std::move(envelope)));
    job_record& record = *owned;
    record_ = &record;
    record.log = &lines;
    detail::worker_view around;
    around.pool = loop_;
    around.running = 1;
    around.observer = this;
    record.worker = &around;
    detail::await_counter counter(loop_, record.stop);
    counter.stop_at = stop_at_await_;
    handler_place place;
    place.pool = loop_;
    place.coroutines = counter;
    place.stream = stream;
    chunk_target target{*this};
    const stream_sink sink(target);

    const context here = co_await this_coro::context();
    scope beside(here);
    if (stop_after_ == duration::zero()) record.stop.request_stop();
    if (stop_after_ > duration::zero())
      beside.spawn(end_later(record, stop_after_, coworker::outcome::stop("stopped: a stop was requested")));
    if (deadline_after_ >= duration::zero()) {
      beside.spawn(end_later(record, deadline_after_,
                             coworker::outcome::failure("timed out: it ran longer than it may")));
    }
    context own(loop_, record.stop.get_token(), &record);
    const time_point start = loop_.now();
    if (record.runnable) co_await coworker::run_handler(handler, record, place, sink).in(own);
    elapsed = loop_.now() - start;
    awaits = counter.count;
    beside.request_stop();
    co_await beside.join();
    outcome = record.outcome;
    record.log = nullptr;
    record.worker = nullptr;
  }

  simulated_loop loop_;
  detail::kept_lines sink_;
  std::mutex mutex_;
  job_record* record_ = nullptr;
  duration stop_after_ = never;
  duration deadline_after_ = never;
  int stop_at_progress_ = 0;
  int stop_at_await_ = 0;
  bool ran_ = false;
};

}  // namespace coworker::inline v0_1
