#pragma once
// The part of its worker, or of its test, that a job may see. Must not know the worker.

#include <atomic>
#include <coworker/coro/executor.hpp>

namespace coworker::inline v0_1::detail {

class job_observer;

// Written on the worker's executor, read on any thread.
struct worker_view {
  executor_ref pool{};               // runs plain functions
  std::atomic<int> running{0};       // number of jobs whose handlers run
  std::atomic<int> limit{1};         // maximum number of jobs in progress at once
  job_observer* observer = nullptr;  // set by tests
};

}  // namespace coworker::inline v0_1::detail
