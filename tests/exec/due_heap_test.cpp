#include <doctest/doctest.h>
#include <algorithm>
#include <cmath>
#include <coworker/exec/due_heap.hpp>
#include <coworker/exec/random.hpp>
#include <cstdint>
#include <deque>
#include <limits>
#include <new>
#include <vector>

#include "support/counted_memory.hpp"

namespace {

std::uint64_t due_comparisons = 0;

// A moment that counts how often it is compared.
struct counted_moment {
  std::int64_t at = 0;

  static counted_moment max() noexcept { return {std::numeric_limits<std::int64_t>::max()}; }
  friend bool operator<(counted_moment a, counted_moment b) noexcept {
    ++due_comparisons;
    return a.at < b.at;
  }
  friend bool operator==(counted_moment a, counted_moment b) noexcept {
    ++due_comparisons;
    return a.at == b.at;
  }
};

struct due_item {
  std::uint32_t slot = coworker::detail::due_slot_none;
  std::int64_t due = 0;
};

using counted_heap = coworker::detail::due_heap<due_item, &due_item::slot, counted_moment>;

}  // namespace

TEST_CASE("an item knows that it is in the heap until it is removed") {
  counted_heap all;
  due_item first;
  due_item second;
  CHECK(all.next_due().at == counted_moment::max().at);
  all.push(first, {1});
  all.push(second, {2});
  CHECK(first.slot != coworker::detail::due_slot_none);
  CHECK(&all.front() == &first);
  all.remove(first);
  CHECK(first.slot == coworker::detail::due_slot_none);
  CHECK(&all.pop() == &second);
  CHECK(second.slot == coworker::detail::due_slot_none);
  CHECK(all.empty());
}

TEST_CASE("adding, removing and popping take a logarithmic number of comparisons") {
  for (const std::size_t count : {1'000u, 10'000u, 100'000u}) {
    for (const int order : {0, 1, 2}) {
      coworker::random_source random(count);
      std::vector<due_item> items(count);
      counted_heap all;
      due_comparisons = 0;
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t due = order == 0 ? i : order == 1 ? count - i : random.below(count);
        items[i].due = static_cast<std::int64_t>(due);
        all.push(items[i], {items[i].due});
      }
      for (std::size_t i = 0; i < count; i += 2) all.remove(items[i]);
      std::int64_t last = 0;
      bool sorted = true;
      while (!all.empty()) {
        const std::int64_t due = all.pop().due;
        sorted = sorted && last <= due;
        last = due;
      }
      CHECK(sorted);
      const double operations = 2.0 * static_cast<double>(count);
      CHECK(static_cast<double>(due_comparisons) < 6 * operations * std::log2(static_cast<double>(count)));
    }
  }
}

TEST_CASE("an item for which there is no memory is not in the heap") {
  if (!coworker::testing::memory_is_counted()) return;
  counted_heap all;
  due_item item;
  bool failed = false;
  {
    const coworker::testing::scarce_memory none(0);
    try {
      all.push(item, {1});
    } catch (const std::bad_alloc&) {
      failed = true;
    }
  }
  CHECK(failed);
  CHECK(all.empty());
  CHECK(item.slot == coworker::detail::due_slot_none);
  all.push(item, {1});
  CHECK(&all.pop() == &item);
}
