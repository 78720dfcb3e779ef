#pragma once
// Sends metrics and spans by OTLP from a thread of its own. Needs libcurl. Must not know what it measures.

#include <coworker/coro/clock.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/event.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread.hpp>
#include <coworker/http/curl/client.hpp>
#include <coworker/log.hpp>
#include <coworker/net/broken_pipe.hpp>
#include <coworker/scale/otlp.hpp>
#include <coworker/start/otlp_settings.hpp>
#include <coworker/start/run_engine.hpp>
#include <coworker/system.hpp>
#include <coworker/transport/control.hpp>
#include <coworker/transport/traced_engine.hpp>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace coworker::inline v0_1::detail {

inline std::uint64_t unix_nanoseconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

/// Sends from its construction until its destruction, which sends the rest once.
class otlp_thread final : public side_work {
 public:
  otlp_thread(otlp_settings settings, worker_access& worker, logger& log)
      : settings_(std::move(settings)),
        worker_(worker),
        log_(log),
        spans_(detail::random_bits(), &unix_nanoseconds),
        thread_(&run, this) {
    detail::ignore_broken_pipes();
  }
  ~otlp_thread() override {
    closing_.set();
    thread_.join();
  }

  span_list* spans() noexcept override { return &spans_; }

 private:
  static void* run(void* self) noexcept {
    otlp_thread& one = *static_cast<otlp_thread*>(self);
    try {
      event_loop loop(one.client_);
      coworker::sync_wait(loop, one.send_all());
    } catch (...) {
      detail::log_current_exception(one.log_, "Nothing more is sent by OTLP");
    }
    return nullptr;
  }

  task<void> send_all() {
    const executor_ref here = co_await this_coro::executor();
    for (bool closing = false; !closing;) {
      closing = co_await closing_.wait_until(here.now() + settings_.interval);
      std::vector<job_span> spans = spans_.take();
      if (!settings_.traces_url.empty() && !spans.empty())
        co_await send(settings_.traces_url, coworker::otlp_spans(spans, settings_.resource));
      if (!settings_.metrics_url.empty())
        co_await send(settings_.metrics_url, coworker::otlp_metrics(worker_.measured(), settings_.resource,
                                                                    start_, unix_nanoseconds()));
    }
  }

  // Tries again only if the collector's response allows it, and not at the end.
  task<void> send(const std::string& url, std::string body) {
    const executor_ref here = co_await this_coro::executor();
    http_request request(url);
    request.headers = settings_.headers;
    request.timeout = settings_.timeout;
    request.body = std::move(body);
    for (int tries = 1;; ++tries) {
      const http_response response = co_await client_.send(request);
      const int status = response.status;
      if (response.arrived() && status >= 200 && status < 300) {
        failing_ = false;
        co_return;
      }
      const bool again =
          !response.arrived() || status == 429 || status == 502 || status == 503 || status == 504;
      bool over = !again || tries == 3;
      if (!over) {
        const duration pause = response.retry_after.value_or(std::chrono::seconds(tries));
        over = co_await closing_.wait_until(here.now() + pause);
      }
      if (!over) continue;
      if (!std::exchange(failing_, true))
        log_.write(log_level::warn,
                   "OTLP: " + url + " does not accept what is sent: " +
                       (response.arrived() ? "it answered " + std::to_string(status) : response.problem));
      co_return;
    }
  }

  const otlp_settings settings_;
  worker_access& worker_;
  logger& log_;
  span_list spans_;
  const std::uint64_t start_ = unix_nanoseconds();
  bool failing_ = false;
  event closing_;
  curl_client client_;
  thread thread_;
};

}  // namespace coworker::inline v0_1::detail
