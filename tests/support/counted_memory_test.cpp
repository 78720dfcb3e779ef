#include "support/counted_memory.hpp"

#include <cstdint>
#include <memory>
#include <new>
#include <thread>
#include <vector>

TEST_CASE("the allocations of a thread are counted, and those of another are not") {
  if (!coworker::testing::memory_is_counted()) return;
  const coworker::testing::counted_memory counted;
  auto large = std::make_unique<std::vector<char>>(100'000);
  std::thread([] { std::vector<char>(1'000'000).swap(*std::make_unique<std::vector<char>>()); }).join();
  CHECK(counted.allocations() >= 2);
  CHECK(counted.held() >= 100'000);
  CHECK(counted.held() < 200'000);
  large.reset();
  CHECK(counted.held() < 10'000);
  CHECK(counted.peak() >= 100'000);
  CHECK(counted.peak() < 200'000);
}

TEST_CASE("allocations fail while a test wants it, and not afterwards") {
  if (!coworker::testing::memory_is_counted()) return;
  std::uint64_t failures = 0;
  bool thrown = false;
  {
    const coworker::testing::scarce_memory scarce(1);
    const auto first = std::make_unique<int>(1);
    try {
      const auto second = std::make_unique<int>(2);
    } catch (const std::bad_alloc&) {
      thrown = true;
    }
    failures = scarce.failures();
  }
  CHECK(thrown);
  CHECK(failures == 1);
  CHECK(*std::make_unique<int>(3) == 3);
}
