#pragma once
// A growing stack of trivially copyable elements that starts in its owner's frame and moves to the heap when
// it outgrows it. Parsing, copying, comparing and writing store their position in a tree on it, so that depth
// costs heap memory and no call stack. Must not know JSON.

#include <cstddef>
#include <cstring>
#include <new>
#include <type_traits>

namespace coworker::inline v0_1::detail {

template <class T, std::size_t InlineCapacity>
class inline_stack {
  static_assert(std::is_trivially_copyable_v<T>, "inline_stack moves its elements as bytes");

 public:
  inline_stack() noexcept = default;
  inline_stack(const inline_stack&) = delete;
  inline_stack& operator=(const inline_stack&) = delete;
  ~inline_stack() {
    if (begin_ != frame()) ::operator delete(begin_);
  }

  bool empty() const noexcept { return top_ == begin_; }
  std::size_t size() const noexcept { return static_cast<std::size_t>(top_ - begin_); }

  T& top() noexcept { return top_[-1]; }
  T& operator[](std::size_t index) noexcept { return begin_[index]; }
  const T& operator[](std::size_t index) const noexcept { return begin_[index]; }

  void push(const T& value) {
    if (top_ == end_) grow();
    ::new (static_cast<void*>(top_)) T(value);
    ++top_;
  }
  /// Pushes what `make` returns, constructed in place. The room for it exists before `make` is called.
  template <class Make>
  void push_made(const Make& make) {
    if (top_ == end_) grow();
    ::new (static_cast<void*>(top_)) T(make());
    ++top_;
  }
  void pop() noexcept { --top_; }
  void truncate(std::size_t size) noexcept { top_ = begin_ + size; }

 private:
  T* frame() noexcept { return static_cast<T*>(static_cast<void*>(storage_)); }

  void grow() {
    const std::size_t count = size();
    T* const bigger = static_cast<T*>(::operator new(2 * count * sizeof(T)));
    std::memcpy(static_cast<void*>(bigger), begin_, count * sizeof(T));
    if (begin_ != frame()) ::operator delete(begin_);
    begin_ = bigger;
    top_ = bigger + count;
    end_ = bigger + 2 * count;
  }

  alignas(T) unsigned char storage_[InlineCapacity * sizeof(T)];
  T* begin_ = frame();
  T* top_ = begin_;
  T* end_ = begin_ + InlineCapacity;
};

}  // namespace coworker::inline v0_1::detail
