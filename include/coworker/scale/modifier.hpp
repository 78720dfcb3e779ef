#pragma once
// The concept of a concurrency modifier, how a worker calls one safely, and the simplest modifiers. Must not
// know the worker.

#include <concepts>
#include <coworker/job/error_info.hpp>
#include <coworker/scale/metrics.hpp>
#include <exception>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1 {

namespace detail {

// Types that std::cmp_greater and its siblings accept. (u8'x' is a char8_t, and with -fno-char8_t a char.)
template <class T>
concept integer_limit =
    std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char> && !std::same_as<T, wchar_t> &&
    !std::same_as<T, decltype(u8'x')> && !std::same_as<T, char16_t> && !std::same_as<T, char32_t>;

template <class Modifier>
concept modifier_of_metrics = requires(Modifier& modifier, int current, const metrics& measured) {
  { modifier(current, measured) } -> integer_limit;
};

template <class Modifier>
concept modifier_of_current = requires(Modifier& modifier, int current) {
  { modifier(current) } -> integer_limit;
};

}  // namespace detail

/// Decides the limit, which is how many jobs may have a slot at once, from the limit so far and, if it takes
/// them, the worker's metrics: `int(int)` or `int(int, const metrics&)`. Each worker has its own copy and
/// calls it on one thread.
template <class Modifier>
concept concurrency_modifier = detail::modifier_of_metrics<Modifier> || detail::modifier_of_current<Modifier>;

namespace detail {

// Returns `limit` within `min` and `max`. A `max` below `min` is ignored.
inline int within(int limit, int min, int max) noexcept {
  if (limit > max) limit = max;
  return limit < min ? min : limit;
}

// Returns the modifier's result, or the int nearest to it. Throws what the modifier throws.
template <concurrency_modifier Modifier>
int ask(Modifier& modifier, int current, const metrics& measured) {
  using limits = std::numeric_limits<int>;
  const auto fitted = [](const auto wanted) {
    if (std::cmp_greater(wanted, (limits::max)())) return (limits::max)();
    return std::cmp_less(wanted, (limits::min)()) ? (limits::min)() : static_cast<int>(wanted);
  };
  if constexpr (modifier_of_metrics<Modifier>) {
    return fitted(modifier(current, measured));
  } else {
    return fitted(modifier(current));
  }
}

}  // namespace detail

/// Keeps the limit constant.
struct fixed_concurrency {
  int limit = 1;  ///< how many jobs may have a slot at once; 1 or more. Default: 1

  int operator()(int) const noexcept { return limit; }
};
static_assert(concurrency_modifier<fixed_concurrency>);

/// Raises the limit by one while jobs wait for slots, and lowers it by one while slots wait for jobs. It
/// follows the load even where a higher limit no longer raises the throughput; use hill_climb there.
struct follow_demand {
  int min = 1;   ///< the lowest limit; 1 or more. Default: 1
  int max = 10;  ///< the highest limit; `min` or more. Default: 10

  int operator()(int current, const metrics& measured) const noexcept {
    if (measured.demand == demand_level::high && current < max) ++current;
    if (measured.demand == demand_level::low) --current;
    return detail::within(current, min, max);
  }
};
static_assert(concurrency_modifier<follow_demand>);

/// follow_demand under its name of version 0.1. The threshold is ignored: the rate at which a worker takes
/// jobs never exceeds its own throughput, however many jobs wait, so it does not measure the load.
struct [[deprecated(
    "use follow_demand: a worker's own rate of takes says nothing of the load")]] rate_threshold {
  int min = 1;
  int max = 10;
  double threshold = 50;

  int operator()(int current, const metrics& measured) const noexcept {
    return follow_demand{min, max}(current, measured);
  }
};

/// A limit that a modifier decided, and the modifier's fault if there was one.
struct limit_decision {
  enum class fault : unsigned char { none, below_one, threw };

  int limit;
  fault found = fault::none;
  std::string problem = {};  ///< describes the fault; empty if there is none
};

/// Calls the modifier and handles its faults: a limit below 1 counts as 1, one beyond int as the largest int;
/// if the modifier throws, the limit stays as it was.
template <concurrency_modifier Modifier>
limit_decision decide_limit(Modifier& modifier, const metrics& measured) {
  try {
    const int wanted = detail::ask(modifier, measured.limit, measured);
    if (wanted >= 1) return {wanted};
    return {1, limit_decision::fault::below_one,
            "the concurrency modifier returned " + std::to_string(wanted) +
                "; limits are 1 or more, so 1 is used"};
  } catch (...) {
    const error_info error = describe_exception(std::current_exception());
    return {measured.limit, limit_decision::fault::threw,
            "the concurrency modifier threw " + error.type + " (" + error.message + "); the limit stays at " +
                std::to_string(measured.limit)};
  }
}

namespace detail {

// A reference to a modifier, with its type erased, so that code which calls modifiers is compiled once and
// not per modifier.
class modifier_ref {
 public:
  modifier_ref() noexcept {}  // refers to no modifier; must not be called

  template <concurrency_modifier Modifier>
  explicit modifier_ref(Modifier& modifier) noexcept
      : modifier_(std::addressof(modifier)), decide_([](void* asked, const metrics& measured) {
          return coworker::decide_limit(*static_cast<Modifier*>(asked), measured);
        }) {}

  limit_decision decide(const metrics& measured) const { return decide_(modifier_, measured); }

 private:
  void* modifier_ = nullptr;
  limit_decision (*decide_)(void*, const metrics&) = nullptr;
};

}  // namespace detail
}  // namespace coworker::inline v0_1
