#pragma once

// The functions that the JSON benchmark needs from a library. Must not know any library.

#include <cstddef>
#include <functional>
#include <string_view>
#include <vector>

namespace coworker::bench {

/// A library's implementation of each measured operation.
struct json_library {
  const char* name;
  /// Parses the text into a new document, destroys it, and returns a number that depends on the document.
  std::size_t (*parse)(std::string_view text);
  /// Parses the text once. Returns a function that writes the document into a new text and returns its size.
  std::function<std::size_t()> (*writer)(std::string_view text);
};

/// All libraries that this program is linked with.
inline std::vector<json_library>& json_libraries() {
  static std::vector<json_library> all;
  return all;
}

/// Adds a library. Called while static objects are initialised.
inline bool add(const json_library& one) {
  json_libraries().push_back(one);
  return true;
}

}  // namespace coworker::bench
