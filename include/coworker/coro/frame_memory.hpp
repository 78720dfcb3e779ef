#pragma once
// Memory for coroutine frames: a per-thread cache of recycled blocks, so that calling a coroutine rarely uses
// the heap.
// Knows only sizes; must not know what is stored in a block.

#include <coworker/coro/quirks.hpp>
#include <cstddef>
#include <cstdint>
#include <new>

// AddressSanitizer cannot see a use after free in a recycled frame, so with it every frame comes from the
// heap.
#if defined(__SANITIZE_ADDRESS__)
#define COWORKER_RECYCLE_FRAMES 0
// MinGW frees a thread's variables before it runs their destructors, so the blocks could not be returned
// there.
#elif defined(__MINGW32__)
#define COWORKER_RECYCLE_FRAMES 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define COWORKER_RECYCLE_FRAMES 0
#endif
#endif
#ifndef COWORKER_RECYCLE_FRAMES
#define COWORKER_RECYCLE_FRAMES 1
#endif

namespace coworker::inline v0_1::detail {

inline constexpr bool recycles_frames = COWORKER_RECYCLE_FRAMES != 0;
inline constexpr std::size_t frame_granule = 32;  // bytes between two size classes
inline constexpr std::size_t frame_classes = 33;  // class 0 is unused; the largest recycled frame is 1 KiB

// g++ aligns each variable within a frame as its type requires, but allocates the frame with the default
// alignment (GCC 104177). So with g++ every frame is aligned for the widest vector that the program is
// compiled for: 32 bytes with AVX, 64 with AVX-512. Not covered: an `alignas` on the variable itself, and
// types that require more. clang requests aligned memory if it is given -fcoro-aligned-allocation; see
// recycled_frame.
#if defined(__GNUC__) && !defined(__clang__) && __BIGGEST_ALIGNMENT__ > __STDCPP_DEFAULT_NEW_ALIGNMENT__
inline constexpr std::size_t frame_alignment = __BIGGEST_ALIGNMENT__;
#else
inline constexpr std::size_t frame_alignment = __STDCPP_DEFAULT_NEW_ALIGNMENT__;
#endif
inline constexpr bool over_aligned_frames = frame_alignment > __STDCPP_DEFAULT_NEW_ALIGNMENT__;

inline constexpr std::size_t kept_per_class =
    128 * 1024;  // bytes; limits what a thread that only frees can collect

// What a free block contains.
struct free_frame {
  const free_frame* next;  // null: not a block but the end of a list
  std::size_t count;       // number of blocks from this one to the end
};

// Every list ends in one of these two, so that allocating and freeing each need a single test for all rare
// cases.
inline constexpr free_frame open_end{nullptr, 0};
inline constexpr free_frame shut_end{nullptr, SIZE_MAX};  // ends a list that accepts no blocks

// Trivially destructible and constant-initialised, so that the compiler accesses it without a guard.
struct frame_cache {
  enum class phase : unsigned char {
    unused,  // keeps nothing yet: nothing would free the blocks when the thread ends
    open,
    closed,  // the thread is ending: nothing may be kept any more
  };
  struct list {
    const free_frame* head = &shut_end;
  };

  list free[frame_classes];
  phase now = phase::unused;
};

inline frame_cache& this_thread_frames() noexcept {
  static constinit thread_local frame_cache cache{};
  return cache;
}

inline void* new_block(std::size_t size) {
  if constexpr (over_aligned_frames) return ::operator new(size, std::align_val_t(frame_alignment));
  return ::operator new(size);
}

inline void delete_block(void* block) noexcept {
  if constexpr (over_aligned_frames) return ::operator delete(block, std::align_val_t(frame_alignment));
  ::operator delete(block);
}

// Frees the blocks when the thread ends. Used on the slow path only, because its destructor costs a guard.
struct frame_cache_closer {
  frame_cache& cache;

  explicit frame_cache_closer(frame_cache& c) noexcept : cache(c) {
    cache.now = frame_cache::phase::open;
    for (frame_cache::list& one : cache.free) one.head = &open_end;
  }
  frame_cache_closer(const frame_cache_closer&) = delete;
  frame_cache_closer& operator=(const frame_cache_closer&) = delete;

  ~frame_cache_closer() {
    cache.now = frame_cache::phase::closed;
    for (frame_cache::list& one : cache.free) {
      while (one.head->next != nullptr) {
        const free_frame* const block = one.head;
        one.head = block->next;
        delete_block(const_cast<free_frame*>(block));
      }
      one.head = &shut_end;
    }
  }
};

// Returns null if there is no memory.
COWORKER_SPARES_REGISTERS inline void* allocate_block(std::size_t size) noexcept {
  if constexpr (over_aligned_frames)
    return ::operator new(size, std::align_val_t(frame_alignment), std::nothrow);
  return ::operator new(size, std::nothrow);
}

COWORKER_NOINLINE [[noreturn]] inline void throw_no_memory() { throw std::bad_alloc(); }

// Frees a block whose list accepts no more blocks, or none yet.
COWORKER_SPARES_REGISTERS inline void free_block(void* memory, std::size_t size_class) noexcept {
  frame_cache& cache = this_thread_frames();
  if (cache.now != frame_cache::phase::unused) return delete_block(memory);
  static thread_local frame_cache_closer closer(cache);
  (void)closer;
  cache.free[size_class].head = ::new (memory) free_frame{&open_end, 1};
}

COWORKER_ALWAYS_INLINE inline void* allocate_frame(std::size_t size) {
  const std::size_t size_class = (size + frame_granule - 1) / frame_granule;
  if (size_class >= frame_classes) return new_block(size);
  const free_frame*& head = this_thread_frames().free[size_class].head;
  const free_frame* const block = head;
  const free_frame* const next = block->next;
  if (next == nullptr) [[unlikely]] {
    void* const fresh = allocate_block(size_class * frame_granule);
    if (fresh == nullptr) [[unlikely]]
      throw_no_memory();
    return fresh;
  }
  head = next;
  return const_cast<free_frame*>(block);
}

COWORKER_ALWAYS_INLINE inline void free_frame_memory(void* memory, std::size_t size) noexcept {
  const std::size_t size_class = (size + frame_granule - 1) / frame_granule;
  if (size_class >= frame_classes) return delete_block(memory);
  const free_frame*& head = this_thread_frames().free[size_class].head;
  const free_frame* const below = head;
  const std::size_t count = below->count;
  if (count >= kept_per_class / frame_granule / size_class) [[unlikely]]
    return free_block(memory, size_class);
  head = ::new (memory) free_frame{below, count + 1};
}

// Base of a promise whose frame comes from the cache. A frame may be freed on another thread than the one
// that allocated it.
struct recycled_frame {
  COWORKER_ALWAYS_INLINE static inline void* operator new(std::size_t size) {
    if constexpr (recycles_frames) return allocate_frame(size);
    return new_block(size);
  }
  COWORKER_ALWAYS_INLINE static inline void operator delete(void* frame, std::size_t size) noexcept {
    if constexpr (recycles_frames) return free_frame_memory(frame, size);
    delete_block(frame);
  }

#ifdef __clang__
  // With -fcoro-aligned-allocation clang looks for these first and passes the alignment that the frame needs.
  static void* operator new(std::size_t size, std::align_val_t alignment) {
    if (static_cast<std::size_t>(alignment) <= frame_alignment) return operator new(size);
    return ::operator new(size, alignment);
  }
  static void operator delete(void* frame, std::size_t size, std::align_val_t alignment) noexcept {
    if (static_cast<std::size_t>(alignment) <= frame_alignment) return operator delete(frame, size);
    ::operator delete(frame, alignment);
  }
#endif
};

}  // namespace coworker::detail
