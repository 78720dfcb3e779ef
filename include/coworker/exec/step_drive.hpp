#pragma once
// drive_or_wait: how a job waits for the next pieces of its sequence. In a simulation a step_engine has no
// thread; there one of the waiting jobs runs its steps.
// Must not know what a step does.

#include <coworker/coro/clock.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/sleep.hpp>

namespace coworker::inline v0_1::detail {

template <class Member>
task<void> wait_for_news(Member& own) {
  const stop_token stop = co_await this_coro::stop_token();
  stop.throw_if_stopped();
  {
    const stop_callback on_stop(stop, [&own] { own.news.set(); });
    co_await own.news.wait();
  }
  stop.throw_if_stopped();
}

// While this exists, its job runs the steps; afterwards any waiting job takes over.
template <class Core, class Member>
class step_driving {
 public:
  step_driving(Core& in, const Member& by) noexcept : in_(in) { in_.driver = &by; }
  step_driving(const step_driving&) = delete;
  step_driving& operator=(const step_driving&) = delete;
  ~step_driving() {
    in_.driver = nullptr;
    in_.wake_all();
  }

 private:
  Core& in_;
};

// Runs one step, or waits if another job is already running one.
template <class Core, class Member, class Engine>
task<void> drive_or_wait(Core& in, Member& own, Engine& engine) {
  if (in.driver != nullptr) {
    co_await detail::wait_for_news(own);
    co_return;
  }
  const executor_ref home = co_await this_coro::executor();
  const step_driving<Core, Member> now(in, own);
  if (!in.step_began) {
    co_await coworker::resume_on(home);  // jobs that arrive at the same moment are in the same step
    if (!in.begin_step()) co_return;
    in.step_began = true;
    in.step_due = detail::after(home.now(), engine.simulated_step(in.stepping().size()));
  }
  co_await coworker::sleep_until(in.step_due);
  in.step_began = false;
  if (in.keep_step()) in.end_step(engine.step());
}

}  // namespace coworker::inline v0_1::detail
