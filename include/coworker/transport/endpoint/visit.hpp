#pragma once
// endpoint_visit: one request at an HTTP endpoint, from its head to the last byte of its response, as a state
// machine that never waits. The coroutine that waits and sends for it is in answer.hpp. Must not know how
// bytes are sent.

#include <algorithm>
#include <coworker/coro/clock.hpp>
#include <coworker/http/http_error.hpp>
#include <coworker/http/request_head.hpp>
#include <coworker/http/sse.hpp>
#include <coworker/http/syntax.hpp>
#include <coworker/json/json.hpp>
#include <coworker/transport/endpoint/engine.hpp>
#include <coworker/transport/endpoint/job.hpp>
#include <coworker/transport/endpoint/orders.hpp>
#include <coworker/transport/endpoint/reply.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

class endpoint_visit {
 public:
  enum class step : unsigned char { wait, send, begin, write, done };

  explicit endpoint_visit(http_endpoint& endpoint, const request_head& request) noexcept
      : endpoint_(endpoint), request_(request) {}
  endpoint_visit(const endpoint_visit&) = delete;
  endpoint_visit& operator=(const endpoint_visit&) = delete;
  ~endpoint_visit() {
    for (const job_handle& job : jobs_) {
      if (!job->kept || (stops_with_client_ && !done_)) endpoint_.jobs().leave(*job, now_);
      if (is_live()) endpoint_.jobs().read_live(*job, false);
    }
  }

  http_endpoint& endpoint() noexcept { return endpoint_; }
  const request_head& request() const noexcept { return request_; }

  // --- what the response will be
  // ----------------------------------------------------------------------------

  void reply(endpoint_reply made) {
    reply_ = std::move(made);
    replied_ = true;
  }

  // Adds a job, for whose end wait() then waits. Throws: http_error 429, 503.
  endpoint_job& order(endpoint_order wanted, time_point now) {
    now_ = now;
    note_trace(request_, wanted.envelope);
    job_table::refusal why{};
    local_event* const new_jobs = endpoint_.new_jobs();
    if (new_jobs != nullptr) new_jobs->set();
    job_handle made = endpoint_.jobs().submit(std::move(wanted), now, why, new_jobs == nullptr);
    if (why == job_table::refusal::closed)
      throw http_error(503, "the worker is leaving, and takes no more jobs");
    if (why == job_table::refusal::full) throw http_error(429, "too many jobs wait; try again later");
    jobs_.push_back(std::move(made));
    return *jobs_.back();
  }

  // Waits for the end of a job that an earlier request added.
  void follow(job_handle job) { jobs_.push_back(std::move(job)); }

  void wait(reply_form form, time_point due, bool stops_with_client, bool streams = false) {
    streams_ = streams;
    form_ = form;
    due_ = due;
    stops_with_client_ = stops_with_client;
    for (const job_handle& job : jobs_) {
      if (is_live()) endpoint_.jobs().read_live(*job, true);
    }
  }

  // --- the next step
  // ----------------------------------------------------------------------------------------

  step next(time_point now) {
    now_ = now;
    if (done_) return step::done;
    if (!replied_ && !over_ && !jobs_.empty()) look(now);
    if (!piece_.empty()) {
      if (std::exchange(begun_, true)) return step::write;
      return step::begin;
    }
    if (begun_ && over_) {
      done_ = true;
      return step::done;
    }
    if (!replied_) return step::wait;
    done_ = true;
    return step::send;
  }

  endpoint_job& job() noexcept { return *jobs_[at_]; }
  // When next() must be called again even without news. A job whose time to live is over was started before
  // that, and ends by itself.
  time_point due() const noexcept {
    const time_point lives_until = jobs_[at_]->deadline;
    return (std::min)({due_, heartbeat_, lives_until > now_ ? lives_until : (time_point::max)()});
  }
  const endpoint_reply& made() const noexcept { return reply_; }
  std::string take_piece() noexcept { return std::exchange(piece_, {}); }

 private:
  static constexpr duration heartbeat_interval = std::chrono::seconds(15);

  bool is_live() const noexcept {
    return form_ == reply_form::events || form_ == reply_form::lines || form_ == reply_form::openai_events;
  }

  void look(time_point now) {
    if (is_live()) return look_live(now);
    if (form_ == reply_form::stream) return look_stream(now);
    job_table& jobs = endpoint_.jobs();
    const std::optional<job_view> ended = jobs.look_for_end(job(), now);
    if (!ended) {
      if (now >= due_) reply(status_reply(job(), jobs.look(job(), now), endpoint_.options().worker_id));
      return;
    }
    if (form_ == reply_form::status) return reply(status_reply(job(), *ended, endpoint_.options().worker_id));
    if (form_ == reply_form::realtime) return reply_realtime(*ended);
    if (ended->status != endpoint_status::completed) return reply_failure(*ended);
    if (form_ == reply_form::predictions) return add_prediction(*ended);
    std::vector<std::string> chunks;
    job_view seen;
    if (streams_ || form_ == reply_form::openai) jobs.take_chunks(job(), now, true, chunks, seen);
    reply_output(*ended, chunks);
  }

  // Replies with the chunks that were not returned yet, or with the end.
  void look_stream(time_point now) {
    std::vector<std::string> chunks;
    job_view seen;
    const bool news = endpoint_.jobs().take_chunks(job(), now, true, chunks, seen);
    if (!news && now < due_) return;
    endpoint_reply made;
    append_member(made.text, "status", status_name(seen.status));
    made.text += ",\"stream\":[";
    for (const std::string& chunk : chunks) {
      if (&chunk != &chunks.front()) made.text += ',';
      made.text.append("{\"output\":").append(chunk).append("}");
    }
    made.text += ']';
    if (!seen.error.empty()) append_member(made.text, "error", seen.error);
    made.text += '}';
    reply(std::move(made));
  }

  void look_live(time_point now) {
    std::vector<std::string> chunks;
    job_view seen;
    if (endpoint_.jobs().take_chunks(job(), now, true, chunks, seen))
      heartbeat_ = after(now, heartbeat_interval);
    for (const std::string& chunk : chunks) append_live(chunk);
    if (is_final(seen.status)) {
      over_ = true;
      return end_live(seen);
    }
    if (heartbeat_ == (time_point::max)()) heartbeat_ = after(now, heartbeat_interval);
    if (now < heartbeat_) return;
    heartbeat_ = after(now, heartbeat_interval);
    begin_live();
    if (form_ == reply_form::lines) {
      piece_ += '\n';
    } else {
      append_sse_comment(piece_);
    }
  }

  void append_live(const std::string& chunk) {
    if (form_ == reply_form::lines) {
      piece_.append(chunk).append("\n");
    } else if (form_ == reply_form::events) {
      append_sse_data(piece_, chunk);
    } else {
      append_openai(json::parse(chunk));
    }
    begin_live();
  }

  void begin_live() {
    reply_.type = form_ == reply_form::lines ? "application/x-ndjson" : "text/event-stream";
  }

  // A text already consists of events and may be cut anywhere; a list contains several chunks.
  void append_openai(const json& chunk) {
    if (chunk.is_string()) {
      piece_ += chunk.get<std::string_view>();
      raw_events_ = true;
    } else if (chunk.is_array()) {
      for (const json& one : chunk) append_openai(one);
    } else {
      append_sse_data(piece_, chunk.dump());
    }
  }

  void end_live(const job_view& seen) {
    const bool failed = seen.status != endpoint_status::completed;
    if (!begun_ && piece_.empty() && failed) {
      over_ = false;
      return reply_failure(seen);
    }
    begin_live();
    if (failed) {
      std::string error;
      append_member(error, "error", seen.error);
      error += '}';
      if (form_ == reply_form::lines) {
        piece_.append(error).append("\n");
      } else {
        sse_event event(error);
        if (form_ == reply_form::events) event.event = "error";
        append_sse_event(piece_, event);
      }
    } else if (!streams_ && seen.output) {
      append_live(seen.output->text);
    }
    if (form_ == reply_form::openai_events && !raw_events_ && !failed) append_sse_data(piece_, "[DONE]");
    if (piece_.empty() && !begun_) {  // a stream without elements
      reply_.text.clear();
      replied_ = true;
    }
  }

  void reply_realtime(const job_view& seen) {
    endpoint_reply made;
    const bool well = seen.status == endpoint_status::completed;
    if (!well) append_member(made.text, "error", seen.error);
    if (seen.output) {
      made.text.append(made.text.empty() ? "{" : ",").append("\"output\":");
      made.shared = seen.output;
      made.tail = "}";
    } else {
      made.text += made.text.empty() ? "{}" : "}";
    }
    reply(std::move(made));
  }

  void reply_failure(const job_view& seen) {
    const int status = seen.input_fault                            ? 422
                       : seen.status == endpoint_status::timed_out ? 504
                       : seen.status == endpoint_status::cancelled ? 503
                                                                   : 500;
    if (form_ != reply_form::openai && form_ != reply_form::openai_events)
      return reply(error_reply(status, seen.error));
    endpoint_reply made;
    std::string message = seen.error;
    if (message.starts_with('{') && !read_platform_error(message)) {  // the handler's own error object
      made.text = "{\"error\":" + seen.error + "}";
      made.status = own_status(made.text, status);
      return reply(std::move(made));
    }
    made.status = status;
    made.text = "{\"error\":";
    std::string inner;
    append_member(inner, "message", message);
    append_member(inner, "type", seen.input_fault ? "invalid_request_error" : "server_error");
    append_member(inner, "code", std::int64_t{status});
    made.text.append(inner).append("}}");
    reply(std::move(made));
  }

  // Returns whether the text is an error in the platform's form; if so, replaces it by its message.
  static bool read_platform_error(std::string& error) {
    try {
      const json parsed = json::parse(error);
      const auto message = parsed.find("error_message");
      if (message == parsed.end() || !message->is_string()) return false;
      error = message->get<std::string>();
      return true;
    } catch (const json_exception&) {
      return false;
    }
  }

  void add_prediction(const job_view& seen) {
    if (at_ == 0) predictions_ = "{\"predictions\":[";
    if (at_ != 0) predictions_ += ',';
    predictions_ += seen.output ? std::string_view(seen.output->text) : std::string_view("null");
    if (++at_ < jobs_.size()) return look(now_);
    --at_;
    endpoint_reply made;
    made.text = std::move(predictions_);
    made.text += "]}";
    reply(std::move(made));
  }

  // The elements of a stream are its chunks; its output contains the same elements, or none.
  void reply_output(const job_view& seen, std::vector<std::string>& chunks) {
    endpoint_reply made;
    if (form_ == reply_form::openai) {
      if (!chunks.empty()) {
        made.text = std::move(chunks.front());
      } else if (seen.output) {
        made.shared = seen.output;
      }
      made.status = status_of_error(made.shared ? made.shared->text : made.text);
      return reply(std::move(made));
    }
    if (!streams_) {
      made.shared = seen.output;
      if (!made.shared) made.text = "null";
      return reply(std::move(made));
    }
    made.text = "[";
    for (const std::string& chunk : chunks) {
      if (&chunk != &chunks.front()) made.text += ',';
      made.text += chunk;
    }
    made.text += ']';
    reply(std::move(made));
  }

  static int own_status(const std::string& text, int otherwise) {
    try {
      return status_of_error(text);
    } catch (const json_exception&) {
      return otherwise;
    }
  }

  // Returns the HTTP status that an object such as {"error": {"code": 404}} names; 500 for another error, 200
  // without one.
  static int status_of_error(const std::string& text) {
    if (text.find("\"error\"") == std::string::npos) return 200;
    const json body = json::parse(text);
    if (!body.is_object()) return 200;
    const auto error = body.find("error");
    if (error == body.end() || error->is_null()) return 200;
    if (!error->is_object()) return 500;
    const auto code = error->find("code");
    const bool says = code != error->end() && code->is_number_integer();
    const auto status = says ? code->get<std::int64_t>() : std::int64_t{0};
    return status >= 400 && status <= 599 ? static_cast<int>(status) : 500;
  }

  http_endpoint& endpoint_;
  const request_head& request_;
  std::vector<job_handle> jobs_;
  std::size_t at_ = 0;  // the index of the job that is waited for
  reply_form form_ = reply_form::status;
  bool stops_with_client_ = false;
  bool streams_ = false;  // the job's elements are its chunks
  bool replied_ = false;  // reply_ is complete and can be sent
  bool begun_ = false;    // the response has begun, and is sent in pieces
  bool over_ = false;     // the last piece has been made
  bool done_ = false;
  bool raw_events_ = false;
  time_point now_{};
  time_point due_ = (time_point::max)();
  time_point heartbeat_ = (time_point::max)();
  endpoint_reply reply_;
  std::string piece_;
  std::string predictions_;
};

}  // namespace coworker::inline v0_1::detail
