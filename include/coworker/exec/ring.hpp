#pragma once
// ring<T>: a queue in one block of memory, which destroys each element as soon as it is taken.
// Must not know what the elements mean; not thread-safe.

#include <cstddef>
#include <new>
#include <utility>

namespace coworker::inline v0_1::detail {

// T must move without throwing; the users of ring check that.
template <class T>
class ring {
 public:
  ring() noexcept {}
  ring(ring&& other) noexcept { swap(other); }
  ring(const ring&) = delete;
  ring& operator=(const ring&) = delete;

  ~ring() {
    while (size_ != 0) drop_front();
    release(slots_);
  }

  bool empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }

  // Throws: std::bad_alloc; `item` is then not moved from.
  void push(T&& item) {
    if (size_ == room_) grow();
    ::new (static_cast<void*>(slots_ + place(size_))) T(std::move(item));
    ++size_;
  }

  T& front() noexcept { return slots_[first_]; }

  void drop_front() noexcept {
    slots_[first_].~T();
    first_ = place(1);
    --size_;
  }

  void swap(ring& other) noexcept {
    std::swap(slots_, other.slots_);
    std::swap(room_, other.room_);
    std::swap(first_, other.first_);
    std::swap(size_, other.size_);
  }

 private:
  // room_ is 0 or a power of two.
  std::size_t place(std::size_t index) const noexcept { return (first_ + index) & (room_ - 1); }

  static T* allocate(std::size_t count) {
    if (count > static_cast<std::size_t>(-1) / 2 / sizeof(T)) throw std::bad_alloc();
    if constexpr (alignof(T) > __STDCPP_DEFAULT_NEW_ALIGNMENT__) {
      return static_cast<T*>(::operator new(count * sizeof(T), std::align_val_t(alignof(T))));
    } else {
      return static_cast<T*>(::operator new(count * sizeof(T)));
    }
  }

  static void release(T* places) noexcept {
    if constexpr (alignof(T) > __STDCPP_DEFAULT_NEW_ALIGNMENT__) {
      ::operator delete(places, std::align_val_t(alignof(T)));
    } else {
      ::operator delete(places);
    }
  }

  void grow() {
    const std::size_t room = room_ == 0 ? 4 : room_ * 2;
    T* const larger = allocate(room);
    for (std::size_t i = 0; i != size_; ++i) {
      T& item = slots_[place(i)];
      ::new (static_cast<void*>(larger + i)) T(std::move(item));
      item.~T();
    }
    release(slots_);
    slots_ = larger;
    room_ = room;
    first_ = 0;
  }

  T* slots_ = nullptr;
  std::size_t room_ = 0;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace coworker::detail
