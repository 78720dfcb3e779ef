#pragma once
// The jobs of an HTTP endpoint that clients may ask for, by their ids. Those that have ended are kept for a
// limited time and within a bound on memory; the oldest are dropped first. Must not know how a job proceeds.

#include <coworker/coro/clock.hpp>
#include <coworker/exec/fifo.hpp>
#include <coworker/transport/endpoint/job.hpp>
#include <coworker/transport/endpoint/job_ids.hpp>
#include <coworker/transport/endpoint/options.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace coworker::inline v0_1::detail {

// Removes a job and returns it; empty: there is none.
inline job_handle take_job(job_index& jobs, std::string_view id) {
  const job_handle* const found = jobs.find(id);
  job_handle taken = found != nullptr ? *found : job_handle();
  if (found != nullptr) jobs.erase(id);
  return taken;
}

// Guarded by its owner's mutex, like the jobs.
class kept_jobs {
 public:
  explicit kept_jobs(const endpoint_options& options) noexcept : options_(options) {}

  void add(const job_handle& job) {
    jobs_.insert(job->id, [&job] { return job; });
  }

  // Null: there is no such job.
  const job_handle* find(std::string_view id) const noexcept { return jobs_.find(id); }

  // Empty: the job is not here, or another job now has its id.
  job_handle handle_of(const endpoint_job& job) const noexcept {
    const job_handle* const found = jobs_.find(job.id);
    return found != nullptr && found->get() == &job ? *found : job_handle();
  }

  template <class Visit>
  void for_each(const Visit& visit) const {
    jobs_.for_each(visit);
  }

  // Counts the job as one of the results from now on.
  void note_end(const job_handle& job, time_point now) {
    ended_.push(job);
    job->ended_here = true;
    bytes_ += job->bytes;
    count_bytes(
        *job, static_cast<std::ptrdiff_t>((job->output ? job->output->text.size() : 0) + job->error.size()));
    make_room(now);
  }

  void count_bytes(endpoint_job& job, std::ptrdiff_t more) noexcept {
    job.bytes += static_cast<std::size_t>(more);
    if (job.ended_here) bytes_ += static_cast<std::size_t>(more);
  }

  // Drops the oldest results: those older than options::keep_async, and more while the bound is exceeded.
  void make_room(time_point now) {
    while (!ended_.empty()) {
      const endpoint_job& oldest = *ended_[0];
      const bool old = oldest.ended_here && now - oldest.ended > options_.keep_async;
      if (oldest.ended_here && !old && bytes_ <= options_.most_kept) return;
      const job_handle dropped = ended_.pop();
      if (dropped->ended_here) forget(*dropped);
    }
  }

  // Handles to the job stay valid.
  void forget(endpoint_job& job) {
    if (job.ended_here) {
      bytes_ -= job.bytes;
      job.ended_here = false;
      job.output = text_handle();  // ended_ may hold the job for some time
      job.chunks = std::vector<std::string>();
      if (job.texts) job.texts->request = std::string();
    }
    if (handle_of(job)) detail::take_job(jobs_, job.id);
  }

 private:
  const endpoint_options& options_;
  job_index jobs_;
  fifo<job_handle> ended_;  // in the order in which they ended; contains also jobs that were forgotten
  std::size_t bytes_ = 0;   // of the jobs in ended_ that were not forgotten
};

}  // namespace coworker::inline v0_1::detail
