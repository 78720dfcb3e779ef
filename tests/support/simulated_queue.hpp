#pragma once
// A queue in virtual time, for tests of the worker: jobs arrive at the moments that a test names, takes are
// long polls, and all calls of the worker are recorded.

#include <algorithm>
#include <chrono>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/auto_reset_event.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/transport/concept.hpp>
#include <coworker/transport/runpod/bodies.hpp>
#include <coworker/transport/runpod/job_list.hpp>
#include <coworker/worker.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/captured_log.hpp"

namespace coworker::testing {

/// A take as the queue saw it. Moments are virtual time since the start.
struct take_note {
  duration sent;
  duration returned;
  std::size_t capacity;
  std::size_t in_progress;
  std::size_t jobs;
};

struct result_note {
  duration at;
  std::string id;
  outcome_status status;
  json body;  ///< {"output": X} or {"error": as the platform shows it}, and "recycle": true
  error_info error;
  bool streamed;
};

struct progress_note {
  duration at;
  std::string id;
  std::string text;
};

class simulated_queue {
 public:
  explicit simulated_queue(simulated_loop& loop) : loop_(loop) { stated.takes = 2; }

  // Its behaviour.
  duration hold = std::chrono::seconds(90);  ///< how long a take waits for a job
  bool ends = true;                          ///< closes after the last job; false: takes go on waiting
  duration delivery_time{};                  ///< how long complete() takes
  delivery answer = delivery::accepted;      ///< what complete() returns
  bool throws_when_stopped = true;           ///< a stopped take throws `cancelled`; false: it returns empty
  std::vector<job_envelope> jobs_when_stopped = {};  ///< handed over by a take that is stopped
  duration time_when_stopped{};                      ///< how long a stopped take goes on
  duration chunk_time{};                             ///< how long a chunk or a report of progress takes
  delivery chunk_delivery = delivery::accepted;      ///< what chunk() and progress() return
  std::exception_ptr take_failure = nullptr;         ///< thrown by a take that has no job
  std::exception_ptr complete_failure = nullptr;     ///< thrown by every complete()
  std::exception_ptr chunk_failure = nullptr;        ///< thrown by every chunk()
  std::exception_ptr progress_failure = nullptr;     ///< thrown by every progress()

  // What it recorded.
  std::vector<take_note> takes;
  std::vector<result_note> results;
  std::vector<std::pair<std::string, std::string>> chunks;
  std::vector<duration> chunk_moments;
  std::vector<progress_note> reports;
  std::size_t most_takes_at_once = 0;

  transport_limits stated;  ///< what limits() returns

  transport_limits limits() const { return stated; }
  void interpret(outcome& made) const {
    if (interprets) read_magic_members(made);
  }
  duration ready_delay{};   ///< for the timings that complete() adds, if they are measured
  bool interprets = false;  ///< members of outputs have the platform's meaning

  /// Adds a job that arrives at a moment. Jobs must be added in the order of their arrival.
  void add(duration at, std::string id, json input = json::object(), json details = json::object()) {
    job_envelope envelope;
    envelope.id = std::move(id);
    envelope.input = std::move(input);
    envelope.details = std::move(details);
    read_job_details(envelope);
    arrivals_.push_back({at, std::move(envelope)});
  }

  task<take_result> take(take_request request) {
    const std::size_t number = takes.size();
    takes.push_back({loop_.elapsed(), duration::max(), request.capacity, request.in_progress, 0});
    most_takes_at_once = std::max(most_takes_at_once, ++takes_in_progress_);
    const duration give_up = loop_.elapsed() + hold;
    take_result taken = hand_over(request.capacity);
    bool stopped = false;
    while (taken.jobs.empty() && !taken.closed && !stopped && loop_.elapsed() < give_up) {
      stopped = co_await stopped_before(std::min(give_up, next_arrival()));
      if (!stopped) taken = hand_over(request.capacity);
    }
    if (stopped && time_when_stopped > duration::zero()) {
      auto_reset_event never_set;
      co_await never_set.wait_until(loop_.now() + time_when_stopped);
    }
    if (stopped) taken.jobs = std::exchange(jobs_when_stopped, {});
    takes[number].returned = loop_.elapsed();
    takes[number].jobs = taken.jobs.size();
    --takes_in_progress_;
    if (stopped && taken.jobs.empty() && throws_when_stopped) throw cancelled();
    if (take_failure != nullptr && taken.jobs.empty()) std::rethrow_exception(take_failure);
    co_return taken;
  }

  task<delivery> complete(job_result result) {
    if (delivery_time > duration::zero()) co_await sleep_for(delivery_time);
    if (complete_failure != nullptr) std::rethrow_exception(complete_failure);
    if (result.timings != nullptr) add_debugger_member(result.outcome, *result.timings, ready_delay);
    json body = json::object();
    if (!result.outcome.succeeded())
      body["error"] = result.outcome.error() != nullptr
                          ? error_report(*result.outcome.error(), {}, silence_.log)
                          : std::string(result.outcome.message());
    const bool empty = result.outcome.output.is_object() && result.outcome.output.empty();
    if (!empty && (result.outcome.succeeded() || !result.outcome.output.is_null()))
      body["output"] = result.outcome.output;
    if (result.outcome.recycle_worker) body["recycle"] = true;
    results.push_back({loop_.elapsed(), std::string(result.job_id), result.outcome.status, std::move(body),
                       result.outcome.error() != nullptr ? *result.outcome.error() : error_info(),
                       result.streamed});
    co_return answer;
  }

  task<delivery> chunk(std::string_view job_id, json value) {
    chunk_moments.push_back(loop_.elapsed());
    chunks.emplace_back(job_id, value.dump());
    if (chunk_time > duration::zero()) co_await sleep_for(chunk_time);
    if (chunk_failure != nullptr) std::rethrow_exception(chunk_failure);
    co_return chunk_delivery;
  }

  task<delivery> progress(std::string_view job_id, json value) {
    reports.push_back({loop_.elapsed(), std::string(job_id), value.dump()});
    if (chunk_time > duration::zero()) {
      auto_reset_event never_set;
      co_await never_set.wait_until(loop_.now() + chunk_time);
    }
    if (progress_failure != nullptr) std::rethrow_exception(progress_failure);
    co_return chunk_delivery;
  }

  const result_note& result_of(std::string_view id) const {
    const auto found = std::find_if(results.begin(), results.end(),
                                    [id](const result_note& result) { return result.id == id; });
    if (found == results.end()) throw std::out_of_range("no result of " + std::string(id));
    return *found;
  }

 private:
  struct arrival {
    duration at;
    job_envelope envelope;
  };

  duration next_arrival() const { return arrivals_.empty() ? duration::max() : arrivals_.front().at; }

  take_result hand_over(std::size_t capacity) {
    take_result taken;
    while (taken.jobs.size() < capacity && next_arrival() <= loop_.elapsed()) {
      taken.jobs.push_back(std::move(arrivals_.front().envelope));
      arrivals_.pop_front();
    }
    taken.closed = ends && arrivals_.empty();
    return taken;
  }

  static task<bool> stopped_before(duration moment) {
    bool stopped = false;
    try {
      co_await sleep_until(time_point(moment));
    } catch (const cancelled&) {
      stopped = true;
    }
    co_return stopped;
  }

  simulated_loop& loop_;
  captured_log silence_;
  std::deque<arrival> arrivals_;
  std::size_t takes_in_progress_ = 0;
};

static_assert(transport<simulated_queue> && chunk_transport<simulated_queue> &&
              progress_transport<simulated_queue>);

/// What a test of the worker in virtual time needs.
struct simulation {
  simulated_loop loop;
  captured_log output;
  simulated_queue queue{loop};
  worker_options options;

  simulation() { options.log = &output.log; }
  explicit simulation(std::uint64_t seed) : loop(seed) { options.log = &output.log; }

  template <class Worker>
  worker_summary serve(Worker& worker) {
    return sync_wait(loop, worker.serve(queue));
  }

  /// Does the same, and calls stop() at a moment of virtual time.
  template <class Worker>
  worker_summary serve_and_stop(Worker& worker, duration at) {
    return sync_wait(loop, stopped_at(worker, queue, at));
  }

 private:
  template <class Worker>
  static task<void> stop_later(Worker& worker, duration at) {
    co_await sleep_until(time_point(at));
    worker.stop();
  }

  template <class Worker>
  static task<worker_summary> stopped_at(Worker& worker, simulated_queue& queue, duration at) {
    const context surrounding = co_await this_coro::context();
    scope beside(surrounding);
    beside.spawn(stop_later(worker, at));
    const worker_summary summary = co_await worker.serve(queue);
    beside.request_stop();
    co_await beside.join();
    co_return summary;
  }
};

}  // namespace coworker::testing
