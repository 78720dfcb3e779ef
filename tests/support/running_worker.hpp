#pragma once
// A worker of the queue server over libcurl, on a thread of its own, and counts of its jobs. Only for tests
// that are compiled with libcurl.

#include <chrono>
#include <coworker/exec/sleep.hpp>
#include <coworker/http/curl/client.hpp>
#include <coworker/transport/runpod/queue.hpp>
#include <coworker/worker.hpp>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <support/captured_log.hpp>
#include <support/queue_server.hpp>
#include <thread>
#include <utility>

namespace coworker::testing {

/// Counts how often each job was run.
class run_counter {
 public:
  void count(const std::string& id) {
    const std::lock_guard lock(mutex_);
    ++runs_[id];
  }
  std::size_t of(const std::string& id) const {
    const std::lock_guard lock(mutex_);
    const auto found = runs_.find(id);
    return found == runs_.end() ? 0 : found->second;
  }
  std::size_t jobs() const {
    const std::lock_guard lock(mutex_);
    return runs_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::size_t> runs_;
};

struct running_worker_options {
  int concurrency = 1;
  runpod_options queue = {};  ///< its URLs are replaced by the server's
  curl_client_options client = {};
  worker_options worker = {};

  /// Waits are short, so that tests are short; the waits of production are tested in virtual time.
  running_worker_options() {
    queue.retry = {std::chrono::milliseconds(20), std::chrono::milliseconds(200)};
    queue.idle = {std::chrono::milliseconds(5), std::chrono::milliseconds(50)};
    queue.throttled = std::chrono::milliseconds(50);
    queue.identity.worker_id = "test-worker";
    queue.api_key = "test-key";
    client.user_agent = "coworker-test";
  }
};

/// Returns the URLs of a server.
inline queue_urls::templates urls_of(const queue_server& server) {
  queue_urls::templates urls;
  for (const auto& [name, value] : server.environment()) {
    if (name == "RUNPOD_WEBHOOK_GET_JOB") urls.take = value;
    if (name == "RUNPOD_WEBHOOK_POST_OUTPUT") urls.done = value;
    if (name == "RUNPOD_WEBHOOK_POST_STREAM") urls.stream = value;
    if (name == "RUNPOD_WEBHOOK_PING") urls.ping = value;
  }
  return urls;
}

/// Its handler returns the job's input, after as many milliseconds as the input's "ms" says.
class running_worker {
 public:
  running_worker(const queue_server& server, running_worker_options options = {})
      : options_(std::move(options)) {
    options_.queue.urls = urls_of(server);
    thread_ = std::thread([this] { serve(); });
  }
  running_worker(const running_worker&) = delete;
  running_worker& operator=(const running_worker&) = delete;
  ~running_worker() { stop(); }

  /// Asks the worker to drain, and blocks until it has.
  worker_summary stop() {
    ask_to_stop();
    if (thread_.joinable()) thread_.join();
    return summary_;
  }

  void ask_to_stop() { worker_.stop(); }

  captured_log log{log_level::info};
  run_counter runs;

 private:
  struct handler {
    run_counter* runs;
    task<json> operator()(job<> work) const {
      runs->count(work.id);
      const int wait = work.input.is_object() ? work.input.value("ms", 0) : 0;
      if (wait > 0) co_await sleep_for(std::chrono::milliseconds(wait));
      co_return std::move(work.input);
    }
  };

  void serve() {
    curl_client client(options_.client);
    runpod_queue queue(client, options_.queue, log.log);
    summary_ = worker_.run(queue);
  }

  running_worker_options options_;
  worker<handler> worker_{handler{&runs}, fixed_concurrency{options_.concurrency},
                          worker_options_of(options_)};
  worker_summary summary_;
  std::thread thread_;

  worker_options worker_options_of(const running_worker_options& options) {
    worker_options made = options.worker;
    made.log = &log.log;
    return made;
  }
};

}  // namespace coworker::testing
