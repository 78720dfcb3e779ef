#pragma once
// What a job table consists of, and how a job changes in it. Must not know who asks for it: job_table.hpp
// locks, and serves clients and the worker.

#include <coworker/coro/clock.hpp>
#include <coworker/exec/event.hpp>
#include <coworker/exec/short_mutex.hpp>
#include <coworker/json/json.hpp>
#include <coworker/transport/concept.hpp>
#include <coworker/transport/control.hpp>
#include <coworker/transport/endpoint/arrival_meter.hpp>
#include <coworker/transport/endpoint/job.hpp>
#include <coworker/transport/endpoint/job_ids.hpp>
#include <coworker/transport/endpoint/kept_jobs.hpp>
#include <coworker/transport/endpoint/options.hpp>
#include <coworker/transport/endpoint/waiting_jobs.hpp>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace coworker::inline v0_1::detail {

// All functions require that the caller holds the lock.
class job_states {
 protected:
  explicit job_states(const endpoint_options& options) noexcept : options_(options), ids_(options.seed) {}
  ~job_states() = default;

  // Returns what is to be set, after unlocking, so that the client of a job that ends now is woken; null: another
  // thread sets it. The first in the list sets the event. wake_clients() resets the event and takes the list
  // under one lock: a job that is added before that is taken, even if the event is set only later, and the next
  // job is a first one again.
  event* gather(const job_handle& job) noexcept {
    if (!gathers_ends_) return &job->news;
    try {
      ended_.push_back(job);
    } catch (const std::bad_alloc&) {
      return &job->news;
    }
    return ended_.size() == 1 ? &some_ended_ : nullptr;
  }

  // Gives a job to the worker. Throws: std::bad_alloc; nothing has then changed.
  void start(const job_handle& next, time_point now, take_result& taken) {
    taken.jobs.emplace_back();
    try {
      taken.jobs.back().id = next->id;
      // Kept here until the worker returns it, even if no client can ask for it later.
      running_.insert(next->id, [&next] { return next; });
    } catch (...) {
      taken.jobs.pop_back();
      throw;
    }
    next->move_to(taken.jobs.back());
    waiting_.note_left(*next);
    ++in_progress_;
    next->running = next->was_started = true;
    next->started = now;
    note_change(*next, endpoint_status::in_progress);
  }

  // For a change that no client waits for.
  void note_change(endpoint_job& job, endpoint_status to) noexcept {
    job.status = to;
    job.revision = ++revision_;
  }

  void change(endpoint_job& job, endpoint_status to) {
    note_change(job, to);
    job.news.set();
  }

  void cancel_locked(endpoint_job& job, std::string why, time_point now) {
    if (job.running) {
      for (const worker_control& worker : workers_) worker.stop_job(job.id);
    }
    end_locked(job, endpoint_status::cancelled, text_handle(), std::move(why), now);
  }

  // Ends a waiting job whose time to live is over.
  void expire(endpoint_job& job, time_point now) {
    if (job.status != endpoint_status::in_queue || now < job.deadline) return;
    end_locked(job, endpoint_status::timed_out, text_handle(),
               "timed out: its time to live ended before it was started", now);
  }

  job_view look_locked(endpoint_job& job, time_point now) {
    expire(job, now);
    return detail::view_of(job, now);
  }

  void end_locked(endpoint_job& job, endpoint_status status, text_handle output, std::string error,
                  time_point now) {
    job.news.set();
    job.note_room();
    end_quietly(job, status, std::move(output), std::move(error), now);
  }

  // Wakes neither the job's client nor a handler that waits for room; the caller does.
  void end_quietly(endpoint_job& job, endpoint_status status, text_handle output, std::string error,
                   time_point now) {
    if (job.status == endpoint_status::in_queue) {
      waiting_.note_left(job);
      job.input = job.details = json();  // waiting_ may hold the job for some time
    }
    job.ended = now;
    job.output = std::move(output);
    job.error = std::move(error);
    ++detail::count_of(counts_, status);
    note_change(job, status);
    const job_handle self = job.kept() ? kept_.handle_of(job) : job_handle();
    if (!self) return;
    if (!job.texts->webhook.empty()) {
      notices_.push_back({job.texts->webhook, self});
      noticed_.set();
    }
    kept_.note_end(self, now);
  }

  std::size_t cancel_waiting(const char* why, time_point now) {
    std::size_t removed = 0;
    for (; waiting_.has_place(); waiting_.pop()) {
      endpoint_job& next = *waiting_.first();
      if (next.status != endpoint_status::in_queue) continue;
      end_locked(next, endpoint_status::cancelled, text_handle(), why, now);
      ++removed;
    }
    return removed;
  }

  const endpoint_options& options_;
  mutable short_mutex mutex_;  // guards everything below, and the jobs
  job_ids ids_;
  event available_;           // a take may find a job
  event some_ended_;          // there are jobs in ended_
  event noticed_;             // there are webhooks to call
  kept_jobs kept_{options_};  // the jobs that clients may ask for
  job_index running_;         // the jobs that a worker has
  waiting_jobs waiting_{options_};
  std::vector<endpoint_notice> notices_;
  std::vector<job_handle> ended_;  // their clients are not woken yet
  std::vector<worker_control> workers_;
  endpoint_counts counts_;
  arrival_meter arrivals_;  // requests that add a job, also those refused for lack of room
  std::size_t in_progress_ = 0;
  std::uint64_t revision_ = 0;
  bool closed_ = false;
  bool gathers_ends_ = false;
};

}  // namespace coworker::inline v0_1::detail
