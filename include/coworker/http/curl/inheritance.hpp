#pragma once
// Sockets that libcurl opens, and programs that are started meanwhile: those are to inherit none. Must not know libcurl.

#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <vector>

namespace coworker::detail {

/// A socket that no program inherits, from its birth where the system allows that. As socket(2) otherwise.
inline int open_private_socket(int family, int type, int protocol) noexcept {
#ifdef SOCK_CLOEXEC
  return ::socket(family, type | SOCK_CLOEXEC, protocol);
#else
  const int made = ::socket(family, type, protocol);
  if (made >= 0) ::fcntl(made, F_SETFD, FD_CLOEXEC);
  return made;
#endif
}

// What this process has open; nothing where the system does not say.
inline std::vector<int> open_descriptors() {
  std::vector<int> found;
  DIR* const folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return found;
  while (const dirent* const entry = ::readdir(folder)) {
    const std::string_view name(entry->d_name);
    const char* const end = name.data() + name.size();
    int number = -1;
    const bool whole = std::from_chars(name.data(), end, number).ptr == end;
    if (whole && number != ::dirfd(folder)) found.push_back(number);
  }
  ::closedir(folder);
  return found;
}

inline bool is_nameless_local(sockaddr_un& address, socklen_t size) noexcept {
  return address.sun_family == AF_UNIX && size <= sizeof address.sun_family;
}

// One end of a socketpair(2).
inline bool is_end_of_pair(int number) noexcept {
  sockaddr_un own{}, other{};
  socklen_t own_size = sizeof own, other_size = sizeof other;
  return ::getsockname(number, reinterpret_cast<sockaddr*>(&own), &own_size) == 0 &&
         ::getpeername(number, reinterpret_cast<sockaddr*>(&other), &other_size) == 0 &&
         is_nameless_local(own, own_size) && is_nameless_local(other, other_size);
}

/// Calls `make`, after which no program inherits the pairs of sockets that it has opened: up to version 8.9 libcurl
/// wakes itself through one. (Nor are pairs that another thread opens in that moment.)
template <class Make>
auto make_without_heirs(Make make) {
  const std::vector<int> before = open_descriptors();
  auto made = make();
  for (const int number : open_descriptors()) {
    const bool fresh = std::find(before.begin(), before.end(), number) == before.end();
    if (fresh && is_end_of_pair(number)) ::fcntl(number, F_SETFD, FD_CLOEXEC);
  }
  return made;
}

}  // namespace coworker::detail
