#pragma once
// Sends the webhooks of an HTTP endpoint from a thread of their own, so that a server that does not answer
// delays nothing else. Needs libcurl. Must not know jobs.

#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread.hpp>
#include <coworker/http/curl/client.hpp>
#include <coworker/net/broken_pipe.hpp>
#include <coworker/start/run_engine.hpp>
#include <coworker/transport/endpoint/engine.hpp>
#include <coworker/transport/endpoint/webhooks.hpp>
#include <exception>
#include <string>

namespace coworker::inline v0_1::detail {

/// Sends from its construction until its destruction, which tries once more what was not accepted.
class webhook_thread final : public side_work {
 public:
  explicit webhook_thread(http_endpoint& endpoint)
      : endpoint_(endpoint), client_(options_for(endpoint)), sender_(client_, endpoint), thread_(&run, this) {
    detail::ignore_broken_pipes();
  }
  ~webhook_thread() override {
    sender_.close();
    thread_.join();
  }

 private:
  // Otherwise whoever reaches this machine could make it send requests to what only it can reach.
  static curl_client_options options_for(http_endpoint& endpoint) {
    curl_client_options made;
    made.only_public = !endpoint.options().only_local;
    return made;
  }

  static void* run(void* self) noexcept {
    webhook_thread& one = *static_cast<webhook_thread*>(self);
    try {
      event_loop loop(one.client_);
      coworker::sync_wait(loop, one.sender_.run());
    } catch (...) {
      detail::log_current_exception(one.endpoint_.own_log(), "No more webhooks are sent");
    }
    return nullptr;
  }

  http_endpoint& endpoint_;
  curl_client client_;
  webhook_sender<curl_client> sender_;
  thread thread_;
};

}  // namespace coworker::inline v0_1::detail
