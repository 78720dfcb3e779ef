#pragma once
// What the platform's queue does beside the jobs: heartbeat and stop channel, over an HTTP client of their
// own. Must not know the queue, nor threads.

#include <coworker/coro/context.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/event.hpp>
#include <coworker/http/client.hpp>
#include <coworker/log.hpp>
#include <coworker/transport/control.hpp>
#include <coworker/transport/runpod/heartbeat.hpp>
#include <coworker/transport/runpod/stop_channel.hpp>
#include <coworker/transport/runpod/urls.hpp>
#include <string>
#include <utility>

namespace coworker::inline v0_1 {

/// The settings of the heartbeat and of the stop channel.
struct attendant_settings {
  heartbeat_options beats = {};
  stop_channel_options stops = {};
};

/// Sends heartbeats and passes on stops until it is stopped. Everything passed by reference must outlive the
/// task.
template <http_client Client>
task<void> attend_jobs(Client& client, const queue_urls& urls, attendant_settings settings,
                       worker_control control, logger& log) {
  scope both(co_await this_coro::context());
  if (urls.has_ping()) both.spawn(coworker::heartbeat(client, urls, control, std::move(settings.beats), log));
  const auto on_stop = [control](std::string id) { control.stop_job(std::move(id)); };
  both.spawn(coworker::watch_stops(client, urls, std::move(settings.stops), log, on_stop));
  co_await both.join();
}

/// An attendant that does nothing: no heartbeats and no stops.
struct no_attendant {
  task<void> run(const queue_urls&, attendant_settings, worker_control, logger&) {
    event never;
    co_await never.wait();
  }
};

/// An attendant on the worker's own executor.
template <http_client Client>
class same_loop_attendant {
 public:
  /// The client must outlive the attendant.
  explicit same_loop_attendant(Client& client) noexcept : client_(&client) {}

  task<void> run(const queue_urls& urls, attendant_settings settings, worker_control control, logger& log) {
    return coworker::attend_jobs(*client_, urls, std::move(settings), control, log);
  }

 private:
  Client* client_;
};

}  // namespace coworker::inline v0_1
