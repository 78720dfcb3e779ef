#pragma once
// A queue for tests: an HTTP server on loopback that speaks the serverless queue's protocol, on its own
// thread. Follows a script, and records everything that it receives. Linux only.
//
//     queue_server queue;
//     queue.script(endpoint::done, {status(500), reset_at(point::before_answer)});
//     queue.add_job("a", json{{"n", 1}});
//     … run a worker with queue.environment() …
//     REQUIRE(queue.wait_for([](const queue_log& log) { return log.jobs_with_result == 1; }));
//     CHECK(queue.log().result("a") == json{{"output", 2}});
// Thread-safe. Every function has taken effect when it returns: after go_down() no connection is accepted.
// connection is accepted.

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <coworker/json/json.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <mutex>
#include <string>
#include <string_view>
#include <support/queue_engine.hpp>
#include <support/queue_log.hpp>
#include <support/queue_script.hpp>
#include <thread>
#include <utility>
#include <vector>

namespace coworker::testing {

class queue_server {
 public:
  /// Listens when it returns. Throws: std::runtime_error when the port is taken.
  explicit queue_server(const queue_settings& settings = {})
      : engine_(settings), thread_([this] { serve(); }) {}
  queue_server(const queue_server&) = delete;
  queue_server& operator=(const queue_server&) = delete;
  ~queue_server() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    engine_.wake();
    thread_.join();
  }

  std::uint16_t port() const { return engine_.port(); }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port()); }

  /// Returns the environment variables that connect a worker to this queue, in the form of the
  /// production templates.
  std::vector<std::pair<std::string, std::string>> environment() const {
    const std::string base = url() + "/v2/test/";
    return {{"RUNPOD_WEBHOOK_GET_JOB", base + "job-take/$ID?gpu=CPU"},
            {"RUNPOD_WEBHOOK_POST_OUTPUT", base + "job-done/$RUNPOD_POD_ID/$ID?gpu=CPU"},
            {"RUNPOD_WEBHOOK_POST_STREAM", base + "job-stream/$RUNPOD_POD_ID/$ID?gpu=CPU"},
            {"RUNPOD_WEBHOOK_PING", base + "ping/$RUNPOD_POD_ID"},
            {"RUNPOD_AI_API_KEY", "test-key"},
            {"RUNPOD_POD_ID", "test-worker"}};
  }

  // --- what the queue holds ------------------------------------------------------------------------------

  void add_job(std::string id, const json& input) {
    std::string text = json{{"id", id}, {"input", input}}.dump();
    change([&] { engine_.add_job(std::move(id), std::move(text)); });
  }

  /// Adds a whole job, which may have more than id and input.
  void add_job(const json& job) {
    change([&] { engine_.add_job(job.value("id", std::string()), job.dump()); });
  }

  /// Adds the jobs job-0, job-1 and so on; numbers continue from the last call.
  void add_jobs(std::size_t count, const json& input) {
    const std::string rest = R"(","input":)" + input.dump() + "}";
    change([&] {
      for (std::size_t i = 0; i < count; ++i) {
        std::string id = "job-" + std::to_string(jobs_added_++);
        std::string text = R"({"id":")" + id + rest;
        engine_.add_job(std::move(id), std::move(text));
      }
    });
  }

  /// Adds an invalid job: not JSON, or without id or input. The log calls it by `id`.
  void add_raw_job(std::string text, std::string id = "raw") {
    change([&] { engine_.add_job(std::move(id), std::move(text)); });
  }

  /// Asks the worker to stop a job, through the stop channel.
  void stop_job(std::string id) {
    change([&] { engine_.stop_job(std::move(id)); });
  }

  /// Returns how many jobs nobody has taken yet.
  std::size_t jobs_left() const {
    const std::lock_guard lock(mutex_);
    return engine_.state().size();
  }

  // --- faults --------------------------------------------------------------------------------------------

  /// Sets the answers to the next requests of that endpoint, one each; later requests get the usual answer.
  void script(endpoint where, std::initializer_list<answer> row) {
    change([&] { engine_.script().append(where, row); });
  }
  /// Sets the answer to all requests of that endpoint, unless script() or decide_by() sets another one.
  /// All requests there are answered so, unless a row or a decision says otherwise.
  void always(endpoint where, answer given) {
    change([&] { engine_.script().always(where, std::move(given)); });
  }

  /// Calls `decide` for each request, on the server's thread.
  void decide_by(decision decide) {
    change([&] { engine_.script().decide_by(std::move(decide)); });
  }

  /// Ends all faults.
  void behave() {
    change([&] { engine_.script().clear(); });
  }

  /// Continues everything that was paused.
  void release() {
    change([&] { engine_.release(); });
  }

  /// Sets how long polls wait.
  void set_hold(std::chrono::milliseconds hold) {
    change([&] { engine_.set_hold(hold); });
  }

  void set_stop_channel(bool on) {
    change([&] { engine_.set_stop_channel(on); });
  }

  /// Ends all connections: closes them in order, or resets them.
  void restart(bool by_reset = false) {
    change([&] { engine_.drop_connections(by_reset); });
  }

  /// Ends all connections and refuses new ones until come_back().
  void go_down() {
    change([&] {
      engine_.refuse_connections();
      engine_.drop_connections(true);
    });
  }

  void come_back() {
    change([&] { engine_.accept_connections(); });
  }

  /// Goes down, and comes back after that time.
  void go_down_for(std::chrono::milliseconds time) {
    go_down();
    change([&] { engine_.accept_connections_in(time); });
  }

  // --- what was seen -------------------------------------------------------------------------------------

  /// Returns a snapshot.
  queue_log log() const {
    const std::lock_guard lock(mutex_);
    return engine_.log();
  }

  /// Blocks until `condition(log)` is true, or until the time limit, which is for tests that fail. Returns
  /// whether it became true. The condition runs under the lock, on this thread and on the server's: it must
  /// be quick, and must not call the server.
  bool wait_for(const std::function<bool(const queue_log&)>& condition,
                std::chrono::milliseconds limit = std::chrono::seconds(20)) const {
    std::unique_lock lock(mutex_);
    wait_state wait{condition, condition(engine_.log())};
    if (wait.met) return true;
    waits_.push_back(&wait);
    met_.wait_for(lock, limit, [&] { return wait.met; });
    std::erase(waits_, &wait);
    return wait.met;
  }

  /// Blocks until that many jobs have an accepted result. Returns whether they have one
  /// within the time limit.
  bool wait_for_results(std::size_t jobs, std::chrono::milliseconds limit = std::chrono::seconds(20)) const {
    return wait_for([jobs](const queue_log& seen) { return seen.jobs_with_result >= jobs; }, limit);
  }

 private:
  // The server's thread evaluates the conditions, so that a busy server causes no needless wake-ups.
  struct wait_state {
    const std::function<bool(const queue_log&)>& condition;
    bool met;
  };

  void serve() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      const int timeout = engine_.timeout();
      lock.unlock();
      engine_.poll(timeout);
      lock.lock();
      engine_.handle();
      check_waits();
    }
  }

  void check_waits() {
    bool any = false;
    for (wait_state* const wait : waits_) {
      if (!wait->met) any |= wait->met = wait->condition(engine_.log());
    }
    if (any) met_.notify_all();
  }

  template <class Change>
  void change(Change apply) {
    {
      const std::lock_guard lock(mutex_);
      apply();
    }
    engine_.wake();
  }

  mutable std::mutex mutex_;
  mutable std::condition_variable met_;
  mutable std::vector<wait_state*> waits_;
  queue_engine engine_;
  std::size_t jobs_added_ = 0;
  bool stopping_ = false;
  std::thread thread_;  // last member: uses all others
};

}  // namespace coworker::testing
