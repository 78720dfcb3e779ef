#pragma once
// How a socket of libcurl's is opened: closed on exec, and to public addresses only where that is asked for. Must not know
// whose it is.

#include <curl/curl.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <coworker/net/address.hpp>
#include <coworker/net/public_address.hpp>
#include <string>

namespace coworker::inline v0_1::detail {

/// What became of it where it is CURL_SOCKET_BAD.
struct open_failure {
  int error = 0;             // of the system; EACCES: the address is not public
  std::string refused = {};  // that address
};

/// The address is the one that the socket is then connected to, so that no later look-up of its name can lead elsewhere.
inline curl_socket_t open_socket(const curl_sockaddr& to, bool only_public, open_failure& why) noexcept {
  if (only_public) {
    const socket_address address(&to.addr, static_cast<socklen_t>(to.addrlen));
    const bool internet = to.family == AF_INET || to.family == AF_INET6;
    if (!internet || !detail::is_public(address)) {
      why.error = EACCES;
      try {
        why.refused = internet ? address.host() : "no address of the internet";
      } catch (...) {  // no memory for its name
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
