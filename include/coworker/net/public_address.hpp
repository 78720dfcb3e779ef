#pragma once
// Which addresses belong to the public internet, so that a client cannot make this program send requests to
// what only this program can reach. Must not know who sends them.

#include <coworker/net/address.hpp>
#include <coworker/system.hpp>

#if COWORKER_POSIX

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstring>

namespace coworker::inline v0_1::detail {

struct address_block {
  std::uint32_t base;
  unsigned bits;
};

// The IPv4 addresses that are not public: IANA's registry of special-purpose addresses, and multicast.
inline constexpr std::array<address_block, 15> special_blocks{{{0x00000000, 8},
                                                               {0x0a000000, 8},
                                                               {0x64400000, 10},
                                                               {0x7f000000, 8},
                                                               {0xa9fe0000, 16},
                                                               {0xac100000, 12},
                                                               {0xc0000000, 24},
                                                               {0xc0000200, 24},
                                                               {0xc0586300, 24},
                                                               {0xc0a80000, 16},
                                                               {0xc6120000, 15},
                                                               {0xc6336400, 24},
                                                               {0xcb007100, 24},
                                                               {0xe0000000, 4},
                                                               {0xf0000000, 4}}};

constexpr bool is_public_ipv4(std::uint32_t address) noexcept {
  for (const address_block& one : special_blocks) {
    if ((address ^ one.base) >> (32 - one.bits) == 0) return false;
  }
  return true;
}

inline bool is_public(const socket_address& address) noexcept {
  if (!address.is_ipv6()) {
    sockaddr_in four{};
    std::memcpy(&four, address.data(), sizeof four);
    return detail::is_public_ipv4(ntohl(four.sin_addr.s_addr));
  }
  sockaddr_in6 six{};
  std::memcpy(&six, address.data(), sizeof six);
  const unsigned char* const bytes = six.sin6_addr.s6_addr;
  // Global unicast is 2000::/3. Within it, 2001:db8::/32 is for documentation, and 2002::/16 and 2001::/32
  // contain an IPv4 address.
  const bool global = (bytes[0] & 0xe0) == 0x20;
  const bool tunnel =
      bytes[0] == 0x20 && (bytes[1] == 0x02 || (bytes[1] == 0x01 && bytes[2] == 0 && bytes[3] == 0));
  const bool document = bytes[0] == 0x20 && bytes[1] == 0x01 && bytes[2] == 0x0d && bytes[3] == 0xb8;
  return global && !tunnel && !document;
}

}  // namespace coworker::inline v0_1::detail

#endif
