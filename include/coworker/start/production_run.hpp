#pragma once
// A run against the platform's queue over libcurl: the client, the queue, the heartbeat's thread, the
// signals, the worker.

#include <signal.h>

#include <coworker/coro/clock.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/http/curl/client.hpp>
#include <coworker/log.hpp>
#include <coworker/start/production_settings.hpp>
#include <coworker/start/termination.hpp>
#include <coworker/transport/runpod/heartbeat.hpp>
#include <coworker/transport/runpod/queue.hpp>
#include <coworker/transport/runpod/stop_channel.hpp>
#include <coworker/worker.hpp>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>

namespace coworker::detail {

inline curl_client_options client_options() {
  curl_client_options made;
  made.user_agent = user_agent();
  // As the curl tool reads them; libcurl by itself reads none of them.
  made.ca_file = environment("CURL_CA_BUNDLE").value_or("");
  if (!made.ca_file.empty()) return made;
  made.ca_file = environment("SSL_CERT_FILE").value_or("");
  made.ca_folder = environment("SSL_CERT_DIR").value_or("");
  return made;
}

// Neither a connection nor a reader of our log that goes away may end the process. libcurl leaves this to us.
inline void ignore_broken_pipes() noexcept {
  const auto before = ::signal(SIGPIPE, SIG_IGN);
  if (before != SIG_DFL && before != SIG_ERR) ::signal(SIGPIPE, before);  // the program has its own way
}

// Beats, and watches for stops, on a thread, a loop and connections of its own: nothing that a handler does
// can hold that up, and idle polls do not slow the jobs' requests.
class attendant_thread {
 public:
  template <class Queue, class OnStop>
  attendant_thread(const Queue& queue, duration ping_interval, std::uint64_t seed, logger& log,
                   OnStop on_stop) {
    heartbeat_options beats;
    beats.interval = ping_interval;
    beats.headers = queue.common_headers();
    stop_channel_options stops;
    stops.headers = queue.common_headers();
    stops.seed = seed;
    thread_ = std::thread([this, &queue, beats, stops, &log, on_stop] {
      curl_client_options connections = client_options();
      connections.farewell = duration::zero();  // no job can be lost here
      curl_client client(std::move(connections));
      event_loop loop(client);
      coworker::sync_wait(loop, attend(client, queue, beats, stops, log, on_stop, stop_.get_token()));
    });
  }

  attendant_thread(const attendant_thread&) = delete;
  attendant_thread& operator=(const attendant_thread&) = delete;

  ~attendant_thread() {
    stop_.request_stop();
    thread_.join();
  }

 private:
  template <class Queue, class OnStop>
  static task<void> attend(curl_client& client, const Queue& queue, heartbeat_options beats,
                           stop_channel_options stops, logger& log, OnStop on_stop, stop_token stop) {
    const executor_ref here = co_await this_coro::executor();
    scope both(context(here, stop));
    if (queue.urls().has_ping())
      both.spawn(coworker::heartbeat(client, queue.urls(), queue.in_progress(), std::move(beats), log));
    both.spawn(coworker::watch_stops(client, queue.urls(), std::move(stops), log, std::move(on_stop)));
    co_await both.join();
  }

  stop_source stop_;
  std::thread thread_;
};

template <class Worker>
void run_production(Worker& runner, http_queue_options options, duration ping_interval, logger& log) {
  ignore_broken_pipes();
  curl_client client(client_options());
  const std::uint64_t seed = ~options.seed;
  http_queue queue(client, std::move(options), log);
  const termination_watch watch([&runner, &log] {
    runner.stop();
    log.write(
        log_level::info,
        "Asked to leave: no more jobs are taken, those in progress are finished. A second signal leaves at "
        "once.");
  });
  const attendant_thread attendant(queue, ping_interval, seed, log,
                                   [&runner](std::string id) { runner.stop_job(std::move(id)); });
  const worker_summary summary = runner.run(queue);
  log.write(log_level::info,
            "Drained: " + std::to_string(summary.jobs) + " jobs taken, " + std::to_string(summary.failed) +
                " failed, " + std::to_string(summary.stopped) + " stopped, " +
                std::to_string(summary.undelivered) + " not delivered, highest concurrency " +
                std::to_string(summary.highest_in_progress) + ".");
}

}  // namespace coworker::detail
