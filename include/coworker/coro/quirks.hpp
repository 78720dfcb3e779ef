#pragma once
// Workarounds for compilers: attributes and helpers that make coroutines correct, or faster, on g++, clang
// and MSVC.
// Must not know any other header of coworker.

#if defined(_MSC_VER) && !defined(__clang__)
#define COWORKER_NOINLINE __declspec(noinline)
#else
#define COWORKER_NOINLINE [[gnu::noinline]]
#endif

// clang before 19 may keep the address of a thread_local across a suspension if its accessor is inlined into
// a coroutine (LLVM 47179), and may write to a frame that was already published (LLVM 56301).
#if defined(__clang__) && __clang_major__ < 19
#define COWORKER_NOINLINE_BEFORE_CLANG_19 COWORKER_NOINLINE
#else
#define COWORKER_NOINLINE_BEFORE_CLANG_19
#endif

// In a large program g++ does not inline the freeing of a frame into a coroutine, where the frame's size is
// known; and if it inlines only one of allocation and freeing, it warns of a mismatch of new and delete.
// clang inlines both by itself. Forcing clang before 19 would inline too early, before it knows where the
// coroutine may change its thread (LLVM 47179).
#if defined(__GNUC__) && !defined(__clang__)
#define COWORKER_ALWAYS_INLINE [[gnu::always_inline]]
#else
#define COWORKER_ALWAYS_INLINE
#endif

// For functions on slow paths that are called from coroutines: where available, a calling convention that
// preserves the registers, so that the coroutine need not save any on its fast path for a call that it rarely
// makes. Such a function must be noexcept, because unwinding would not restore the registers. (clang 16 loses
// the return value.)
#if defined(__clang__) && __clang_major__ >= 19 && defined(__x86_64__) && !defined(_WIN32)
#define COWORKER_SPARES_REGISTERS [[clang::preserve_most, gnu::noinline]]
#else
#define COWORKER_SPARES_REGISTERS COWORKER_NOINLINE
#endif

#include <type_traits>

namespace coworker::inline v0_1::detail {

// g++ before 13 copies some temporaries of a co_await expression bit by bit into the coroutine's frame and
// then destroys both: lambdas with captures, and aggregates (GCC 99576, 100611, 101367, 101976).
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
inline constexpr bool destroys_temporaries_twice = true;
#else
inline constexpr bool destroys_temporaries_twice = false;
#endif

// Whether it is safe to pass a T&& (T as deduced) to a function template in a co_await expression. A lambda
// cannot be distinguished from other classes, nor a temporary from the result of std::move on a variable, so
// both count as unsafe.
template <class T>
inline constexpr bool is_safe_temporary =
    !destroys_temporaries_twice || std::is_lvalue_reference_v<T> || std::is_trivially_copyable_v<T>;

// Stores one pointer on its own. g++ combines two stores to adjacent places into one vector store, which is
// slower than both, and delays the loads that soon follow.
template <class T>
void store_apart(T*& place, T* value) noexcept {
#if defined(__GNUC__) && !defined(__clang__)
  __atomic_store_n(&place, value, __ATOMIC_RELAXED);
#else
  place = value;
#endif
}

}  // namespace coworker::detail
