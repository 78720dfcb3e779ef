#pragma once
// A job of an HTTP endpoint, as its clients and its worker share it. Must not know HTTP.

#include <coworker/coro/clock.hpp>
#include <coworker/coro/frame_memory.hpp>
#include <coworker/exec/event.hpp>
#include <coworker/exec/shared_state.hpp>
#include <coworker/job/record.hpp>
#include <coworker/json/json.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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
  std::string id = {};  // of the job, unless that is another job's; empty: any
  json input = {};
  json details = json::object();
  duration time_limit{};                      // of its handler; 0: none
  std::string trace_parent = {};              // the `traceparent` header of its request; empty: none
  std::string request = {};                   // the body, from which a retry is made
  std::string webhook = {};                   // the URL to notify of the end; empty: none
  duration time_to_live = (duration::max)();  // from now to the job's end
  bool kept = true;                           // clients may ask for it later; false: it ends with its request
  bool sync = false;                          // its client waits for it
};

/// An event on the heap.
struct room_event : shared_state {
  event read;
};

/// What is kept of a job for clients that ask for it later.
struct kept_texts : shared_state {
  std::string request;       // the body, from which a retry is made
  std::string webhook;       // the URL to notify of the end; empty: none
  std::string progress;      // JSON; empty: none yet
  std::string shown_chunks;  // for the console: the last chunks
  std::string shown_log;     // for the console: the last log lines
};

/// A job of a table. Its members are guarded by the table's mutex, except those that are const. Small, because
/// many requests may wait for long.
struct endpoint_job : shared_state, recycled_frame {
  const std::string id;
  json input;  // moved out when a worker takes the job; so are the next two
  json details;
  std::string trace_parent;
  const shared_handle<kept_texts> texts;  // empty: it ends with its request, and no client can ask for it
  const duration time_limit;              // of its handler; 0: none
  const time_point created;
  const time_point deadline;
  time_point started{};
  time_point ended{};
  text_handle output{};  // JSON; empty: there is no output
  std::string error = {};
  std::vector<std::string> chunks;  // JSON; not yet read by a client
  std::size_t chunk_bytes = 0;      // the size of `chunks`
  std::size_t bytes = 0;            // what the table counts for the job
  std::uint64_t revision = 0;       // the table's revision when the job last changed
  event news;                       // wakes clients: there is a chunk, progress, or the end
  shared_handle<room_event> room;   // made when the worker first waits until chunks are read
  const bool sync;
  endpoint_status status = endpoint_status::in_queue;
  bool was_started = false;
  bool listed = true;        // it can be found by its id before a worker has it
  bool running = false;      // a worker has it, whatever its status is
  bool read_live = false;    // a client that is connected reads its chunks
  bool input_fault = false;  // it failed because its input does not fit
  bool ended_here = false;   // it is one of the results that are kept

  endpoint_job(std::string named, endpoint_order&& order, time_point now)
      : id(std::move(named)),
        input(std::move(order.input)),
        details(std::move(order.details)),
        trace_parent(std::move(order.trace_parent)),
        texts(order.kept ? new kept_texts : nullptr),
        time_limit(order.time_limit),
        created(now),
        deadline(after(now, order.time_to_live)),
        sync(order.sync) {
    if (!texts) return;
    texts->request = std::move(order.request);
    texts->webhook = std::move(order.webhook);
  }

  // Whether clients may ask for it later.
  bool kept() const noexcept { return static_cast<bool>(texts); }

  // Wakes the worker if it waits until chunks are read.
  void note_room() {
    if (room) room->read.set();
  }

  // What a worker gets, besides the id.
  void move_to(job_envelope& given) noexcept {
    given.input = std::move(input);
    given.details = std::move(details);
    given.trace_parent = std::exchange(trace_parent, {});
    given.time_limit = time_limit;
    given.deadline = deadline;
  }
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
