#pragma once
// due_heap: items that become due at a moment, soonest first. A 4-ary heap: shallower than a binary one, and
// the children of a node share a cache line.
// Must not know timers or jobs, nor read a clock.

#include <coworker/coro/clock.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace coworker::inline v0_1::detail {

inline constexpr std::uint32_t due_slot_none = (std::numeric_limits<std::uint32_t>::max)();

/// Holds references to items, each at most once. `Slot` is the member of an item in which the heap stores its
/// index; due_slot_none once the item is removed. Adding and removing take logarithmic time.
/// Thread safety: not thread-safe.
template <class Item, std::uint32_t Item::*Slot, class Moment = time_point>
class due_heap {
 public:
  bool empty() const noexcept { return heap_.empty(); }
  std::size_t size() const noexcept { return heap_.size(); }

  /// Returns when the soonest item is due; Moment::max() if the heap is empty.
  Moment next_due() const noexcept { return heap_.empty() ? (Moment::max)() : heap_.front().due; }

  /// Adds an item.
  /// Throws: std::bad_alloc; nothing has then changed.
  void push(Item& item, Moment due) {
    heap_.push_back({due, next_order_++, &item});
    sift_up(heap_.size() - 1, heap_.back());
  }

  /// Removes an item that is in the heap.
  void remove(Item& item) noexcept { remove_at(item.*Slot); }

  /// Returns the soonest item; among items due at the same moment, the one that was added first. Requires
  /// that the heap is not empty.
  Item& front() const noexcept { return *heap_.front().item; }

  /// Removes the soonest item and returns it.
  Item& pop() noexcept {
    Item& item = front();
    remove_at(0);
    return item;
  }

 private:
  struct entry {
    Moment due;
    std::uint64_t order;
    Item* item;

    bool before(const entry& other) const noexcept {
      return due < other.due || (due == other.due && order < other.order);
    }
  };

  static constexpr std::size_t arity = 4;

  void place(std::size_t slot, const entry& moved) noexcept {
    heap_[slot] = moved;
    moved.item->*Slot = static_cast<std::uint32_t>(slot);
  }

  void sift_up(std::size_t slot, const entry moved) noexcept {
    while (slot > 0) {
      const std::size_t parent = (slot - 1) / arity;
      if (!moved.before(heap_[parent])) break;
      place(slot, heap_[parent]);
      slot = parent;
    }
    place(slot, moved);
  }

  void sift_down(std::size_t slot, const entry moved) noexcept {
    for (;;) {
      const std::size_t first = slot * arity + 1;
      if (first >= heap_.size()) break;
      const std::size_t end = first + arity < heap_.size() ? first + arity : heap_.size();
      std::size_t soonest = first;
      for (std::size_t candidate = first + 1; candidate < end; ++candidate) {
        if (heap_[candidate].before(heap_[soonest])) soonest = candidate;
      }
      if (!heap_[soonest].before(moved)) break;
      place(slot, heap_[soonest]);
      slot = soonest;
    }
    place(slot, moved);
  }

  void remove_at(std::size_t slot) noexcept {
    heap_[slot].item->*Slot = due_slot_none;
    const entry last = heap_.back();
    heap_.pop_back();
    if (slot == heap_.size()) return;
    if (slot > 0 && last.before(heap_[(slot - 1) / arity])) {
      sift_up(slot, last);
    } else {
      sift_down(slot, last);
    }
  }

  std::vector<entry> heap_;
  std::uint64_t next_order_ = 0;
};

}  // namespace coworker::detail
