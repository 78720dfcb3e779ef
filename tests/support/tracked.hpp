#pragma once

// A value whose objects are counted, so that a test sees whether one leaks or is destroyed twice. It can only
// be moved; an object that was moved from does not count.

#include <atomic>
#include <utility>

namespace tracked {

struct account {
  std::atomic<int> made{0};
  std::atomic<int> alive{0};
};

class value {
 public:
  value(account& of, int number) noexcept : of_(&of), number_(number) {
    of.made.fetch_add(1, std::memory_order_relaxed);
    of.alive.fetch_add(1, std::memory_order_relaxed);
  }

  value(value&& other) noexcept : of_(std::exchange(other.of_, nullptr)), number_(other.number_) {}

  value& operator=(value&& other) noexcept {
    value moved(std::move(other));
    std::swap(of_, moved.of_);
    std::swap(number_, moved.number_);
    return *this;
  }

  ~value() {
    if (of_ != nullptr) of_->alive.fetch_sub(1, std::memory_order_relaxed);
  }

  int number() const noexcept { return number_; }
  bool moved_from() const noexcept { return of_ == nullptr; }

 private:
  account* of_;
  int number_;
};

}  // namespace tracked
