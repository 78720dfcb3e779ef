#include <doctest/doctest.h>
#include <coworker/exec/ring.hpp>
#include <cstdint>
#include <support/tracked.hpp>
#include <utility>

namespace {

struct alignas(64) ring_wide {
  int number;
};

}  // namespace

TEST_CASE(
    "a ring returns its elements in the order of insertion, also if it grows with its start in the middle") {
  tracked::account account;
  {
    coworker::detail::ring<tracked::value> ring;
    int in = 0, out = 0;
    bool in_order = true;
    for (int round = 0; round < 50; ++round) {
      for (int i = 0; i < 3; ++i) ring.push(tracked::value(account, in++));
      for (int i = 0; i < 2; ++i) {
        in_order = in_order && ring.front().number() == out++;
        ring.drop_front();
      }
      if (account.alive != static_cast<int>(ring.size())) in_order = false;
    }
    CHECK(in_order);
    CHECK(ring.size() == 50);
    coworker::detail::ring<tracked::value> other;
    other.push(tracked::value(account, -1));
    ring.swap(other);
    CHECK(other.front().number() == out);
    CHECK(ring.front().number() == -1);
    const coworker::detail::ring<tracked::value> moved(std::move(ring));
    CHECK(ring.empty());
    CHECK(moved.size() == 1);
  }
  CHECK(account.alive == 0);
}

TEST_CASE("a ring respects the alignment of its elements") {
  coworker::detail::ring<ring_wide> ring;
  for (int i = 0; i < 20; ++i) ring.push(ring_wide{i});
  for (int i = 0; i < 20; ++i) {
    CHECK(reinterpret_cast<std::uintptr_t>(&ring.front()) % 64 == 0);
    CHECK(ring.front().number == i);
    ring.drop_front();
  }
}
