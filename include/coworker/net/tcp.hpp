#pragma once
// tcp_listener and tcp_stream: TCP for coroutines on an event loop. Must not know what is sent.

#include <coworker/coro/clock.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/timeout.hpp>
#include <coworker/net/address.hpp>
#include <coworker/net/descriptor.hpp>
#include <coworker/net/readable.hpp>
#include <coworker/net/socket.hpp>
#include <coworker/system.hpp>

#if COWORKER_POSIX

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace coworker::inline v0_1 {

/// One TCP connection, without delay of small packets (TCP_NODELAY). Closed by its destructor. Must not be
/// moved while a coroutine reads or writes.
///
/// Throws: unless stated otherwise, io_error for errors of the system or the peer; `timed_out` at the
/// deadline.
/// Thread safety: one coroutine at a time may read, and another one write, all on one event loop.
/// Cancellation: throws `cancelled` as soon as a stop is requested.
class tcp_stream {
 public:
  tcp_stream() noexcept {}

  /// `connected`: a connected, non-blocking socket.
  explicit tcp_stream(unique_fd connected) noexcept : socket_(std::move(connected)) {}

  /// Connects to an address. To try several addresses of one host, call it for each.
  static task<tcp_stream> connect(socket_address to) {
    unique_fd socket = detail::make_socket(to.family());
    detail::prepare_connected(socket.get());
    int error = ::connect(socket.get(), to.data(), to.size()) == 0 ? 0 : errno;
    if (error == EINPROGRESS || error == EINTR) {
      co_await coworker::writable(socket);
      socklen_t size = sizeof error;
      detail::checked(::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size), "getsockopt");
    }
    if (error == ECONNREFUSED)
      detail::throw_io_error(error, "cannot connect to " + to.to_string(), "nobody listens there");
    if (error != 0) detail::throw_io_error(error, "cannot connect to " + to.to_string());
    co_return tcp_stream(std::move(socket));
  }

  /// Sets the time at which reads and writes that still wait throw `timed_out`.
  /// Default: time_point::max(), none.
  void set_deadline(time_point due) noexcept { deadline_ = due; }

  /// Reads what is available, up to the size of `into`; waits until there is something. Returns the number of
  /// bytes; 0 if the peer has closed its side.
  task<std::size_t> read_some(std::span<char> into) {
    for (;;) {
      if (without_wait_ != 0) {
        const ssize_t count = ::recv(socket_.get(), into.data(), into.size(), 0);
        if (count >= 0) {
          --without_wait_;
          co_return static_cast<std::size_t>(count);
        }
        if (errno == EINTR) continue;
        if (!detail::would_block(errno)) detail::throw_io_error(errno, "cannot read from a connection");
      }
      without_wait_ = most_at_once;
      const bool in_time = co_await readable_until(socket_, deadline_);
      if (!in_time) throw timed_out();
    }
  }

  /// Writes as much of `first`, then `second`, as the system accepts; waits until it accepts something.
  /// Returns the number of bytes, which is 0 only if both are empty.
  task<std::size_t> write_some(std::string_view first, std::string_view second = {}) {
    for (;;) {
      const ssize_t count = send_now(first, second);
      if (count >= 0) co_return static_cast<std::size_t>(count);
      if (errno == EINTR) continue;
      if (!detail::would_block(errno)) detail::throw_io_error(errno, "cannot write to a connection");
      const bool in_time = co_await writable_until(socket_, deadline_);
      if (!in_time) throw timed_out();
    }
  }

  /// Writes all of `first`, then all of `second`. Both must live until the task has ended. If it throws, it
  /// is unknown how much was written, and the connection must not be used any more.
  task<void> write_all(std::string_view first, std::string_view second = {}) {
    while (!first.empty() || !second.empty()) {
      const std::size_t written = co_await write_some(first, second);
      const std::size_t of_first = written < first.size() ? written : first.size();
      first.remove_prefix(of_first);
      second.remove_prefix(written - of_first);
    }
  }

  /// Waits until there is something to read, or the peer has closed its side or is gone.
  ready_awaiter readable() noexcept { return coworker::readable(socket_); }

  /// Tells the peer that nothing more will be sent. Reading remains possible.
  void shutdown_write() noexcept { ::shutdown(socket_.get(), SHUT_WR); }

  /// Closes the connection. No coroutine may be waiting for it.
  void close() noexcept { socket_.reset(); }

  /// Closes the connection with a reset: data that was written but not yet received is dropped, and the peer
  /// sees an error.
  void abort() noexcept {
    detail::reset_on_close(socket_.get());
    close();
  }

  bool is_open() const noexcept { return static_cast<bool>(socket_); }
  socket_address local_address() const { return detail::local_address(socket_.get()); }
  socket_address peer_address() const { return detail::peer_address(socket_.get()); }

  /// Returns the descriptor, for socket options that this class does not offer. It stays owned by this
  /// object.
  int descriptor() const noexcept { return socket_.get(); }

 private:
  // After this many reads without a wait, the next one waits, which lets other coroutines run: a peer that
  // sends as fast as it is read must not block them.
  static constexpr unsigned most_at_once = 16;

  ssize_t send_now(std::string_view first, std::string_view second) const noexcept {
    iovec pieces[2] = {{const_cast<char*>(first.data()), first.size()},
                       {const_cast<char*>(second.data()), second.size()}};
    msghdr message{};
    message.msg_iov = pieces;
    message.msg_iovlen = 2;
    return ::sendmsg(socket_.get(), &message, detail::send_flags);
  }

  unique_fd socket_;
  time_point deadline_ = (time_point::max)();
  unsigned without_wait_ = most_at_once;  // reads that remain until then
};

/// Listens for TCP connections. Closed by its destructor. Must not be moved while it is awaited.
///
///     tcp_listener listener("127.0.0.1", 8080);
///     tcp_stream connection = co_await listener.accept();
class tcp_listener {
 public:
  /// Listens on an address. Port 0 means any free port.
  /// Throws: io_error if it cannot listen there; std::invalid_argument if `host` is not an IP address.
  tcp_listener(std::string_view host, std::uint16_t port) : tcp_listener(socket_address(host, port)) {}
  explicit tcp_listener(const socket_address& address) : socket_(detail::listening_socket(address)) {}

  /// Waits for the next connection. One coroutine at a time.
  /// Throws: io_error if the process or the machine is short of descriptors or memory (EMFILE, ENFILE,
  /// ENOBUFS, ENOMEM). The connection still waits then: call again after some time.
  /// Cancellation: throws `cancelled`; no connection is lost.
  task<tcp_stream> accept() {
    for (;;) {
      if (without_wait_ != 0) {
        unique_fd accepted = detail::accept_socket(socket_.get());
        if (accepted) {
          --without_wait_;
          co_return tcp_stream(std::move(accepted));
        }
      }
      without_wait_ = most_at_once;
      co_await readable(socket_);
    }
  }

  socket_address local_address() const { return detail::local_address(socket_.get()); }
  std::uint16_t local_port() const { return local_address().port(); }

  /// Refuses connections from now on. No coroutine may be waiting for it.
  void close() noexcept { socket_.reset(); }
  bool is_open() const noexcept { return static_cast<bool>(socket_); }
  int descriptor() const noexcept { return socket_.get(); }

 private:
  static constexpr unsigned most_at_once = 64;  // see tcp_stream

  unique_fd socket_;
  unsigned without_wait_ = most_at_once;
};

}  // namespace coworker::inline v0_1

#endif
