#pragma once
// shared_state: an object on the heap shared by sides that may be destroyed in any order, and handles that
// count references. std::shared_ptr would serve, but costs several times as much to include.
// Must not know what is shared.

#include <atomic>
#include <cstddef>
#include <utility>

namespace coworker::inline v0_1::detail {

// Base of the shared object.
class shared_state {
 public:
  shared_state() noexcept {}
  shared_state(const shared_state&) = delete;
  shared_state& operator=(const shared_state&) = delete;

 protected:
  ~shared_state() = default;

 private:
  template <class State>
  friend class shared_handle;
  std::atomic<std::size_t> handles_{0};
};

// Empty by default and after a move.
template <class State>
class shared_handle {
 public:
  shared_handle() noexcept {}

  explicit shared_handle(State* state) noexcept : state_(state) {
    if (state_ != nullptr) state_->handles_.fetch_add(1, std::memory_order_relaxed);
  }

  shared_handle(const shared_handle& other) noexcept : shared_handle(other.state_) {}
  shared_handle(shared_handle&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}

  shared_handle& operator=(shared_handle other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }

  ~shared_handle() {
    if (state_ != nullptr && state_->handles_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete state_;
  }

  State* get() const noexcept { return state_; }
  State* operator->() const noexcept { return state_; }
  State& operator*() const noexcept { return *state_; }
  explicit operator bool() const noexcept { return state_ != nullptr; }

 private:
  State* state_ = nullptr;
};

}  // namespace coworker::detail
