#pragma once
// Webhooks of an HTTP endpoint: a request to the URL that came with a job, once the job has ended. Must not
// know libcurl.

#include <coworker/coro/clock.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/event.hpp>
#include <coworker/exec/semaphore.hpp>
#include <coworker/http/client.hpp>
#include <coworker/log.hpp>
#include <coworker/transport/endpoint/engine.hpp>
#include <coworker/transport/endpoint/job_ids.hpp>
#include <coworker/transport/endpoint/reply.hpp>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace coworker::inline v0_1 {

/// Posts the status object of each job that has ended to the webhook that came with it. Makes up to three
/// tries, ten seconds apart, until one gets status 200.
template <http_client Client>
class webhook_sender {
 public:
  /// Both must outlive the sender. The client decides which addresses a webhook may not have.
  webhook_sender(Client& client, http_endpoint& endpoint) : client_(client), endpoint_(endpoint) {}

  /// Runs until close() was called and each webhook of a job that has ended was tried.
  task<void> run() {
    scope telling(co_await this_coro::context());
    for (;;) {
      const bool last = closing_.is_set();
      for (detail::endpoint_notice& notice : endpoint_.jobs().take_notices())
        telling.spawn(tell(std::move(notice)));
      if (last) break;
      co_await endpoint_.jobs().noticed().wait();
    }
    co_await telling.join();
  }

  /// Tries each webhook that has not succeeded once more, and ends run(). Thread safety: any thread.
  void close() {
    closing_.set();
    endpoint_.jobs().noticed().set();
  }

 private:
  static constexpr int most_tries = 3;
  static constexpr duration pause = std::chrono::seconds(10);

  task<void> tell(detail::endpoint_notice notice) {
    const executor_ref here = co_await this_coro::executor();
    const semaphore::permit held = co_await at_once_.acquire();
    std::string problem;
    http_request request(notice.url);
    request.headers = headers_;
    request.timeout = std::chrono::seconds(10);
    const detail::endpoint_reply body = detail::status_reply(
        *notice.job, endpoint_.jobs().look(*notice.job, here.now()), endpoint_.options().worker_id);
    request.body = body.text + (body.shared ? body.shared->text : std::string()) + body.tail;
    for (int tries = 1;; ++tries) {
      const http_response response = co_await client_.send(request);
      if (response.arrived() && response.status == 200) co_return;
      problem = response.arrived() ? "it answered " + std::to_string(response.status) : response.problem;
      if (response.failure == http_failure::unusable) break;  // another try would fail in the same way
      if (tries == most_tries || closing_.is_set()) break;
      co_await closing_.wait_until(here.now() + pause);
    }
    endpoint_.own_log().write(log_level::warn, "The job's webhook failed: " + problem,
                              log_subject(notice.job->id));
  }

  Client& client_;
  http_endpoint& endpoint_;
  const std::vector<std::string> headers_{"Content-Type: application/json"};
  semaphore at_once_{16};
  event closing_;
};

}  // namespace coworker::inline v0_1
