#pragma once
// collect: all values of a stream at once. Knows nothing of where they come from.

#include <coworker/coro/async_generator.hpp>
#include <coworker/coro/task.hpp>
#include <utility>
#include <vector>

namespace coworker::inline v0_1 {

/// Returns all values of a generator, once it has ended: `auto all = co_await collect(std::move(pieces));`.
/// Throws: what the generator throws; what came before is lost then. Cancellation: as the generator does.
template <class T>
task<std::vector<T>> collect(async_generator<T> values) {
  async_generator<T> from = std::move(values);
  std::vector<T> all;
  for (T* one = co_await from.next(); one != nullptr; one = co_await from.next()) all.push_back(std::move(*one));
  co_return all;
}

}  // namespace coworker
