#pragma once
// call_thread: the event loop for calls from an executor that does not watch descriptors, such as a
// thread_pool. Must not know the calls.

#include <coworker/coro/executor.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/thread.hpp>

namespace coworker::inline v0_1::detail {

class call_thread {
 public:
  /// One per process, from the first call that needs it to the end of the process. Global state, because such
  /// calls have no common owner.
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
