#pragma once
// Examines eight bytes of text at once, with integer arithmetic. Knows which bytes need an escape in a JSON
// string; must not know values, parsing or writing.

#include <bit>
#include <cstdint>
#include <cstring>

namespace coworker::inline v0_1::detail {

/// Returns eight bytes from `p`, the first in the lowest bits, whatever the machine's byte order.
inline std::uint64_t load_word(const char* p) noexcept {
  std::uint64_t word;
  std::memcpy(&word, p, sizeof word);
  if constexpr (std::endian::native == std::endian::big) {
    std::uint64_t swapped = 0;
    for (int i = 0; i < 8; ++i) swapped |= ((word >> (8 * i)) & 0xff) << (56 - 8 * i);
    word = swapped;
  }
  return word;
}

constexpr std::uint64_t repeat_byte(unsigned char byte) noexcept { return 0x0101010101010101u * byte; }

inline constexpr std::uint64_t high_bits = repeat_byte(0x80);

/// Marks, with its high bit, the first byte of the word that is '"', '\' or below 0x20. Later bytes may be
/// marked wrongly, because a subtraction borrows upwards; no byte before the first match is marked.
constexpr std::uint64_t mark_specials(std::uint64_t word) noexcept {
  const std::uint64_t below_space = word - repeat_byte(0x20);
  const std::uint64_t quote = (word ^ repeat_byte('"')) - repeat_byte(1);
  const std::uint64_t backslash = (word ^ repeat_byte('\\')) - repeat_byte(1);
  return (below_space | quote | backslash) & ~word & high_bits;
}

/// Returns the index of the first marked byte. `marks` must not be zero.
constexpr unsigned first_marked(std::uint64_t marks) noexcept {
  return static_cast<unsigned>(std::countr_zero(marks)) >> 3;
}

constexpr bool is_special(char c) noexcept {
  return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
}

/// A span of text without escapes: where it ends, and whether it is all ASCII.
struct plain_run {
  const char* end;
  bool ascii;
};

/// Returns the longest span from `p` without '"', '\' and control characters.
inline plain_run skip_plain(const char* p, const char* end) noexcept {
  std::uint64_t seen = 0;
  for (; end - p >= 8; p += 8) {
    const std::uint64_t word = load_word(p);
    if (const std::uint64_t marks = mark_specials(word)) {
      const unsigned count = first_marked(marks);
      seen |= word & ((std::uint64_t{1} << (8 * count)) - 1);
      return {p + count, (seen & high_bits) == 0};
    }
    seen |= word;
  }
  for (; p != end && !is_special(*p); ++p) seen |= static_cast<unsigned char>(*p);
  return {p, (seen & high_bits) == 0};
}

}  // namespace coworker::inline v0_1::detail
