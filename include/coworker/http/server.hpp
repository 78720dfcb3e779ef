#pragma once
// http_server: listens, and has a handler answer what clients ask. Knows no platform; which path means what
// is the handler's.

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

namespace coworker {

/// A connection that a server can use, such as tcp_stream. It is moved before its first use only.
///
/// readable()               awaited, returns once there is something to read, or the peer is gone
/// read_some(span)          -> task<std::size_t>: 0 is the peer's end write_some(text, text)   ->
/// task<std::size_t>: as much of both as can be written now, waiting until some can shutdown_write()
/// nothing more will be written abort()                  closes the connection so that the peer sees an
/// error
///
/// Throws: std::system_error for what the peer or the system has against it. Cancellation: throws
/// `cancelled`.
template <class Stream>
concept server_stream = std::movable<Stream> &&
    requires(Stream& stream, std::span<char> into, std::string_view text) {
  stream.readable();
  { stream.read_some(into) } -> std::same_as<task<std::size_t>>;
  { stream.write_some(text, text) } -> std::same_as<task<std::size_t>>;
  stream.shutdown_write();
  stream.abort();
};

namespace detail {

template <class Stream>
class stream_of final : public connection_stream {
 public:
  explicit stream_of(Stream stream) noexcept : stream_(std::move(stream)) {}

  task<std::size_t> receive(std::span<char> into) override {
    co_await stream_.readable();
    co_return co_await stream_.read_some(into);
  }
  task<std::size_t> transmit(std::string_view first, std::string_view second) override {
    return stream_.write_some(first, second);
  }
  void shutdown_write() noexcept override { stream_.shutdown_write(); }
  void abort() noexcept override { stream_.abort(); }

 private:
  Stream stream_;
};

template <class T>
struct value_of_task;
template <class T>
struct value_of_task<task<T>> {
  using type = T;
};

}  // namespace detail

/// An HTTP/1.1 server on one event loop, with each connection a coroutine:
///
///     http_server server(door, [](server_request& request, server_response& response) -> task<void> {
///       response.head().add("Content-Type", "text/plain");
///       co_await response.send("hello, " + std::string(request.path()));
///     });
///     co_await server.run();
///
/// The handler is called for one request after another of a connection, for those of many connections side
/// by side, and on the loop of run(): it must not block. It may hop elsewhere, but must come back before it
/// uses request or response. What it throws becomes a response, unless that has begun already: then the
/// connection is cut. Its chain is asked to stop when the client goes away, also by closing its side only,
/// and when run() is. A handler that returns without a response gives an empty one.
///
/// Thread safety: drain() may be called on any thread.
template <class Listener, class Handler>
class http_server {
 public:
  /// `listener`: gives connections by accept(), such as tcp_listener; must outlive the server.
  http_server(Listener& listener, Handler handler, const http_server_options& options = http_server_options())
      : listener_(listener), handler_(std::move(handler)), options_(options) {
    static_assert(
        std::same_as<decltype(handler_(std::declval<server_request&>(), std::declval<server_response&>())),
                     task<void>>,
        "http_server: the handler must be task<void>(server_request&, server_response&)");
  }

  /// Serves until drain() is called and what runs has ended; once in the life of the object.
  /// Cancellation: asks all handlers to stop, waits for them, and throws `cancelled`.
  task<void> run() {
    const context here = co_await this_coro::context();
    host shared(*this, here.executor);
    scope clocks(here);
    scope accepting(here);
    scope connections(here);
    bool stopped = false;
    try {
      clocks.spawn(shared.clocks().run());
      accepting.spawn(accept(shared, connections));
      co_await draining_.wait();
    } catch (const cancelled&) {
      stopped = true;
    } catch (...) {
      connections.fail(std::current_exception());
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

  /// Stops to accept connections, closes those that are idle, and lets the others finish the request that
  /// they are at.
  void drain() { draining_.set(); }

  /// Connections that are open now. On the loop of run() only.
  std::size_t connections() const noexcept { return open_; }

 private:
  using stream = typename detail::value_of_task<decltype(std::declval<Listener&>().accept())>::type;
  static_assert(server_stream<stream>,
                "http_server: what accept() gives lacks an operation of the concept server_stream");

  struct host final : detail::connection_host {
    host(http_server& of, executor_ref executor) : connection_host(of.options_, executor), server(of) {}
    task<void> handle(detail::connection& with) override { return server.handle(with); }
    http_server& server;
  };

  task<void> handle(detail::connection& with) {
    server_request request(with);
    server_response response(with);
    co_await handler_(request, response);
  }

  // Counts a connection for as long as it is open.
  class seat {
   public:
    explicit seat(std::size_t& count) noexcept : count_(&count) { ++count; }
    seat(seat&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}
    seat& operator=(seat&&) = delete;
    ~seat() {
      if (count_ != nullptr) --*count_;
    }

   private:
    std::size_t* count_;
  };

  // Clients that are turned away are told so, as long as they are few.
  static constexpr std::size_t most_turned_away = 64;

  task<void> accept(host& shared, scope& connections) {
    for (;;) {
      bool failed = false;
      try {
        stream accepted = co_await listener_.accept();
        const bool has_room = open_ < options_.connections;
        if (has_room || turned_away_ < most_turned_away) {
          connections.spawn(
              serve(std::move(accepted), shared, seat(has_room ? open_ : turned_away_), has_room));
        } else {
          accepted.abort();
        }
      } catch (const cancelled&) {
        throw;
      } catch (const std::exception& error) {
        log(error.what());
        failed = true;
      }
      if (failed)
        co_await sleep_for(std::chrono::milliseconds(100));  // until descriptors or memory may be free again
    }
  }

  // Throws nothing that would stop the others.
  task<void> serve(stream accepted, detail::connection_host& shared, seat taken, bool has_room) {
    const context here = co_await this_coro::context();
    const seat held(std::move(taken));
    detail::stream_of<stream> owned(std::move(accepted));
    detail::connection one(shared, owned, here);
    co_await one.run(has_room);
  }

  void log(std::string_view problem) const {
    if (options_.log != nullptr)
      options_.log->warn("The server accepts no connections for a moment: " + std::string(problem));
  }

  Listener& listener_;
  Handler handler_;
  const http_server_options options_;
  event draining_;
  std::size_t open_ = 0;
  std::size_t turned_away_ = 0;
};

}  // namespace coworker
