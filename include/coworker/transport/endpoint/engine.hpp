#pragma once
// http_endpoint: the engine whose jobs are HTTP requests. Has what a worker calls; job_table.hpp keeps the
// jobs. Must not know what requests look like: visit.hpp and router.hpp do.

#include <coworker/coro/context.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/event.hpp>
#include <coworker/http/local_event.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/json/json.hpp>
#include <coworker/log.hpp>
#include <coworker/transport/concept.hpp>
#include <coworker/transport/control.hpp>
#include <coworker/transport/endpoint/job.hpp>
#include <coworker/transport/endpoint/job_table.hpp>
#include <coworker/transport/endpoint/options.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace coworker::inline v0_1 {

/// A queue whose jobs come by HTTP. A worker uses it as its engine; an http_server uses answer_request() as
/// its handler. The worker and the server may run on different threads; with a simulated_loop, both run on
/// that loop.
///
/// Thread safety: answer_request() on the server's loop; the operations of an engine on the worker's
/// executor.
class http_endpoint {
 public:
  /// The log must outlive the endpoint.
  http_endpoint(endpoint_options options, logger& log) : options_(std::move(options)), log_(log) {
    for (const route_description& one : options_.routes) routes_.push_back(one.at);
  }
  http_endpoint(const http_endpoint&) = delete;
  http_endpoint& operator=(const http_endpoint&) = delete;

  /// Returns the options that it was made with.
  const endpoint_options& options() const noexcept { return options_; }
  /// Returns the routes of the options.
  const std::vector<route>& routes() const noexcept { return routes_; }
  detail::job_table& jobs() noexcept { return jobs_; }

  // Wakes the worker once for all jobs that came in one turn of the server's loop: each new job sets
  // `new_jobs`, and a coroutine that waits for it sets available(). Null: each new job sets available().
  // Called on the server's loop.
  void announce_jobs_by(detail::local_event* new_jobs) noexcept { new_jobs_ = new_jobs; }
  detail::local_event* new_jobs() const noexcept { return new_jobs_; }

  // Calls `notify(argument)` on the worker's thread when a worker begins to serve the endpoint. Must be set
  // before that.
  void when_begun(void (*notify)(void* argument), void* argument) noexcept {
    on_begun_ = notify;
    on_begun_argument_ = argument;
  }
  logger& own_log() noexcept { return log_; }

  /// Returns whether a worker serves the endpoint and has prepared its handler. Thread safety: any thread.
  bool is_ready() const {
    const std::optional<worker_control> worker = jobs_.worker();
    return worker && !worker->preparing();
  }

  // --- what a worker calls
  // ----------------------------------------------------------------------------------

  std::size_t backlog() const noexcept { return jobs_.waiting(); }

  double arrivals_per_second(time_point now) const noexcept { return jobs_.arrivals_per_second(now); }

  void interpret(outcome& made) const {
    if (options_.interpret != nullptr) options_.interpret(made);
  }

  transport_limits limits() const noexcept {
    transport_limits made;
    made.jobs = options_.most_in_progress;
    made.drains = true;
    return made;
  }

  task<take_result> take(take_request request) {
    const executor_ref here = co_await this_coro::executor();
    take_result taken;
    while (!jobs_.hand_over(request.capacity, here.now(), taken)) co_await jobs_.available().wait();
    co_return taken;
  }

  task<delivery> complete(job_result result) {
    const executor_ref here = co_await this_coro::executor();
    if (result.timings != nullptr && options_.add_timings != nullptr)
      options_.add_timings(result.outcome, *result.timings, options_.ready_delay);
    co_return settle(result.job_id, result.outcome, here.now()) ? delivery::accepted : delivery::refused;
  }

  /// Waits only while a client that is connected reads slowly.
  task<delivery> chunk(std::string_view job_id, json value) {
    const executor_ref here = co_await this_coro::executor();
    const detail::job_handle job = jobs_.running(job_id);
    std::string text = value.dump();
    while (job) {
      const auto place = jobs_.add_chunk(*job, text, here.now());
      if (place == detail::job_table::chunk_place::added) co_return delivery::accepted;
      if (place == detail::job_table::chunk_place::unwanted) break;
      co_await job->room->read.wait();
    }
    co_return delivery::refused;
  }

  task<delivery> progress(std::string_view job_id, json value) {
    const detail::job_handle job = jobs_.running(job_id);
    if (job) jobs_.set_progress(*job, value.dump());
    co_return job ? delivery::accepted : delivery::refused;
  }

  task<void> attend(worker_control control) {
    const executor_ref here = co_await this_coro::executor();
    struct attendance {
      detail::job_table& jobs;
      const executor_ref clock;
      attendance(detail::job_table& table, const worker_control& worker, executor_ref on)
          : jobs(table), clock(on) {
        jobs.worker_comes(worker);
      }
      attendance(const attendance&) = delete;
      attendance& operator=(const attendance&) = delete;
      ~attendance() { jobs.worker_goes(clock.now()); }
    } const attends(jobs_, control, here);
    if (on_begun_ != nullptr) on_begun_(on_begun_argument_);
    const stop_callback on_leaving(control.leaving(), leave(jobs_));
    event until_stopped;
    co_await until_stopped.wait();
  }

 private:
  struct leave {
    detail::job_table* jobs;
    explicit leave(detail::job_table& table) noexcept : jobs(&table) {}
    void operator()() const { jobs->close(); }
  };

  // Returns false if the worker has no such job.
  bool settle(std::string_view id, outcome& made, time_point now) {
    using detail::endpoint_status;
    endpoint_status status = endpoint_status::completed;
    std::string error;
    bool input_fault = false;
    if (!made.succeeded()) {
      status = made.status == outcome_status::stopped ? endpoint_status::cancelled : endpoint_status::failed;
      const error_info* const why = (made.error)();
      input_fault = why != nullptr && why->type.find("input_error") != std::string::npos;
      const bool shaped = why != nullptr && options_.error_text != nullptr;
      error = shaped ? options_.error_text(*why, log_) : std::string(made.message());
      if (error.empty()) error = "the job failed";
    }
    detail::text_handle output;
    if (made.succeeded() || !made.output.is_null())
      output = detail::text_handle(new detail::shared_text(made.output.dump()));
    return jobs_.end(id, status, std::move(output), std::move(error), input_fault, now);
  }

  const endpoint_options options_;
  std::vector<route> routes_;
  detail::local_event* new_jobs_ = nullptr;
  void (*on_begun_)(void* argument) = nullptr;
  void* on_begun_argument_ = nullptr;
  logger& log_;
  detail::job_table jobs_{options_};
};

static_assert(transport<http_endpoint> && chunk_transport<http_endpoint> &&
              progress_transport<http_endpoint> && interpreting_transport<http_endpoint> &&
              attended_transport<http_endpoint> && limited_transport<http_endpoint> &&
              counted_transport<http_endpoint> && metered_transport<http_endpoint>);

}  // namespace coworker::inline v0_1
