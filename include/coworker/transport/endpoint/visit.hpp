#pragma once
// endpoint_visit: a turn of a request at an HTTP endpoint, as a state machine that never waits: it decides what
// is to be sent now. What it keeps until the next turn is a visit_state. The coroutine that waits and sends is
// in answer.hpp. Must not know how bytes are sent.

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
#include <coworker/transport/endpoint/visit_state.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::inline v0_1::detail {

class endpoint_visit {
 public:
  enum class step : unsigned char { wait, send, begin, write, done };

  endpoint_visit(visit_state& state, const request_head& request) noexcept
      : state_(state), request_(request) {}
  endpoint_visit(const endpoint_visit&) = delete;
  endpoint_visit& operator=(const endpoint_visit&) = delete;

  http_endpoint& endpoint() noexcept { return state_.endpoint; }
  const request_head& request() const noexcept { return request_; }

  // --- what the response will be
  // ----------------------------------------------------------------------------

  void reply(endpoint_reply made) {
    reply_ = std::move(made);
    replied_ = true;
  }

  bool has_reply() const noexcept { return replied_; }

  // Adds a job, for whose end wait() then waits. Throws: http_error 429, 503.
  endpoint_job& order(endpoint_order wanted, time_point now) {
    note_trace(request_, wanted);
    job_table::refusal why{};
    local_event* const new_jobs = endpoint().new_jobs();
    if (new_jobs != nullptr) new_jobs->set();
    const job_handle made = endpoint().jobs().submit(std::move(wanted), now, why, new_jobs == nullptr);
    if (why == job_table::refusal::closed)
      throw http_error(503, "the worker is leaving, and takes no more jobs");
    if (why == job_table::refusal::full) throw http_error(429, "too many jobs wait; try again later");
    state_.add(made);
    return *made;
  }

  // Waits for the end of a job that an earlier request added.
  void follow(job_handle job) { state_.add(std::move(job)); }

  void wait(reply_form form, time_point due, bool stops_with_client, bool streams = false) {
    state_.streams = streams;
    state_.form = form;
    state_.replies_at = due;
    state_.stops_with_client = stops_with_client;
    if (!state_.is_live()) return;
    state_.heartbeat_at = after(state_.now, heartbeat_interval);
    endpoint().jobs().read_live(job(), true);
  }

  // --- the next step
  // ----------------------------------------------------------------------------------------

  step next(time_point now) {
    state_.now = now;
    if (state_.done) return step::done;
    if (!replied_ && !over_ && state_.job) look(now);
    if (!piece_.empty()) {
      if (std::exchange(state_.begun, true)) return step::write;
      return step::begin;
    }
    if (state_.begun && over_) {
      state_.done = true;
      return step::done;
    }
    if (!replied_) return step::wait;
    state_.done = true;
    return step::send;
  }

  const endpoint_reply& made() const noexcept { return reply_; }
  std::string take_piece() noexcept { return std::exchange(piece_, {}); }

 private:
  static constexpr duration heartbeat_interval = std::chrono::seconds(15);

  endpoint_job& job() noexcept { return *state_.job; }

  void look(time_point now) {
    if (state_.is_live()) return look_live(now);
    if (state_.form == reply_form::stream) return look_stream(now);
    job_table& jobs = endpoint().jobs();
    const std::optional<job_view> ended = jobs.look_for_end(job(), now);
    if (!ended) {
      if (now >= state_.replies_at)
        reply(status_reply(job(), jobs.look(job(), now), endpoint().options().worker_id));
      return;
    }
    if (state_.form == reply_form::status)
      return reply(status_reply(job(), *ended, endpoint().options().worker_id));
    if (state_.form == reply_form::realtime) return reply_realtime(*ended);
    if (ended->status != endpoint_status::completed) return reply_failure(*ended);
    if (state_.form == reply_form::predictions) return add_prediction(*ended);
    std::vector<std::string> chunks;
    job_view seen;
    if (state_.streams || state_.form == reply_form::openai) jobs.take_chunks(job(), now, chunks, seen);
    reply_output(*ended, chunks);
  }

  // Replies with the chunks that were not returned yet, or with the end.
  void look_stream(time_point now) {
    std::vector<std::string> chunks;
    job_view seen;
    const bool news = endpoint().jobs().take_chunks(job(), now, chunks, seen);
    if (!news && now < state_.replies_at) return;
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
    if (endpoint().jobs().take_chunks(job(), now, chunks, seen))
      state_.heartbeat_at = after(now, heartbeat_interval);
    for (const std::string& chunk : chunks) append_live(chunk);
    if (is_final(seen.status)) {
      over_ = true;
      return end_live(seen);
    }
    if (now < state_.heartbeat_at) return;
    state_.heartbeat_at = after(now, heartbeat_interval);
    begin_live();
    if (state_.form == reply_form::lines) {
      piece_ += '\n';
    } else {
      append_sse_comment(piece_);
    }
  }

  void append_live(const std::string& chunk) {
    if (state_.form == reply_form::lines) {
      piece_.append(chunk).append("\n");
    } else if (state_.form == reply_form::events) {
      append_sse_data(piece_, chunk);
    } else {
      append_openai(json::parse(chunk));
    }
    begin_live();
  }

  void begin_live() {
    reply_.type = state_.form == reply_form::lines ? "application/x-ndjson" : "text/event-stream";
  }

  // A text already consists of events and may be cut anywhere; a list contains several chunks.
  void append_openai(const json& chunk) {
    if (chunk.is_string()) {
      piece_ += chunk.get<std::string_view>();
      state_.raw_events = true;
    } else if (chunk.is_array()) {
      for (const json& one : chunk) append_openai(one);
    } else {
      append_sse_data(piece_, chunk.dump());
    }
  }

  void end_live(const job_view& seen) {
    const bool failed = seen.status != endpoint_status::completed;
    if (!state_.begun && piece_.empty() && failed) {
      over_ = false;
      return reply_failure(seen);
    }
    begin_live();
    if (failed) {
      std::string error;
      append_member(error, "error", seen.error);
      error += '}';
      if (state_.form == reply_form::lines) {
        piece_.append(error).append("\n");
      } else {
        sse_event event(error);
        if (state_.form == reply_form::events) event.event = "error";
        append_sse_event(piece_, event);
      }
    } else if (!state_.streams && seen.output) {
      append_live(seen.output->text);
    }
    if (state_.form == reply_form::openai_events && !state_.raw_events && !failed)
      append_sse_data(piece_, "[DONE]");
    if (piece_.empty() && !state_.begun) {  // a stream without elements
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
    if (state_.form != reply_form::openai && state_.form != reply_form::openai_events)
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
    std::string& text = state_.batch_of_jobs().text;
    text += text.empty() ? "{\"predictions\":[" : ",";
    text += seen.output ? std::string_view(seen.output->text) : std::string_view("null");
    if (state_.go_to_next_job()) return look(state_.now);
    endpoint_reply made;
    made.text = std::move(text);
    made.text += "]}";
    reply(std::move(made));
  }

  // The elements of a stream are its chunks; its output contains the same elements, or none.
  void reply_output(const job_view& seen, std::vector<std::string>& chunks) {
    endpoint_reply made;
    if (state_.form == reply_form::openai) {
      if (!chunks.empty()) {
        made.text = std::move(chunks.front());
      } else if (seen.output) {
        made.shared = seen.output;
      }
      made.status = status_of_error(made.shared ? made.shared->text : made.text);
      return reply(std::move(made));
    }
    if (!state_.streams) {
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

  visit_state& state_;
  const request_head& request_;  // empty once the response has begun
  bool replied_ = false;         // reply_ is complete and can be sent
  bool over_ = false;            // the last piece has been made
  endpoint_reply reply_;
  std::string piece_;
};

}  // namespace coworker::inline v0_1::detail
