#include <coworker/version.hpp>

#include <doctest/doctest.h>

#include <string>

TEST_CASE("the version as text agrees with its three numbers") {
  const auto numbers = {COWORKER_VERSION_MAJOR, COWORKER_VERSION_MINOR, COWORKER_VERSION_PATCH};
  std::string text;
  for (const int number : numbers) text += (text.empty() ? "" : ".") + std::to_string(number);
  CHECK(text == COWORKER_VERSION);
}
