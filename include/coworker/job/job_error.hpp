#pragma once
// job_error: an exception with which a handler of any kind fails its job and asks for more. Must not know how
// handlers are run.

#include <stdexcept>
#include <string>
#include <utility>

namespace coworker::inline v0_1 {

/// What a job_error asks for, besides failing its job.
struct job_error_options {
  /// Takes no more jobs, and ends the worker when those in progress have ended, so that the platform starts a
  /// fresh one. For conditions from which a process cannot recover, such as a GPU that is out of memory.
  /// Default: false.
  bool recycle_worker = false;
};

/// Fails the job with this message when a handler throws it: `throw job_error("CUDA: out of memory",
/// {.recycle_worker = true});`. Its options also count if it is nested in the exception that is thrown.
class job_error : public std::runtime_error {
 public:
  explicit job_error(const std::string& message, job_error_options options = {})
      : std::runtime_error(message), options_(options) {}

  const job_error_options& options() const noexcept { return options_; }

 private:
  job_error_options options_;
};

}  // namespace coworker::inline v0_1
