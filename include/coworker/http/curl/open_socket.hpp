#pragma once
// Opens sockets for libcurl: with close-on-exec, and on request only to public addresses. Must
// not know who uses them.

#include <curl/curl.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <coworker/net/address.hpp>
#include <coworker/net/public_address.hpp>
#include <string>

namespace coworker::inline v0_1::detail {

/// Why open_socket() returned CURL_SOCKET_BAD.
struct open_failure {
  int error = 0;             // errno; EACCES: the address is not public
  std::string refused = {};  // the address that is not public
};

/// Opens a socket for exactly this address, so that no later look-up of its name can lead elsewhere.
inline curl_socket_t open_socket(const curl_sockaddr& to, bool only_public, open_failure& why) noexcept {
  if (only_public) {
    const socket_address address(&to.addr, static_cast<socklen_t>(to.addrlen));
    const bool internet = to.family == AF_INET || to.family == AF_INET6;
    if (!internet || !detail::is_public(address)) {
      why.error = EACCES;
      try {
        why.refused = internet ? address.host() : "an address outside the internet";
      } catch (...) {  // no memory for the text
      }
      return CURL_SOCKET_BAD;
    }
  }
#ifdef SOCK_CLOEXEC
  const int socket = ::socket(to.family, to.socktype | SOCK_CLOEXEC, to.protocol);
#else
  const int socket = ::socket(to.family, to.socktype, to.protocol);
  if (socket >= 0) ::fcntl(socket, F_SETFD, FD_CLOEXEC);
#endif
  if (socket < 0) {
    why.error = errno;
    return CURL_SOCKET_BAD;
  }
  return socket;
}

}  // namespace coworker::inline v0_1::detail
