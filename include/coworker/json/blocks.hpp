#pragma once
// Memory for the parts of a value on the heap. A block that is made singly has its own allocation. The many
// small blocks of a parsed text share chunks; each chunk counts its blocks in use, and is freed with the last
// one. Must not know what blocks contain.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

namespace coworker::inline v0_1::detail {

/// The header of every block.
struct block {
  std::uint32_t origin;  // its offset in its chunk; 0 if it has its own allocation
  std::uint32_t size;    // number of elements, members or bytes of text in it
};

/// Memory shared by several blocks. Its count is atomic because the blocks may belong to values
/// on different threads.
struct block_chunk {
  std::atomic<std::uint32_t> in_use;
};

/// Memory for a block, and the value of its origin.
struct block_place {
  void* memory;
  std::uint32_t origin;
};

/// Gives each block its own allocation.
struct single_blocks {
  static block_place allocate(std::size_t bytes) { return {::operator new(bytes), 0}; }
};

/// Removes `count` blocks from a chunk, and frees it if they were the last.
inline void release_from(block_chunk* chunk, std::uint32_t count) noexcept {
  // If all remaining blocks are ours, nobody else can access the count, so it need not be changed.
  if (chunk->in_use.load(std::memory_order_acquire) != count &&
      chunk->in_use.fetch_sub(count, std::memory_order_acq_rel) != count) {
    return;
  }
  chunk->~block_chunk();
  ::operator delete(chunk);
}

/// Allocates blocks from chunks that grow with the need. A chunk lives as long as any of its blocks, so
/// chunks are small, and large blocks get their own allocations.
class chunked_blocks {
 public:
  /// `expected`: the approximate number of bytes that will be allocated in total.
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
    // No other thread knows the chunk yet, so the addition need not be atomic.
    chunk_->in_use.store(chunk_->in_use.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    return place;
  }

 private:
  static constexpr std::size_t alignment = 8;
  static constexpr std::size_t header = alignment;
  // glibc lets any thread free a block of up to 120 bytes without a lock. Values are often made on one thread
  // and freed on another.
  static constexpr std::size_t smallest_chunk = 112;
  static constexpr std::size_t largest_chunk = 8192;
  static constexpr std::size_t largest_shared = 1024;
  static_assert(sizeof(block_chunk) <= header);

  void new_chunk(std::size_t needed) {
    const std::size_t size = next_chunk_ < header + needed ? header + needed : next_chunk_;
    auto* const chunk = ::new (::operator new(size)) block_chunk{1};  // 1: this object's own use
    if (chunk_ != nullptr) release_from(chunk_, 1);
    chunk_ = chunk;
    used_ = header;
    room_ = size - header;
    // The second chunk is as small as the first.
    if (!std::exchange(grows_, true) || next_chunk_ == largest_chunk) return;
    next_chunk_ = next_chunk_ * 2 < largest_chunk ? next_chunk_ * 2 : largest_chunk;
  }

  block_chunk* chunk_ = nullptr;
  std::size_t used_ = 0;
  std::size_t room_ = 0;
  std::size_t next_chunk_;
  bool grows_ = false;
};

/// Frees blocks. Consecutive blocks of the same chunk are subtracted from its count together.
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
    // Computed with integers: g++ 12 would report that stepping back from the pointer leaves its object.
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

}  // namespace coworker::inline v0_1::detail
