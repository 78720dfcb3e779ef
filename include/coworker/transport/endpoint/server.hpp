#pragma once
// An HTTP endpoint on a port: its HTTP server, on a thread and an event loop of its own, so that no handler
// can delay a response. Must not know what the endpoint offers.

#include <coworker/coro/context.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/event.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread.hpp>
#include <coworker/http/local_event.hpp>
#include <coworker/http/server.hpp>
#include <coworker/http/server_options.hpp>
#include <coworker/log.hpp>
#include <coworker/net/tcp.hpp>
#include <coworker/system.hpp>
#include <coworker/transport/endpoint/answer.hpp>
#include <coworker/transport/endpoint/engine.hpp>
#include <cstdint>
#include <exception>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace coworker::inline v0_1 {

#if COWORKER_POSIX

/// Serves an endpoint on a port, from its constructor to its destructor. The destructor blocks until the
/// requests in progress have been answered, for two seconds at most.
template <class Listener>
class basic_endpoint_server {
 public:
  /// Listens on `host` and `port`; 0: any free port. `health_port`: one more port, for the health path only;
  /// 0: none. The endpoint must outlive the server.
  /// Throws: io_error if it cannot listen there; std::invalid_argument if `host` is not an IP address.
  basic_endpoint_server(http_endpoint& endpoint, const std::string& host, std::uint16_t port,
                        std::uint16_t health_port, const http_server_options& options)
      : endpoint_(endpoint), options_(options), listener_(host, port), port_(listener_.local_port()) {
    if (health_port != 0) health_listener_.emplace(host, health_port);
    thread_.emplace(&basic_endpoint_server::run, this);
  }
  basic_endpoint_server(const basic_endpoint_server&) = delete;
  basic_endpoint_server& operator=(const basic_endpoint_server&) = delete;
  ~basic_endpoint_server() {
    closing_.set();
    thread_->join();
  }

  /// Returns the port on which it listens.
  std::uint16_t port() const noexcept { return port_; }

 private:
  using server = http_server<Listener, detail::endpoint_handler>;
  static constexpr duration most_lingering = std::chrono::seconds(2);

  static void* run(void* self) noexcept {
    basic_endpoint_server& one = *static_cast<basic_endpoint_server*>(self);
    try {
      event_loop loop;
      coworker::sync_wait(loop, one.serve());
    } catch (...) {
      detail::log_current_exception(one.endpoint_.own_log(), "The HTTP server has ended");
    }
    return nullptr;
  }

  task<void> serve() {
    const context here = co_await this_coro::context();
    server main(listener_, detail::endpoint_handler{&endpoint_}, options_);
    std::optional<server> health;
    if (health_listener_)
      health.emplace(*health_listener_, detail::endpoint_handler{&endpoint_, true}, options_);
    scope serving(here);
    serving.spawn(announce_jobs());
    serving.spawn(announce_ends());
    serving.spawn(serve_one(main));
    if (health) serving.spawn(serve_one(*health));
    co_await closing_.wait();
    main.drain();
    if (health) health->drain();
    co_await ended_.wait_until(here.executor.now() + most_lingering);
    serving.request_stop();
    new_jobs_.set();
    co_await serving.join();
  }

  // Wakes the worker once for all jobs that came in one turn of the loop, when the turn is over. Otherwise
  // the worker would wake up, and sleep again, for each job.
  task<void> announce_jobs() {
    const stop_token stop = co_await this_coro::stop_token();
    endpoint_.announce_jobs_by(&new_jobs_);
    while (!stop.stop_requested()) {
      co_await new_jobs_.wait();
      endpoint_.jobs().available().set();
    }
    endpoint_.announce_jobs_by(nullptr);
  }

  // Wakes this loop once for many jobs that have ended, and their requests from here.
  task<void> announce_ends() {
    detail::job_table& jobs = endpoint_.jobs();
    std::vector<detail::job_handle> ended;
    jobs.gather_ends(true);
    try {
      for (;;) {
        co_await jobs.some_ended().wait();
        jobs.wake_clients(ended);
      }
    } catch (const cancelled&) {
    } catch (const std::bad_alloc&) {  // from now on, each job's end wakes its client
    }
    jobs.gather_ends(false);
    jobs.wake_clients(ended);
  }

  task<void> serve_one(server& one) {
    ++running_;
    co_await one.run();
    if (--running_ == 0) ended_.set();
  }

  http_endpoint& endpoint_;
  const http_server_options options_;
  Listener listener_;
  std::optional<Listener> health_listener_;
  const std::uint16_t port_;
  detail::local_event new_jobs_;
  event closing_;
  event ended_;
  int running_ = 0;
  std::optional<detail::thread> thread_;
};

/// Serves an endpoint by TCP. A template, so that it costs only those files that use it.
using endpoint_server = basic_endpoint_server<tcp_listener>;

#else

/// This system has no POSIX sockets, and so no server: the constructor throws std::runtime_error.
class endpoint_server {
 public:
  endpoint_server(http_endpoint&, const std::string&, std::uint16_t, std::uint16_t,
                  const http_server_options&) {
    throw std::runtime_error("coworker has no HTTP server on this system, which has no POSIX sockets");
  }

  /// Returns 0.
  std::uint16_t port() const noexcept { return 0; }
};

#endif

}  // namespace coworker::inline v0_1
