#pragma once
// What the calling thread is: whether blocking it would block an executor, and whether it is outside a
// simulation. For calls that are not allowed on every thread.
// Must not know any concrete executor.

#include <coworker/coro/executor.hpp>
#include <coworker/coro/quirks.hpp>
#include <coworker/coro/stop.hpp>
#include <stdexcept>
#include <string>

namespace coworker::inline v0_1::detail {

struct thread_role {
  bool is_loop = false;   // it runs a loop, on which nothing may block
  bool is_alone = false;  // it is the only thread of its executor
  bool blocks_pool = false;  // that loop blocks the only thread of a thread_pool
};

// Out of line, so that no compiler keeps the address across a suspension that changes the thread (LLVM
// 47179).
COWORKER_NOINLINE inline thread_role& role_of_this_thread() noexcept {
  static constinit thread_local thread_role role{};
  return role;
}

// Sets the role of the thread while a loop runs.
class loop_role {
 public:
  loop_role() noexcept : outer_(role_of_this_thread()) {
    role_of_this_thread() = {true, true, outer_.blocks_pool || (outer_.is_alone && !outer_.is_loop)};
  }
  loop_role(const loop_role&) = delete;
  loop_role& operator=(const loop_role&) = delete;
  ~loop_role() { role_of_this_thread() = outer_; }

 private:
  const thread_role outer_;
};

// Called before the calling thread blocks for something that coroutines on `needed` may have to do. Throws:
// std::logic_error on the thread of a loop, and on the only thread of `needed`; the message contains `why` it
// would block, and `way_out`.
inline void require_may_block(const char* why, const char* way_out, const executor_ref& needed = {}) {
  const thread_role role = role_of_this_thread();
  const char* problem = nullptr;
  if (role.is_loop) {
    problem =
        ", and this thread runs an event loop, which must not block: what it would wait for may need this "
        "very thread; ";
  } else if (role.is_alone && needed && needed.runs_on_this_thread()) {
    problem = ", and what it would wait for needs the only thread of a thread_pool, which is this one; ";
  }
  if (problem != nullptr) throw std::logic_error(std::string(why) + problem + way_out);
}

[[noreturn]] inline void throw_foreign_to_simulation(const char* call, const char* own_thread) {
  throw std::logic_error(std::string(call) + ": called on another thread than " + own_thread +
                         ". A simulated loop has one thread, and a real thread knows nothing of its virtual "
                         "time; let a coroutine on "
                         "the loop do what the thread does (its sleep_for stands for the time that the "
                         "thread takes), or run the test "
                         "on an event_loop");
}

// Out of line for the same reason as role_of_this_thread().
COWORKER_NOINLINE inline bool is_this_thread(const void* marker) noexcept {
  return marker == this_thread_marker();
}

// For what wakes coroutines: refuses calls from real threads once a coroutine on a simulated loop waits, no
// matter when they come. Guarded by its owner's mutex.
class simulated_waiters {
 public:
  // Called on the thread of the coroutine that is about to wait.
  void note(const executor_ref& waits_on) noexcept {
    thread_ = waits_on.clock() == executor_clock::simulated ? this_thread_marker() : nullptr;
  }

  void refuse_foreign_thread(const char* call) const {
    if (thread_ == nullptr || is_this_thread(thread_)) return;
    throw_foreign_to_simulation(call, "that of the simulated_loop whose coroutines it would wake");
  }

 private:
  const void* thread_ = nullptr;
};

}  // namespace coworker::detail
