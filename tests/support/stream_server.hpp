#pragma once
// A server for tests, on its own loop and thread, that handles each connection with a coroutine:
// its steps are written in order, with pauses to imitate a slow connection. Must not know HTTP
// beyond the end of a head.
//
//     stream_server server([](tcp_stream& guest) -> task<void> {
//       co_await read_head(guest);
//       co_await guest.write_all("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
//     });

#include <coworker/coro/context.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/net/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

namespace coworker::testing {

/// Reads up to the empty line that ends the head of a request, or to the end of the connection. Returns all
/// bytes read, including any after the head.
inline task<std::string> read_head(tcp_stream& from) {
  std::string read;
  char buffer[4096];
  while (read.find("\r\n\r\n") == std::string::npos) {
    const std::size_t count = co_await from.read_some(buffer);
    if (count == 0) break;
    read.append(buffer, count);
  }
  co_return read;
}

/// Reads until the peer has closed the connection.
inline task<void> read_to_end(tcp_stream& from) {
  char buffer[4096];
  for (;;) {
    const std::size_t count = co_await from.read_some(buffer);
    if (count == 0) break;
  }
}

class stream_server {
 public:
  using serve = std::function<task<void>(tcp_stream&)>;

  /// Listens when it returns. Calls `with` for each connection, and closes the connection when that coroutine
  /// ends. An exception from it ends only that connection.
  explicit stream_server(serve with)
      : serve_(std::move(with)),
        listener_("127.0.0.1", 0),
        port_(listener_.local_port()),
        thread_([this] { run(); }) {}
  stream_server(const stream_server&) = delete;
  stream_server& operator=(const stream_server&) = delete;
  ~stream_server() {
    stop_.request_stop();
    thread_.join();
  }

  std::uint16_t port() const noexcept { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/"; }

 private:
  void run() {
    event_loop loop;
    sync_wait(loop, accept_all());
  }

  task<void> accept_all() {
    const context here = co_await this_coro::context();
    scope connections(context(here.executor, stop_.get_token()));
    connections.spawn(accept_into(connections));
    co_await connections.join();
  }

  task<void> accept_into(scope& connections) {
    for (;;) {
      auto peer = std::make_unique<tcp_stream>();
      *peer = co_await listener_.accept();
      connections.spawn(serve_connection(std::move(peer)));
    }
  }

  task<void> serve_connection(std::unique_ptr<tcp_stream> peer) {
    const std::unique_ptr<tcp_stream> kept = std::move(peer);
    try {
      co_await serve_(*kept);
    } catch (const std::exception&) {
    }
  }

  serve serve_;
  tcp_listener listener_;
  std::uint16_t port_;
  stop_source stop_;
  std::thread thread_;  // last member: uses all others
};

}  // namespace coworker::testing
