#pragma once
// insist: repeats a small step until there is memory for it.
// Must not know what the step is for.

#include <coworker/exec/thread.hpp>
#include <new>
#include <utility>

namespace coworker::inline v0_1::detail {

// Calls `step` again while it fails for lack of memory, and returns its result. For small steps that must not
// fail, such as allocating the frame of the coroutine that returns a result: without it nothing could be
// reported. A step that threw std::bad_alloc must have changed nothing. Blocks the thread meanwhile.
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
