#pragma once
// A server in memory and in virtual time, and what its clients do. Must not know what a test is after.

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

/// How the network and the time of a test are.
struct http_world {
  http_server_options options;
  std::size_t capacity = 64 * 1024;                   ///< bytes of one direction of a connection under way
  std::size_t pieces = static_cast<std::size_t>(-1);  ///< largest piece that the server reads or writes
  simulated_loop loop;

  http_world() = default;
  explicit http_world(std::uint64_t seed) : loop(seed) {}

  /// Runs `clients(door, server)`, a coroutine, against a server; when it has ended, the server is drained, and must
  /// come to its end.
  template <class Handler, class Clients>
  void play(Handler handler, Clients clients) {
    memory_listener door(capacity);
    door.limit_pieces(pieces);
    http_server server(door, std::move(handler), options);
    sync_wait(loop, run(server, door, clients));
    CHECK(server.connections() == 0);
    CHECK(!door.is_open());
  }

 private:
  template <class Server, class Clients>
  static task<void> run(Server& server, memory_listener& door, Clients& clients) {
    scope serving(co_await this_coro::context());
    serving.spawn(server.run());
    detail::result<void> played;
    co_await detail::capture(clients(door, server), played);
    server.drain();
    co_await serving.join();
    played.take();
  }
};

}  // namespace coworker::testing
