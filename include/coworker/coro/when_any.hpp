#pragma once
// when_any: runs several tasks side by side; the first to end decides, and the others are stopped and waited
// for.
// Built on scope; must not know any concrete executor.

#include <concepts>
#include <coworker/coro/context.hpp>
#include <coworker/coro/result.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/task.hpp>
#include <cstddef>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

namespace coworker::inline v0_1 {

/// The result of when_any: which task ended first, and its result.
template <class T>
struct any_result {
  std::size_t index;  ///< position of the task, from 0
  T value;            ///< its result
};

template <>
struct any_result<void> {
  std::size_t index;  ///< position of the task, from 0
};

namespace detail {

// Has a mutex because the children may run on several threads.
template <class T>
struct race {
  std::mutex mutex;
  bool decided = false;
  std::size_t index = 0;
  result<T> outcome;
};

template <class T>
task<void> compete(task<T> work, std::size_t index, race<T>& race, scope& competitors) {
  result<T> mine;
  co_await detail::capture(std::move(work), mine);
  {
    const std::lock_guard lock(race.mutex);
    if (race.decided) co_return;
    race.decided = true;
    race.index = index;
    if (mine.state() == result_state::exception) {
      race.outcome.set_exception(mine.exception());
    } else if constexpr (std::is_void_v<T>) {
      race.outcome.set();
    } else {
      race.outcome.set(mine.take());
    }
  }
  competitors.request_stop();
}

}  // namespace detail

/// Runs tasks of one type side by side until the first ends. The others are stopped and waited for, and their
/// results are dropped.
/// Returns the index of the first to end, and its result.
/// Throws: what the first to end threw; std::invalid_argument if there are no tasks.
/// Cancellation: reaches all tasks.
template <class T>
task<any_result<T>> when_any(std::vector<task<T>> tasks) {
  if (tasks.empty())
    throw std::invalid_argument("when_any: no tasks were given, so none can end; give at least one");
  const context surrounding = co_await this_coro::context();
  scope competitors(surrounding);
  detail::race<T> race;
  try {
    for (std::size_t i = 0; i < tasks.size(); ++i)
      competitors.spawn(detail::compete(std::move(tasks[i]), i, race, competitors));
  } catch (...) {
    (competitors.fail)(std::current_exception());  // the tasks already started are waited for
  }
  co_await competitors.join();
  if constexpr (std::is_void_v<T>) {
    race.outcome.take();
    co_return any_result<void>{race.index};
  } else {
    co_return any_result<T>{race.index, race.outcome.take()};
  }
}

/// The same for tasks given one by one. All must have the same result type.
template <class First, class... Rest>
task<any_result<First>> when_any(task<First> first, task<Rest>... rest) {
  constexpr bool alike = (std::is_same_v<First, Rest> && ...);
  static_assert(alike,
                "when_any: the tasks have different result types; make them return one type, such as a "
                "std::variant of them all");
  std::vector<task<First>> tasks;
  tasks.reserve(1 + sizeof...(rest));
  tasks.push_back(std::move(first));
  if constexpr (alike) (tasks.push_back(std::move(rest)), ...);
  return coworker::when_any(std::move(tasks));
}

}  // namespace coworker
