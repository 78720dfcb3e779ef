#pragma once
// The faults of a simulated run and their times, all drawn from its seed: not only each fault, but also which
// kinds there are and how often (swarm testing: Groce et al. 2012). Must not know what the faults are
// injected into.

#include <array>
#include <coworker/coro/clock.hpp>
#include <coworker/exec/random.hpp>
#include <coworker/simulation/faults.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace coworker::inline v0_1::simulation {

/// Draws random values.
class dice {
 public:
  explicit dice(std::uint64_t seed) noexcept : random_(seed) {}

  bool chance(double share) noexcept { return share > 0 && random_.fraction() < share; }
  double share(double most) noexcept { return most * random_.fraction(); }
  int below(int end) noexcept { return static_cast<int>(random_.below(static_cast<std::uint64_t>(end))); }
  int between(int least, int most) noexcept { return least + below(most - least + 1); }

  /// Uniformly distributed over the span.
  duration between(duration least, duration most) noexcept {
    return least + duration(static_cast<duration::rep>(
                       random_.below(static_cast<std::uint64_t>((most - least).count()) + 1)));
  }

  std::uint64_t next() noexcept { return random_.next(); }

 private:
  random_source random_;
};

/// A span of time, without its end.
struct time_window {
  duration from{};
  duration until{};
  bool holds(duration at) const noexcept { return from <= at && at < until; }
};

/// During `when`, this share of the requests is answered with the status.
struct error_storm {
  time_window when;
  int status = 500;
  double share = 1;
  std::optional<duration> retry_after = {};
};

/// An event of the whole run at a given time.
struct upheaval {
  enum class kind : unsigned char { submission, stop, unknown_stop, restart, clock_jump };
  duration at{};
  kind what = kind::submission;
  int job = 0;           ///< of a submission or a stop
  duration length = {};  ///< of a jump
};

/// When one worker starts and ends, and how. The last worker stays until everything is done.
struct worker_span {
  duration starts{};
  duration ends = (duration::max)();
  bool crashes = false;
};

/// The faults of one run. Shares are of all messages, from 0 to 1; times are virtual time since the start.
struct fault_plan {
  fault_set active;
  duration calm_from{};  ///< no faults from here on

  duration latency = std::chrono::milliseconds(2);  ///< one way, at least
  duration jitter = std::chrono::milliseconds(3);   ///< uniformly distributed, added to latency
  double slow = 0;
  double lost_requests = 0;
  double lost_answers = 0;
  double silent = 0;  ///< of the lost ones: the client gets no error and times out
  double duplicates = 0;
  double late_requests = 0;
  double slow_bodies = 0;
  double gateway_errors = 0;
  double garbage = 0;
  double repeated_hand_overs = 0;

  duration hold = std::chrono::seconds(60);            ///< of a poll that finds nothing; 0: not held
  duration returned_after = std::chrono::seconds(45);  ///< for this long no heartbeat named the job
  bool has_stop_channel = true;
  bool repeats_stops = false;  ///< a stop is named until its job has ended

  std::vector<time_window> partitions = {};
  std::vector<error_storm> storms = {};
  std::vector<upheaval> upheavals = {};  ///< sorted by time
  std::vector<worker_span> workers = {worker_span()};

  /// Returns the plan of a seed for `jobs` jobs, with faults of the allowed kinds only.
  static fault_plan draw(std::uint64_t seed, std::size_t jobs, fault_set allowed);

  bool partitioned(duration at) const noexcept {
    for (const time_window& one : partitions) {
      if (one.holds(at)) return true;
    }
    return false;
  }
};

namespace detail {

/// Each aspect has a random source of its own, so that leaving one out does not change the others.
class plan_drawing {
 public:
  plan_drawing(std::uint64_t seed, std::size_t jobs, fault_set allowed) noexcept
      : seed_(seed), jobs_(static_cast<int>(jobs)), allowed_(allowed) {}

  fault_plan draw() {
    dice whole = dice_for(0);
    trouble_ = whole.between(std::chrono::seconds(5), std::chrono::seconds(60));
    choose(whole);
    shape(whole);
    draw_shares();
    draw_windows();
    draw_workers();
    draw_upheavals();
    plan_.calm_from = plan_.active.empty() ? duration::zero() : trouble_;
    return std::move(plan_);
  }

 private:
  dice dice_for(std::uint64_t aspect) const noexcept {
    return dice(seed_ * 0x9e3779b97f4a7c15 + aspect * 0xd1342543de82ef95 + 1);
  }

  // Each kind with a chance of 0.4, so that runs differ in character.
  void choose(dice& random) {
    for (std::size_t i = 0; i < fault_names.size(); ++i) {
      const bool drawn = random.chance(0.4);
      if (drawn && allowed_.has(static_cast<fault>(i))) plan_.active.add(static_cast<fault>(i));
    }
  }

  bool on(fault kind) const noexcept { return plan_.active.has(kind); }

  void shape(dice& random) {
    plan_.latency = random.between(std::chrono::microseconds(200), std::chrono::milliseconds(40));
    plan_.jitter = random.between(std::chrono::microseconds(100), plan_.latency * 3);
    plan_.hold = random.chance(0.15) ? duration::zero()
                                     : random.between(std::chrono::seconds(20), std::chrono::seconds(90));
    plan_.has_stop_channel = !random.chance(0.15);
    plan_.repeats_stops = random.chance(0.3);
    plan_.silent = random.share(1);
    plan_.returned_after = random.between(std::chrono::seconds(35), std::chrono::seconds(90));
  }

  void draw_shares() {
    draw_share(fault::slow_network, plan_.slow, 0.3);
    draw_share(fault::lost_requests, plan_.lost_requests, 0.4);
    draw_share(fault::lost_answers, plan_.lost_answers, 0.4);
    draw_share(fault::duplicates, plan_.duplicates, 0.3);
    draw_share(fault::late_requests, plan_.late_requests, 0.2);
    draw_share(fault::slow_bodies, plan_.slow_bodies, 0.3);
    draw_share(fault::gateway_errors, plan_.gateway_errors, 0.3);
    draw_share(fault::garbage, plan_.garbage, 0.3);
    draw_share(fault::repeated_hand_overs, plan_.repeated_hand_overs, 0.3);
  }

  // The product of two random numbers, so that small shares are common and large ones occur.
  void draw_share(fault kind, double& into, double most) {
    dice random = dice_for(100 + static_cast<std::uint64_t>(kind));
    const double drawn = random.share(1) * random.share(1) * most;
    if (on(kind)) into = drawn;
  }

  time_window some_window(dice& random) const {
    const duration from = random.between(duration::zero(), trouble_);
    const duration until = from + random.between(std::chrono::milliseconds(10), trouble_ / 2);
    return {from, until < trouble_ ? until : trouble_};
  }

  void draw_windows() {
    dice random = dice_for(1);
    if (on(fault::partitions)) {
      for (int left = random.between(1, 3); left > 0; --left) plan_.partitions.push_back(some_window(random));
    }
    draw_storms(fault::server_errors, {500, 500, 502, 503, 503, 504});
    draw_storms(fault::throttling, {429, 429, 429, 429, 429, 503});
    draw_storms(fault::refusals, {400, 401, 403, 404, 409, 413});
  }

  void draw_storms(fault kind, std::array<int, 6> statuses) {
    dice random = dice_for(200 + static_cast<std::uint64_t>(kind));
    if (!on(kind)) return;
    for (int left = random.between(1, 2); left > 0; --left) {
      error_storm one;
      one.when = some_window(random);
      one.status = statuses[static_cast<std::size_t>(random.below(static_cast<int>(statuses.size())))];
      one.share = random.chance(0.5) ? 1 : random.share(1);
      const bool says_when = (one.status == 429 || one.status == 503) && random.chance(0.5);
      if (says_when) one.retry_after = std::chrono::seconds(random.between(1, 20));
      plan_.storms.push_back(one);
    }
  }

  void draw_workers() {
    dice random = dice_for(2);
    const bool departures = on(fault::departures), crashes = on(fault::crashes);
    if (!departures && !crashes) return;
    plan_.workers.clear();
    duration starts{};
    for (int left = random.between(1, 3); left > 0; --left) {
      worker_span one;
      one.starts = starts;
      one.ends = starts + random.between(std::chrono::milliseconds(1), trouble_ / 2);
      one.crashes = crashes && (!departures || random.chance(0.5));
      starts = one.ends + random.between(duration::zero(), std::chrono::seconds(5));
      const duration overlap = random.between(duration::zero(), one.ends - one.starts);
      if (on(fault::overlapping_workers)) starts = one.ends - overlap;
      plan_.workers.push_back(one);
    }
    worker_span last;
    last.starts = starts;
    if (starts > trouble_) trouble_ = starts;
    plan_.workers.push_back(last);
  }

  void add(duration at, upheaval::kind what, int job = 0, duration length = {}) {
    upheaval one;
    one.at = at;
    one.what = what;
    one.job = job;
    one.length = length;
    plan_.upheavals.push_back(one);
  }

  void draw_upheavals() {
    draw_submissions();
    dice random = dice_for(3);
    const auto some_time = [&] { return random.between(duration::zero(), trouble_); };
    if (on(fault::stops) && jobs_ > 0) {
      for (int left = random.between(1, jobs_); left > 0; --left) {
        const bool unknown = random.chance(0.1);
        add(some_time(), unknown ? upheaval::kind::unknown_stop : upheaval::kind::stop, random.below(jobs_));
      }
    }
    if (on(fault::server_restarts)) {
      for (int left = random.between(1, 3); left > 0; --left) add(some_time(), upheaval::kind::restart);
    }
    if (on(fault::clock_jumps)) {
      for (int left = random.between(1, 2); left > 0; --left) {
        add(some_time(), upheaval::kind::clock_jump, 0,
            random.between(std::chrono::milliseconds(1), std::chrono::seconds(60)));
      }
    }
    sort();
  }

  // All at once, in bursts, or evenly.
  void draw_submissions() {
    dice random = dice_for(4);
    const int shape = random.below(3);
    const duration longest = random.between(std::chrono::milliseconds(1), trouble_);
    const int burst = random.between(2, 10);
    for (int job = 0; job < jobs_; ++job) {
      const int step = shape == 0 ? 0 : shape == 1 ? job / burst * burst : job;
      add(longest * step / jobs_, upheaval::kind::submission, job);
    }
  }

  // Insertion sort: it is stable, and <algorithm> costs more to include than it saves here.
  void sort() {
    std::vector<upheaval>& all = plan_.upheavals;
    for (std::size_t i = 1; i < all.size(); ++i) {
      const upheaval one = all[i];
      std::size_t place = i;
      for (; place > 0 && one.at < all[place - 1].at; --place) all[place] = all[place - 1];
      all[place] = one;
    }
  }

  std::uint64_t seed_;
  int jobs_;
  fault_set allowed_;
  duration trouble_{};
  fault_plan plan_;
};

}  // namespace detail

inline fault_plan fault_plan::draw(std::uint64_t seed, std::size_t jobs, fault_set allowed) {
  return detail::plan_drawing(seed, jobs, allowed).draw();
}

}  // namespace coworker::inline v0_1::simulation
