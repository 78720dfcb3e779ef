#pragma once
// A job of an HTTP endpoint, as its clients and its worker share it. Must not know HTTP.

#include <coworker/coro/clock.hpp>
#include <coworker/exec/event.hpp>
#include <coworker/exec/fifo.hpp>
#include <coworker/exec/shared_state.hpp>
#include <coworker/job/record.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace coworker::inline v0_1::detail {

/// How far a job is.
enum class endpoint_status : unsigned char { in_queue, in_progress, completed, failed, cancelled, timed_out };

inline std::string_view status_name(endpoint_status status) noexcept {
  static constexpr std::string_view names[]{"IN_QUEUE", "IN_PROGRESS", "COMPLETED",
                                            "FAILED",   "CANCELLED",   "TIMED_OUT"};
  return names[static_cast<std::size_t>(status)];
}

constexpr bool is_final(endpoint_status status) noexcept { return status >= endpoint_status::completed; }

/// A text that several hold.
struct shared_text : shared_state {
  const std::string text;
  explicit shared_text(std::string made) noexcept : text(std::move(made)) {}
};

using text_handle = shared_handle<shared_text>;

/// Of a text that grows as much of its end as the console shows.
inline void append_shown_end(std::string& shown, std::string_view more) {
  constexpr std::size_t most = 4000;
  shown.append(more).append("\n");
  if (shown.size() <= 2 * most) return;
  const std::size_t line = shown.find('\n', shown.size() - most);
  shown.erase(0, line + 1);
}

// What a client asks for.
struct endpoint_order {
  job_envelope envelope;                      // its id is the job's, unless it is empty or another's
  std::string request = {};                   // what a retry is made from
  std::string webhook = {};                   // whom to tell of the end
  duration time_to_live = (duration::max)();  // from now to the end
  bool kept = true;                           // for clients that ask later; else gone with its request
  bool sync = false;                          // its client waits
};

/// Guarded by the mutex of its table, but for what is const.
struct endpoint_job : shared_state {
  const std::string id;
  const bool kept;
  const bool sync;
  std::string request;
  const std::string webhook;
  job_envelope envelope;  // until it is taken
  duration time_limit{};  // of its handler; 0: none
  endpoint_status status = endpoint_status::in_queue;
  bool was_started = false;
  bool listed = true;        // it can be found by its id before a worker has it
  bool running = false;      // a worker has it, whatever the status is by now
  bool read_live = false;    // a client that is connected reads its chunks
  bool input_fault = false;  // it failed because its input does not fit
  bool ended_here = false;   // it is among the results that are kept
  time_point created{};
  time_point started{};
  time_point ended{};
  time_point deadline = (time_point::max)();
  text_handle output{};  // JSON; none: there is no output
  std::string error = {};
  fifo<std::string> chunks;       // JSON, that nobody has read
  std::size_t chunk_bytes = 0;    // of those
  std::string progress = {};      // JSON; empty: none yet
  std::string shown_chunks = {};  // for the console: the last of them
  std::string shown_log = {};     // for the console: its last lines
  std::size_t bytes = 0;          // of all that the table counts for it
  std::uint64_t revision = 0;     // when it changed last, in changes of the table
  event news;                     // for clients: something of the above has changed
  event room;                     // for the worker: chunks were read

  endpoint_job(std::string named, endpoint_order&& order, time_point now)
      : id(std::move(named)),
        kept(order.kept),
        sync(order.sync),
        request(std::move(order.request)),
        webhook(std::move(order.webhook)),
        envelope(std::move(order.envelope)),
        time_limit(envelope.time_limit),
        created(now) {}
};

using job_handle = shared_handle<endpoint_job>;

/// What a job is at a moment.
struct job_view {
  endpoint_status status = endpoint_status::in_queue;
  bool input_fault = false;
  bool was_started = false;
  duration delay{};      // until it was started
  duration execution{};  // from then on
  text_handle output{};
  std::string error = {};
};

inline job_view view_of(const endpoint_job& job, time_point now) {
  job_view seen;
  seen.status = job.status;
  seen.input_fault = job.input_fault;
  seen.was_started = job.was_started;
  const time_point until = is_final(job.status) ? job.ended : now;
  seen.delay = (seen.was_started ? job.started : until) - job.created;
  if (seen.was_started) seen.execution = until - job.started;
  seen.output = job.output;
  seen.error = job.error;
  return seen;
}

}  // namespace coworker::inline v0_1::detail
