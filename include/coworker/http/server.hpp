#pragma once
// http_server: accepts connections, and calls a handler for each request. Must not know the platform, nor
// what a path means.

#include <concepts>
#include <coworker/coro/context.hpp>
#include <coworker/coro/result.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/event.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/http/connection.hpp>
#include <coworker/http/connection_host.hpp>
#include <coworker/http/server_exchange.hpp>
#include <coworker/http/server_options.hpp>
#include <cstddef>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace coworker::inline v0_1 {

/// A connection that a server can use, such as tcp_stream. It is moved only before its first use.
///
///     readable()                awaitable; returns once there is something to read, or the peer is gone
///     read_some(span)           -> task<std::size_t>: bytes read; 0 means that the peer closed its side
///     write_some(text, text)    -> task<std::size_t>: waits until it can write, then writes as much of
///                                  both as it can, and returns how many bytes
///     shutdown_write()          closes this side: nothing more is written
///     abort()                   closes the connection so that the peer sees an error
///
/// Throws: std::system_error for errors of the connection or the system.
/// Cancellation: throws `cancelled`.
template <class Stream>
concept server_stream = std::movable<Stream> &&
    requires(Stream& stream, std::span<char> into, std::string_view text) {
  stream.readable();
  { stream.read_some(into) } -> std::same_as<task<std::size_t>>;
  { stream.write_some(text, text) } -> std::same_as<task<std::size_t>>;
  stream.shutdown_write();
  stream.abort();
};

/// A request handler: a coroutine, called for one request of a connection at a time.
template <class Handler>
concept server_handler = requires(Handler& handler, server_request& request, server_response& response) {
  { handler(request, response) } -> std::same_as<task<void>>;
};

namespace detail {

struct no_stream {};

template <class Listener>
struct stream_from {
  using type = no_stream;
};
template <class Listener>
requires requires(Listener& listener) { listener.accept(); }
struct stream_from<Listener> {
  using type = typename decltype(std::declval<Listener&>().accept())::value_type;
};

}  // namespace detail

/// An HTTP/1.1 server on one event loop, with one coroutine for each connection:
///
///     http_server server(listener, [](server_request& request, server_response& response) -> task<void> {
///       response.head().add("Content-Type", "text/plain");
///       co_await response.send("hello, " + std::string(request.path()));
///     });
///     co_await server.run();
///
/// The handler runs on the loop of run() and must not block. It is called for the requests of one connection
/// one after another, and for those of different connections concurrently. It may switch to another executor,
/// but must switch back before it uses request or response. An exception that it throws becomes a response;
/// if the response has already begun, the connection is closed instead. If it returns without a response, the
/// client gets an empty one. A stop of its chain is requested when the client disconnects, even if the client
/// only closes its sending side, and when run() is stopped.
///
/// Thread safety: drain() may be called on any thread.
template <class Listener, class Handler>
class http_server {
  using stream = typename detail::stream_from<Listener>::type;
  static constexpr bool listens = server_stream<stream>;
  static_assert(listens,
                "http_server: the listener must have accept(), a task that gives a stream with readable(), "
                "read_some(), write_some(), shutdown_write() and abort(), such as tcp_listener");
  static constexpr bool handles = server_handler<Handler>;
  static_assert(handles,
                "http_server: the handler must be a coroutine, "
                "task<void>(server_request&, server_response&)");

 public:
  /// `listener`: provides connections by accept(), such as tcp_listener. It must outlive the server.
  http_server(Listener& listener, Handler handler, const http_server_options& options = http_server_options())
      : listener_(listener), handler_(std::move(handler)), options_(options) {}

  /// Serves until drain() is called and all running requests have ended. Call it once per object.
  /// Cancellation: requests a stop of all handlers, waits for them, and throws `cancelled`.
  task<void> run() {
    const context here = co_await this_coro::context();
    host shared(*this, here.executor);
    scope clocks(here);
    scope accepting(here);
    scope connections(here);
    bool stopped = false;
    try {
      clocks.spawn(keep_time(shared.clocks()));
      accepting.spawn(accept(shared, connections));
      co_await draining_.wait();
    } catch (const cancelled&) {
      stopped = true;
    } catch (...) {
      (connections.fail)(std::current_exception());
    }
    accepting.request_stop();
    co_await accepting.join();
    listener_.close();
    shared.drain();
    detail::result<void> served;
    co_await detail::capture(detail::join_all(connections), served);
    clocks.request_stop();
    co_await clocks.join();
    served.take();
    if (stopped) throw cancelled();
  }

  /// Stops accepting connections, closes the idle ones, and lets the others finish their current request.
  void drain() { draining_.set(); }

  /// Returns the number of open connections. Call it on the loop of run() only.
  std::size_t connections() const noexcept { return open_; }

 private:
  struct host final : detail::connection_host {
    host(http_server& of, executor_ref executor) : connection_host(of.options_, executor), server(of) {}
    task<void> handle(server_request& request, server_response& response) override {
      return server.handler_(request, response);
    }
    http_server& server;
  };

  static task<void> keep_time(detail::deadlines& clocks) {
    for (;;) co_await clocks.next();
  }

  // Counts a connection while it is open.
  class open_count {
   public:
    explicit open_count(std::size_t& count) noexcept : count_(&count) { ++count; }
    open_count(open_count&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}
    open_count& operator=(open_count&&) = delete;
    ~open_count() {
      if (count_ != nullptr) --*count_;
    }

   private:
    std::size_t* count_;
  };

  // The most connections beyond the limit that get a 503; any more are closed at once.
  static constexpr std::size_t most_refused = 64;

  task<void> accept(host& shared, scope& connections) {
    bool failed = false;
    for (;;) {
      if (failed)
        co_await sleep_for(std::chrono::milliseconds(100));  // descriptors or memory may be available by then
      try {
        stream accepted = co_await listener_.accept();
        const bool has_room = open_ < options_.connections;
        if (has_room || refused_ < most_refused) {
          open_count taken(has_room ? open_ : refused_);
          connections.spawn(serve(std::move(accepted), shared, std::move(taken), has_room));
        } else {
          accepted.abort();
        }
        failed = false;
      } catch (const cancelled&) {
        throw;
      } catch (const std::exception& error) {
        if (!failed) shared.log_failure("Accepting a connection", error.what());
        failed = true;
      }
    }
  }

  // Never throws: an error on one connection must not stop the others.
  task<void> serve(stream accepted, detail::connection_host& shared, [[maybe_unused]] open_count taken,
                   bool has_room) {
    const context here = co_await this_coro::context();
    detail::connection<stream> one(shared, accepted, here);
    try {
      co_await one.run(has_room);
    } catch (const std::exception& error) {
      shared.log_failure("A connection", error.what());
    }
  }

  Listener& listener_;
  Handler handler_;
  const http_server_options options_;
  event draining_;
  std::size_t open_ = 0;
  std::size_t refused_ = 0;
};

}  // namespace coworker::inline v0_1
