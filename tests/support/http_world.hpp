#pragma once
// Runs an HTTP server and its clients in memory and in virtual time. Must not know what a test checks.

#include <doctest/doctest.h>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/http/server.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <support/http_client.hpp>
#include <support/memory_network.hpp>
#include <utility>

namespace coworker::testing {

inline std::string get(std::string_view target, std::string_view lines = "") {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: h\r\n" + std::string(lines) + "\r\n";
}

inline std::string post(std::string_view target, std::string_view body, std::string_view lines = "") {
  return "POST " + std::string(target) + " HTTP/1.1\r\nHost: h\r\n" + std::string(lines) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

/// The network and the time of a test.
struct http_world {
  http_server_options options;
  /// of one direction of a connection that can be in transit
  std::size_t capacity = 64 * 1024;
  /// largest number of bytes that the server reads or writes at once
  std::size_t pieces = static_cast<std::size_t>(-1);
  simulated_loop loop;

  http_world() = default;
  explicit http_world(std::uint64_t seed) : loop(seed) {}

  /// Runs `clients(listener, server)`, a coroutine that connects through the listener `listener`. When it has ended,
  /// drains the server, which must then end.
  template <class Handler, class Clients>
  void play(Handler handler, Clients clients) {
    memory_listener listener(capacity);
    listener.limit_pieces(pieces);
    http_server server(listener, std::move(handler), options);
    sync_wait(loop, run(server, listener, clients));
    CHECK(server.connections() == 0);
    CHECK(!listener.is_open());
  }

 private:
  template <class Server, class Clients>
  static task<void> run(Server& server, memory_listener& listener, Clients& clients) {
    scope serving(co_await this_coro::context());
    serving.spawn(server.run());
    detail::result<void> played;
    co_await detail::capture(clients(listener, server), played);
    server.drain();
    co_await serving.join();
    played.take();
  }
};

}  // namespace coworker::testing
