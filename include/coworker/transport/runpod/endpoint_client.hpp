#pragma once
// endpoint_client: calls another endpoint of the platform from a handler. Needs libcurl. Must not know
// workers.

#include <coworker/coro/async_generator.hpp>
#include <coworker/coro/clock.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/http/call.hpp>
#include <coworker/http/call_options.hpp>
#include <coworker/http/url.hpp>
#include <coworker/json/json.hpp>
#include <coworker/typed/read.hpp>
#include <coworker/typed/write.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::inline v0_1 {

/// Options of an endpoint_client.
struct endpoint_client_options {
  /// The URL before the endpoint's id. Default: the platform's own.
  std::string base_url = "https://api.runpod.ai/v2";
  /// The options of each request. A run is not sent twice unless `repeatable` allows it.
  http::call_options call = {};
  /// The time between two requests for a job's status or for its stream. Above 0. Default: 1 s.
  duration poll_every = std::chrono::seconds(1);

  endpoint_client_options() {}
};

/// A job of another endpoint, as the endpoint last reported it.
struct remote_job {
  std::string id;
  std::string status;  ///< IN_QUEUE, IN_PROGRESS, COMPLETED, FAILED, CANCELLED or TIMED_OUT
  json output = {};    ///< null until it has completed
  json error = {};     ///< null unless it has failed
  json details = {};   ///< the whole response

  remote_job() {}

  /// Returns whether the job has ended.
  bool is_final() const noexcept {
    return status != "IN_QUEUE" && status != "IN_PROGRESS" && status != "RUNNING";
  }
  /// Returns whether the job has ended without an error.
  bool completed() const noexcept { return status == "COMPLETED"; }

  /// Returns the output as a T: a number, a text, a plain struct, or whatever else json::get() can return.
  /// Throws: std::runtime_error with the status and the error if the job has not completed; input_error or
  /// json_type_error if the output is not a T.
  template <class T>
  T output_as() const {
    if (!completed()) {
      throw std::runtime_error("the job " + id + " is " + status +
                               (error.is_null() ? std::string() : ": " + error_text()));
    }
    return output.get<T>();
  }

  /// Returns the error as a text: the string itself, or JSON.
  std::string error_text() const { return error.is_string() ? error.get<std::string>() : error.dump(); }
};

/// How many jobs and workers an endpoint has.
struct remote_health {
  int completed = 0, failed = 0, in_progress = 0, in_queue = 0, retried = 0;  ///< jobs
  int idle = 0, running = 0;                                                  ///< workers
  json details = {};                                                          ///< the whole response

  remote_health() {}
};

/// Calls another endpoint of the platform. Several coroutines may use one client at the same time. The client
/// must outlive its tasks.
/// Throws: all its tasks throw http::call_error if a request fails, or if its status is not one of success.
/// Cancellation: each task throws `cancelled` as soon as a stop is requested. The other endpoint's job goes
/// on; cancel() ends it.
///
///     endpoint_client painter("abc123", api_key);
///     const remote_job made = co_await painter.run_sync(wanted);
///     const picture result = made.output_as<picture>();
class endpoint_client {
 public:
  /// `api_key`: sent as a bearer token; empty: none is sent.
  /// Throws: std::invalid_argument if `endpoint_id` is empty.
  endpoint_client(std::string_view endpoint_id, const std::string& api_key,
                  endpoint_client_options options = endpoint_client_options())
      : options_(std::move(options)) {
    if (endpoint_id.empty()) throw std::invalid_argument("endpoint_client: the endpoint's id is empty");
    base_ = options_.base_url;
    while (base_.ends_with('/')) base_.pop_back();
    base_ += '/';
    append_url_segment(base_, endpoint_id);
    options_.call.headers.push_back("Content-Type: application/json");
    if (!api_key.empty()) options_.call.headers.push_back("Authorization: Bearer " + api_key);
  }

  /// Starts a job and returns it, with its id, before it has ended.
  task<remote_job> run(json input) const {
    return look("POST", base_ + "/run", body_of(std::move(input)), options_.call);
  }

  /// Runs a job and returns it once it has ended.
  task<remote_job> run_sync(json input) const {
    http::call_options patient = options_.call;
    patient.timeout += longest_hold;
    const std::string url = base_ + "/runsync?wait=" + std::to_string(hold_time.count());
    remote_job one = co_await look("POST", url, body_of(std::move(input)), std::move(patient));
    while (!one.is_final()) {
      co_await sleep_for(options_.poll_every);
      std::string id = one.id;
      one = co_await status(std::move(id));
    }
    co_return one;
  }

  /// Returns the current state of a job.
  task<remote_job> status(std::string id) const {
    return look("GET", job_url("status", id), "", options_.call);
  }

  /// Returns a generator of a job's chunks, each as its handler yielded it, until the job has ended. It also
  /// ends if the job failed; status() then returns the error.
  async_generator<json> stream(std::string id) const {
    const std::string url = job_url("stream", id);
    http::call_options once = options_.call;
    once.repeatable = false;  // a request removes the chunks, which would be lost with its response
    for (;;) {
      const json response = co_await ask("GET", url, "", once);
      const json chunks = response.is_array() ? response : response.value("stream", json::array());
      remote_job seen;
      if (response.is_object()) seen.status = response.value("status", "");
      for (const json& chunk : chunks) {
        json output = chunk.is_object() ? chunk.value("output", chunk) : chunk;
        co_yield std::move(output);
      }
      if (!chunks.empty()) continue;
      if (seen.is_final()) break;
      co_await sleep_for(options_.poll_every);
    }
  }

  /// Cancels a job and returns it.
  task<remote_job> cancel(std::string id) const {
    return look("POST", job_url("cancel", id), "{}", options_.call);
  }

  /// Returns how many jobs and workers the endpoint has.
  task<remote_health> health() const {
    const json response = co_await ask("GET", base_ + "/health", "", options_.call);
    const json jobs = response.value("jobs", json::object());
    const json workers = response.value("workers", json::object());
    remote_health found;
    found.completed = jobs.value("completed", 0);
    found.failed = jobs.value("failed", 0);
    found.in_progress = jobs.value("inProgress", 0);
    found.in_queue = jobs.value("inQueue", 0);
    found.retried = jobs.value("retried", 0);
    found.idle = workers.value("idle", 0);
    found.running = workers.value("running", 0);
    found.details = response;
    co_return found;
  }

 private:
  // How long the platform holds a request for a job that is not final.
  static constexpr std::chrono::milliseconds hold_time{90'000};
  static constexpr std::chrono::seconds longest_hold{90};

  static std::string body_of(json input) {
    json body = json::object();
    body["input"] = std::move(input);
    return body.dump();
  }

  std::string job_url(std::string_view what, std::string_view id) const {
    std::string url = base_ + "/" + std::string(what) + "/";
    append_url_segment(url, id);
    return url;
  }

  // An empty `body` is not sent.
  task<json> ask(std::string_view method, std::string url, std::string body, http::call_options how) const {
    http::request what(std::move(url));
    what.method = std::string(method);
    if (!body.empty()) what.body = http::body(std::move(body));
    what.options = std::move(how);
    const std::string asked = what.url;
    const http::response got = co_await http::send(std::move(what));
    if (!got.ok()) refuse(method, asked, got);
    try {
      co_return json::parse(got.body);
    } catch (const json_parse_error& error) {
      detail::throw_call_error(http_failure::broken, method, asked,
                               std::string("what it responded is no JSON: ") + error.what(), "", got.status);
    }
  }

  [[noreturn]] static void refuse(std::string_view method, std::string_view url, const http::response& got) {
    const std::string_view way_out = got.status == 401   ? "check the API key"
                                     : got.status == 404 ? "check the ids of endpoint and job"
                                     : got.status == 429 ? "call less often, or later"
                                                         : "";
    detail::throw_call_error(http_failure::none, method, url,
                             "the status is " + std::to_string(got.status) + ": " + got.body.substr(0, 200),
                             way_out, got.status);
  }

  task<remote_job> look(std::string_view method, std::string url, std::string body,
                        http::call_options how) const {
    json response = co_await ask(method, std::move(url), std::move(body), std::move(how));
    remote_job one;
    one.id = response.value("id", "");
    one.status = response.value("status", "");
    one.output = response.value("output", json());
    one.error = response.value("error", json());
    one.details = std::move(response);
    co_return one;
  }

  endpoint_client_options options_;
  std::string base_;
};

}  // namespace coworker::inline v0_1
