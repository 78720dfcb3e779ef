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

/// The status of a job, as clients see it.
enum class endpoint_status : unsigned char { in_queue, in_progress, completed, failed, cancelled, timed_out };

inline std::string_view status_name(endpoint_status status) noexcept {
  static constexpr std::string_view names[]{"IN_QUEUE", "IN_PROGRESS", "COMPLETED",
                                            "FAILED",   "CANCELLED",   "TIMED_OUT"};
  return names[static_cast<std::size_t>(status)];
}

constexpr bool is_final(endpoint_status status) noexcept { return status >= endpoint_status::completed; }

/// A text with shared ownership.
struct shared_text : shared_state {
  const std::string text;
  explicit shared_text(std::string made) noexcept : text(std::move(made)) {}
};

using text_handle = shared_handle<shared_text>;

/// Appends a line to a text of which the console shows the end, and drops what it no longer shows.
inline void append_shown_end(std::string& shown, std::string_view more) {
  constexpr std::size_t most = 4000;
  shown.append(more).append("\n");
  if (shown.size() <= 2 * most) return;
  const std::size_t line = shown.find('\n', shown.size() - most);
  shown.erase(0, line + 1);
}

// A job that a client asks for.
struct endpoint_order {
  job_envelope envelope;                      // the job gets its id, unless that is empty or another job's
  std::string request = {};                   // the body, from which a retry is made
  std::string webhook = {};                   // the URL to notify of the end; empty: none
  duration time_to_live = (duration::max)();  // from now to the job's end
  bool kept = true;                           // clients may ask for it later; false: it ends with its request
  bool sync = false;                          // its client waits for it
};

/// A job of a table. Its members are guarded by the table's mutex, except those that are const.
struct endpoint_job : shared_state {
  const std::string id;
  const bool kept;
  const bool sync;
  std::string request;
  const std::string webhook;
  job_envelope envelope;  // moved out when a worker takes the job
  duration time_limit{};  // of its handler; 0: none
  endpoint_status status = endpoint_status::in_queue;
  bool was_started = false;
  bool listed = true;        // it can be found by its id before a worker has it
  bool running = false;      // a worker has it, whatever its status is
  bool read_live = false;    // a client that is connected reads its chunks
  bool input_fault = false;  // it failed because its input does not fit
  bool ended_here = false;   // it is one of the results that are kept
  time_point created{};
  time_point started{};
  time_point ended{};
  time_point deadline = (time_point::max)();
  text_handle output{};  // JSON; empty: there is no output
  std::string error = {};
  fifo<std::string> chunks;       // JSON; not yet read by a client
  std::size_t chunk_bytes = 0;    // the size of `chunks`
  std::string progress = {};      // JSON; empty: none yet
  std::string shown_chunks = {};  // for the console: the last chunks
  std::string shown_log = {};     // for the console: the last log lines
  std::size_t bytes = 0;          // what the table counts for the job
  std::uint64_t revision = 0;     // the table's revision when the job last changed
  event news;                     // wakes clients: there is a chunk, progress, or the end
  event room;                     // wakes the worker: chunks were read

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

/// The state of a job at one moment.
struct job_view {
  endpoint_status status = endpoint_status::in_queue;
  bool input_fault = false;
  bool was_started = false;
  duration delay{};      // from its creation to its start; if it was not started, to its end or to now
  duration execution{};  // from its start to its end or to now
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
