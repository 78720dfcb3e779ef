#pragma once
// What a job may see of the worker that runs it. Must not know the worker.

#include <atomic>
#include <coworker/coro/executor.hpp>

namespace coworker::inline v0_1::detail {

// Written on the worker's executor, read on any thread.
struct worker_view {
  executor_ref pool{};          // where plain functions run
  std::atomic<int> running{0};  // jobs whose handlers run
  std::atomic<int> limit{1};    // jobs that may be in progress at once
};

}  // namespace coworker::detail
