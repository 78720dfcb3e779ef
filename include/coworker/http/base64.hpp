#pragma once
// Encodes and decodes base64 (RFC 4648), the form that binary data takes inside JSON. Must not
// know what the bytes are.

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace coworker::inline v0_1 {

/// Thrown for a text that is not valid base64. The message names the position of the error.
class base64_error : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

/// Returns bytes as base64, with padding and without line breaks.
inline std::string base64_encode(std::string_view bytes) {
  constexpr const char* letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text((bytes.size() + 2) / 3 * 4, '=');
  std::size_t at = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = bytes.size() - i < 3 ? bytes.size() - i : 3;
    std::uint32_t group = 0;
    for (std::size_t k = 0; k != 3; ++k) {
      group <<= 8;
      if (k < count) group |= static_cast<unsigned char>(bytes[i + k]);
    }
    for (std::size_t k = 0; k <= count; ++k) text[at + k] = letters[(group >> (18 - 6 * k)) & 63];
    at += 4;
  }
  return text;
}

namespace detail {

// Returns the value of a character of the standard or the URL alphabet, or -1 for any other character.
constexpr int base64_value(char c) noexcept {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  return c == '/' || c == '_' ? 63 : -1;
}

}  // namespace detail

/// Decodes base64 of the standard or the URL alphabet, with or without padding, and returns the bytes. Skips
/// line breaks and blanks, and the prefix of a data URL, such as "data:image/png;base64,".
/// Throws: base64_error for any other text.
inline std::string base64_decode(std::string_view text) {
  constexpr std::string_view mark = ";base64,";
  std::size_t at = 0;
  if (text.starts_with("data:")) {
    const std::size_t comma = text.find(',');
    if (comma == std::string_view::npos || comma + 1 < mark.size() ||
        text.substr(comma + 1 - mark.size(), mark.size()) != mark) {
      throw base64_error("base64_decode: the data URL does not say ;base64, before its data");
    }
    at = comma + 1;
  }
  std::string bytes;
  bytes.reserve((text.size() - at) / 4 * 3);
  std::uint32_t group = 0;
  std::size_t letters = 0;  // of the incomplete group
  std::size_t padding = 0;
  for (; at != text.size(); ++at) {
    const char c = text[at];
    if (c == '\n' || c == '\r' || c == ' ' || c == '\t') continue;
    if (c == '=') {
      ++padding;
      continue;
    }
    const int value = detail::base64_value(c);
    if (value < 0 || padding > 0) {
      throw base64_error("base64_decode: the character at " + std::to_string(at) +
                         (value < 0 ? " is not a base64 character" : " comes after the padding"));
    }
    group = group << 6 | static_cast<std::uint32_t>(value);
    if (++letters < 4) continue;
    for (const int shift : {16, 8, 0}) bytes += static_cast<char>(group >> shift & 255);
    group = 0;
    letters = 0;
  }
  const bool padded_well = padding == 0 || letters + padding == 4;
  const std::uint32_t left_over = letters == 2 ? group & 15 : letters == 3 ? group & 3 : 0;
  if (letters == 1 || !padded_well || left_over != 0)
    throw base64_error("base64_decode: the text ends in the middle of a byte; it was cut off");
  if (letters == 2) bytes += static_cast<char>(group >> 4 & 255);
  if (letters == 3) {
    bytes += static_cast<char>(group >> 10 & 255);
    bytes += static_cast<char>(group >> 2 & 255);
  }
  return bytes;
}

}  // namespace coworker::inline v0_1
