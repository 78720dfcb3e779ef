#pragma once
// A worker behind an HTTP endpoint, in memory and in virtual time, and its clients. Must not know what a test
// checks.

#include <doctest/doctest.h>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/http/server.hpp>
#include <coworker/json/json.hpp>
#include <coworker/log.hpp>
#include <coworker/transport/endpoint/answer.hpp>
#include <coworker/worker.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <support/captured_log.hpp>
#include <support/http_client.hpp>
#include <support/memory_network.hpp>
#include <utility>

namespace coworker::testing {

/// A response, as a client gets it.
struct endpoint_answer {
  int status = 0;
  json body;
  std::string text;
  read_response response;
};

class endpoint_client {
 public:
  explicit endpoint_client(memory_listener& listener) : client_(listener) {}

  task<endpoint_answer> get(std::string target, std::string lines = "") {
    return ask("GET " + target + " HTTP/1.1\r\nHost: localhost\r\n" + lines + "\r\n");
  }
  task<endpoint_answer> post(std::string target, std::string body = "", std::string lines = "") {
    return ask("POST " + target + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
               lines + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  task<endpoint_answer> ask(std::string request) {
    std::optional<read_response> got = co_await client_.ask(std::move(request));
    endpoint_answer made;
    if (!got) co_return made;
    read_response response = *std::move(got);
    made.status = response.status();
    made.text = response.body;
    const std::string type = response.header("content-type").value_or("");
    if (type == "application/json") made.body = json::parse(response.body);
    made.response = std::move(response);
    co_return made;
  }

  http_client& raw() { return client_; }

 private:
  http_client client_;
};

/// Makes the worker leave.
struct leaving_worker {
  void* runner;
  void (*leave)(void*);
  void stop() const { leave(runner); }
};

struct endpoint_world {
  endpoint_options options;
  worker_options settings;
  int concurrency = 8;
  simulated_loop loop;
  captured_log log;

  endpoint_world() = default;
  explicit endpoint_world(endpoint_kind kind) { options.kind = kind; }

  /// Runs `clients(listener, worker)`, a coroutine, against a worker with that handler. When the coroutine
  /// has ended, the worker leaves, and the server is drained.
  template <class Handler, class Clients>
  worker_summary play(Handler handler, Clients clients) {
    return play(std::move(handler), std::move(clients), fixed_concurrency{concurrency});
  }

  /// The same with a concurrency modifier.
  template <class Handler, class Clients, class Modifier>
  worker_summary play(Handler handler, Clients clients, Modifier modifier) {
    memory_listener listener;
    http_endpoint endpoint(options, log.log);
    settings.log = &log.log;
    worker<Handler, Modifier> runner(std::move(handler), std::move(modifier), settings);
    worker_summary summary;
    sync_wait(loop, run(runner, endpoint, listener, clients, summary));
    return summary;
  }

 private:
  template <class Worker, class Clients>
  static task<void> run(Worker& runner, http_endpoint& endpoint, memory_listener& listener, Clients& clients,
                        worker_summary& summary) {
    http_server server(listener, detail::endpoint_handler{&endpoint});
    scope serving(co_await this_coro::context());
    scope working(co_await this_coro::context());
    serving.spawn(server.run());
    working.spawn(work(runner, endpoint, summary));
    detail::result<void> played;
    leaving_worker leaving{&runner, [](void* one) { static_cast<Worker*>(one)->stop(); }};
    co_await detail::capture(clients(listener, leaving), played);
    runner.stop();
    co_await working.join();
    server.drain();
    co_await serving.join();
    CHECK(server.connections() == 0);
    played.take();
  }

  template <class Worker>
  static task<void> work(Worker& runner, http_endpoint& endpoint, worker_summary& summary) {
    summary = co_await runner.serve(endpoint);
  }
};

}  // namespace coworker::testing
