#pragma once
// Finds and escapes characters that a log line must not contain, so that each event is one line and cannot
// imitate another: those that break lines, move the cursor or reverse the reading order. Must not know logs.

#include <coworker/json/bytes.hpp>
#include <coworker/json/utf8.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace coworker::inline v0_1::detail {

/// A character that must not appear in a line: its number, and its length in bytes, which is 0 if it may.
struct unprintable {
  std::size_t size = 0;
  unsigned code = 0;
};

/// Returns the character at that position of valid UTF-8 if it is unprintable. Unprintable are controls
/// (U+0000 to U+001F, U+007F to U+009F), the line and paragraph separators, and characters that set the
/// direction of text (U+2028 to U+202E, U+2066 to U+2069).
inline unprintable unprintable_at(std::string_view text, std::size_t at) noexcept {
  const auto byte = [&](std::size_t i) -> unsigned {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0;
  };
  const unsigned first = byte(0);
  if (first < 0x20 || first == 0x7f) return {1, first};
  if (first == 0xc2 && byte(1) >= 0x80 && byte(1) <= 0x9f) return {2, byte(1)};
  if (first != 0xe2) return {};
  const unsigned code = 0x2000 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f);
  const bool separates = code >= 0x2028 && code <= 0x202e;
  const bool isolates = code >= 0x2066 && code <= 0x2069;
  return separates || isolates ? unprintable{3, code} : unprintable{};
}

/// Returns the position of the next unprintable character from `from` on; npos if there is none.
inline std::size_t find_unprintable(std::string_view text, std::size_t from) noexcept {
  constexpr std::uint64_t spaces = repeat_byte(0x20);
  constexpr std::uint64_t deletes = repeat_byte(0x7f);
  for (std::size_t at = from; at < text.size();) {
    if (text.size() - at >= 8) {  // eight printable ASCII characters at a time
      const std::uint64_t word = load_word(text.data() + at);
      const std::uint64_t is_delete = (word ^ deletes) - repeat_byte(1);
      if (((word | (word - spaces) | is_delete) & high_bits) == 0) {
        at += 8;
        continue;
      }
    }
    const std::size_t end = text.size() - at >= 8 ? at + 8 : text.size();
    for (; at < end; ++at) {
      if (unprintable_at(text, at).size > 0) return at;
    }
  }
  return std::string_view::npos;
}

/// Appends valid UTF-8, and escapes each unprintable character as JSON does: \n, \t, \u001b.
inline void append_printable(std::string& out, std::string_view text) {
  constexpr const char* digits = "0123456789abcdef";
  std::size_t done = 0;
  for (std::size_t at = find_unprintable(text, 0); at != std::string_view::npos;
       at = find_unprintable(text, done)) {
    const unprintable found = unprintable_at(text, at);
    out.append(text.substr(done, at - done));
    if (found.code == '\n') {
      out += "\\n";
    } else if (found.code == '\r') {
      out += "\\r";
    } else if (found.code == '\t') {
      out += "\\t";
    } else {
      out += {'\\',
              'u',
              digits[found.code >> 12],
              digits[found.code >> 8 & 15],
              digits[found.code >> 4 & 15],
              digits[found.code & 15]};
    }
    done = at + found.size;
  }
  out.append(text.substr(done));
}

/// Returns the text with each byte that is not part of valid UTF-8 replaced by U+FFFD.
inline std::string valid_utf8(std::string_view text) {
  std::string valid;
  for (std::size_t bad = find_invalid_utf8(text); bad != std::string_view::npos;
       bad = find_invalid_utf8(text)) {
    valid.append(text.substr(0, bad));
    append_utf8(valid, U'\ufffd');
    text.remove_prefix(bad + 1);
  }
  valid.append(text);
  return valid;
}

}  // namespace coworker::inline v0_1::detail
