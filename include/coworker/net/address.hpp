#pragma once
// socket_address: an IPv4 or IPv6 address and a port, where a TCP socket listens or to which it connects.
// Must not know sockets.

#include <coworker/system.hpp>

#if COWORKER_POSIX

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace coworker::inline v0_1 {

/// An IPv4 or IPv6 address and a port. A value type.
class socket_address {
 public:
  /// Makes 0.0.0.0:0.
  socket_address() noexcept {
    storage_.ss_family = AF_INET;
    size_ = sizeof(sockaddr_in);
  }

  /// Copies an address of that size that a system call returned.
  socket_address(const sockaddr* address, socklen_t size) noexcept : size_(size) {
    std::memcpy(&storage_, address, size_ <= sizeof storage_ ? size_ : sizeof storage_);
  }

  /// Parses an address in digits, such as "0.0.0.0", "127.0.0.1", "::" or "[::1]"; "localhost" is 127.0.0.1.
  /// Does not look up names; resolve() does.
  /// Throws: std::invalid_argument for any other text.
  socket_address(std::string_view host, std::uint16_t port) {
    std::string digits(host == "localhost" ? "127.0.0.1" : host);
    if (digits.starts_with('[') && digits.ends_with(']')) digits = digits.substr(1, digits.size() - 2);
    sockaddr_in four{};
    sockaddr_in6 six{};
    if (::inet_pton(AF_INET, digits.c_str(), &four.sin_addr) == 1) {
      four.sin_family = AF_INET;
      four.sin_port = htons(port);
      *this = socket_address(reinterpret_cast<const sockaddr*>(&four), sizeof four);
    } else if (::inet_pton(AF_INET6, digits.c_str(), &six.sin6_addr) == 1) {
      six.sin6_family = AF_INET6;
      six.sin6_port = htons(port);
      *this = socket_address(reinterpret_cast<const sockaddr*>(&six), sizeof six);
    } else {
      throw std::invalid_argument(
          "\"" + std::string(host) +
          "\" is not an IP address; give one such as 0.0.0.0 (all interfaces), 127.0.0.1 "
          "or ::1, or look the name up with resolve()");
    }
  }

  std::uint16_t port() const noexcept {
    return ntohs(is_ipv6() ? reinterpret_cast<const sockaddr_in6&>(storage_).sin6_port
                           : reinterpret_cast<const sockaddr_in&>(storage_).sin_port);
  }

  /// Returns the address in digits, without the port.
  std::string host() const {
    char digits[INET6_ADDRSTRLEN] = {};
    const void* const bytes =
        is_ipv6() ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in6&>(storage_).sin6_addr)
                  : static_cast<const void*>(&reinterpret_cast<const sockaddr_in&>(storage_).sin_addr);
    ::inet_ntop(storage_.ss_family, bytes, digits, sizeof digits);
    return digits;
  }

  /// Returns the address and the port, such as "127.0.0.1:8080" or "[::1]:8080".
  std::string to_string() const {
    return (is_ipv6() ? "[" + host() + "]:" : host() + ":") + std::to_string(port());
  }

  bool is_ipv6() const noexcept { return storage_.ss_family == AF_INET6; }
  int family() const noexcept { return storage_.ss_family; }
  const sockaddr* data() const noexcept { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const noexcept { return size_; }

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

/// Looks up a host name. Returns its addresses, at least one, in the order in which to try them. Blocks until
/// the name server responds, which may take many seconds: call it before the loop runs, or on a thread_pool.
/// Throws: std::runtime_error if the name is unknown.
template <class Address = socket_address>  // a template, so that only who looks names up compiles it
std::vector<Address> resolve(const std::string& host, std::uint16_t port) {
  addrinfo wanted{};
  wanted.ai_family = AF_UNSPEC;
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found);
  if (failed != 0)
    throw std::runtime_error("\"" + host + "\" cannot be looked up: " + ::gai_strerror(failed));
  struct owner {
    addrinfo* list;
    ~owner() { ::freeaddrinfo(list); }
  } const freed{found};
  std::vector<Address> addresses;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next)
    addresses.emplace_back(one->ai_addr, one->ai_addrlen);
  return addresses;
}

}  // namespace coworker::inline v0_1

#endif
