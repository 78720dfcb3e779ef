#pragma once
// UTF-8: checks whether text is valid, finds where it is not, and encodes code points. Must not know JSON.

#include <coworker/json/bytes.hpp>
#include <cstddef>
#include <string>
#include <string_view>

namespace coworker::inline v0_1 {

namespace detail {

/// Returns the length in bytes (1 to 4) of the UTF-8 sequence at `p`, or 0 if no valid one starts there.
/// Rejects overlong forms, surrogates and code points above U+10FFFF. `p` must not be `end`.
/// Source: Unicode 15, table 3-7.
constexpr std::size_t utf8_sequence(const char* p, const char* end) noexcept {
  const auto byte = [p](std::ptrdiff_t i) { return static_cast<unsigned char>(p[i]); };
  const auto follows = [&](std::ptrdiff_t i) { return (byte(i) & 0xc0) == 0x80; };
  const std::ptrdiff_t room = end - p;
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xc2) return 0;
  if (lead < 0xe0) return room >= 2 && follows(1) ? 2 : 0;
  if (lead < 0xf0) {
    if (room < 3 || !follows(1) || !follows(2)) return 0;
    if (lead == 0xe0 && byte(1) < 0xa0) return 0;
    if (lead == 0xed && byte(1) > 0x9f) return 0;
    return 3;
  }
  if (lead > 0xf4 || room < 4 || !follows(1) || !follows(2) || !follows(3)) return 0;
  if (lead == 0xf0 && byte(1) < 0x90) return 0;
  if (lead == 0xf4 && byte(1) > 0x8f) return 0;
  return 4;
}

/// Returns the first byte in [p, end) where no valid UTF-8 sequence starts, or `end`.
inline const char* skip_valid_utf8(const char* p, const char* end) noexcept {
  while (p != end) {
    if (static_cast<signed char>(*p) >= 0) {
      while (end - p >= 8 && (load_word(p) & high_bits) == 0) p += 8;
      while (p != end && static_cast<signed char>(*p) >= 0) ++p;
      continue;
    }
    const std::size_t length = utf8_sequence(p, end);
    if (length == 0) return p;
    p += length;
  }
  return end;
}

}  // namespace detail

/// Returns the offset of the first byte of `text` that is not valid UTF-8, or npos if all of it is valid.
inline std::size_t find_invalid_utf8(std::string_view text) noexcept {
  const char* const end = text.data() + text.size();
  const char* const bad = detail::skip_valid_utf8(text.data(), end);
  return bad == end ? std::string_view::npos : static_cast<std::size_t>(bad - text.data());
}

/// Appends the UTF-8 encoding of a Unicode scalar value (up to U+10FFFF, not a surrogate).
inline void append_utf8(std::string& out, char32_t code_point) {
  const auto tail = [&](int shift) { return static_cast<char>(0x80 | ((code_point >> shift) & 0x3f)); };
  if (code_point < 0x80) {
    out += static_cast<char>(code_point);
  } else if (code_point < 0x800) {
    out += {static_cast<char>(0xc0 | (code_point >> 6)), tail(0)};
  } else if (code_point < 0x10000) {
    out += {static_cast<char>(0xe0 | (code_point >> 12)), tail(6), tail(0)};
  } else {
    out += {static_cast<char>(0xf0 | (code_point >> 18)), tail(12), tail(6), tail(0)};
  }
}

}  // namespace coworker::inline v0_1
