#pragma once
// The jobs of an HTTP endpoint that wait for a worker, in the order in which they came, within bounds on their
// number and memory. Must not know where they go.

#include <atomic>
#include <coworker/exec/fifo.hpp>
#include <coworker/transport/endpoint/job.hpp>
#include <coworker/transport/endpoint/options.hpp>
#include <cstddef>

namespace coworker::inline v0_1::detail {

// Guarded by its owner's mutex, like the jobs.
class waiting_jobs {
 public:
  explicit waiting_jobs(const endpoint_options& options) noexcept : options_(options) {}

  // Needs no lock.
  std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }
  bool has_room() const noexcept { return size() < options_.most_waiting; }
  bool has_room_for(std::size_t bytes) const noexcept {
    return has_room() && bytes_ + bytes <= options_.most_kept;
  }

  void push(const job_handle& job) {
    places_.push(job);
    ++size_;
    bytes_ += job->bytes;
  }

  // For a job that no longer waits. Its place stays until it is popped.
  void note_left(const endpoint_job& job) noexcept {
    --size_;
    bytes_ -= job.bytes;
  }

  // The places, also those of jobs that no longer wait.
  bool has_place() const noexcept { return !places_.empty(); }
  const job_handle& first() noexcept { return places_[0]; }
  void pop() noexcept { places_.pop(); }

 private:
  const endpoint_options& options_;
  fifo<job_handle> places_;
  std::atomic<std::size_t> size_{0};  // how many wait; written under the lock
  std::size_t bytes_ = 0;             // of those that wait
};

}  // namespace coworker::inline v0_1::detail
