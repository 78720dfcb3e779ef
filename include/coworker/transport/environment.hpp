#pragma once
// Reads the variables of the environment, for the settings of engines. Must not know any engine.

#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace coworker::inline v0_1 {

/// A variable that cannot be used. The message names it, its value, and the way out.
class environment_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Returns the value of a variable of the environment, or nothing if it is unset or empty. Strips white space
/// around the value: a file of variables that was written on Windows leaves a carriage return at the end of
/// each.
inline std::optional<std::string> environment(const char* name) {
  const char* const given = std::getenv(name);
  std::string_view value(given != nullptr ? given : "");
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!value.empty() && is_space(value.back())) value.remove_suffix(1);
  while (!value.empty() && is_space(value.front())) value.remove_prefix(1);
  if (value.empty()) return std::nullopt;
  return std::string(value);
}

}  // namespace coworker::inline v0_1
