#pragma once
// Formats numbers for people and for other programs, the same in every locale; std::snprintf writes a comma
// for the point in some locales. Must not know JSON.

#include <charconv>
#include <cstddef>
#include <string>
#include <system_error>

namespace coworker::inline v0_1::detail {

/// Formats like printf with %g (chars_format::general: `digits` significant digits) or %f (fixed: `digits`
/// digits after the point), but always with a point, whatever the locale.
inline std::string decimal_text(double value, std::chars_format format, int digits) {
  constexpr std::size_t longest_fixed = 310;  // digits before the point, and the sign
  std::string text(longest_fixed + 2 + static_cast<std::size_t>(digits), ' ');
  const auto [end, problem] = std::to_chars(text.data(), text.data() + text.size(), value, format, digits);
  text.resize(problem == std::errc() ? static_cast<std::size_t>(end - text.data()) : 0);
  return text;
}

}  // namespace coworker::inline v0_1::detail
