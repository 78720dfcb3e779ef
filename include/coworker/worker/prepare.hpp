#pragma once
// Prepares a handler at the beginning of a run. Must not know any queue, nor what is prepared.

#include <charconv>
#include <coworker/coro/clock.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/timeout.hpp>
#include <coworker/job/error_info.hpp>
#include <coworker/job/preparation.hpp>
#include <coworker/json/decimal.hpp>
#include <coworker/worker/core.hpp>
#include <exception>
#include <string>

namespace coworker::inline v0_1::detail {

struct preparation_end {
  bool ended = false;
  std::exception_ptr failure;
};

inline task<void> prepare_to_end(worker_core& core, preparation_end& end) {
  const stop_token stop = co_await this_coro::stop_token();
  const preparation how(core.place.pool, core.log, stop);
  try {
    co_await core.handler.prepare(how);
  } catch (...) {
    end.failure = std::current_exception();
  }
  end.ended = true;
  core.inbox.changed.set();
}

// Returns what the run must end with; null if the handler is ready, or if the worker leaves before. `most` is
// how many jobs the engine allows in progress. The caller has set core.is_preparing.
inline task<std::exception_ptr> prepare_worker(worker_core& core, executor_ref executor, int most) {
  const time_point start = executor.now();
  preparation_end end;
  scope preparing((context(executor)));
  if (core.inbox.leaving()) {
    end.ended = true;
  } else {
    core.log.write(log_level::info, "Preparing the handler.");
    preparing.spawn(detail::prepare_to_end(core, end));
  }
  while (!end.ended) {
    if (core.inbox.leaving()) preparing.request_stop();
    co_await core.inbox.changed.wait();
  }
  co_await preparing.join();
  core.is_preparing.store(false);  // before leaving() is read again: see worker_inbox
  const bool leaving = core.inbox.leaving();
  const time_point now = executor.now();
  core.control.begin(now, most);  // what was measured during preparation says nothing about the jobs to come
  if (end.failure != nullptr && !(leaving && detail::is_cancelled(end.failure))) {
    core.inbox.leave();
    co_return std::make_exception_ptr(preparation_error(describe_exception(end.failure)));
  }
  if (!leaving) {
    const double seconds = std::chrono::duration<double>(now - start).count();
    core.log.write(log_level::info, "The handler is ready after " +
                                        detail::decimal_text(seconds, std::chars_format::fixed, 2) + " s.");
  }
  co_return nullptr;
}

}  // namespace coworker::inline v0_1::detail
