#pragma once
// lane_board: how many users each lane has, and the value of each lane.
// Must not know who waits for a lane.

#include <atomic>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/maker.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>

namespace coworker::inline v0_1::detail {

template <class T>
class lane_board {
 public:
  struct slot {
    made_value<T> value{};  // accessed on the lane's executor only
    std::atomic<bool> broken{false};
    std::optional<thread_pool> own_thread{};
    executor_ref executor{};
    std::size_t index = 0;
    std::size_t users = 0;
    std::uint64_t idle_since = 0;  // number of the last departure of a user
  };

  // If `run_on` is empty, each lane gets a thread of its own.
  lane_board(std::size_t count, std::size_t per_lane, executor_ref run_on)
      : slots_(new slot[checked(count)]), size_(count), per_lane_(per_lane == 0 ? 1 : per_lane) {
    for (std::size_t i = 0; i != count; ++i) {
      slots_[i].index = i;
      slots_[i].executor = run_on ? run_on : executor_ref(slots_[i].own_thread.emplace(1));
    }
  }

  lane_board(const lane_board&) = delete;
  lane_board& operator=(const lane_board&) = delete;

  // Destroys each value on the thread on which it was made and used.
  ~lane_board() {
    for (std::size_t i = 0; i != size_; ++i) {
      if (slots_[i].own_thread && slots_[i].value.made()) {
        coworker::sync_wait(*slots_[i].own_thread, clear(slots_[i].value));
      }
    }
    delete[] slots_;
  }

  std::size_t size() const noexcept { return size_; }
  std::size_t per_lane() const noexcept { return per_lane_; }
  slot& operator[](std::size_t index) const noexcept { return slots_[index]; }

  std::size_t users() const noexcept {
    std::size_t sum = 0;
    for (std::size_t i = 0; i != size_; ++i) sum += slots_[i].users;
    return sum;
  }

  // Takes the lane with the fewest users; among equals, the one that a user left longest ago. Null if all
  // lanes are full.
  slot* take() noexcept {
    slot* idlest = &slots_[0];
    for (std::size_t i = 1; i != size_; ++i) {
      slot& other = slots_[i];
      if (other.users < idlest->users ||
          (other.users == idlest->users && other.idle_since < idlest->idle_since)) {
        idlest = &other;
      }
    }
    if (idlest->users == per_lane_) return nullptr;
    ++idlest->users;
    return idlest;
  }

  void put(slot& left) noexcept {
    --left.users;
    left.idle_since = ++changes_;
  }

 private:
  static std::size_t checked(std::size_t count) {
    if (count == 0)
      throw std::invalid_argument("lanes: count is 0, so there is no lane to use; give 1 or more");
    return count;
  }

  static task<void> clear(made_value<T>& value) {
    value.clear();
    co_return;
  }

  slot* const slots_;
  const std::size_t size_;
  const std::size_t per_lane_;
  std::uint64_t changes_ = 0;
};

}  // namespace coworker::detail
