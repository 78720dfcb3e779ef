#pragma once
// The events of a simulated run, in order: always as a rolling hash, by which two runs are compared, and if
// wanted as lines to read. Must not know what the events mean.

#include <array>
#include <coworker/coro/clock.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace coworker::inline v0_1::simulation {

/// The kinds of events. In a line, # stands for the detail.
enum class happening : unsigned char {
  worker_started,
  worker_asked_to_leave,
  worker_crashed,
  worker_left,
  limit_changed,
  job_submitted,
  asked_for_jobs,
  asked_for_stops,
  pinged,
  job_handed_over,
  job_arrived,
  handler_started,
  result_ready,
  result_posted,
  result_accepted,
  result_repeated,
  result_too_late,
  result_let_go,
  progress_posted,
  chunk_posted,
  job_returned,
  stop_wanted,
  stop_arrived,
  request_given_up,
  answer_failed,
  answered,
  server_restarted,
  clock_jumped,
  violated,
};

namespace detail {

inline constexpr std::array<std::string_view, 29> happening_lines{
    "starts",
    "is asked to leave",
    "crashes",
    "has left",
    "may now run # at once",
    "is submitted",
    "asks for # jobs",
    "asks which jobs must stop",
    "sends a heartbeat that names # jobs",
    "is handed over (hand-over #)",
    "arrives",
    "is started (start #)",
    "has its result",
    "posts its result (try #)",
    "has its result accepted",
    "has its result posted once more",
    "has a result posted that comes too late",
    "has its delivery ended (0 accepted, 1 refused, 2 unwanted, 3 given up): #",
    "reports progress",
    "posts a chunk",
    "goes back into the queue: no heartbeat names it",
    "must be stopped (0 running, 1 queued, 2 settled): #",
    "is asked to stop",
    "gives up a request",
    "gets no answer (1 unreachable, 2 timed out, 3 broken): #",
    "is answered with #",
    "the server restarts",
    "the clock jumps by # ms",
    "VIOLATION",
};

}  // namespace detail

/// Records the events of a run.
class event_trace {
 public:
  static constexpr int nobody = -1;

  explicit event_trace(bool keeps_lines) noexcept : keeps_lines_(keeps_lines) {}

  /// Records an event. `worker` and `job` count from 0; `nobody` for none.
  void note(time_point now, happening what, int worker, int job, std::int64_t detail = 0) {
    const entry made{now.time_since_epoch(), detail, worker, job, what};
    mix(static_cast<std::uint64_t>(made.at.count()));
    mix(static_cast<std::uint64_t>(what) | static_cast<std::uint64_t>(static_cast<std::uint32_t>(job)) << 8 |
        static_cast<std::uint64_t>(static_cast<std::uint32_t>(worker)) << 48);
    mix(static_cast<std::uint64_t>(detail));
    if (keeps_lines_) entries_.push_back(made);
  }

  /// Keeps no more lines: what follows is only the end of the run.
  void close() noexcept { keeps_lines_ = false; }

  /// Returns a hash that is equal for equal runs.
  std::uint64_t hash() const noexcept { return hash_; }

  /// Returns a line for each event, with its virtual time; of a long trace only the last `most` lines.
  std::string text(std::size_t most = SIZE_MAX) const {
    const std::size_t first = entries_.size() > most ? entries_.size() - most : 0;
    std::string lines = first > 0 ? "... " + std::to_string(first) + " lines before\n" : "";
    for (std::size_t i = first; i < entries_.size(); ++i) append(lines, entries_[i]);
    return lines;
  }

 private:
  struct entry {
    duration at;
    std::int64_t detail;
    int worker;
    int job;
    happening what;
  };

  void mix(std::uint64_t value) noexcept {
    hash_ = (hash_ ^ value) * 0x9e3779b97f4a7c15;
    hash_ ^= hash_ >> 32;
  }

  static void append(std::string& lines, const entry& one) {
    constexpr std::size_t decimals = 6;
    std::string micros = std::to_string(one.at / std::chrono::microseconds(1));
    if (micros.size() <= decimals) micros.insert(0, decimals + 1 - micros.size(), '0');
    micros.insert(micros.size() - decimals, 1, '.');
    constexpr std::size_t width = 13;
    if (micros.size() < width) micros.insert(0, width - micros.size(), ' ');
    lines.append(micros).append(" s  ");
    if (one.worker != nobody) lines.append("worker ").append(std::to_string(one.worker)).append("  ");
    if (one.job != nobody) lines.append("job-").append(std::to_string(one.job)).append(" ");
    const std::string_view line = detail::happening_lines[static_cast<std::size_t>(one.what)];
    const std::size_t mark = line.rfind('#');
    lines.append(line.substr(0, mark));
    if (mark != std::string_view::npos)
      lines.append(std::to_string(one.detail)).append(line.substr(mark + 1));
    lines += '\n';
  }

  std::vector<entry> entries_;
  std::uint64_t hash_ = 0;
  bool keeps_lines_;
};

}  // namespace coworker::inline v0_1::simulation
