#pragma once
// Counts how many values follow in an array or object without reading them, so that a large one can be
// stored at once in exactly the memory that it needs. Knows the commas, brackets and quotes of JSON text;
// must not know values.

#include <bit>
#include <coworker/json/bytes.hpp>
#include <cstddef>
#include <cstdint>

namespace coworker::inline v0_1::detail {

/// Marks, with its high bit, each byte of the word that is `byte`.
constexpr std::uint64_t mark_equal(std::uint64_t word, char byte) noexcept {
  const std::uint64_t different = word ^ repeat_byte(static_cast<unsigned char>(byte));
  return ~(((different & ~high_bits) + ~high_bits) | different | ~high_bits);
}

/// Marks each byte that is '"', '[', ']', '{' or '}'.
constexpr std::uint64_t mark_structure(std::uint64_t word) noexcept {
  const std::uint64_t folded = word | repeat_byte(0x20);  // '[' becomes '{', and ']' becomes '}'
  return mark_equal(word, '"') | mark_equal(folded, '{') | mark_equal(folded, '}');
}

/// Returns the position after the string that begins at `at`, without its opening quote; `end` if it
/// does not end.
inline const char* skip_string(const char* at, const char* end) noexcept {
  for (;;) {
    at = skip_plain(at, end).end;
    if (at == end || (*at != '"' && *at != '\\')) return end;
    if (*at == '"') return at + 1;
    if (end - at < 2) return end;
    at += 2;
  }
}

/// What follows in an array or object.
struct values_ahead {
  std::size_t count;  // number of values or members that were seen
  bool all;           // true: there are no others
  std::size_t bytes;  // number of bytes examined
};

/// Examines up to `most` bytes of the rest of an array or object. `at` is after a comma. If the text is not
/// JSON, counts at least the values before the error.
inline values_ahead look_ahead(const char* at, const char* end, std::size_t most) noexcept {
  const bool limited = static_cast<std::size_t>(end - at) > most;
  if (limited) end = at + most;
  const char* const begin = at;
  std::size_t commas = 0;
  std::size_t depth = 0;
  bool closed = false;
  while (at != end && !closed) {
    if (end - at >= 8) {
      const std::uint64_t word = load_word(at);
      const std::uint64_t structure = mark_structure(word);
      // All marks below the first structural character; all 64 bits if there is none.
      const std::uint64_t before = (structure - 1) & ~structure;
      if (depth == 0) commas += static_cast<std::size_t>(std::popcount(mark_equal(word, ',') & before));
      if (structure == 0) {
        at += 8;
        continue;
      }
      at += first_marked(structure);
    }
    switch (*at++) {
      case '"':
        at = skip_string(at, end);
        break;
      case '[':
      case '{':
        ++depth;
        break;
      case ']':
      case '}':
        closed = depth == 0;
        if (!closed) --depth;
        break;
      case ',':
        if (depth == 0) ++commas;
        break;
      default:
        break;
    }
  }
  return {commas + 1, closed || !limited, static_cast<std::size_t>(at - begin)};
}

}  // namespace coworker::inline v0_1::detail
