#pragma once

// What the JSON benchmark asks of a library. It must not know any library.

#include <cstddef>
#include <functional>
#include <string_view>
#include <vector>

namespace coworker::bench {

/// One library's way of doing each thing that is measured.
struct json_library {
  const char* name;
  /// Parses the text into a fresh document, destroys it, and returns a number that depends on what was
  /// parsed.
  std::size_t (*parse)(std::string_view text);
  /// Parses the text once. What comes back writes the document into a fresh text each time and returns its
  /// size.
  std::function<std::size_t()> (*writer)(std::string_view text);
};

/// All libraries this program was linked with.
inline std::vector<json_library>& json_libraries() {
  static std::vector<json_library> all;
  return all;
}

/// Adds a library; to be called while static objects are initialised.
inline bool add(const json_library& one) {
  json_libraries().push_back(one);
  return true;
}

}  // namespace coworker::bench
