#pragma once
// when_all: runs several tasks side by side and waits for all of them.
// Built on scope; must not know any concrete executor.

#include <concepts>
#include <coworker/coro/context.hpp>
#include <coworker/coro/result.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/task.hpp>
#include <cstddef>
#include <exception>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace coworker::inline v0_1 {

/// Stands for the result of a task<void> among other results.
struct no_value {
  friend bool operator==(no_value, no_value) noexcept { return true; }
};

namespace detail {

// Exceptions go to the scope, which then stops the other tasks.
template <class T>
task<void> store(task<T> work, result<T>& into) {
  if constexpr (std::is_void_v<T>) {
    co_await std::move(work);
    into.set();
  } else {
    into.set(co_await std::move(work));
  }
}

template <class T>
using value_of = std::conditional_t<std::is_void_v<T>, no_value, T>;

template <class T>
value_of<T> take_stored(result<T>& stored) {
  if (stored.state() == result_state::empty) throw cancelled();
  if constexpr (std::is_void_v<T>) {
    return no_value();
  } else {
    return stored.take();
  }
}

template <class T>
using list_of_values = std::conditional_t<std::is_void_v<T>, void, std::vector<value_of<T>>>;

template <class... T>
using all_values = std::conditional_t<(std::is_void_v<T> && ...), void, std::tuple<value_of<T>...>>;

}  // namespace detail

/// Runs tasks side by side and waits for all of them.
/// Returns a std::tuple of their results, with `no_value` for a task<void>; void if all tasks are void.
/// Throws: what the first failed task threw. A failure stops the other tasks, and is rethrown when all have
/// ended.
/// Cancellation: reaches all tasks; throws `cancelled` unless all finished anyway.
template <class... T>
task<detail::all_values<T...>> when_all(task<T>... tasks) {
  const context surrounding = co_await this_coro::context();
  scope children(surrounding);
  std::tuple<detail::result<T>...> results;
  try {
    std::apply([&](auto&... result) { (children.spawn(detail::store(std::move(tasks), result)), ...); },
               results);
  } catch (...) {
    (children.fail)(std::current_exception());  // the tasks already started are waited for
  }
  co_await children.join();
  if constexpr ((std::is_void_v<T> && ...)) {
    std::apply([](auto&... result) { (detail::take_stored(result), ...); }, results);
  } else {
    co_return std::apply(
        [](auto&... result) { return std::tuple<detail::value_of<T>...>(detail::take_stored(result)...); },
        results);
  }
}

/// Runs any number of tasks of one type side by side. Throws and cancels as the overload above.
/// Returns a std::vector of the results, in the order of the tasks; void if the tasks are void.
template <class T>
requires(!std::is_reference_v<T>) task<detail::list_of_values<T>> when_all(std::vector<task<T>> tasks) {
  const context surrounding = co_await this_coro::context();
  scope children(surrounding);
  std::vector<detail::result<T>> results(tasks.size());
  try {
    for (std::size_t i = 0; i < tasks.size(); ++i)
      children.spawn(detail::store(std::move(tasks[i]), results[i]));
  } catch (...) {
    (children.fail)(std::current_exception());  // as above
  }
  co_await children.join();
  if constexpr (std::is_void_v<T>) {
    for (detail::result<T>& result : results) detail::take_stored(result);
  } else {
    std::vector<T> values;
    values.reserve(results.size());
    for (detail::result<T>& result : results) values.push_back(detail::take_stored(result));
    co_return values;
  }
}

}  // namespace coworker
