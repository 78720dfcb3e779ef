#pragma once
// How control passes between coroutines without the stack growing. Knows handles only: neither tasks nor
// executors.
//
// The standard's answer, symmetric transfer, rests on tail calls that GCC makes only from -O2 on and never
// under a sanitizer, where a loop of 10,000 awaits then overflows the stack. Here no tail call is needed:
//
//   enter() runs the callee as an ordinary nested call. A callee that hands back before it suspends, as most
//   do, returns straight to its caller, which never really suspended. On g++ 12 and clang 19 this is the
//   cheapest path measured, cheaper than symmetric transfer.
//
//   Once nested calls have used `nesting_bytes` of stack, or when the callee finishes later, the coroutine to
//   go on with is noted in `next`, and the resume() at the bottom of this thread's stack runs it when all
//   above has returned.

#include <coroutine>
#include <cstdint>

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#define COWORKER_STACK_POSITION() reinterpret_cast<std::uintptr_t>(_AddressOfReturnAddress())
#define COWORKER_NOINLINE __declspec(noinline)
#else
#define COWORKER_STACK_POSITION() reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0))
#define COWORKER_NOINLINE [[gnu::noinline]]
#endif

// clang before 19 may keep the address of a thread_local over a suspension when its accessor is inlined into
// a coroutine (LLVM 47179), and may write to a frame that was already published (LLVM 56301).
#if defined(__clang__) && __clang_major__ < 19
#define COWORKER_NOINLINE_BEFORE_CLANG_19 COWORKER_NOINLINE
#else
#define COWORKER_NOINLINE_BEFORE_CLANG_19
#endif

namespace coworker {

namespace detail {

inline constexpr std::uintptr_t nesting_bytes = 16 * 1024;

// An enter() in progress, in its own stack frame.
struct direct_call {
  void* callee = nullptr;
};

struct transfer_state {
  const direct_call* direct = nullptr;  // the innermost on this thread; null once its callee has handed back
  void* next = nullptr;                 // the one coroutine that waits for the resume() at the bottom
  std::uintptr_t stack_limit =
      outside;  // enter() nests while the stack, which grows downwards, is above this

  static constexpr std::uintptr_t outside = UINTPTR_MAX;  // no resume() is on this thread's stack
};

inline transfer_state& this_thread_transfer() noexcept {
  static constinit thread_local transfer_state state{};
  return state;
}

// Puts back what an outer resume() on the same thread was in the middle of.
struct transfer_restore {
  transfer_state& state;
  transfer_state outer;

  explicit transfer_restore(transfer_state& s) noexcept : state(s), outer(s) {}
  transfer_restore(const transfer_restore&) = delete;
  transfer_restore& operator=(const transfer_restore&) = delete;
  ~transfer_restore() { state = outer; }
};

}  // namespace detail

/// Resumes a suspended coroutine, and then whatever it hands control to, on the calling thread. Returns when
/// nothing is left to run here. Executors resume with this rather than with `handle.resume()`. Calls may
/// nest.
COWORKER_NOINLINE inline void resume(std::coroutine_handle<> handle) {
  detail::transfer_state& state = detail::this_thread_transfer();
  const detail::transfer_restore restore(state);
  const std::uintptr_t position = COWORKER_STACK_POSITION();
  state.stack_limit = position > detail::nesting_bytes ? position - detail::nesting_bytes : 0;
  state.direct = nullptr;
  void* next = handle.address();
  do {
    state.next = nullptr;
    std::coroutine_handle<>::from_address(next).resume();
    next = state.next;
  } while (next != nullptr);
}

namespace detail {

// Runs a coroutine that cannot be called directly: later, from the bottom; or at once, when a stranger's
// handle.resume() is at the bottom of this stack, or has already left a note there.
COWORKER_NOINLINE inline void resume_from_bottom(std::coroutine_handle<> coroutine) {
  transfer_state& state = this_thread_transfer();
  if (state.stack_limit == transfer_state::outside || state.next != nullptr) {
    resume(coroutine);
  } else {
    state.next = coroutine.address();
  }
}

// Base of the promise of a coroutine that is entered and left.
struct entered_promise {
  // Its latest enter(), which may be over. leave() compares it with the innermost enter() of its thread, and
  // the callees too: only together do they tell. Awaiters of other libraries may resume below an enter() a
  // coroutine whose own enter() was in the same place, or one whose frame took the place of the ended callee.
  const direct_call* entry;
};

inline constexpr direct_call entered_from_bottom;  // never the innermost

COWORKER_NOINLINE inline bool enter_from_bottom(std::coroutine_handle<> callee, const direct_call*& entry) {
  entry = &entered_from_bottom;
  resume_from_bottom(callee);
  return false;
}

COWORKER_NOINLINE_BEFORE_CLANG_19 inline bool enter(std::coroutine_handle<> callee,
                                                    const direct_call*& entry) {
  transfer_state& state = this_thread_transfer();
  if (COWORKER_STACK_POSITION() < state.stack_limit) [[unlikely]]
    return enter_from_bottom(callee, entry);
  const direct_call* const outer = state.direct;
  const direct_call call{callee.address()};
  entry = state.direct = &call;
  callee.resume();
  const bool handed_back = state.direct == nullptr;
  state.direct = outer;
  return handed_back;
}

/// Starts or resumes `callee` for a caller that has just suspended to wait for it. True: the callee has
/// handed back already and the caller goes on at once. False: the caller stays suspended, and may be running
/// elsewhere by now.
template <class Promise>
bool enter(std::coroutine_handle<Promise> callee) {
  return enter(callee, callee.promise().entry);
}

COWORKER_NOINLINE_BEFORE_CLANG_19 inline void leave(const direct_call* entry, void* self,
                                                    std::coroutine_handle<> continuation) {
  transfer_state& state = this_thread_transfer();
  if (state.direct == entry && entry->callee == self) [[likely]] {
    state.direct = nullptr;  // read by that enter(), which is on this stack
  } else {
    resume_from_bottom(continuation);
  }
}

/// The other half: `self` has suspended, for good or until its next value is asked for, and `continuation` is
/// to go on.
template <class Promise>
void leave(std::coroutine_handle<Promise> self, std::coroutine_handle<> continuation) {
  leave(self.promise().entry, self.address(), continuation);
}

}  // namespace detail
}  // namespace coworker

#undef COWORKER_STACK_POSITION
#undef COWORKER_NOINLINE
#undef COWORKER_NOINLINE_BEFORE_CLANG_19
