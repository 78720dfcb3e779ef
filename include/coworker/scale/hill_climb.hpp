#pragma once
// hill_climb: finds the limit beyond which more jobs at once give hardly more throughput, and stays there.
// How it decides stands above each step; what a load does to it is measured by
// tests/bench/modifier_bench.cpp.

#include <coworker/coro/clock.hpp>
#include <coworker/scale/climb_evidence.hpp>
#include <coworker/scale/memory_outlook.hpp>
#include <coworker/scale/metrics.hpp>
#include <coworker/scale/modifier.hpp>
#include <coworker/scale/real_functions.hpp>
#include <coworker/scale/throughput_sample.hpp>
#include <cstdint>

namespace coworker::inline v0_1 {

namespace detail {

// What a hill_climb remembers. Throughput has been sampled at the base, and on its way to or from there at a
// limit above and one below.
struct hill_climb_state {
  enum class place : unsigned char { base, above, below };

  bool started = false;
  bool measuring = false;     // else jobs that began under another limit are still ending
  place at = place::base;     // what is being measured
  int asked = 1;              // the limit meanwhile
  std::uint64_t settled = 0;  // measuring begins once so many jobs have ended
  double enough = 0;          // jobs in the sample before it is looked at
  int peak = 0;               // in progress while measuring
  metrics from{};             // when measuring began
  climb_arm base{}, above{}, below{};
  double rise = 1;        // the limit above is by this share higher than the base
  double fall = 0.25;     // and the base by this share higher than the one below
  double until_rise = 0;  // jobs to end at the base before the next look above
  double until_fall = 0;
  double rise_pause = 0;  // the last until_rise that was set; they double
  double fall_pause = 0;
  bool doubted = false;  // a doubling was given a second try
  climb_evidence evidence{};
  memory_outlook memory{};
};

}  // namespace detail

/// The recommended modifier: the smallest limit whose next step still gains less than `epsilon`, found by
/// trying. It doubles the limit as long as throughput follows (from 1 to 32 in some hundred jobs); from then
/// on it compares the limit with one a little higher and one a little lower, by turns and the more seldom the
/// clearer the answers, and moves when the difference stands out from the noise. All is counted in ended
/// jobs, so that it works for jobs of a millisecond and of an hour alike.
///
/// The gain of a step from limit a to b is the elasticity ln(X(b)/X(a)) / ln(b/a) of the throughput X: 1
/// where throughput grows with the limit, 0 where it stays, below 0 where jobs hinder each other. The step is
/// worth taking above `epsilon`.
///
/// It never grows while the queue is what limits the worker, and then slowly gives up what is not in use;
/// with a known memory limit it never grows beyond what fits (see memory_outlook). At limits of 3 and less a
/// look above costs the jobs of that moment half their speed or more, so that there it looks seldom: a change
/// that shows neither in job times nor in throughput may go unseen for a thousand jobs. The wider job times
/// are spread, the more must be gained to be seen: from a lognormal sigma of 0.5 on, a gentle curve is left
/// some 6 % below its best throughput, and a sharp knee may be overshot by a quarter. Where a few jobs take
/// ten times as long as the rest, it may stray: to half the best throughput, or to many times the best limit;
/// give it a `max` there.
///
/// Source: climbing on throughput is the idea of .NET's thread pool, doubling that of TCP's slow start; what
/// the constants should be was found by simulation (tests/bench/modifier_bench.cpp).
struct hill_climb {
  int min = 1;            ///< the lowest limit; 1 or more, default 1
  int max = 1000;         ///< the highest; `min` or more, default 1000
  double epsilon = 0.15;  ///< the least gain that is worth a step; 0 to 1, default 0.15: 1.5 % for 10 %
  duration p99_limit{};   ///< 99 of 100 jobs are to stay within this, delivery included; default 0: no matter
  double memory_share = 0.9;         ///< of the memory limit that may be used; 0 to 1, default 0.9
  int window = 8;                    ///< the fewest jobs compared; 2 or more, default 8
  detail::hill_climb_state state{};  ///< its own; leave it alone

  int operator()(int current, const metrics& measured) {
    const bool anew = !state.started || measured.jobs_ended() < state.from.jobs_ended();
    if (anew) start(current, measured);
    state.memory.observe(measured);
    if (!anew && current != state.asked) follow(bounded(current), measured);
    if (!state.measuring) {
      if (measured.jobs_ended() >= state.settled) measure(measured);
      return state.asked;
    }
    if (measured.in_progress >= state.peak)
      state.peak = measured.in_progress + 1;  // a take is about to leave
    const throughput_sample seen(state.from, measured);
    if (seen.empty() || seen.jobs < state.enough) return state.asked;
    const bool memory_is_news = measured.memory_limit_bytes == 0 || measured.resources_at >= state.from.now;
    if (memory_is_news) conclude(seen, measured);
    return state.asked;
  }

 private:
  using place = detail::hill_climb_state::place;
  using arm = detail::climb_arm;

  static constexpr double first_step = 0.125;  // while all is calm: an eighth, if so little can be seen
  static constexpr double noisy_step = 0.25;   // else a quarter
  static constexpr double hurry = 0.5;         // from here on it is the search for a knee that is far away

  // --- the flow: settle, measure, conclude, go elsewhere

  void start(int current, const metrics& measured) {
    state = {};
    state.started = true;
    state.base.limit = state.asked = bounded(current);
    go(place::base, state.asked, measured);
  }

  // Someone else has changed the limit, such as a clamp or a stricter modifier: that is the base then.
  void follow(int current, const metrics& measured) {
    if (state.at == place::above && current <= state.base.limit) pause_rise(0);
    settle_at(current, measured);
  }

  // A new base of which nothing is known.
  void settle_at(int limit, const metrics& measured) {
    state.base = {limit, {}};
    state.above = state.below = {};
    go(place::base, limit, measured);
  }

  // Jobs that began under the old limit must end before the new one shows; the more job times differ, the
  // longer it takes until short and long ones end in their usual proportion.
  void go(place where, int limit, const metrics& measured) {
    const bool changed = limit != state.asked;
    state.at = where;
    state.asked = limit;
    state.measuring = false;
    const double rounds = 1 + (state.evidence.spread < 2 ? state.evidence.spread : 2);
    state.settled = measured.jobs_ended() + static_cast<std::uint64_t>(rounds * measured.in_progress);
    if (!changed) measure(measured);
  }

  void measure(const metrics& measured) {
    state.measuring = true;
    state.from = measured;
    state.peak = 0;
    state.enough = fewest();
  }

  void conclude(const throughput_sample& seen, const metrics& measured) {
    if (!busy(seen, measured)) return conclude_idle(measured);
    if (state.at == place::above) return conclude_above(seen, measured);
    if (state.at == place::below) return conclude_below(seen, measured);
    conclude_base(seen, measured);
  }

  void next(const metrics& measured) {
    const int fits = state.memory.most_jobs(measured, memory_share);
    if (fits < state.base.limit && bounded(fits) < state.base.limit)
      return settle_at(bounded(fits), measured);
    const int higher = smaller(limit_above(), fits);
    const int lower = limit_below();
    // At the start there must be something to compare with, or noise would end the doubling.
    const double wanted = smaller(state.evidence.decisive(1 + state.rise, epsilon), 4 * fewest());
    const bool know_base = state.rise < hurry || state.base.seen.jobs >= wanted;
    if (know_base && state.until_rise <= 0 && higher > state.base.limit)
      return go(place::above, higher, measured);
    if (know_base && state.until_fall <= 0 && lower < state.base.limit)
      return go(place::below, lower, measured);
    go(place::base, state.base.limit, measured);
  }

  // --- conclusions

  // The queue had too few jobs, so that nothing can be said of a higher limit. Slots that were not in use are
  // given up, a quarter at a time: a burst may come back.
  void conclude_idle(const metrics& measured) {
    int limit = state.base.limit;
    if (state.at == place::below) {
      limit = state.asked;
    } else if (state.at == place::above) {
      pause_rise(0);
    } else {
      const int less = limit - (limit >= 8 ? limit / 4 : 1);
      limit = bounded(smaller(limit, state.peak > less ? state.peak : less));
    }
    if (limit > min) state.rise = usual_step();  // from the lowest limit on there is everything to find yet
    settle_at(limit, measured);
  }

  // Job times that are suddenly quite different mean that what was learned is out of date.
  void conclude_base(const throughput_sample& seen, const metrics& measured) {
    state.evidence.learn(seen);
    if (!state.base.seen.empty()) {
      const double change = detail::natural_log(seen.mean_seconds() / state.base.seen.mean_seconds());
      const double doubt = state.evidence.doubt(seen, state.base.seen);
      if (detail::magnitude(change) > 0.3 && detail::magnitude(change) > 3 * doubt) start_over(change);
    }
    if (too_slow(seen)) return slow_down(seen.p99_seconds() / p99_limit_seconds(), measured);
    state.evidence.pool(state.base.seen, seen, detail::natural_log_of_1_and(usual_step()), fewest());
    state.until_rise -= seen.jobs;
    state.until_fall -= seen.jobs;
    next(measured);
  }

  // Slower jobs: the knee may be lower by as much. Faster ones: it may be higher.
  void start_over(double change) {
    state.base.seen = {};
    state.above = state.below = {};
    state.rise_pause = state.fall_pause = state.until_rise = state.until_fall = 0;
    if (change > 0) {
      state.fall = detail::exponential(change) - 1;
      state.until_rise = 1;
    } else {
      state.rise = hurry;
    }
  }

  void slow_down(double times, const metrics& measured) {
    state.rise = usual_step();
    state.rise_pause = state.until_rise = pause_of_small_limits * cost(0);
    const int lower = static_cast<int>(state.base.limit / (times < 2 ? times : 2));
    settle_at(bounded(smaller(lower, state.base.limit - 1)), measured);
  }

  void conclude_above(const throughput_sample& seen, const metrics& measured) {
    const bool hurried = state.rise >= hurry;
    const double ratio = static_cast<double>(state.asked) / state.base.limit;
    arm here{state.asked, seen};
    if (!hurried && state.above.limit == state.asked) {
      here.seen = state.above.seen;
      state.evidence.pool(here.seen, seen, 2 * detail::natural_log(ratio), fewest());
    }
    const double pooled = score(state.base, here);
    const double alone = score(state.base, {state.asked, seen});
    if (unclear(pooled, hurried ? 1.3 : 1, seen, ratio)) return;
    state.evidence.learn(seen);
    const bool gains = hurried ? pooled > 0 : (pooled > 1 || alone > 2) && gains_over_below(here);
    if (gains && !too_slow(seen)) return rise_to(alone > 2 ? arm{state.asked, seen} : here, pooled, measured);

    if (hurried && pooled > -0.6 && !state.doubted) {  // by chance, perhaps: once more
      state.doubted = true;
      return go(place::base, state.base.limit, measured);
    }
    state.doubted = false;
    if (hurried) {
      state.fall = noisy_step;  // the last doubling may have gone too far already
      state.until_fall = state.fall_pause = 0;
    } else {
      state.above = here;
    }
    pause_rise(seen.jobs);
    if (too_slow(seen)) state.rise_pause = state.until_rise = pause_of_small_limits * cost(seen.jobs);
    go(place::base, state.base.limit, measured);
  }

  // A gain that is due to chance does not show against the limit below.
  bool gains_over_below(const arm& here) const {
    return state.below.seen.empty() || score(state.below, here) > 0;
  }

  void rise_to(arm here, double score_there, const metrics& measured) {
    state.evidence.share_times(state.base.seen, here.seen);
    if (state.rise >= hurry || score_there > 2) state.rise = smaller(2 * state.rise, 1.0);
    state.below = state.base;
    state.base = here;
    state.above = {};
    state.fall = usual_step();
    state.rise_pause = state.fall_pause = state.until_rise = 0;
    state.until_fall = 2 * fewest();
    next(measured);
  }

  void conclude_below(const throughput_sample& seen, const metrics& measured) {
    const double ratio = static_cast<double>(state.base.limit) / state.asked;
    arm here{state.asked, seen};
    if (state.below.limit == state.asked) {
      here.seen = state.below.seen;
      state.evidence.pool(here.seen, seen, detail::natural_log(ratio), fewest());
    }
    const double lost = score(here, state.base);
    if (unclear(lost, 1, seen, ratio)) return;
    state.evidence.learn(seen);
    const bool nothing_lost =
        lost < -1 || (lost < 0 && !state.above.seen.empty() && score(here, state.above) < -1);
    if (nothing_lost) {
      state.above = state.base;
      state.base = here;
      state.below = {};
      state.fall = state.fall > noisy_step ? state.fall : smaller(2 * state.fall, noisy_step);
      state.fall_pause = state.until_fall = 0;
      state.until_rise = fewest();
    } else {
      state.below = here;
      pause_fall(lost > 1, cost(seen.jobs), ratio);
    }
    next(measured);
  }

  // --- pauses

  // A look above costs latency: at small limits so much that not one job in a hundred may be part of it.
  static constexpr double pause_of_small_limits = 130;

  double cost(double jobs) const { return jobs + state.base.limit; }

  void pause_rise(double jobs) {
    state.rise = usual_step();
    const double longest = state.base.limit <= 3 ? pause_of_small_limits : 3;
    state.rise_pause = state.rise_pause <= 0 ? cost(jobs) : 2 * state.rise_pause;
    state.rise_pause = smaller(state.rise_pause, longest * cost(jobs));
    state.until_rise = state.rise_pause;
  }

  // A look below costs throughput: at most 1.5 % of it in all where the loss is clear. Where it is not, the
  // loss is small, and a lower limit is looked at instead.
  void pause_fall(bool loss_is_clear, double jobs, double ratio) {
    if (loss_is_clear) {
      if (state.fall > usual_step()) state.below = {};
      state.fall = usual_step();
      const double share = detail::natural_log(ratio) / 0.015;
      const double longest = share > 8 ? share : 8;
      state.fall_pause = state.fall_pause <= 0 ? jobs : 2 * state.fall_pause;
      state.fall_pause = smaller(state.fall_pause, longest * jobs);
    } else {
      if (state.fall < 0.4) state.fall *= 2;
      state.fall_pause = 1.5 * jobs;
    }
    state.until_fall = state.fall_pause;
  }

  // --- evidence

  // The wider job times are spread, the more must be gained, or chance would have its way; but not on the way
  // to a knee that is far away, where to stop by chance is worse.
  double score(const arm& low, const arm& high) const {
    const double wary = state.rise < hurry ? epsilon * (1 + state.evidence.spread) : epsilon;
    return state.evidence.score(low, high, smaller(wary, epsilon > 0.4 ? epsilon : 0.4));
  }

  // Whether to go on measuring: nothing stands out yet, but could.
  bool unclear(double score_there, double clear, const throughput_sample& seen, double ratio) {
    constexpr double longer = 1.6;
    const double longest = smaller(state.evidence.decisive(ratio, epsilon), 8 * fewest());
    if (detail::magnitude(score_there) >= clear || seen.jobs * longer >= longest) return false;
    state.enough = seen.jobs * longer;
    return true;
  }

  bool too_slow(const throughput_sample& seen) const {
    return p99_limit > duration::zero() && seen.p99_seconds() > p99_limit_seconds();
  }

  double p99_limit_seconds() const { return std::chrono::duration<double>(p99_limit).count(); }

  // --- limits

  double fewest() const {
    const double jobs = (state.rise >= hurry ? 1.0 : 2.0) * state.asked;
    return jobs < window ? window : jobs;
  }

  double usual_step() const {
    const double affordable = 4.0 * (state.base.limit < window ? window : state.base.limit);
    return state.evidence.decisive(1 + first_step, epsilon) <= affordable ? first_step : noisy_step;
  }

  int limit_above() const {
    const double by = state.base.limit * state.rise + 0.5;
    if (by >= max) return max;
    return bounded(state.base.limit + (by < 1 ? 1 : static_cast<int>(by)));
  }

  int limit_below() const {
    const int to = static_cast<int>(state.base.limit / (1 + state.fall) + 0.5);
    return bounded(to < state.base.limit ? to : state.base.limit - 1);
  }

  int bounded(int limit) const { return detail::within(limit, min, max); }

  // Slots were full, but for the time that jobs need from the queue to here.
  bool busy(const throughput_sample& seen, const metrics& measured) const {
    if (seen.in_progress() >= 0.85 * state.asked) return true;
    constexpr double longest_way = 0.1;  // seconds; a take that needs longer was waiting for a job
    const double way = measured.take_wait.minimum_seconds;
    const double idle = state.asked * seen.seconds - seen.in_progress_seconds;
    return way <= longest_way && idle <= 3 * way * seen.jobs;
  }

  template <class T>
  static T smaller(T a, T b) {
    return a < b ? a : b;
  }
};
static_assert(concurrency_modifier<hill_climb>);

}  // namespace coworker
