#pragma once
// The kinds of faults that a simulated run can have, and sets of them. Must not know how a fault is injected.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace coworker::inline v0_1::simulation {

/// The kinds of faults. Each can be left out.
enum class fault : unsigned char {
  slow_network,    ///< some messages take many times as long
  lost_requests,   ///< some never reach the server
  lost_answers,    ///< the server acts, and the response is lost
  duplicates,      ///< some requests reach the server twice
  late_requests,   ///< some reach the server long after the client has given them up
  slow_bodies,     ///< some responses begin in time and take seconds to end
  partitions,      ///< spans in which nothing gets through
  server_errors,   ///< spans of 5xx
  throttling,      ///< spans of 429, some with Retry-After
  refusals,        ///< spans of 4xx
  gateway_errors,  ///< a proxy answers 502 or 504 for a server that has acted
  /// Responses to takes that are not JSON, are cut off, or contain something that is not a job.
  garbage,
  server_restarts,      ///< open polls are broken, or never answered
  repeated_hand_overs,  ///< a job is handed over that a worker already has
  stops,                ///< stops of jobs that are queued, running, finished or unknown
  departures,           ///< workers are asked to leave, at any time; others take over
  crashes,              ///< workers end at once; others take over
  overlapping_workers,  ///< the next worker starts before the one before it has left
  clock_jumps,          ///< nothing runs for a while, and then time has passed
  spool_failures,       ///< the disk is full
};

/// The names of the faults, in the order of the enumeration.
inline constexpr std::array<std::string_view, 20> fault_names{
    "slow_network",   "lost_requests", "lost_answers",        "duplicates",          "late_requests",
    "slow_bodies",    "partitions",    "server_errors",       "throttling",          "refusals",
    "gateway_errors", "garbage",       "server_restarts",     "repeated_hand_overs", "stops",
    "departures",     "crashes",       "overlapping_workers", "clock_jumps",         "spool_failures"};

/// A set of kinds of faults.
class fault_set {
 public:
  fault_set() noexcept {}
  /// Returns the set of all kinds.
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

  /// Returns for example "partitions, stops"; "none" if it is empty.
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

}  // namespace coworker::inline v0_1::simulation
