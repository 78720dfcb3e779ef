#pragma once
// Sockets on loopback for tests: a listener that keeps its port while it refuses connections. Must not know
// HTTP.

#include <netinet/in.h>
#include <sys/socket.h>

#include <coworker/net/address.hpp>
#include <coworker/net/descriptor.hpp>
#include <coworker/net/socket.hpp>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace coworker::testing {

using coworker::detail::checked;
using coworker::detail::reset_on_close;

inline socket_address loopback_address(std::uint16_t port) { return {"127.0.0.1", port}; }

/// Listens on 127.0.0.1. While it is closed, connections are refused, and the port stays reserved.
class listener {
 public:
  /// Port 0 means any free port.
  explicit listener(std::uint16_t port)
      : reserved_(bound(port)), port_(detail::local_address(reserved_.get()).port()) {
    open();
  }

  void open() {
    if (listening_) return;
    listening_ = bound(port_);
    checked(::listen(listening_.get(), SOMAXCONN), "listen");
  }

  void close() noexcept { listening_.reset(); }

  int get() const noexcept { return listening_.get(); }
  bool is_open() const noexcept { return static_cast<bool>(listening_); }
  std::uint16_t port() const noexcept { return port_; }

  /// Returns the next connection that waits; none if there is none.
  unique_fd accept() const { return detail::accept_socket(listening_.get()); }

 private:
  // The options let two sockets have the same port, which a real server does not do.
  static unique_fd bound(std::uint16_t port) {
    unique_fd made = detail::make_socket(AF_INET);
    detail::set_flag(made.get(), SOL_SOCKET, SO_REUSEADDR);
    detail::set_flag(made.get(), SOL_SOCKET, SO_REUSEPORT);
    const socket_address address = loopback_address(port);
    if (::bind(made.get(), address.data(), address.size()) != 0) {
      throw std::runtime_error("port " + std::to_string(port) +
                               " of 127.0.0.1 is not free; choose another, or 0");
    }
    return made;
  }

  unique_fd reserved_;  // bound, but never listens
  unique_fd listening_;
  std::uint16_t port_ = 0;
};

}  // namespace coworker::testing
