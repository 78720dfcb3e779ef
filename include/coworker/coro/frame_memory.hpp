#pragma once
// Where coroutine frames live: a per-thread cache of recycled blocks, so that calling a coroutine seldom
// costs a trip to the heap. Knows sizes and nothing else; what is stored in a block is not its business.

#include <cstddef>
#include <new>

// A recycled frame hides a use after free from AddressSanitizer, so under it every frame comes from the heap.
#if defined(__SANITIZE_ADDRESS__)
#define COWORKER_RECYCLE_FRAMES 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define COWORKER_RECYCLE_FRAMES 0
#endif
#endif
#ifndef COWORKER_RECYCLE_FRAMES
#define COWORKER_RECYCLE_FRAMES 1
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

namespace coworker::detail {

inline constexpr std::size_t frame_granule = 32;  // bytes between two size classes
inline constexpr std::size_t frame_classes = 33;  // class 0 is unused; the largest recycled frame is 1 KiB
inline constexpr std::size_t frame_alignment = __STDCPP_DEFAULT_NEW_ALIGNMENT__;
inline constexpr std::size_t kept_per_class =
    128 * 1024;  // bytes; bounds what a thread that only frees can hoard

// A free block's first bytes.
struct free_frame {
  free_frame* next;
  unsigned below;  // in the head: how many blocks are under it
};

// Trivially destructible and constant-initialised, so that the compiler reads it without a guard.
struct frame_cache {
  enum class phase : unsigned char {
    unused,  // keeps nothing yet, and nobody would give blocks back when the thread ends
    open,
    closed,  // the thread is ending: nothing may be kept any more
  };

  free_frame* free[frame_classes];
  phase now;
};

inline frame_cache& this_thread_frames() noexcept {
  static constinit thread_local frame_cache cache{};
  return cache;
}

// Gives the blocks back when the thread ends. Touched on the slow path only, because its destructor costs a
// guard.
struct frame_cache_closer {
  frame_cache& cache;

  explicit frame_cache_closer(frame_cache& c) noexcept : cache(c) { cache.now = frame_cache::phase::open; }
  frame_cache_closer(const frame_cache_closer&) = delete;
  frame_cache_closer& operator=(const frame_cache_closer&) = delete;

  ~frame_cache_closer() {
    cache.now = frame_cache::phase::closed;
    for (free_frame*& head : cache.free) {
      while (head != nullptr) {
        free_frame* const block = head;
        head = block->next;
        ::operator delete(block);
      }
    }
  }
};

// False: the thread is ending.
inline bool open_frame_cache(frame_cache& cache) noexcept {
  if (cache.now == frame_cache::phase::closed) return false;
  static thread_local frame_cache_closer closer(cache);
  (void)closer;
  return true;
}

COWORKER_ALWAYS_INLINE inline void* allocate_frame(std::size_t size) {
  const std::size_t size_class = (size + frame_granule - 1) / frame_granule;
  if (size_class >= frame_classes) return ::operator new(size);
  free_frame*& head = this_thread_frames().free[size_class];
  free_frame* const block = head;
  if (block == nullptr) [[unlikely]]
    return ::operator new(size_class * frame_granule);
  head = block->next;
  if (head != nullptr) head->below = block->below - 1;
  return block;
}

COWORKER_ALWAYS_INLINE inline void free_frame_memory(void* memory, std::size_t size) noexcept {
  const std::size_t size_class = (size + frame_granule - 1) / frame_granule;
  if (size_class >= frame_classes) return ::operator delete(memory);
  frame_cache& cache = this_thread_frames();
  free_frame* const head = cache.free[size_class];
  if (head == nullptr) {
    if (cache.now != frame_cache::phase::open && !open_frame_cache(cache)) [[unlikely]]
      return ::operator delete(memory);
    cache.free[size_class] = ::new (memory) free_frame{nullptr, 0};
    return;
  }
  if (head->below >= kept_per_class / frame_granule / size_class) [[unlikely]]
    return ::operator delete(memory);
  // Put under the head, not on it: the next frame is then not the one just left, whose last stores the
  // processor would have to wait for. A loop of awaits takes turns between two blocks and runs a tenth
  // faster.
  free_frame* const under = head->next;
  head->next = ::new (memory) free_frame{under, 0};
  ++head->below;
}

// Base of a promise whose frame comes from the cache. A frame may be freed on another thread than it was made
// on. Its alignment is that of operator new: g++ does not align a stricter local variable of a coroutine,
// wherever the frame lies (GCC 104177), so such an object belongs on the heap.
struct recycled_frame {
#if COWORKER_RECYCLE_FRAMES
  COWORKER_ALWAYS_INLINE static inline void* operator new(std::size_t size) { return allocate_frame(size); }
  COWORKER_ALWAYS_INLINE static inline void operator delete(void* frame, std::size_t size) noexcept {
    free_frame_memory(frame, size);
  }
#endif
};

}  // namespace coworker::detail

#undef COWORKER_ALWAYS_INLINE
