#pragma once
// How control passes between coroutines without growing the stack.
// Knows only coroutine handles; must not know tasks or executors.
//
// The standard's way, symmetric transfer, needs tail calls. GCC makes them only from -O2 on and never under a
// sanitizer, where a loop of 10,000 awaits then overflows the stack. Here no tail call is needed:
//
//   enter() runs the callee as an ordinary nested call. Most callees end, or produce their value, within that
//   call: they call hand_back(), enter() returns true, and the caller goes on without having really
//   suspended. On g++ 12 and clang 19 this is the fastest way measured, faster than symmetric transfer.
//
//   In two cases the coroutine to run is stored in `next` instead: the callee, if nested calls have used
//   `nesting_bytes` of stack; the caller, if the callee ends after its enter() has returned. The resume() at
//   the bottom of this thread's stack runs it when all calls above have returned.

#include <coroutine>
#include <coworker/coro/quirks.hpp>
#include <cstdint>

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#define COWORKER_STACK_POSITION() reinterpret_cast<std::uintptr_t>(_AddressOfReturnAddress())
#else
#define COWORKER_STACK_POSITION() reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0))
#endif

namespace coworker::inline v0_1 {

namespace detail {

inline constexpr std::uintptr_t nesting_bytes = 16 * 1024;

// An enter() in progress; lives in its stack frame.
struct direct_call {
  void* callee;
  const direct_call* outer;  // the enter() that this one is nested in
};

struct transfer_state {
  // The innermost on this thread whose callee has not called hand_back().
  const direct_call* direct = nullptr;
  void* next = nullptr;  // the one coroutine that the resume() at the bottom runs next
  static constexpr std::uintptr_t outside = UINTPTR_MAX;  // no resume() is on this thread's stack
  // enter() nests while the stack, which grows downwards, is above this address.
  std::uintptr_t stack_limit = outside;
};

inline transfer_state& this_thread_transfer() noexcept {
  static constinit thread_local transfer_state state{};
  return state;
}

// Restores the state of an outer resume() on the same thread.
struct transfer_restore {
  transfer_state& state;
  transfer_state outer;

  explicit transfer_restore(transfer_state& s) noexcept : state(s), outer(s) {}
  transfer_restore(const transfer_restore&) = delete;
  transfer_restore& operator=(const transfer_restore&) = delete;
  ~transfer_restore() { state = outer; }
};

}  // namespace detail

/// Resumes a suspended coroutine, and then every coroutine that it passes control to, on the calling thread.
/// Returns when nothing is left to run here. Executors resume with this instead of `handle.resume()`. Calls
/// may nest.
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

// Asks the resume() at the bottom of this stack to run a coroutine. Returns false if that is not possible,
// because the bottom is a handle.resume() of other code, or because another coroutine is already stored.
COWORKER_SPARES_REGISTERS inline bool note_for_bottom(std::coroutine_handle<> coroutine) noexcept {
  transfer_state& state = this_thread_transfer();
  if (state.stack_limit == transfer_state::outside || state.next != nullptr) return false;
  state.next = coroutine.address();
  return true;
}

// resume() for places where nothing may be thrown, such as final_suspend.
COWORKER_SPARES_REGISTERS inline void resume_at_once(std::coroutine_handle<> coroutine) noexcept {
  resume(coroutine);
}

// Runs a coroutine that cannot be called directly: later from the bottom of the stack, or else at once.
COWORKER_NOINLINE inline void resume_from_bottom(std::coroutine_handle<> coroutine) {
  if (!note_for_bottom(coroutine)) resume(coroutine);
}

// Base of the promise of a coroutine that is started with enter() and ends with hand_back().
struct entered_promise {
  // Its latest enter(), which may already be over. If it is the innermost enter() of the thread, for the same
  // callee, hand_back() may let it continue the caller. Both comparisons are needed: below an enter(),
  // another library's awaiter may resume a coroutine whose own enter() was at the same address, or one whose
  // frame has the address that the ended callee had.
  const direct_call* entry;
};

inline constexpr direct_call entered_from_bottom{nullptr, nullptr};  // never the innermost

COWORKER_NOINLINE inline void enter_from_bottom(std::coroutine_handle<> callee, const direct_call*& entry) {
  entry = &entered_from_bottom;
  resume_from_bottom(callee);
}

COWORKER_NOINLINE_BEFORE_CLANG_19 inline bool enter(std::coroutine_handle<> callee,
                                                    const direct_call*& entry) {
  transfer_state& state = this_thread_transfer();
  if (COWORKER_STACK_POSITION() < state.stack_limit) [[unlikely]] {
    enter_from_bottom(callee, entry);
    return false;
  }
  direct_call call;
  store_apart(call.callee, callee.address());
  store_apart(call.outer, state.direct);
  entry = state.direct = &call;
  callee.resume();
  if (state.direct != &call) [[likely]]
    return true;
  state.direct = call.outer;
  return false;
}

/// Starts or resumes `callee` for a caller that has just suspended to wait for it.
/// Returns true if the callee has already called hand_back(): the caller continues at once. Returns false if
/// the caller stays suspended; it may then already be running elsewhere.
template <class Promise>
bool enter(std::coroutine_handle<Promise> callee) {
  return detail::enter(callee, callee.promise().entry);
}

// The rest of hand_back(); see there. `continuation` is a reference because it is rarely read.
COWORKER_NOINLINE_BEFORE_CLANG_19 inline bool hand_back(const direct_call* entry, const void* self,
                                                        void* const& continuation) noexcept {
  transfer_state& state = this_thread_transfer();
  if (state.direct == entry && entry->callee == self) [[likely]] {
    state.direct = entry->outer;  // read by that enter(), which is on this stack
    return true;
  }
  return note_for_bottom(std::coroutine_handle<>::from_address(continuation));
}

/// The counterpart of enter(): `self` is about to return to whoever resumed it, and `continuation` is to
/// continue after that. Returns false if nobody on this stack can run `continuation`; `self` must then
/// suspend and call leave().
template <class Promise>
bool hand_back(std::coroutine_handle<Promise> self, void* const& continuation) noexcept {
  return detail::hand_back(self.promise().entry, self.address(), continuation);
}

/// Passes control to `continuation` in any case, from a coroutine that has suspended: at its end, or until
/// its next value is requested.
template <class Promise>
void leave(std::coroutine_handle<Promise> self, void* continuation) {
  if (!detail::hand_back(self, continuation)) resume(std::coroutine_handle<>::from_address(continuation));
}

}  // namespace detail
}  // namespace coworker::inline v0_1

#undef COWORKER_STACK_POSITION
