#pragma once
// Writes to the worker's log under a job's id, wherever the job's coroutine runs. Must not know the worker.

#include <coworker/coro/context.hpp>
#include <coworker/job/record.hpp>
#include <coworker/log.hpp>
#include <string_view>

namespace coworker::inline v0_1 {

/// Writes log lines of one job to its worker's log. Returned by job::log() and `co_await this_coro::log()`.
/// Writes nothing outside a worker.
/// Thread safety: may be used on any thread, until the handler has ended.
class job_log {
 public:
  job_log() noexcept {}
  explicit job_log(const job_record* job) noexcept : job_(job) {}

  /// Returns whether a line of that level would be written. Check it before composing an expensive one.
  bool writes(log_level level) const noexcept {
    return destination() != nullptr && destination()->writes(level);
  }

  void write(log_level level, std::string_view message) const noexcept {
    if (writes(level)) destination()->write(level, message, job_->subject());
  }

  void(trace)(std::string_view message) const noexcept { write(log_level::trace, message); }
  void(debug)(std::string_view message) const noexcept { write(log_level::debug, message); }
  void(info)(std::string_view message) const noexcept { write(log_level::info, message); }
  void(warn)(std::string_view message) const noexcept { write(log_level::warn, message); }
  void(error)(std::string_view message) const noexcept { write(log_level::error, message); }

 private:
  logger* destination() const noexcept { return job_ != nullptr ? job_->log : nullptr; }

  const job_record* job_ = nullptr;
};

namespace this_coro {

/// Returns the log of the job that the current task works for, on whatever executor: `job_log log = co_await
/// this_coro::log();`.
/// Throws: std::logic_error if the task runs on no executor.
class log : public detail::context_awaiter<log> {
 public:
  static constexpr const char* name = "this_coro::log";
  (log)() noexcept {}
  job_log await_resume() const noexcept { return job_log(context_->job); }
};

}  // namespace this_coro
}  // namespace coworker::inline v0_1
