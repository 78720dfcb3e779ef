#include <doctest/doctest.h>
#include <atomic>
#include <coworker/exec/short_mutex.hpp>
#include <mutex>
#include <thread>
#include <vector>

using coworker::detail::short_mutex;

TEST_CASE("a short_mutex lets one thread at a time in, whether it waits shortly or blocks") {
  short_mutex mutex;
  int count = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&mutex, &count] {
      for (int i = 0; i < 20'000; ++i) {
        const std::lock_guard lock(mutex);
        const int before = count;
        if (i % 1000 == 0) std::this_thread::yield();  // now and then the holder is not running
        count = before + 1;
      }
    });
  }
  for (std::thread& one : threads) one.join();
  CHECK(count == 80'000);
}

TEST_CASE("a thread that finds a short_mutex locked for long gets it once it is unlocked") {
  short_mutex mutex;
  std::atomic<bool> asks{false};
  bool written = false;
  std::unique_lock held(mutex);
  std::thread other([&] {
    CHECK_FALSE(mutex.try_lock());
    asks = true;
    asks.notify_one();
    const std::lock_guard lock(mutex);
    CHECK(written);
  });
  asks.wait(false);
  for (int i = 0; i < 100; ++i) std::this_thread::yield();
  written = true;
  held.unlock();
  other.join();
  CHECK(mutex.try_lock());
  mutex.unlock();
}
