#include <doctest/doctest.h>
#include <array>
#include <coworker/exec/random.hpp>
#include <cstdint>

using coworker::random_source;

TEST_CASE("the same seed gives the same numbers on every platform") {
  random_source numbers(1234567);  // the first values that the algorithm's authors publish for this seed
  CHECK(numbers.next() == 6457827717110365317u);
  CHECK(numbers.next() == 3203168211198807973u);
  CHECK(numbers.next() == 9817491932198370423u);
}

TEST_CASE("numbers below an end, and fractions, stay in their range and reach all of it") {
  random_source numbers(1);
  std::array<int, 6> seen{};
  int outside = 0;
  int low_halves = 0;
  for (int i = 0; i < 6000; ++i) {
    const std::uint64_t number = numbers.below(6U);
    if (number < 6) ++seen[number];
    const double fraction = numbers.fraction();
    if (fraction < 0.0 || fraction >= 1.0) ++outside;
    if (fraction < 0.5) ++low_halves;
  }
  CHECK(outside == 0);
  for (const int count : seen) CHECK(count > 850);
  CHECK(low_halves > 2800);
  CHECK(low_halves < 3200);
  CHECK(numbers.below(1U) == 0);
}
