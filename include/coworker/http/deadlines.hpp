#pragma once
// The deadlines of many connections on one timer. Setting one costs two pointer writes: all deadlines of a
// kind have the same length, so they expire in the order in which they were set. Must not know connections.

#include <array>
#include <coworker/coro/clock.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/exec/event.hpp>
#include <coworker/exec/wait_list.hpp>
#include <cstddef>

namespace coworker::inline v0_1::detail {

enum class deadline_kind : unsigned char { head, body, idle, write, linger };
inline constexpr std::size_t deadline_kinds = 5;

// A deadline, owned by its user. Calls `on_pass(whose)` once when it passes.
class deadline : public wait_link {
 public:
  explicit deadline(void (*on_pass)(void*), void* whose) noexcept : on_pass_(on_pass), whose_(whose) {}
  deadline(const deadline&) = delete;
  deadline& operator=(const deadline&) = delete;
  ~deadline() { stop(); }

  void stop() noexcept {
    if (listed()) unlink();
  }

  // Whether it has passed since it was last set.
  bool passed() const noexcept { return passed_; }

 private:
  friend class deadlines;
  time_point due_{};
  void (*on_pass_)(void*);
  void* whose_;
  bool passed_ = false;
};

// Not thread-safe: used on one loop.
class deadlines {
 public:
  using lengths = std::array<duration, deadline_kinds>;

  deadlines(executor_ref executor, const lengths& each) noexcept : executor_(executor), lengths_(each) {}

  void set(deadline& one, deadline_kind kind) {
    const auto which = static_cast<std::size_t>(kind);
    one.stop();
    one.passed_ = false;
    one.due_ = after(executor_.now(), lengths_[which]);
    if (one.due_ == (time_point::max)()) return;
    lists_[which].push_back(one);
    if (one.due_ >= wakes_at_) return;
    wakes_at_ = one.due_;
    earlier_.set();
  }

  // Notifies every deadline that has passed. Await it in a loop: it returns when the next one is due.
  event::wait_awaiter next() {
    earlier_.reset();
    pass(executor_.now());
    wakes_at_ = next_due();
    return earlier_.wait_until(wakes_at_);
  }

 private:
  void pass(time_point now) {
    for (wait_list<deadline>& list : lists_) {
      while (!list.empty() && list.front().due_ <= now) {
        deadline& one = list.pop_front();
        one.passed_ = true;
        one.on_pass_(one.whose_);
      }
    }
  }

  time_point next_due() const noexcept {
    time_point next = (time_point::max)();
    for (const wait_list<deadline>& list : lists_) {
      if (!list.empty() && list.front().due_ < next) next = list.front().due_;
    }
    return next;
  }

  executor_ref executor_;
  lengths lengths_;
  std::array<wait_list<deadline>, deadline_kinds> lists_;
  time_point wakes_at_ = (time_point::max)();
  event earlier_;  // set when a new deadline is before wakes_at_
};

}  // namespace coworker::inline v0_1::detail
