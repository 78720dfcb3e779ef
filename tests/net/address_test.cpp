#include <doctest/doctest.h>
#include <coworker/net/address.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace cw = coworker;

TEST_CASE("an address in digits is parsed and written again") {
  CHECK(cw::socket_address("127.0.0.1", 8080).to_string() == "127.0.0.1:8080");
  CHECK(cw::socket_address("0.0.0.0", 0).to_string() == "0.0.0.0:0");
  CHECK(cw::socket_address("::1", 65535).to_string() == "[::1]:65535");
  CHECK(cw::socket_address("[fe80::2]", 1).host() == "fe80::2");
  CHECK(cw::socket_address("::", 1).is_ipv6());
  CHECK(cw::socket_address("localhost", 1).to_string() == "127.0.0.1:1");
  CHECK(cw::socket_address().to_string() == "0.0.0.0:0");
}

TEST_CASE("any other text is refused with the remedy") {
  for (const char* const wrong : {"", "example.com", "1.2.3", "256.1.1.1", "[::1", "127.0.0.1:80", "::g"}) {
    CAPTURE(wrong);
    std::string problem;
    try {
      const cw::socket_address address(wrong, 1);
    } catch (const std::invalid_argument& error) {
      problem = error.what();
    }
    CHECK(problem ==
          "\"" + std::string(wrong) +
              "\" is not an IP address; give one such as 0.0.0.0 (all interfaces), 127.0.0.1 or ::1, or "
              "look the name up with resolve()");
  }
}

TEST_CASE("digits resolve to themselves, and an unknown name is an error") {
  const std::vector<cw::socket_address> found = cw::resolve("127.0.0.1", 80);
  REQUIRE(found.size() == 1);
  CHECK(found[0].to_string() == "127.0.0.1:80");
  CHECK_THROWS_WITH_AS(cw::resolve("no such name", 80),
                       doctest::Contains("\"no such name\" cannot be looked up: "), std::runtime_error);
}
