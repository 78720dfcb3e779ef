#pragma once
// What a concurrency modifier is, how a worker calls one whatever it does, and the two simplest.

#include <concepts>
#include <coworker/job/error_report.hpp>
#include <coworker/scale/metrics.hpp>
#include <exception>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>

namespace coworker {

namespace detail {

// The types that std::cmp_greater and its like accept.
template <class T>
concept integer_limit =
    std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char> && !std::same_as<T, wchar_t> &&
    !std::same_as<T, char8_t> && !std::same_as<T, char16_t> && !std::same_as<T, char32_t>;

template <class Modifier>
concept modifier_of_metrics = requires(Modifier& modifier, int current, const metrics& measured) {
  { modifier(current, measured) } -> integer_limit;
};

template <class Modifier>
concept modifier_of_current = requires(Modifier& modifier, int current) {
  { modifier(current) } -> integer_limit;
};

}  // namespace detail

/// Says how many jobs may be in progress, given the current limit and, if it asks for them, the worker's
/// metrics: `int(int)` or `int(int, const metrics&)`. Each worker has its own copy and calls it from one
/// thread.
template <class Modifier>
concept concurrency_modifier = detail::modifier_of_metrics<Modifier> || detail::modifier_of_current<Modifier>;

/// The limit stays as it is set.
struct fixed_concurrency {
  int limit = 1;  ///< jobs at once; 1 or more, default 1

  int operator()(int) const noexcept { return limit; }
};
static_assert(concurrency_modifier<fixed_concurrency>);

/// One more while jobs arrive at a higher rate than `threshold`, one fewer while at a lower; as in the
/// platform's tutorial.
struct rate_threshold {
  int min = 1;            ///< the lowest limit; 1 or more, default 1
  int max = 10;           ///< the highest limit; `min` or more, default 10
  double threshold = 50;  ///< jobs per second; default 50

  int operator()(int current, const metrics& measured) const noexcept {
    if (measured.arrivals_per_second > threshold && current < max) ++current;
    if (measured.arrivals_per_second < threshold) --current;
    if (current > max) current = max;
    return current < min ? min : current;
  }
};
static_assert(concurrency_modifier<rate_threshold>);

/// A limit decided by a modifier, and what was wrong with it, where something was.
struct limit_decision {
  enum class fault : unsigned char { none, below_one, threw };

  int limit;
  fault found = fault::none;
  std::string problem = {};  ///< the fault in words
};

/// Asks the modifier, and bears with it: a limit below 1 counts as 1, one beyond int as the largest int, and
/// a modifier that throws leaves the limit as it was.
template <concurrency_modifier Modifier>
limit_decision decide_limit(Modifier& modifier, const metrics& measured) {
  const auto keep = [&](const auto wanted) -> limit_decision {
    if (std::cmp_greater(wanted, std::numeric_limits<int>::max())) return {std::numeric_limits<int>::max()};
    if (std::cmp_greater_equal(wanted, 1)) return {static_cast<int>(wanted)};
    return {1, limit_decision::fault::below_one,
            "the concurrency modifier returned " + std::to_string(wanted) +
                "; limits are 1 or more, so 1 is used"};
  };
  try {
    if constexpr (detail::modifier_of_metrics<Modifier>) {
      return keep(modifier(measured.limit, measured));
    } else {
      return keep(modifier(measured.limit));
    }
  } catch (...) {
    const exception_description error = describe_exception(std::current_exception());
    return {measured.limit, limit_decision::fault::threw,
            "the concurrency modifier threw " + error.type + " (" + error.message + "); the limit stays at " +
                std::to_string(measured.limit)};
  }
}

}  // namespace coworker
