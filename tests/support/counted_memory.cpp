// The operators new and delete of the test program, which count allocations: see counted_memory.hpp.

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
    if (--here.failures_left == 0) here.allocations_left = -1;
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

// All except the over-aligned ones. If one were missing, a sanitizer would bring its own, which does not fit
// these.
void* operator new(std::size_t size) { return counted_new(size); }
void* operator new[](std::size_t size) { return counted_new(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  try {
    return counted_new(size);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void* operator new[](std::size_t size, const std::nothrow_t& quiet) noexcept {
  return operator new(size, quiet);
}
void operator delete(void* memory) noexcept { counted_delete(memory); }
void operator delete[](void* memory) noexcept { counted_delete(memory); }
void operator delete(void* memory, std::size_t) noexcept { counted_delete(memory); }
void operator delete[](void* memory, std::size_t) noexcept { counted_delete(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { counted_delete(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { counted_delete(memory); }

#endif

namespace coworker::testing {

thread_memory& this_thread_memory() noexcept {
  static constinit thread_local thread_memory memory;
  return memory;
}

}  // namespace coworker::testing
