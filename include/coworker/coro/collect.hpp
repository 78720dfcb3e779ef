#pragma once
// collect: all values of a stream in one vector.
// Must not know what produces the values.

#include <coworker/coro/async_generator.hpp>
#include <coworker/coro/task.hpp>
#include <utility>
#include <vector>

namespace coworker::inline v0_1 {

/// Collects all values of a generator: `auto all = co_await collect(std::move(pieces));`.
/// Returns the values in their order, once the generator has ended.
/// Throws: what the generator throws; the values received so far are then lost.
/// Cancellation: up to the generator.
template <class T>
task<std::vector<T>> collect(async_generator<T> values) {
  async_generator<T> from = std::move(values);
  std::vector<T> all;
  for (T* one = co_await from.next(); one != nullptr; one = co_await from.next())
    all.push_back(std::move(*one));
  co_return all;
}

}  // namespace coworker
