#pragma once
// A server for tests that is a coroutine: what it does with a connection is written down in the order in which it
// happens, with pauses where a slow line is to be played. It runs on a loop and a thread of its own.
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

/// Reads up to the empty line that ends the head of a request, or the end of the connection. Returns what came,
/// with what followed at once.
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

/// Reads until the other side has closed the connection.
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

  /// Listens when it returns. Each connection is served by a coroutine of its own and closed when that ends; what
  /// it throws is the end of that connection only.
  explicit stream_server(serve with)
      : serve_(std::move(with)),
        door_("127.0.0.1", 0),
        port_(door_.local_port()),
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
    scope guests(context(here.executor, stop_.get_token()));
    guests.spawn(accept_into(guests));
    co_await guests.join();
  }

  task<void> accept_into(scope& guests) {
    for (;;) {
      auto guest = std::make_unique<tcp_stream>();
      *guest = co_await door_.accept();
      guests.spawn(attend(std::move(guest)));
    }
  }

  task<void> attend(std::unique_ptr<tcp_stream> guest) {
    const std::unique_ptr<tcp_stream> kept = std::move(guest);
    try {
      co_await serve_(*kept);
    } catch (const std::exception&) {
    }
  }

  serve serve_;
  tcp_listener door_;
  std::uint16_t port_;
  stop_source stop_;
  std::thread thread_;  // the last: it uses all others
};

}  // namespace coworker::testing
