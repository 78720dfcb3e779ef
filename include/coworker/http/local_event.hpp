#pragma once
// local_event: lets one coroutine wake another on the same loop, at a fraction of the cost of an event that
// other threads may set. Must not know what they exchange.

#include <coroutine>
#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <utility>

namespace coworker::inline v0_1::detail {

// One coroutine at a time may wait. Stays set until a wait consumes it. A stop does not end a wait.
class local_event {
 public:
  local_event() noexcept {}
  local_event(const local_event&) = delete;
  local_event& operator=(const local_event&) = delete;

  void set() {
    set_ = true;
    if (!waiting_) return;
    executor_.post(waiting_);
    waiting_ = nullptr;
  }

  class awaiter {
   public:
    explicit awaiter(local_event& awaited) noexcept : event_(awaited) {}
    bool await_ready() const noexcept { return event_.set_; }

    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> awaiting) {
      event_.executor_ = coworker::detail::require_context(awaiting, "local_event").executor;
      event_.waiting_ = awaiting;
    }

    void await_resume() const noexcept { event_.set_ = false; }

   private:
    local_event& event_;
  };

  awaiter wait() noexcept { return awaiter(*this); }

 private:
  std::coroutine_handle<> waiting_;
  executor_ref executor_;
  bool set_ = false;
};

}  // namespace coworker::inline v0_1::detail
