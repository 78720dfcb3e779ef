#pragma once
// Modifiers composed of modifiers at compile time: clamped, smallest_of, every, logged. Must not know the
// worker.

#include <coworker/coro/clock.hpp>
#include <coworker/log.hpp>
#include <coworker/scale/metrics.hpp>
#include <coworker/scale/modifier.hpp>
#include <limits>
#include <string>
#include <utility>

namespace coworker::inline v0_1 {

/// Limits what another modifier returns to the range from `min` to `max`: `clamped{1, 64, hill_climb{}}`.
template <concurrency_modifier Modifier>
struct clamped {
  int min = 1;                                  ///< 1 or more; counts if `max` is lower. Default: 1
  int max = (std::numeric_limits<int>::max)();  ///< Default: unlimited
  Modifier modifier{};                          ///< the modifier whose limit is clamped

  int operator()(int current, const metrics& measured) {
    return detail::within(detail::ask(modifier, current, measured), min, max);
  }
};
template <class Modifier>
clamped(int, int, Modifier) -> clamped<Modifier>;

/// Calls several modifiers, all of them each time, and returns the smallest of their limits:
/// `smallest_of(hill_climb{}, resource_guard{})`.
template <concurrency_modifier First, concurrency_modifier... Rest>
class smallest_of {
 public:
  smallest_of() = default;
  explicit smallest_of(First first, Rest... rest) : first_(std::move(first)), rest_(std::move(rest)...) {}

  int operator()(int current, const metrics& measured) {
    const int first = detail::ask(first_, current, measured);
    const int others = rest_(current, measured);
    return first < others ? first : others;
  }

 private:
  First first_{};
  smallest_of<Rest...> rest_{};
};

template <concurrency_modifier Only>
class smallest_of<Only> {
 public:
  smallest_of() = default;
  explicit smallest_of(Only only) : only_(std::move(only)) {}

  int operator()(int current, const metrics& measured) { return detail::ask(only_, current, measured); }

 private:
  Only only_{};
};
template <class First, class... Rest>
smallest_of(First, Rest...) -> smallest_of<First, Rest...>;

/// Calls a modifier once per interval at most, and keeps the limit in between: `every(10s, follow_demand{})`
/// changes it by one in ten seconds, however many takes there are.
template <concurrency_modifier Modifier>
class every {
 public:
  every() = default;
  explicit every(duration interval, Modifier modifier = {})
      : interval_(interval), modifier_(std::move(modifier)) {}

  int operator()(int current, const metrics& measured) {
    if (measured.now < due_ && measured.now >= asked_) return current;
    asked_ = measured.now;
    due_ = detail::after(measured.now, interval_);
    return detail::ask(modifier_, current, measured);
  }

 private:
  duration interval_ = std::chrono::seconds(1);
  Modifier modifier_{};
  time_point asked_ = (time_point::min)();  // if the clock is before this, it belongs to another run
  time_point due_ = (time_point::min)();
};
template <class Modifier>
every(duration, Modifier) -> every<Modifier>;

/// Logs each change that a modifier decides, at INFO: `logged(log, hill_climb{})`. The logger must outlive
/// it; without one, nothing is logged.
template <concurrency_modifier Modifier>
class logged {
 public:
  logged() = default;
  explicit logged(logger& log, Modifier modifier = {}) : log_(&log), modifier_(std::move(modifier)) {}

  int operator()(int current, const metrics& measured) {
    const int limit = detail::ask(modifier_, current, measured);
    if (limit != current && log_ != nullptr && log_->writes(log_level::info)) {
      log_->write(log_level::info,
                  "Concurrency limit " + std::to_string(current) + " -> " + std::to_string(limit) + ": " +
                      std::to_string(measured.in_progress) + " in progress, " +
                      std::to_string(measured.jobs_ended()) + " ended, 99 % within " +
                      std::to_string(static_cast<long long>(measured.handler.p99_seconds * 1000)) + " ms.");
    }
    return limit;
  }

 private:
  logger* log_ = nullptr;
  Modifier modifier_{};
};
template <class Modifier>
logged(logger&, Modifier) -> logged<Modifier>;

static_assert(concurrency_modifier<clamped<fixed_concurrency>>);
static_assert(concurrency_modifier<smallest_of<fixed_concurrency, follow_demand>>);
static_assert(concurrency_modifier<every<fixed_concurrency>> &&
              concurrency_modifier<logged<fixed_concurrency>>);

}  // namespace coworker::inline v0_1
