#pragma once
// What must be done though memory is short. Knows nothing of what it is for.

#include <coworker/exec/thread.hpp>
#include <new>
#include <utility>

namespace coworker::inline v0_1::detail {

// Calls `step` until it does not fail for want of memory, and gives what it gives. For small steps that a promise hangs
// on, such as the frame of the coroutine that hands a result back: nothing could be done without them. A step that threw
// std::bad_alloc must have changed nothing. Blocks the thread meanwhile.
template <class Step>
decltype(auto) insist(Step step) {
  for (;;) {
    try {
      return step();
    } catch (const std::bad_alloc&) {
      detail::yield_thread();
    }
  }
}

}  // namespace coworker::detail
