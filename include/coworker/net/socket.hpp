#pragma once
// The system calls of TCP sockets, as functions that throw. Sockets are created non-blocking and closed on
// exec. Must not know coroutines: tcp.hpp waits.

#include <coworker/net/address.hpp>
#include <coworker/net/descriptor.hpp>
#include <coworker/system.hpp>

#if COWORKER_POSIX

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

namespace coworker::inline v0_1::detail {

inline void set_flag(int socket, int level, int name) {
  const int on = 1;
  checked(::setsockopt(socket, level, name, &on, sizeof on), "setsockopt");
}

#ifdef MSG_NOSIGNAL
inline constexpr int send_flags = MSG_NOSIGNAL;  // if the peer is gone, send() fails without a SIGPIPE
#else
inline constexpr int send_flags = 0;
#endif

inline void prepare_connected(int socket) {
  set_flag(socket, IPPROTO_TCP, TCP_NODELAY);
#if !defined(MSG_NOSIGNAL) && defined(SO_NOSIGPIPE)
  set_flag(socket, SOL_SOCKET, SO_NOSIGPIPE);
#endif
}

inline unique_fd make_socket(int family) {
#ifdef SOCK_CLOEXEC
  return unique_fd(checked(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
#else
  unique_fd made(checked(::socket(family, SOCK_STREAM, 0), "socket"));
  set_cloexec_and_nonblocking(made.get());
  return made;
#endif
}

inline unique_fd bound_socket(const socket_address& address) {
  unique_fd made = make_socket(address.family());
  set_flag(made.get(), SOL_SOCKET, SO_REUSEADDR);
  if (address.is_ipv6()) {
    const int off = 0;  // "::" also listens for IPv4
    ::setsockopt(made.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  }
  if (::bind(made.get(), address.data(), address.size()) == 0) return made;
  const int error = errno;
  const std::string what = "cannot listen on " + address.to_string();
  if (error == EADDRINUSE)
    throw_io_error(error, what,
                   "another program does: stop it, or choose another port, or 0 for any that is free");
  if (error == EADDRNOTAVAIL)
    throw_io_error(error, what, "this machine does not have that address: 0.0.0.0 listens on all it has");
  if (error == EACCES) throw_io_error(error, what, "choose a port above 1023");
  throw_io_error(error, what);
}

/// Returns a socket that listens. Port 0 means any free port.
inline unique_fd listening_socket(const socket_address& address) {
  unique_fd made = bound_socket(address);
  checked(::listen(made.get(), SOMAXCONN), "listen");
  return made;
}

inline socket_address local_address(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  checked(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
  return {reinterpret_cast<const sockaddr*>(&address), size};
}

inline socket_address peer_address(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  checked(::getpeername(socket, reinterpret_cast<sockaddr*>(&address), &size), "getpeername");
  return {reinterpret_cast<const sockaddr*>(&address), size};
}

/// Returns whether the error is that of a connection that ended before it was accepted, so that the next one
/// should be tried.
inline bool accept_again(int error) noexcept {
  switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ETIMEDOUT:
    case EPERM:  // rejected by a firewall
      return true;
    default:
      return false;
  }
}

/// Returns the next waiting connection; an empty unique_fd if there is none. Throws: io_error.
inline unique_fd accept_socket(int listening) {
  for (;;) {
#ifdef SOCK_CLOEXEC
    unique_fd made(::accept4(listening, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
#else
    unique_fd made(::accept(listening, nullptr, nullptr));
    if (made) set_cloexec_and_nonblocking(made.get());
#endif
    if (made) {
      prepare_connected(made.get());
      return made;
    }
    if (detail::would_block(errno)) return made;
    if (!accept_again(errno)) throw_io_error(errno, "a connection cannot be accepted");
  }
}

/// Makes closing the socket send a reset.
inline void reset_on_close(int socket) noexcept {
  const linger at_once{1, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

}  // namespace coworker::inline v0_1::detail

#endif
