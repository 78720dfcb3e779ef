#pragma once
// Memory for what a value keeps on the heap. A block made by hand has its own allocation; the many small
// blocks of a parsed text share chunks, each of which counts those still in use and goes with the last,
// whoever holds it by then. Must not know what blocks contain.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>

namespace coworker::inline v0_1::detail {

/// What every block begins with.
struct block {
  std::uint32_t origin;  // how far into its chunk it lies; 0 when it has an allocation of its own
  std::uint32_t size;    // elements, members or bytes of text in it
};

/// Memory shared by several blocks. Its count is atomic because they may come to belong to values on
/// different threads.
struct block_chunk {
  std::atomic<std::uint32_t> in_use;
};

/// Memory for a block, and what its origin is to say.
struct block_place {
  void* memory;
  std::uint32_t origin;
};

/// Gives each block an allocation of its own.
struct single_blocks {
  static block_place allocate(std::size_t bytes) { return {::operator new(bytes), 0}; }
};

/// Takes `count` blocks off a chunk; the last one takes the chunk along.
inline void release_from(block_chunk* chunk, std::uint32_t count) noexcept {
  // When all that is left is ours nobody else can touch the count, so it need not be changed.
  if (chunk->in_use.load(std::memory_order_acquire) != count &&
      chunk->in_use.fetch_sub(count, std::memory_order_acq_rel) != count) {
    return;
  }
  chunk->~block_chunk();
  ::operator delete(chunk);
}

/// Gives out blocks from chunks that grow with the need. Keeping one small part of a parsed text alive keeps
/// its chunk, so chunks are small, and large blocks get allocations of their own.
class chunked_blocks {
 public:
  /// Memory like `expected` bytes will be asked for in all.
  explicit chunked_blocks(std::size_t expected) noexcept
      : next_chunk_(expected < smallest_chunk  ? smallest_chunk
                    : expected > largest_chunk ? largest_chunk
                                               : expected) {}
  chunked_blocks(const chunked_blocks&) = delete;
  chunked_blocks& operator=(const chunked_blocks&) = delete;
  ~chunked_blocks() {
    if (chunk_ != nullptr) release_from(chunk_, 1);
  }

  block_place allocate(std::size_t bytes) {
    bytes = (bytes + alignment - 1) & ~(alignment - 1);
    if (bytes > room_) [[unlikely]] {
      if (bytes > largest_shared) return single_blocks::allocate(bytes);
      new_chunk(bytes);
    }
    const block_place place{reinterpret_cast<char*>(chunk_) + used_, static_cast<std::uint32_t>(used_)};
    used_ += bytes;
    room_ -= bytes;
    // Nobody else knows the chunk yet: no need for an atomic addition.
    chunk_->in_use.store(chunk_->in_use.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    return place;
  }

 private:
  static constexpr std::size_t alignment = 8;
  static constexpr std::size_t header = alignment;
  static constexpr std::size_t smallest_chunk = 128;
  static constexpr std::size_t largest_chunk = 8192;
  static constexpr std::size_t largest_shared = 1024;
  static_assert(sizeof(block_chunk) <= header);

  void new_chunk(std::size_t needed) {
    const std::size_t size = next_chunk_ < header + needed ? header + needed : next_chunk_;
    auto* const chunk = ::new (::operator new(size)) block_chunk{1};  // the one is for this object
    if (chunk_ != nullptr) release_from(chunk_, 1);
    chunk_ = chunk;
    used_ = header;
    room_ = size - header;
    if (next_chunk_ < largest_chunk)
      next_chunk_ = next_chunk_ * 2 < largest_chunk ? next_chunk_ * 2 : largest_chunk;
  }

  block_chunk* chunk_ = nullptr;
  std::size_t used_ = 0;
  std::size_t room_ = 0;
  std::size_t next_chunk_;
};

/// Frees blocks. Those that follow one another from the same chunk are taken off its count at once.
class block_release {
 public:
  block_release() noexcept = default;
  block_release(const block_release&) = delete;
  block_release& operator=(const block_release&) = delete;
  ~block_release() { flush(); }

  void operator()(block* freed) noexcept {
    if (freed->origin == 0) {
      ::operator delete(freed);
      return;
    }
    // Counted as integers: g++ 12 takes a step back from a pointer it saw made for a step out of its memory.
    auto* const chunk =
        reinterpret_cast<block_chunk*>(reinterpret_cast<std::uintptr_t>(freed) - freed->origin);
    if (chunk != chunk_) {
      flush();
      chunk_ = chunk;
    }
    ++count_;
  }

 private:
  void flush() noexcept {
    if (count_ != 0) release_from(chunk_, count_);
    count_ = 0;
  }

  block_chunk* chunk_ = nullptr;
  std::uint32_t count_ = 0;
};

}  // namespace coworker::detail
