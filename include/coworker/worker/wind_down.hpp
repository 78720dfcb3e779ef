#pragma once
// How a worker_run ends: jobs in progress have the grace period, then they are stopped. Must not know how
// jobs are run.

#include <coworker/coro/clock.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/insist.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/log.hpp>
#include <coworker/worker/worker_run.hpp>
#include <new>
#include <string>

namespace coworker::inline v0_1::detail {

// Waits until no takes and no jobs are left. Once the worker leaves, jobs have the grace period to end by
// themselves, also jobs that a take still brings. From an engine that drains, jobs are taken until then, as many
// at once as the modifier says.
template <transport Queue>
task<void> worker_run<Queue>::wind_down() {
  time_point last_call = (time_point::max)();
  time_point publish_at = (time_point::min)();
  bool counting = false;
  while (slots_.takes > 0 || slots_.in_progress() > 0 || drains()) {
    time_point now = executor_.now();
    if (core_.inbox.leaving() && !counting) {
      counting = true;
      last_call = after(now, core_.options.grace_period);
    }
    const bool at_once = core_.inbox.leaving_at_once();
    if (at_once && !jobs_stopped_) last_call = now;
    follow_inbox();
    watch_.look(now, [this](job_record& record) { give_up(record); });
    if (drains()) {
      ask_if_due(now);
      start_queued_jobs(now);
      if (begin_take()) continue;
    }
    if (now >= publish_at) {
      look_at_queue(now);
      core_.control.publish(now, slots_.limit);
      publish_at = after(now, core_.options.modifier_interval);
    }
    time_point due = last_call < watch_.next_look() ? last_call : watch_.next_look();
    if (publish_at < due) due = publish_at;
    sleeps_until_ = due;
    bool was_set = true;
    bool armed = false;
    try {
      was_set = co_await core_.inbox.changed.wait_until(due);
      armed = true;
    } catch (const std::bad_alloc&) {
    }
    try {
      if (!armed) co_await resume_on(executor_);  // others may free some memory
    } catch (const std::bad_alloc&) {
    }
    sleeps_until_ = (time_point::min)();
    now = executor_.now();
    if (was_set || now < last_call) continue;
    if (slots_.running > 0) log_grace_is_over(at_once);
    jobs_stopped_ = true;
    takes_.request_stop();
    watch_.stop_all(at_once ? "stopped: the worker leaves at once"
                            : "stopped: the worker leaves, and its grace period is over",
                    now);
    start_queued_jobs(now);
    last_call = (time_point::max)();
  }
}

template <transport Queue>
void worker_run<Queue>::log_grace_is_over(bool at_once) {
  detail::insist([&] {
    core_.log.write(log_level::warn,
                    (at_once ? "The worker leaves at once: " : "The grace period is over: ") +
                        std::to_string(slots_.running) +
                        (slots_.running == 1 ? " running job is" : " running jobs are") + " asked to stop.");
  });
}

}  // namespace coworker::inline v0_1::detail
