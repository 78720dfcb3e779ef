#pragma once
// hill_climb: a modifier that finds the limit beyond which more jobs at once hardly raise the throughput. How
// it decides is explained above each step; tests/bench/modifier_bench.cpp measures its behaviour under load.
// Must not know the worker.

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

// The state of a hill_climb. Throughput is sampled at three limits: at the base, from which it looks for a
// better one, at a limit above it (a look above) and at one below it (a look below).
struct hill_climb_state {
  enum class place : unsigned char { base, above, below };

  bool started = false;
  bool measuring = false;     // false: jobs that began under another limit are still running
  place at = place::base;     // the place being measured
  int asked = 1;              // the limit returned for it
  std::uint64_t settled = 0;  // measuring begins when so many jobs have ended
  double enough = 0;          // number of jobs in a sample before it is evaluated
  int peak = 0;               // highest number of jobs in progress while measuring
  metrics from{};             // the metrics when measuring began
  climb_arm base{}, above{}, below{};
  double rise = 1;        // the limit above is higher than the base by this share
  double fall = 0.25;     // and the base is higher than the limit below by this share
  double until_rise = 0;  // number of jobs that end at the base before the next look above
  double until_fall = 0;  // and before the next look below
  double rise_pause = 0;  // the last until_rise that was set; each is twice the one before
  double fall_pause = 0;
  bool doubted = false;  // a doubling has been tried a second time
  climb_evidence evidence{};
  memory_outlook memory{};
};

}  // namespace detail

/// The recommended modifier: finds, by trying, the smallest limit whose next step gains less than `epsilon`.
/// It doubles the limit as long as throughput follows (from 1 to 32 in some hundred jobs). From then on it
/// compares the limit with a slightly higher and a slightly lower one in turn, and moves when the difference
/// stands out from the noise. The clearer the results, the more rarely it compares. It counts in ended jobs,
/// so it works alike for jobs of a millisecond and of an hour.
///
/// The gain of a step from limit a to b is the elasticity ln(X(b)/X(a)) / ln(b/a) of the throughput X: 1
/// where throughput grows with the limit, 0 where it is constant, below 0 where jobs slow each other down. A
/// gain above `epsilon` justifies the step.
///
/// While too few jobs come from the queue, the limit never rises, and slowly falls to the number of slots in
/// use. With a known memory limit, it never rises beyond what fits (see memory_outlook).
///
/// At limits of 3 and less, trying a higher limit may halve the speed of the jobs of that moment, or worse,
/// so it is rarely tried: a change that shows neither in job times nor in throughput may go unnoticed for a
/// thousand jobs. The wider the spread of job times, the larger a gain must be to be seen: from a lognormal
/// sigma of 0.5 on, a gentle curve is left some 6 % below its best throughput, and a sharp knee may be
/// overshot by a quarter. Where a few jobs take ten times as long as the rest, it may settle at half the best
/// throughput, or at many times the best limit; set `max` there.
///
/// Source: .NET's thread pool also climbs on throughput, and TCP's slow start also doubles; the constants
/// were found by simulation (tests/bench/modifier_bench.cpp).
struct hill_climb {
  int min = 1;                ///< the lowest limit; 1 or more. Default: 1
  int max = 1000;             ///< the highest limit; `min` or more. Default: 1000
  double epsilon = 0.15;      ///< the least gain that justifies a step; 0 to 1. Default: 0.15, that is 1.5 %
                              ///< for 10 %
  duration p99_limit{};       ///< the highest p99 of job times, delivery included. Default: 0, no limit
  double memory_share = 0.9;  ///< share of the memory limit that may be used; 0 to 1. Default: 0.9
  int window = 8;             ///< the smallest number of jobs compared; 2 or more. Default: 8
  detail::hill_climb_state state{};  ///< internal: do not change it

  int operator()(int current, const metrics& measured) {
    const bool restarts = !state.started || measured.jobs_ended() < state.from.jobs_ended();
    if (restarts) start(current, measured);
    state.memory.observe(measured);
    if (!restarts && current != state.asked) follow(bounded(current), measured);
    if (!state.measuring) {
      if (measured.jobs_ended() >= state.settled) measure(measured);
      return state.asked;
    }
    if (measured.in_progress >= state.peak)
      state.peak = measured.in_progress + 1;  // +1: a take is about to be sent
    const throughput_sample seen(state.from, measured);
    if (seen.empty() || seen.jobs < state.enough) return state.asked;
    const bool memory_is_news = measured.memory_limit_bytes == 0 || measured.resources_at >= state.from.now;
    if (memory_is_news) conclude(seen, measured);
    return state.asked;
  }

 private:
  using place = detail::hill_climb_state::place;
  using arm = detail::climb_arm;

  static constexpr double first_step = 0.125;  // an eighth, if such a small step can be seen in the noise
  static constexpr double noisy_step = 0.25;   // else a quarter
  static constexpr double far_step = 0.5;      // steps from here on search for a knee that is far away

  // --- the cycle: settle, measure, conclude, go to another limit

  void start(int current, const metrics& measured) {
    state = {};
    state.started = true;
    state.base.limit = state.asked = bounded(current);
    go(place::base, state.asked, measured);
  }

  // Something else has changed the limit, such as a clamp or a stricter modifier: that limit
  // becomes the base.
  void follow(int current, const metrics& measured) {
    if (state.at == place::above && current <= state.base.limit) pause_rise(0);
    settle_at(current, measured);
  }

  // Starts at a new base, of which nothing is known.
  void settle_at(int limit, const metrics& measured) {
    state.base = {limit, {}};
    state.above = state.below = {};
    go(place::base, limit, measured);
  }

  // Jobs that began under the old limit must end before the new one shows. The wider the spread of job times,
  // the longer it takes until short and long jobs end in their usual proportion.
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
    // At the start a comparison needs a sample of the base, or noise would end the doubling.
    const double wanted = smaller(state.evidence.decisive(1 + state.rise, epsilon), 4 * fewest());
    const bool know_base = state.rise < far_step || state.base.seen.jobs >= wanted;
    if (know_base && state.until_rise <= 0 && higher > state.base.limit)
      return go(place::above, higher, measured);
    if (know_base && state.until_fall <= 0 && lower < state.base.limit)
      return go(place::below, lower, measured);
    go(place::base, state.base.limit, measured);
  }

  // --- conclusions

  // The queue had too few jobs, so nothing is known about a higher limit. Removes slots that were not in use,
  // a quarter at a time (one, if there are fewer than 8), because a burst may come back.
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
    if (limit > min) state.rise = usual_step();  // at the lowest limit, keep doubling
    settle_at(limit, measured);
  }

  // If job times change suddenly and strongly, what was learned is out of date.
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

  // If jobs got slower by some factor, the knee may be lower by as much; if they got faster, it
  // may be higher.
  void start_over(double change) {
    state.base.seen = {};
    state.above = state.below = {};
    state.rise_pause = state.fall_pause = state.until_rise = state.until_fall = 0;
    if (change > 0) {
      state.fall = detail::exponential(change) - 1;
      state.until_rise = 1;
    } else {
      state.rise = far_step;
    }
  }

  void slow_down(double times, const metrics& measured) {
    state.rise = usual_step();
    state.rise_pause = state.until_rise = pause_of_small_limits * cost(0);
    const int lower = static_cast<int>(state.base.limit / (times < 2 ? times : 2));
    settle_at(bounded(smaller(lower, state.base.limit - 1)), measured);
  }

  void conclude_above(const throughput_sample& seen, const metrics& measured) {
    const bool far_away = state.rise >= far_step;
    const double ratio = static_cast<double>(state.asked) / state.base.limit;
    arm here{state.asked, seen};
    if (!far_away && state.above.limit == state.asked) {
      here.seen = state.above.seen;
      state.evidence.pool(here.seen, seen, 2 * detail::natural_log(ratio), fewest());
    }
    const double pooled = score(state.base, here);
    const double alone = score(state.base, {state.asked, seen});
    if (unclear(pooled, far_away ? 1.3 : 1, seen, ratio)) return;
    state.evidence.learn(seen);
    const bool gains = far_away ? pooled > 0 : (pooled > 1 || alone > 2) && gains_over_below(here);
    if (gains && !too_slow(seen)) return rise_to(alone > 2 ? arm{state.asked, seen} : here, pooled, measured);

    if (far_away && pooled > -0.6 && !state.doubted) {  // possibly by chance: try once more
      state.doubted = true;
      return go(place::base, state.base.limit, measured);
    }
    state.doubted = false;
    if (far_away) {
      state.fall = noisy_step;  // the last doubling may have gone too far
      state.until_fall = state.fall_pause = 0;
    } else {
      state.above = here;
    }
    pause_rise(seen.jobs);
    if (too_slow(seen)) state.rise_pause = state.until_rise = pause_of_small_limits * cost(seen.jobs);
    go(place::base, state.base.limit, measured);
  }

  // A gain that is due to chance does not show in a comparison with the limit below.
  bool gains_over_below(const arm& here) const {
    return state.below.seen.empty() || score(state.below, here) > 0;
  }

  void rise_to(arm here, double score_there, const metrics& measured) {
    state.evidence.share_times(state.base.seen, here.seen);
    if (state.rise >= far_step || score_there > 2) state.rise = smaller(2 * state.rise, 1.0);
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

  // A look above costs latency: at small limits so much that it must affect fewer than one job in a hundred.
  static constexpr double pause_of_small_limits = 130;

  double cost(double jobs) const { return jobs + state.base.limit; }

  void pause_rise(double jobs) {
    state.rise = usual_step();
    const double longest = state.base.limit <= 3 ? pause_of_small_limits : 3;
    state.rise_pause = state.rise_pause <= 0 ? cost(jobs) : 2 * state.rise_pause;
    state.rise_pause = smaller(state.rise_pause, longest * cost(jobs));
    state.until_rise = state.rise_pause;
  }

  // A look below costs throughput. If the loss there was clear, looks below are so rare that they cost 1.5 %
  // of the throughput at most. If it was not clear, it is small, and the next look goes further below.
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

  // The wider the spread of job times, the larger a gain must be, so that chance does not decide. Not so in
  // the search for a knee that is far away, where stopping by chance is worse.
  double score(const arm& low, const arm& high) const {
    const double wanted = state.rise < far_step ? epsilon * (1 + state.evidence.spread) : epsilon;
    return state.evidence.score(low, high, smaller(wanted, epsilon > 0.4 ? epsilon : 0.4));
  }

  // Returns whether to continue measuring: nothing stands out yet, but it could.
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
    const double jobs = (state.rise >= far_step ? 1.0 : 2.0) * state.asked;
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

  // Returns whether the slots were full, apart from the time that jobs need to come from the queue.
  bool busy(const throughput_sample& seen, const metrics& measured) const {
    if (seen.in_progress() >= 0.85 * state.asked) return true;
    constexpr double longest_round_trip = 0.1;  // in seconds; longer takes were waiting for a job
    const double round_trip = measured.take_wait.minimum_seconds;
    const double idle = state.asked * seen.seconds - seen.in_progress_seconds;
    return round_trip <= longest_round_trip && idle <= 3 * round_trip * seen.jobs;
  }

  template <class T>
  static T smaller(T a, T b) {
    return a < b ? a : b;
  }
};
static_assert(concurrency_modifier<hill_climb>);

}  // namespace coworker::inline v0_1
