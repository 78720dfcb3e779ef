#pragma once
// What compilers have to be told so that coroutines come out right, or cheap. Knows nothing of ours.

#if defined(_MSC_VER) && !defined(__clang__)
#define COWORKER_NOINLINE __declspec(noinline)
#else
#define COWORKER_NOINLINE [[gnu::noinline]]
#endif

// clang before 19 may keep the address of a thread_local over a suspension when its accessor is inlined into
// a coroutine (LLVM 47179), and may write to a frame that was already published (LLVM 56301).
#if defined(__clang__) && __clang_major__ < 19
#define COWORKER_NOINLINE_BEFORE_CLANG_19 COWORKER_NOINLINE
#else
#define COWORKER_NOINLINE_BEFORE_CLANG_19
#endif

// In a program of some size g++ would not inline the freeing of a frame into a coroutine, where its size is
// known; and with only one of the two inlined it warns of a mismatch of new and delete. clang does by itself,
// and before 19 is better not told to: it would do so before it knows where the coroutine may change its
// thread (LLVM 47179).
#if defined(__GNUC__) && !defined(__clang__)
#define COWORKER_ALWAYS_INLINE [[gnu::always_inline]]
#else
#define COWORKER_ALWAYS_INLINE
#endif

// For functions on slow paths, called from coroutines: where it can be had, a calling convention that leaves
// the registers alone, so that the coroutine need not save any on its fast path, for a call that it seldom
// makes. Such a function must be noexcept, as unwinding would not put the registers back. (clang 16 loses
// what it returns.)
#if defined(__clang__) && __clang_major__ >= 19 && defined(__x86_64__) && !defined(_WIN32)
#define COWORKER_SPARES_REGISTERS [[clang::preserve_most, gnu::noinline]]
#else
#define COWORKER_SPARES_REGISTERS COWORKER_NOINLINE
#endif

#include <type_traits>

namespace coworker::inline v0_1::detail {

// g++ before 13 copies some temporaries of a co_await expression bit by bit into the coroutine's frame, and
// then destroys both: lambdas with captures, and aggregates (GCC 99576, 100611, 101367, 101976).
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
inline constexpr bool destroys_temporaries_twice = true;
#else
inline constexpr bool destroys_temporaries_twice = false;
#endif

// Whether a function template may be given such a T&& in a co_await expression; T as deduced. A lambda cannot
// be told from other classes, nor a temporary from what std::move makes of a variable.
template <class T>
inline constexpr bool is_safe_temporary =
    !destroys_temporaries_twice || std::is_lvalue_reference_v<T> || std::is_trivially_copyable_v<T>;

// Stores a pointer by itself. g++ puts two stores to neighbours together in a vector register, which costs
// more than both, and the loads that soon follow have to wait for it.
template <class T>
void store_apart(T*& place, T* value) noexcept {
#if defined(__GNUC__) && !defined(__clang__)
  __atomic_store_n(&place, value, __ATOMIC_RELAXED);
#else
  place = value;
#endif
}

}  // namespace coworker::detail
