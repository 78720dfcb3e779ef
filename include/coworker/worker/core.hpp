#pragma once
// worker_core: the parts of a worker that do not depend on the types of its handler and modifier: its
// options, where it runs things, and what other threads ask of it. Must not know any queue.

#include <atomic>
#include <coworker/coro/stop.hpp>
#include <coworker/exec/thread.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <coworker/job/handler.hpp>
#include <coworker/job/worker_view.hpp>
#include <coworker/log.hpp>
#include <coworker/scale/modifier.hpp>
#include <coworker/transport/control.hpp>
#include <coworker/worker/inbox.hpp>
#include <coworker/worker/jobs_in_progress.hpp>
#include <coworker/worker/limit_control.hpp>
#include <coworker/worker/options.hpp>
#include <coworker/worker/watchdog.hpp>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace coworker::inline v0_1::detail {

struct worker_core final : worker_access {
  // Throws: std::invalid_argument for options out of their range.
  worker_core(handler_ref runs, modifier_ref limits, coworker::options chosen)
      : handler(runs),
        options(checked(std::move(chosen))),
        log{options.log != nullptr ? *options.log : own_log},
        own_pool(pool_size()),
        control(limits, runs, options.resources, log) {
    if (options.sink != nullptr) own_log.set_sink(*options.sink);
    place.pool = options.pool ? options.pool : executor_ref(own_pool);
    view.pool = place.pool;
    if (options.coroutines_on_pool) place.coroutines = place.pool;
    place.stream = options.stream;
  }

  worker_core(const worker_core&) = delete;
  worker_core& operator=(const worker_core&) = delete;

  // What an engine asks for. Any thread.
  void stop_job(std::string id) override { inbox.stop_job(std::move(id)); }
  void drain() override { inbox.leave(); }
  std::vector<std::string> jobs_in_progress() const override { return in_progress.ids(); }
  metrics measured() const override { return control.published(); }
  stop_token leaving() const override { return leaving_source ? leaving_source->get_token() : stop_token(); }
  bool preparing() const override { return is_preparing.load(); }

  const handler_ref handler;
  const coworker::options options;
  logger own_log;
  logger& log;
  thread_pool own_pool;  // starts no thread until one is needed
  handler_place place;
  worker_view view;
  limit_control control;
  worker_inbox inbox;
  coworker::jobs_in_progress in_progress;
  std::optional<stop_source> leaving_source;  // of the current run; empty between runs
  std::atomic<bool> is_preparing{false};
  watchdog* watching = nullptr;  // during run(), if loop_block_limit is set

 private:
  // Blocking work gets a thread per job; computing work gets a thread per processor.
  std::size_t pool_size() const noexcept {
    const bool computes = options.coroutines_on_pool && handler.is_coroutine;
    return computes ? thread::hardware_concurrency() : (std::numeric_limits<std::size_t>::max)();
  }
};

}  // namespace coworker::inline v0_1::detail
