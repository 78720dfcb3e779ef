#pragma once
// call_thread: the event loop of calls that come from an executor which watches no descriptors, such as a thread_pool. Must
// not know what is called.

#include <coworker/coro/executor.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/thread.hpp>

namespace coworker::inline v0_1::detail {

class call_thread {
 public:
  /// One for the process, from the first call that needs it until the process ends: such calls have no owner in common.
  static executor_ref loop() {
    static call_thread one;
    return executor_ref(one.loop_);
  }

  call_thread(const call_thread&) = delete;
  call_thread& operator=(const call_thread&) = delete;

 private:
  call_thread() : thread_(&run, this) {}
  ~call_thread() {
    loop_.stop();
    thread_.join();
  }

  static void* run(void* self) noexcept {
    static_cast<call_thread*>(self)->loop_.run();
    return nullptr;
  }

  event_loop loop_;
  thread thread_;
};

}  // namespace coworker::inline v0_1::detail
