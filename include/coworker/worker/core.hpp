#pragma once
// worker_core: what a worker is made of besides its handler and modifier, whose types it need not know: what
// it was told, where it runs things, and what other threads say to it. Must not know any queue.

#include <coworker/exec/thread.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <coworker/job/handler.hpp>
#include <coworker/log.hpp>
#include <coworker/scale/modifier.hpp>
#include <coworker/worker/inbox.hpp>
#include <coworker/worker/limit_control.hpp>
#include <coworker/worker/options.hpp>
#include <coworker/worker/watchdog.hpp>
#include <cstddef>
#include <limits>
#include <utility>

namespace coworker::detail {

struct worker_core {
  // Errors: std::invalid_argument for options out of their range.
  worker_core(handler_ref runs, modifier_ref limits, worker_options chosen)
      : handler(runs),
        options(checked(std::move(chosen))),
        log{options.log != nullptr ? *options.log : own_log},
        own_pool(pool_size()),
        control(limits, options.resources, log) {
    place.pool = options.pool ? options.pool : executor_ref(own_pool);
    place.identity = options.identity;
    if (options.coroutines_on_pool) place.coroutines = place.pool;
    place.stream = options.stream;
  }

  worker_core(const worker_core&) = delete;
  worker_core& operator=(const worker_core&) = delete;

  const handler_ref handler;
  const worker_options options;
  logger own_log;
  logger& log;
  thread_pool own_pool;  // has no thread until one is needed
  handler_place place;
  limit_control control;
  worker_inbox inbox;
  watchdog* dog = nullptr;  // where one is wanted, while run() is in progress

 private:
  // What blocks has a thread for each job; what computes, one for each processor.
  std::size_t pool_size() const noexcept {
    const bool computes = options.coroutines_on_pool && handler.is_coroutine;
    return computes ? thread::hardware_concurrency() : (std::numeric_limits<std::size_t>::max)();
  }
};

}  // namespace coworker::detail
