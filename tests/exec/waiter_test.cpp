#include <doctest/doctest.h>
#include <atomic>
#include <coworker/exec/waiter.hpp>
#include <thread>

namespace cw = coworker;

TEST_CASE("a waiter that was woken before returns at once") {
  cw::condition_waiter waiter;
  waiter.wake();
  waiter.wake();
  waiter.wait(cw::time_point::max());
}

TEST_CASE("a poll neither blocks nor uses up a wake-up") {
  cw::condition_waiter waiter;
  waiter.wait(cw::time_point::min());
  waiter.wake();
  waiter.wait(cw::time_point::min());
  waiter.wait(cw::time_point::max());
}

TEST_CASE("a waiter is woken from other threads") {
  cw::condition_waiter waiter;
  std::atomic<int> turns = 0;
  std::thread waker([&] {
    for (int i = 0; i < 1000; ++i) {
      while (turns != i) std::this_thread::yield();
      waiter.wake();
    }
  });
  for (int i = 0; i < 1000; ++i) {
    waiter.wait(cw::time_point::max());
    turns = i + 1;
  }
  waker.join();
  CHECK(turns == 1000);
}
