#pragma once
// Sockets on loopback with an owner each: a listener that keeps its port while it refuses, and what is done
// to one connection. Linux. Must not know of HTTP.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace coworker::testing {

/// Closes what it holds.
class descriptor {
 public:
  descriptor() = default;
  explicit descriptor(int number) noexcept : number_(number) {}
  descriptor(descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  descriptor& operator=(descriptor other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~descriptor() {
    if (number_ >= 0) ::close(number_);
  }

  int get() const noexcept { return number_; }
  bool valid() const noexcept { return number_ >= 0; }

 private:
  int number_ = -1;
};

/// What a system call gave. Errors: system_error that names the call.
inline int checked(int result, const char* call) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), call);
  return result;
}

inline void set_flag(int socket, int level, int name) {
  const int on = 1;
  checked(::setsockopt(socket, level, name, &on, sizeof on), "setsockopt");
}

inline sockaddr_in loopback_address(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// Makes closing the socket a reset.
inline void reset_on_close(int socket) noexcept {
  const linger at_once{1, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

/// Listens on 127.0.0.1. While closed, connections are refused, and the port stays its own.
class listener {
 public:
  /// Port 0 is any that is free.
  explicit listener(std::uint16_t port) : reserved_(bound(port)) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    checked(::getsockname(reserved_.get(), reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
    port_ = ntohs(address.sin_port);
    open();
  }

  void open() {
    if (listening_.valid()) return;
    listening_ = bound(port_);
    checked(::listen(listening_.get(), SOMAXCONN), "listen");
  }

  void close() noexcept { listening_ = descriptor(); }

  int get() const noexcept { return listening_.get(); }
  bool is_open() const noexcept { return listening_.valid(); }
  std::uint16_t port() const noexcept { return port_; }

  /// The next connection that waits; not valid when there is none.
  descriptor accept() const {
    descriptor made(::accept4(listening_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (made.valid()) set_flag(made.get(), IPPROTO_TCP, TCP_NODELAY);
    return made;
  }

 private:
  static descriptor bound(std::uint16_t port) {
    descriptor made(checked(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket"));
    set_flag(made.get(), SOL_SOCKET, SO_REUSEADDR);
    set_flag(made.get(), SOL_SOCKET, SO_REUSEPORT);
    const sockaddr_in address = loopback_address(port);
    if (::bind(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      throw std::runtime_error("port " + std::to_string(port) +
                               " of 127.0.0.1 is not free; choose another, or 0");
    }
    return made;
  }

  descriptor reserved_;  // bound, but never listens
  descriptor listening_;
  std::uint16_t port_ = 0;
};

}  // namespace coworker::testing
