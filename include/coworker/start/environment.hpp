#pragma once
// The environment's variables, and those that every mode reads.

#include <coworker/log.hpp>
#include <coworker/start/arguments.hpp>
#include <cstdlib>
#include <optional>
#include <string>

namespace coworker::detail {

// An empty value counts as unset.
inline std::optional<std::string> environment(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr && *value != '\0' ? std::optional<std::string>(value) : std::nullopt;
}

inline log_level level_from_environment(log_level fallback) {
  for (const char* const name : {"RUNPOD_LOG_LEVEL", "RUNPOD_DEBUG_LEVEL"}) {
    if (const auto value = environment(name)) return require_log_level(name, *value);
  }
  return fallback;
}

}  // namespace coworker::detail
