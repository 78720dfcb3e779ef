#pragma once
// Tells from how takes return whether jobs wait for slots or slots for jobs. Must not know what a queue is,
// and never reads a clock.

#include <array>
#include <coworker/coro/clock.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace coworker::inline v0_1 {

/// Whether jobs wait for slots, or slots for jobs.
enum class demand_level : unsigned char {
  low,     ///< a slot or more was empty for the last half second: a lower limit would suffice
  steady,  ///< neither, or not known yet
  high,    ///< jobs wait for a slot: a higher limit may raise the throughput
};

namespace detail {

// The average of a value over the last half second, in slices of a twentieth of a second.
class recent_average {
 public:
  // Records that the value was `value` from `from` until `now`.
  void add(time_point from, time_point now, std::int64_t value) noexcept {
    advance(now);
    if (now - from > window - slice) from = now - window + slice;
    while (from < now) {
      const std::int64_t number = from.time_since_epoch() / slice;
      const time_point next = time_point(slice * (number + 1));
      const time_point end = next < now ? next : now;
      const duration product = (end - from) * value;
      products_[index(number)] += product;
      sum_ += product;
      from = end;
    }
  }

  double at(time_point now) noexcept {
    advance(now);
    return static_cast<double>(sum_.count()) / static_cast<double>(window.count());
  }

  // Returns what a value contributes to the average that has been `value` since then and still is.
  static double share(time_point since, time_point now, std::int64_t value) noexcept {
    const duration span = now - since > window ? window : now - since;
    return span > duration::zero()
               ? static_cast<double>(span.count() * value) / static_cast<double>(window.count())
               : 0;
  }

 private:
  static constexpr duration slice = std::chrono::milliseconds(50);
  static constexpr std::int64_t slice_count = 10;
  static constexpr duration window = slice * slice_count;

  static std::size_t index(std::int64_t number) noexcept {
    return static_cast<std::size_t>(number % slice_count);
  }

  void advance(time_point now) noexcept {
    const std::int64_t reached = now.time_since_epoch() / slice;
    if (reached - current_ >= slice_count) {
      products_.fill(duration::zero());
      sum_ = duration::zero();
      current_ = reached;
    }
    while (current_ < reached) sum_ -= std::exchange(products_[index(++current_)], duration::zero());
  }

  std::array<duration, slice_count> products_{};  // of time and value; exact up to values of ten billion
  duration sum_{};                                // of all slices
  std::int64_t current_ = 0;
};

/// Observes the takes of one worker. A take that returns full and at once shows that jobs wait. While the
/// queue holds a take, the slots that the take asks for are empty.
///
/// "At once" is relative to the round trip to the queue: within 2.5 times the shortest recent take. It is
/// never below 20 ms, and never above 20 deliveries of a result (100 ms at least, 1 s at most): takes that
/// are much slower than that are waiting for jobs.
class demand_meter {
 public:
  /// The shortest recent times; duration::max() while there are none.
  struct round_trips {
    duration take = (duration::max)();
    duration delivery = (duration::max)();
  };

  /// Records that a take was sent that asks for `asked` jobs.
  void take_sent(time_point now, std::size_t asked) { pending_.push_back({now, asked}); }

  /// Records that the take which was sent at `sent` and asked for `asked` jobs has returned
  /// with `brought` jobs.
  void take_answered(time_point now, time_point sent, std::size_t asked, std::size_t brought,
                     round_trips shortest) noexcept {
    for (auto one = pending_.begin(); one != pending_.end(); ++one) {
      if (one->sent != sent || one->asked != asked) continue;
      pending_.erase(one);
      break;
    }
    const bool full = brought >= asked;
    if (now - sent < shortest.take) shortest.take = now - sent;
    const duration grace = at_once(shortest);
    full_at_once_ = full && brought > 0 && now - sent <= grace;
    held_.add(full ? after(sent, grace) : sent, now, slot_count(asked));
  }

  /// Records that `count` slots are in use from now on.
  void slots_in_use(time_point now, int count) noexcept {
    in_use_.add(in_use_since_, now, in_use_now_);
    in_use_since_ = now;
    in_use_now_ = count;
  }

  /// Returns how many of `limit` slots were empty because no job came, on average over the last half second.
  /// Counts the slots that takes asked for and that would be empty at this limit too.
  double slots_waiting(time_point now, int limit, round_trips shortest) noexcept {
    double held = held_.at(now);
    const duration grace = at_once(shortest);
    for (const pending_take& one : pending_)
      held += recent_average::share(after(one.sent, grace), now, slot_count(one.asked));
    const double free = limit - in_use_.at(now) - recent_average::share(in_use_since_, now, in_use_now_);
    return held < free ? held : free > 0 ? free : 0;
  }

  /// `jobs_waiting`: number of jobs that are known to wait.
  demand_level level(double slots_waiting, int jobs_waiting) const noexcept {
    if (jobs_waiting > 0) return demand_level::high;
    constexpr double one_slot = 0.95;  // 1, with a margin for rounding
    if (slots_waiting >= one_slot) return demand_level::low;
    return full_at_once_ && slots_waiting < 0.5 ? demand_level::high : demand_level::steady;
  }

 private:
  struct pending_take {
    time_point sent;
    std::size_t asked;
  };

  static std::int64_t slot_count(std::size_t asked) noexcept {
    constexpr std::size_t most = (std::numeric_limits<int>::max)();
    return static_cast<std::int64_t>(asked < most ? asked : most);
  }

  static duration within(duration span, duration least, duration most) noexcept {
    return span < least ? least : span < most ? span : most;
  }

  static duration at_once(round_trips shortest) noexcept {
    constexpr duration longest = std::chrono::seconds(1);
    const duration take = shortest.take < longest ? shortest.take : longest;
    duration delivery{};
    if (shortest.delivery != (duration::max)())
      delivery = shortest.delivery < longest ? shortest.delivery : longest;
    const duration most = within(delivery * 20, std::chrono::milliseconds(100), longest);
    return within(take * 5 / 2, std::chrono::milliseconds(20), most);
  }

  std::vector<pending_take> pending_;
  recent_average held_;    // slots that takes asked for and that got no job
  recent_average in_use_;  // slots in use
  time_point in_use_since_{};
  int in_use_now_ = 0;
  bool full_at_once_ = false;  // the latest take returned full and at once
};

}  // namespace detail
}  // namespace coworker::inline v0_1
