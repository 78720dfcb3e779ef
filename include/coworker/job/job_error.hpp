#pragma once
// job_error: an exception by which a handler of any kind says more than that its job failed. Must not know how
// handlers are run.

#include <stdexcept>
#include <string>
#include <utility>

namespace coworker::inline v0_1 {

/// What a job_error asks for besides the failure of its job.
struct job_error_options {
  /// Takes no more jobs and ends the worker once those in progress have ended, so that the platform starts a fresh
  /// one: for what a process does not recover from, such as a GPU that is out of memory. Default: no.
  bool recycle_worker = false;
};

/// Thrown by a handler, fails its job with this message: `throw job_error("CUDA: out of memory", {.recycle_worker =
/// true});`. Counts too when it is nested in what is thrown.
class job_error : public std::runtime_error {
 public:
  explicit job_error(const std::string& message, job_error_options options = {})
      : std::runtime_error(message), options_(options) {}

  const job_error_options& options() const noexcept { return options_; }

 private:
  job_error_options options_;
};

}  // namespace coworker
