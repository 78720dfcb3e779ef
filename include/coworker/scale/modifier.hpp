#pragma once
// What a concurrency modifier is, how a worker calls one whatever it does, and the two simplest.

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

// The types that std::cmp_greater and its like accept. (u8'x' is a char8_t, and with -fno-char8_t a char.)
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

/// Says how many jobs may be in progress, given the current limit and, if it asks for them, the worker's
/// metrics: `int(int)` or `int(int, const metrics&)`. Each worker has its own copy and calls it from one
/// thread.
template <class Modifier>
concept concurrency_modifier = detail::modifier_of_metrics<Modifier> || detail::modifier_of_current<Modifier>;

namespace detail {

// From `min` to `max`; a `max` below `min` counts for nothing.
inline int within(int limit, int min, int max) noexcept {
  if (limit > max) limit = max;
  return limit < min ? min : limit;
}

// What a modifier says, or the int nearest to it. What it throws passes.
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

/// The limit stays as it is set.
struct fixed_concurrency {
  int limit = 1;  ///< jobs at once; 1 or more, default 1

  int operator()(int) const noexcept { return limit; }
};
static_assert(concurrency_modifier<fixed_concurrency>);

/// Raises the limit by one while jobs wait for slots, lowers it by one while slots wait for jobs. It follows the
/// load, also where more jobs at once bring no more throughput; hill_climb finds where they do.
struct follow_demand {
  int min = 1;   ///< the lowest limit; 1 or more, default 1
  int max = 10;  ///< the highest limit; `min` or more, default 10

  int operator()(int current, const metrics& measured) const noexcept {
    if (measured.demand == demand_level::high && current < max) ++current;
    if (measured.demand == demand_level::low) --current;
    return detail::within(current, min, max);
  }
};
static_assert(concurrency_modifier<follow_demand>);

/// follow_demand under its name of version 0.1. The threshold is not looked at: the rate at which a worker takes
/// jobs from a queue never exceeds its own throughput, however many jobs wait, so it does not tell the load.
struct [[deprecated(
    "use follow_demand: a worker's own rate of takes says nothing of the load")]] rate_threshold {
  int min = 1;
  int max = 10;
  double threshold = 50;

  int operator()(int current, const metrics& measured) const noexcept {
    return follow_demand{min, max}(current, measured);
  }
};

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

// A modifier as whoever asks it sees it, so that this is compiled once and not for each modifier. Refers to
// it.
class modifier_ref {
 public:
  modifier_ref() noexcept {}  // none: must not be asked

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
}  // namespace coworker
