#pragma once
// The kinds of mishap that a simulated run can have, and sets of them.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace coworker::inline v0_1::simulation {

/// The kinds of mishap. Each can be left out.
enum class fault : unsigned char {
  slow_network,         ///< some messages take many times as long
  lost_requests,        ///< some never reach the server
  lost_answers,         ///< the server acts, and the answer is lost
  duplicates,           ///< some requests reach the server twice
  late_requests,        ///< some reach the server long after the client has given them up
  slow_bodies,          ///< some answers begin in time and take seconds to end
  partitions,           ///< stretches in which nothing gets through
  server_errors,        ///< stretches of 5xx
  throttling,           ///< stretches of 429, some with Retry-After
  refusals,             ///< stretches of 4xx
  gateway_errors,       ///< a proxy answers 502 or 504 for a server that has acted
  garbage,              ///< answers to takes that are no JSON, cut off, or hold what is no job
  server_restarts,      ///< open polls are broken, or never answered
  repeated_hand_overs,  ///< a job is handed over that somebody has already
  stops,                ///< jobs are to be stopped: queued, running, finished, unknown
  departures,           ///< workers are told to leave, at any moment; others take over
  crashes,              ///< workers end at once; others take over
  overlapping_workers,  ///< the next worker starts before the one before it has left
  clock_jumps,          ///< nothing runs for a while, and then time has passed
  spool_failures,       ///< the disk takes no more
};

inline constexpr std::array<std::string_view, 20> fault_names{
    "slow_network",   "lost_requests", "lost_answers",        "duplicates",          "late_requests",
    "slow_bodies",    "partitions",    "server_errors",       "throttling",          "refusals",
    "gateway_errors", "garbage",       "server_restarts",     "repeated_hand_overs", "stops",
    "departures",     "crashes",       "overlapping_workers", "clock_jumps",         "spool_failures"};

class fault_set {
 public:
  fault_set() noexcept {}
  static fault_set all() noexcept { return fault_set((1U << fault_names.size()) - 1); }

  bool has(fault one) const noexcept { return (bits_ & bit_of(one)) != 0; }
  void add(fault one) noexcept { bits_ |= bit_of(one); }
  void remove(fault one) noexcept { bits_ &= ~bit_of(one); }
  bool empty() const noexcept { return bits_ == 0; }
  std::size_t size() const noexcept {
    std::size_t count = 0;
    for (std::size_t i = 0; i < fault_names.size(); ++i) count += has(static_cast<fault>(i)) ? 1U : 0U;
    return count;
  }

  /// "partitions, stops"; "none".
  std::string text() const {
    std::string names;
    for (std::size_t i = 0; i < fault_names.size(); ++i) {
      if (has(static_cast<fault>(i))) names.append(names.empty() ? "" : ", ").append(fault_names[i]);
    }
    return names.empty() ? "none" : names;
  }

 private:
  explicit fault_set(std::uint32_t bits) noexcept : bits_(bits) {}
  static std::uint32_t bit_of(fault one) noexcept { return 1U << static_cast<unsigned>(one); }

  std::uint32_t bits_ = 0;
};

}  // namespace coworker::simulation
