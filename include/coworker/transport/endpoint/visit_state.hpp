#pragma once
// What an HTTP endpoint keeps of a request while it waits for a job. Small, because thousands of requests may
// wait for hours: what a response is made of exists only while it is made, in visit.hpp. Must not know how a
// response is made.

#include <algorithm>
#include <coworker/coro/clock.hpp>
#include <coworker/exec/fifo.hpp>
#include <coworker/exec/shared_state.hpp>
#include <coworker/transport/endpoint/engine.hpp>
#include <coworker/transport/endpoint/job.hpp>
#include <string>
#include <utility>

namespace coworker::inline v0_1::detail {

// The form of a response that carries the end of a job, or its chunks.
enum class reply_form : unsigned char {
  status,         // the queue API's object
  stream,         // {"status": ..., "stream": [...]}, with the chunks that were not returned yet
  output,         // the output alone, or an error
  events,         // chunks as server-sent events, as they come
  lines,          // chunks as lines of JSON, as they come
  realtime,       // {"output": ...} or {"error": ...}
  predictions,    // {"predictions": [...]} of several jobs
  openai,         // what the handler returns in the role of a model server
  openai_events,  // the same as server-sent events, as they come
};

// For a request that asks for several jobs.
struct prediction_batch : shared_state {
  fifo<job_handle> jobs;  // those that come after the current one
  std::string text;       // the outputs of those that have ended
};

struct visit_state {
  explicit visit_state(http_endpoint& of) noexcept : endpoint(of) {}
  visit_state(const visit_state&) = delete;
  visit_state& operator=(const visit_state&) = delete;
  ~visit_state() {
    if (job) leave(*job);
    for (; batch && !batch->jobs.empty(); leave(*batch->jobs.pop())) {
    }
  }

  bool is_live() const noexcept {
    return form == reply_form::events || form == reply_form::lines || form == reply_form::openai_events;
  }

  void add(job_handle made) {
    if (!job) {
      job = std::move(made);
    } else {
      batch_of_jobs().jobs.push(std::move(made));
    }
  }

  prediction_batch& batch_of_jobs() {
    if (!batch) batch = shared_handle<prediction_batch>(new prediction_batch);
    return *batch;
  }

  // Waits for the next job of the batch, if there is one.
  bool go_to_next_job() {
    if (batch_of_jobs().jobs.empty()) return false;
    leave(*std::exchange(job, batch->jobs.pop()));
    return true;
  }

  // When the next turn is due even without news. A job whose time to live is over was started before that, and
  // ends by itself.
  time_point due() const noexcept {
    const time_point lives_until = job->deadline;
    return (std::min)({replies_at, heartbeat_at, lives_until > now ? lives_until : (time_point::max)()});
  }

  http_endpoint& endpoint;
  job_handle job{};  // the one that is waited for
  shared_handle<prediction_batch> batch{};
  time_point now{};                             // of the last turn
  time_point replies_at = (time_point::max)();  // when the client gets a reply even if the job has not ended
  time_point heartbeat_at = (time_point::max)();
  reply_form form = reply_form::status;
  bool stops_with_client = false;
  bool streams = false;     // the job's elements are its chunks
  bool begun = false;       // the response has begun, and is sent in pieces
  bool done = false;        // the response is complete
  bool raw_events = false;  // the handler composes the events

 private:
  void leave(endpoint_job& one) {
    if (!one.kept() || (stops_with_client && !done)) endpoint.jobs().leave(one, now);
    if (is_live()) endpoint.jobs().read_live(one, false);
  }
};

}  // namespace coworker::inline v0_1::detail
