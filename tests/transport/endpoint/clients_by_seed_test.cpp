// Many clients of an endpoint, whose actions are drawn from seeds: see endpoint_seed.

#include <doctest/doctest.h>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <support/endpoint_seed.hpp>

namespace coworker::testing {

// To try more: ENDPOINT_SEEDS=100000 sets how many seeds are tried, ENDPOINT_SEED=1 the first of them.
std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* const given = std::getenv(name);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

TEST_CASE(
    "whatever clients do, each accepted job gets one answer, and the responses about it are consistent") {
  const std::uint64_t first = number_from("ENDPOINT_SEED", 1);
  std::size_t accepted = 0;
  for (std::uint64_t seed = first; seed < first + number_from("ENDPOINT_SEEDS", 150); ++seed) {
    endpoint_seed world(seed);
    for (const std::string& problem : world.play()) FAIL_CHECK("seed " << seed << ": " << problem);
    accepted += world.accepted();
  }
  CHECK(accepted > 0);
}

}  // namespace coworker::testing
