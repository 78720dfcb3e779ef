#pragma once
// The invariants that must hold in every run, by name, and the record of a violation. Must not know how they
// are checked.

#include <array>
#include <coworker/coro/clock.hpp>
#include <cstddef>
#include <string>
#include <string_view>

namespace coworker::inline v0_1::simulation {

/// What must hold at all times, whatever goes wrong.
enum class invariant : unsigned char {
  every_job_settles,          ///< after the faults, within the time allowed
  no_job_dropped,             ///< every job that arrived is completed before the worker leaves
  reported_truly,             ///< what the worker counts as accepted, refused or kept really is
  one_start_per_hand_over,    ///< never two at once, never more starts than arrivals
  outcome_never_replaced,     ///< the queue accepts one outcome of each run of a job
  own_result_posted,          ///< what is posted is the job's complete result, under its own request id
  nothing_after_the_outcome,  ///< no chunk and no progress
  chunks_in_order,            ///< one at a time, none left out
  within_the_limit,           ///< jobs in progress, and those asked for
  heartbeat_exact,            ///< names exactly the jobs in progress, without a pause
  stops_only_its_job,         ///< no job ends as stopped that was not asked to stop
  stop_reaches_its_job,       ///< every job that must stop is asked to
  requests_bounded,           ///< per virtual second
  leaves_in_time,             ///< the grace period is kept, and the drain ends
  nothing_left_behind,        ///< no coroutine outlives the worker
  no_endless_loop,            ///< virtual time goes on
  no_exception,               ///< none leaves the worker
  /// Otherwise something depends on the machine, on addresses, or on what ran before.
  same_seed_same_run,
};

/// The names of the invariants, in the order of the enumeration.
inline constexpr std::array<std::string_view, 18> invariant_names{
    "every_job_settles",         "no_job_dropped",         "reported_truly",
    "one_start_per_hand_over",   "outcome_never_replaced", "own_result_posted",
    "nothing_after_the_outcome", "chunks_in_order",        "within_the_limit",
    "heartbeat_exact",           "stops_only_its_job",     "stop_reaches_its_job",
    "requests_bounded",          "leaves_in_time",         "nothing_left_behind",
    "no_endless_loop",           "no_exception",           "same_seed_same_run",
};

/// A broken invariant.
struct violation {
  invariant broken;
  duration at;       ///< virtual time since the start
  std::string text;  ///< a sentence with names and values

  std::string_view name() const noexcept { return invariant_names[static_cast<std::size_t>(broken)]; }
};

}  // namespace coworker::inline v0_1::simulation
