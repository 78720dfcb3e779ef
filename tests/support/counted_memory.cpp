// The operators new and delete of the test program, which count (counted_memory.hpp).

#include "support/counted_memory.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#ifndef COWORKER_TEST_MEMORY_IS_NOT_COUNTED

#ifdef __APPLE__
#include <malloc/malloc.h>
#else
#include <malloc.h>
#endif

namespace {

std::size_t counted_size(void* memory) noexcept {
#ifdef __APPLE__
  return malloc_size(memory);
#elif defined(_WIN32)
  return _msize(memory);
#else
  return malloc_usable_size(memory);
#endif
}

void* counted_new(std::size_t size) {
  coworker::testing::thread_memory& here = coworker::testing::this_thread_memory();
  if (here.allocations_left == 0) {
    ++here.failures;
    throw std::bad_alloc();
  }
  if (here.allocations_left > 0) --here.allocations_left;
  void* const memory = std::malloc(size != 0 ? size : 1);
  if (memory == nullptr) throw std::bad_alloc();
  const std::size_t counted = counted_size(memory);
  ++here.allocations;
  here.bytes += counted;
  here.held += static_cast<std::int64_t>(counted);
  if (here.held > here.peak) here.peak = here.held;
  return memory;
}

void counted_delete(void* memory) noexcept {
  if (memory == nullptr) return;
  coworker::testing::this_thread_memory().held -= static_cast<std::int64_t>(counted_size(memory));
  std::free(memory);
}

}  // namespace

// Those for arrays and those that do not throw call these. Over-aligned ones are not counted.
void* operator new(std::size_t size) { return counted_new(size); }
void operator delete(void* memory) noexcept { counted_delete(memory); }
void operator delete(void* memory, std::size_t) noexcept { counted_delete(memory); }

#endif

namespace coworker::testing {

thread_memory& this_thread_memory() noexcept {
  static constinit thread_local thread_memory memory;
  return memory;
}

}  // namespace coworker::testing
