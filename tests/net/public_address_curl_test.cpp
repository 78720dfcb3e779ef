#include <doctest/doctest.h>
#include <coworker/net/public_address.hpp>

namespace coworker::testing {
namespace {

socket_address at(const char* address) { return socket_address(address, 80); }

}  // namespace

TEST_CASE("private, local and special addresses are not public") {
  for (const char* const one : {"0.0.0.0",
                                "10.1.2.3",
                                "100.64.0.1",
                                "127.0.0.1",
                                "169.254.169.254",
                                "172.16.0.1",
                                "172.31.255.255",
                                "192.0.0.8",
                                "192.0.2.1",
                                "192.168.0.1",
                                "198.18.0.1",
                                "198.51.100.1",
                                "203.0.113.1",
                                "224.0.0.1",
                                "240.0.0.1",
                                "255.255.255.255",
                                "::",
                                "::1",
                                "fe80::1",
                                "fc00::1",
                                "fd12::1",
                                "ff02::1",
                                "::ffff:127.0.0.1",
                                "64:ff9b::7f00:1",
                                "2001:db8::1",
                                "2002:7f00:1::",
                                "2001:0::1"}) {
    CAPTURE(one);
    CHECK(!detail::is_public(at(one)));
  }
  for (const char* const one :
       {"1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.167.0.1",
        "223.255.255.255", "2606:4700::1111", "2a00:1450::1"}) {
    CAPTURE(one);
    CHECK(detail::is_public(at(one)));
  }
}

}  // namespace coworker::testing
