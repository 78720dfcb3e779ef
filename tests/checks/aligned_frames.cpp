// Checks that vectors kept across a co_await are aligned as their type requires, for every way in which a
// frame is allocated. aligned_frames.sh builds it with the flags that this needs.

#include <immintrin.h>

#include <chrono>
#include <coworker/coro/async_generator.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <new>

namespace cw = coworker;

namespace {

int misplaced = 0;

template <class T>
[[gnu::noinline]] void look_at(const T& object) {
  if (reinterpret_cast<std::uintptr_t>(&object) % alignof(T) != 0) ++misplaced;
}

cw::task<> turn() { co_await cw::sleep_for(std::chrono::nanoseconds(1)); }

cw::task<float> lane_after_three_turns(float start) {
  __m256 sum = _mm256_set1_ps(start);
  for (int i = 0; i < 3; ++i) {
    const __m256 before = sum;
    co_await turn();
    look_at(sum);
    sum = _mm256_add_ps(sum, before);
  }
  float lanes[8];
  _mm256_storeu_ps(lanes, sum);
  co_return lanes[3];
}

cw::async_generator<float> doubled(const float* start) {
  __m256 value = _mm256_set1_ps(*start);
  for (int i = 0; i < 3; ++i) {
    look_at(value);
    float lanes[8];
    _mm256_storeu_ps(lanes, value);
    co_yield lanes[0];
    value = _mm256_add_ps(value, value);
  }
}

// Needs a larger frame than those that are recycled.
cw::task<float> large(float start) {
  __m256 rows[64];
  for (__m256& row : rows) row = _mm256_set1_ps(start);
  co_await turn();
  __m256 sum = _mm256_setzero_ps();
  for (const __m256& row : rows) {
    look_at(row);
    sum = _mm256_add_ps(sum, row);
  }
  float lanes[8];
  _mm256_storeu_ps(lanes, sum);
  co_return lanes[0];
}

cw::task<float> everything() {
  float total = 0;
  for (std::size_t i = 0; i < 40; ++i) {
    void* const shifts_the_heap = ::operator new(16 * i + 8);
    total += co_await lane_after_three_turns(1);
    const float start = 1;
    auto values = doubled(&start);
    for (float* one = co_await values.next(); one != nullptr; one = co_await values.next()) total += *one;
    total += co_await large(1);
    ::operator delete(shifts_the_heap);
  }
  co_return total;
}

}  // namespace

int main() {
  const float total = cw::sync_wait(everything());
  std::printf("%.0f, %d misplaced\n", static_cast<double>(total), misplaced);
  return total == 40 * (8 + 7 + 64) && misplaced == 0 ? 0 : 1;
}
