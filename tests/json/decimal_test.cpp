#include <doctest/doctest.h>
#include <charconv>
#include <coworker/json/decimal.hpp>
#include <cstdio>
#include <limits>
#include <string>

#include "support/comma_locale.hpp"

namespace {

using coworker::detail::decimal_text;
using std::chars_format;

std::string printed(const char* form, double value) {
  char text[400];
  std::snprintf(text, sizeof text, form, value);
  return text;
}

}  // namespace

TEST_CASE("decimal numbers are written as by printf in the C locale") {
  using limits = std::numeric_limits<double>;
  for (const double value :
       {0.0, -0.0, 0.25, 1.0, 2.0, 100000.0, 1000000.0, 1e15, 1e16, 1e100, 1e-4, 1e-5, 0.1 + 0.2, -12345.678,
        limits::max(), -limits::max(), limits::min(), limits::denorm_min(), limits::infinity()}) {
    CAPTURE(value);
    CHECK(decimal_text(value, chars_format::general, 6) == printed("%g", value));
    CHECK(decimal_text(value, chars_format::general, 15) == printed("%.15g", value));
    CHECK(decimal_text(value, chars_format::fixed, 2) == printed("%.2f", value));
  }
}

TEST_CASE("decimal numbers have a point in every locale") {
  const coworker::testing::comma_locale here;
  if (!here) {
    MESSAGE("skipped: there is no locale with a decimal comma");
    return;
  }
  REQUIRE(printed("%g", 0.25) == "0,25");
  CHECK(decimal_text(0.25, chars_format::general, 6) == "0.25");
  CHECK(decimal_text(1234.5, chars_format::fixed, 2) == "1234.50");
}
