#pragma once
// The console: a web page that shows what a worker does, and the state that this page requests. Must not know
// how a request comes in.

#include <coworker/coro/clock.hpp>
#include <coworker/http/request_head.hpp>
#include <coworker/http/url.hpp>
#include <coworker/json/json.hpp>
#include <coworker/log.hpp>
#include <coworker/scale/metrics.hpp>
#include <coworker/transport/endpoint/console_page.hpp>
#include <coworker/transport/endpoint/console_script.hpp>
#include <coworker/transport/endpoint/engine.hpp>
#include <coworker/transport/endpoint/orders.hpp>
#include <coworker/transport/endpoint/reply.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace coworker::inline v0_1::detail {

inline endpoint_reply console_reply(int part) {
  endpoint_reply made;
  made.type = part == 0   ? "text/html; charset=utf-8"
              : part == 1 ? "text/javascript; charset=utf-8"
                          : "text/css; charset=utf-8";
  made.policy =
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
      "frame-ancestors 'none'; "
      "base-uri 'none'; form-action 'none'";
  made.text = part == 0 ? console_page : part == 1 ? console_script : console_style;
  return made;
}

// Appends the beginning of a text, as much as the page shows.
inline void append_shown(std::string& object, std::string_view name, std::string_view text) {
  constexpr std::size_t most_shown = 8000;
  if (!text.empty()) append_member(object, name, text.substr(0, most_shown));
}

// For a job that clients may ask for.
inline std::string console_job(const endpoint_job& job, time_point now) {
  std::string made;
  append_member(made, "id", job.id);
  append_member(made, "status", status_name(job.status));
  const bool started = job.was_started;
  const time_point until = is_final(job.status) ? job.ended : now;
  append_member(made, "age", detail::milliseconds(now - job.created));
  append_member(made, "delay", detail::milliseconds((started ? job.started : until) - job.created));
  if (started) append_member(made, "execution", detail::milliseconds(until - job.started));
  append_shown(made, "progress", job.texts->progress);
  append_shown(made, "error", job.error);
  append_shown(made, "stream", job.texts->shown_chunks);
  append_shown(made, "log", job.texts->shown_log);
  if (job.output) append_shown(made, "output", job.output->text);
  made += '}';
  return made;
}

inline std::string number_text(double value) { return json(value).dump(); }

// Returns the jobs that changed after the revision in `?since=`, and what the worker measures.
inline endpoint_reply console_state(http_endpoint& endpoint, const request_head& request, time_point now) {
  const std::optional<std::string> given = coworker::find_parameter(request.query(), "since");
  const std::uint64_t since = detail::read_decimal(given.value_or("0")).value_or(0);
  std::string jobs;
  const std::uint64_t revision = endpoint.jobs().changed_since(since, [&jobs, now](const endpoint_job& job) {
    if (!jobs.empty()) jobs += ',';
    jobs += detail::console_job(job, now);
  });
  endpoint_reply made;
  append_member(made.text, "revision", static_cast<std::int64_t>(revision));
  made.text.append(",\"jobs\":[").append(jobs).append("]");
  const endpoint_counts counts = endpoint.jobs().counts();
  append_member(made.text, "in_queue", static_cast<std::int64_t>(counts.in_queue));
  append_member(made.text, "in_progress", static_cast<std::int64_t>(counts.in_progress));
  if (endpoint.options().kind == endpoint_kind::monitor) made.text += ",\"read_only\":true";
  if (const std::optional<worker_control> worker = endpoint.jobs().worker()) {
    const metrics seen = worker->measured();
    append_member(made.text, "limit", std::int64_t{seen.limit});
    append_member(made.text, "running", std::int64_t{seen.in_progress});
    const auto add = [&made](const char* name, double value) {
      made.text.append(",\"").append(name).append("\":").append(detail::number_text(value));
    };
    add("arrivals", seen.arrivals_per_second);
    add("completions", seen.completions_per_second);
    add("latency", seen.handler.p50_seconds);
    add("cpu", seen.cpu_load);
    add("memory", static_cast<double>(seen.resident_bytes));
  }
  made.text += '}';
  return made;
}

// Passes the lines of the log on, and also gives the console those that are about a job.
class console_log final : public log_sink {
 public:
  console_log(log_sink& next, job_table& jobs) noexcept : next_(next), jobs_(jobs) {}

  void write(log_level level, std::string_view line) noexcept override {
    next_.write(level, line);
    constexpr std::string_view bar = " | ";
    const std::size_t id = line.find("| ");
    const std::size_t end = id == std::string_view::npos ? id : line.find(bar, id + 2);
    if (end == std::string_view::npos || line.starts_with('{')) return;
    try {
      std::string shown(line.substr(0, id));
      shown.append(line.substr(end + 1));
      jobs_.add_log_line(line.substr(id + 2, end - id - 2), shown);
    } catch (...) {  // no memory for the line
    }
  }

  void wait_until_written() noexcept override { next_.wait_until_written(); }

 private:
  log_sink& next_;
  job_table& jobs_;
};

}  // namespace coworker::inline v0_1::detail
