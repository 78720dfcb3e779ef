#pragma once
// runpod_engine: runpod_queue over libcurl, with its heartbeat and stop channel on a thread of their own.
// Needs libcurl. Must not know start(), which serves it in production.

#include <coworker/coro/context.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/exec/auto_reset_event.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/insist.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/http/curl/client.hpp>
#include <coworker/log.hpp>
#include <coworker/net/broken_pipe.hpp>
#include <coworker/transport/environment.hpp>
#include <coworker/transport/runpod/attendant.hpp>
#include <coworker/transport/runpod/environment.hpp>
#include <coworker/transport/runpod/options.hpp>
#include <coworker/transport/runpod/queue.hpp>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace coworker::inline v0_1 {

namespace detail {

inline curl_client_options runpod_client_options() {
  curl_client_options made;
  made.user_agent = user_agent();
  // The last deadline of start() leaves no time for more.
  made.slow_limit_when_stopped = std::chrono::seconds(1);
  // The same variables as the curl tool; libcurl itself reads none of them.
  made.ca_file = environment("CURL_CA_BUNDLE").value_or("");
  if (!made.ca_file.empty()) return made;
  made.ca_file = environment("SSL_CERT_FILE").value_or("");
  made.ca_folder = environment("SSL_CERT_DIR").value_or("");
  return made;
}

// Runs on a thread, a loop and connections of its own: a handler cannot delay a heartbeat, and idle polls do
// not slow the jobs' requests.
class own_thread_attendant {
 public:
  task<void> run(const queue_urls& urls, attendant_settings settings, worker_control control, logger& log) {
    stop_source ending;
    auto_reset_event ended;
    std::exception_ptr problem;
    const auto attend = [&] {
      try {
        curl_client_options connections = detail::runpod_client_options();
        connections.linger = duration::zero();  // no job can be lost here
        curl_client client(std::move(connections));
        event_loop loop(client);
        coworker::sync_wait(loop, until_stopped(client, urls, settings, control, log, ending.get_token()));
      } catch (...) {
        problem = std::current_exception();
      }
      detail::insist([&ended] { ended.set(); });
    };
    std::thread thread = started(attend);
    {
      const stop_callback on_stop(co_await this_coro::stop_token(), [&ending] { ending.request_stop(); });
      for (bool over = false; !over;) {
        try {
          over = co_await ended.wait();
        } catch (const std::bad_alloc&) {  // no memory for the wait; the thread must still be joined
        }
      }
    }
    thread.join();
    if (problem != nullptr) std::rethrow_exception(problem);
  }

 private:
  template <class Body>
  static std::thread started(const Body& body) {
    try {
      return std::thread(body);
    } catch (const std::system_error& error) {
      throw std::runtime_error(
          std::string("the thread of the heartbeat cannot be started (") + error.what() +
          "); allow this process more threads (ulimit -u, or the container's pids limit)");
    }
  }

  static task<void> until_stopped(curl_client& client, const queue_urls& urls, attendant_settings settings,
                                  worker_control control, logger& log, stop_token stop) {
    context own(co_await this_coro::executor(), stop);
    while (!stop.stop_requested()) {
      try {
        co_await coworker::attend_jobs(client, urls, settings, control, log).in(own);
        co_return;  // it was stopped, or the server has neither pings nor a stop channel
      } catch (const cancelled&) {
        co_return;
      } catch (const std::bad_alloc&) {
        log.write(log_level::error, "Out of memory: there was none for a heartbeat; it is tried again.");
      }
      task<void> pausing = detail::insist([] { return a_second(); });
      try {
        co_await std::move(pausing).in(own);
      } catch (const cancelled&) {
        co_return;
      } catch (const std::bad_alloc&) {  // no memory for the timer: tries again without a pause
      }
    }
  }

  static task<void> a_second() { co_await sleep_for(std::chrono::seconds(1)); }
};

// A base before the queue, which refers to it.
struct owned_curl_client {
  curl_client client{detail::runpod_client_options()};
};

}  // namespace detail

/// The platform's queue over libcurl: `runpod_engine queue(runpod_options_from_environment(), log);
/// w.run(queue);`. While it exists, SIGPIPE does not end the process.
class runpod_engine : private detail::owned_curl_client,
                      public runpod_queue<curl_client, spool, detail::own_thread_attendant> {
 public:
  /// The logger must outlive the engine.
  /// Throws: as runpod_queue; std::runtime_error if libcurl cannot be used.
  runpod_engine(runpod_options wanted, logger& log)
      : runpod_queue(owned_curl_client::client, std::move(wanted), log) {
    detail::ignore_broken_pipes();
  }
};

static_assert(transport<runpod_engine> && chunk_transport<runpod_engine> &&
              progress_transport<runpod_engine> && limited_transport<runpod_engine> &&
              interpreting_transport<runpod_engine> && attended_transport<runpod_engine> &&
              waiting_transport<runpod_engine>);

}  // namespace coworker::inline v0_1
