#pragma once
// runpod_queue: the platform's serverless queue as an engine, over any HTTP client. Takes jobs; results go
// through the poster. Must not know libcurl, threads, or the environment.

#include <concepts>
#include <coworker/coro/clock.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/backoff.hpp>
#include <coworker/exec/random.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/waiter.hpp>
#include <coworker/http/client.hpp>
#include <coworker/json/json.hpp>
#include <coworker/log.hpp>
#include <coworker/transport/concept.hpp>
#include <coworker/transport/runpod/attendant.hpp>
#include <coworker/transport/runpod/bodies.hpp>
#include <coworker/transport/runpod/options.hpp>
#include <coworker/transport/runpod/poster.hpp>
#include <coworker/transport/runpod/responses.hpp>
#include <coworker/transport/runpod/urls.hpp>
#include <coworker/transport/spool.hpp>
#include <cstddef>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::inline v0_1 {

namespace detail {

// Gives a queue a waiter() if its client is one that an event loop must block on.
template <class Client>
class waiter_of_client {
 public:
  explicit waiter_of_client(Client&) noexcept {}
};

template <std::derived_from<coworker::waiter> Client>
class waiter_of_client<Client> {
 public:
  explicit waiter_of_client(Client& client) noexcept : client_(client) {}
  coworker::waiter& waiter() noexcept { return client_; }

 private:
  Client& client_;
};

}  // namespace detail

/// The platform's queue. `Attendant` runs its heartbeat and its stop channel; the default runs none, for
/// programs that take a few jobs and end. Client, logger and attendant must outlive the queue.
template <http_client Client, class Spool = spool, class Attendant = no_attendant>
class runpod_queue : public detail::waiter_of_client<Client> {
 public:
  /// Throws: std::runtime_error if the spool folder cannot be read; std::invalid_argument for options out of
  /// their range.
  runpod_queue(Client& client, runpod_options wanted, logger& log, Attendant attendant = {})
      : runpod_queue(client, wanted, log, Spool(wanted.spool_folder), std::move(attendant)) {}

  /// With a spool of the caller's own; options.spool_folder is then ignored.
  runpod_queue(Client& client, runpod_options wanted, logger& log, Spool kept, Attendant attendant = {})
      : detail::waiter_of_client<Client>(client),
        client_(client),
        options_(detail::checked(std::move(wanted))),
        urls_(options_.urls, options_.identity.worker_id),
        common_headers_(authorization(options_)),
        log_(log),
        random_(options_.seed),
        take_backoff_(options_.retry, split_random()),
        idle_backoff_(options_.idle, split_random()),
        takes_("Taking jobs", log),
        poster_(client, options_, urls_, common_headers_, log, split_random(), std::move(kept)),
        attendant_(std::move(attendant)) {}

  runpod_queue(const runpod_queue&) = delete;
  runpod_queue& operator=(const runpod_queue&) = delete;

  task<take_result> take(take_request request);

  task<delivery> complete(job_result result) {
    return poster_.deliver(result.job_id, result.streamed, body_of(result));
  }

  task<delivery> chunk(std::string_view job_id, json value) {
    return poster_.send_chunk(job_id, coworker::chunk_body(value));
  }

  task<delivery> progress(std::string_view job_id, json value) {
    return poster_.send_progress(job_id, coworker::progress_body(value));
  }

  transport_limits limits() const noexcept {
    constexpr std::size_t around_the_output = 32;
    transport_limits made;
    made.output = options_.output_limit - around_the_output;
    made.chunk = options_.chunk_limit;
    made.chunks = urls_.has_stream();
    made.takes = 2;  // so that a free slot need not wait for an idle long poll
    return made;
  }

  void interpret(outcome& made) const {
    if (options_.magic_members) coworker::read_magic_members(made);
  }

  /// Runs heartbeats and the stop channel, and posts the results that an earlier run left in the spool.
  task<void> attend(worker_control control) {
    attendant_settings settings;
    settings.beats.interval = options_.ping_interval;
    settings.beats.headers = settings.stops.headers = common_headers_;
    settings.stops.poll_timeout = options_.poll_timeout;
    settings.stops.retry = options_.retry;
    settings.stops.seed = ~options_.seed;
    const stop_token stop = co_await this_coro::stop_token();
    scope beside(co_await this_coro::context());
    detail::insist([&] { beside.spawn(poster_.keep_unanswered()); });
    detail::insist([&] { beside.spawn(poster_.hurry_when_leaving(control.leaving())); });
    detail::insist([&] { beside.spawn(poster_.post_left_over()); });
    std::exception_ptr problem;
    try {
      co_await attendant_.run(urls_, std::move(settings), control, log_);
    } catch (...) {
      problem = std::current_exception();
    }
    // Jobs that were already taken are still run, and their results posted.
    if (problem != nullptr && !stop.stop_requested()) detail::insist([&control] { control.drain(); });
    co_await beside.join();
    if (problem != nullptr) std::rethrow_exception(problem);
  }

 private:
  static std::vector<std::string> authorization(const runpod_options& from) {
    if (from.api_key.empty()) return {};
    return {"Authorization: " + from.api_key};
  }
  random_source split_random() noexcept { return random_source(random_.next()); }
  std::string body_of(job_result& result) const;
  take_result read_jobs(const http_response& response, time_point asked, time_point now);
  void take_failed(const http_response& response, bool held, time_point now);
  void delay_takes_until(time_point moment) noexcept {
    if (take_not_before_ < moment) take_not_before_ = moment;
  }

  Client& client_;
  const runpod_options options_;
  const queue_urls urls_;
  const std::vector<std::string> common_headers_;
  logger& log_;
  random_source random_;
  backoff take_backoff_;
  backoff idle_backoff_;
  time_point take_not_before_ = (time_point::min)();
  channel_health takes_;
  detail::poster<Client, Spool> poster_;
  Attendant attendant_;
};

template <http_client Client, class Spool, class Attendant>
task<take_result> runpod_queue<Client, Spool, Attendant>::take(take_request request) {
  const context here = co_await this_coro::context();
  const executor_ref& executor = here.executor;
  here.stop.throw_if_stopped();
  if (!poster_.may_post()) co_await poster_.allowed().wait();
  time_point asked = executor.now();
  for (; asked < take_not_before_; asked = executor.now()) co_await sleep_until(take_not_before_);
  http_request query(urls_.take(request.capacity, request.in_progress > 0));
  query.headers = common_headers_;
  query.timeout = options_.poll_timeout;
  const http_response response = co_await client_.send(query);
  // Jobs that were handed over must be read: if necessary one at a time, or once there is memory again.
  co_return detail::insist([&] { return read_jobs(response, asked, executor.now()); });
}

template <http_client Client, class Spool, class Attendant>
take_result runpod_queue<Client, Spool, Attendant>::read_jobs(const http_response& response, time_point asked,
                                                              time_point now) {
  take_result taken;
  const bool held = now - asked >= std::chrono::seconds(1);
  switch (coworker::classify_take(response)) {
    case take_answer::jobs: {
      parsed_body<job_envelope> found = coworker::parse_jobs(response.body, log_);
      if (found.failure) {
        take_failed(*found.failure, held, now);
        return taken;
      }
      taken.jobs = std::move(found.items);
      break;
    }
    case take_answer::none:
      break;
    case take_answer::throttled: {
      const duration wait = coworker::retry_wait(response, options_.throttled, options_.longest_retry_after);
      takes_.failed(response, now, wait);
      delay_takes_until(detail::after(now, wait));
      return taken;
    }
    case take_answer::failed:
      take_failed(response, held, now);
      // Jobs that were handed over get a result, if only one that says that there was no memory for them.
      if (response.out_of_memory && response.status == 200) {
        taken.jobs = std::move(coworker::parse_jobs(response.body, log_, true).items);
        log_.write(
            log_level::error,
            "There was no memory to receive all that the queue handed over; jobs in the rest of it are not "
            "known here and cannot be answered.");
      } else if (!response.arrived()) {
        detail::log_lost_jobs(response.body, log_);
      }
      return taken;
  }
  takes_.worked();
  take_backoff_.reset();
  // A server that holds its polls answers "none" late; one that does not is polled with pauses.
  if (held || !taken.jobs.empty()) {
    idle_backoff_.reset();
  } else {
    delay_takes_until(detail::after(asked, idle_backoff_.next()));
  }
  return taken;
}

template <http_client Client, class Spool, class Attendant>
void runpod_queue<Client, Spool, Attendant>::take_failed(const http_response& response, bool held,
                                                         time_point now) {
  if (held) take_backoff_.reset();  // for example a proxy whose timeout is shorter than the server's
  const duration wait = coworker::retry_wait(response, take_backoff_.next(), options_.longest_retry_after);
  takes_.failed(response, now, wait);
  delay_takes_until(detail::after(now, wait));
}

// The output is freed with the result, so that only the body stays in memory until it is delivered.
template <http_client Client, class Spool, class Attendant>
std::string runpod_queue<Client, Spool, Attendant>::body_of(job_result& result) const {
  try {
    if (result.timings != nullptr) {
      coworker::add_debugger_member(result.outcome, *result.timings, options_.ready_delay);
    }
    return coworker::result_body(result.outcome, options_.identity, log_);
  } catch (const std::bad_alloc&) {
    result.outcome.output = json();  // frees the memory that a short text needs
    return R"({"error":"out of memory: the output could not be written"})";
  }
}

}  // namespace coworker::inline v0_1
