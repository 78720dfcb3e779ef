#pragma once
// The basic grammar of HTTP (RFC 9110, section 5.6): tokens, header lines, lists, numbers. Must not know
// requests or responses.

#include <coworker/json/bytes.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

namespace coworker::inline v0_1 {

/// Returns the lower-case letter for A to Z, and any other character unchanged.
constexpr char ascii_lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

namespace detail {

// Eight characters at once: each capital letter becomes the lower-case one, any other byte stays.
constexpr std::uint64_t word_lower(std::uint64_t word) noexcept {
  const std::uint64_t low_bits = word & ~high_bits;
  const std::uint64_t from_a = low_bits + repeat_byte(0x80 - 'A');  // sets the high bit of a byte
  const std::uint64_t above_z = low_bits + repeat_byte(0x80 - 'Z' - 1);
  return word | ((from_a & ~above_z & ~word & high_bits) >> 2);
}

// For texts of at least eight characters and the same size. The last word may overlap the one before.
inline bool words_equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  const std::size_t last = a.size() - 8;
  for (std::size_t i = 0; i < last; i += 8) {
    if (word_lower(load_word(a.data() + i)) != word_lower(load_word(b.data() + i))) return false;
  }
  return word_lower(load_word(a.data() + last)) == word_lower(load_word(b.data() + last));
}

}  // namespace detail

/// Compares texts such as header names and tokens without letter case. Only ASCII letters have case.
constexpr bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  if (a.size() >= 8 && !std::is_constant_evaluated()) return detail::words_equal_ignoring_case(a, b);
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (ascii_lower(a[i]) != ascii_lower(b[i])) return false;
  }
  return true;
}

namespace detail {

constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }
constexpr bool is_ascii_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_ascii_letter(char c) noexcept { return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z'; }

// Returns the digit's value; -1: not a hexadecimal digit.
constexpr int hex_digit(char c) noexcept {
  if (is_ascii_digit(c)) return c - '0';
  const char lower = ascii_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// A set of ASCII characters, as a table of all bytes. Built from two words of bits: compilers are slow to build
// one from a long text.
class char_set {
 public:
  constexpr char_set(std::uint64_t below_64, std::uint64_t above) noexcept {
    for (unsigned i = 0; i < 64; ++i) {
      has_[i] = ((below_64 >> i) & 1) != 0;
      has_[i + 64] = ((above >> i) & 1) != 0;
    }
  }

  constexpr char_set with(std::string_view more) const noexcept {
    char_set all = *this;
    for (const char c : more) all.has_[c & 0x7f] = true;
    return all;
  }
  constexpr bool has(char c) const noexcept { return has_[static_cast<unsigned char>(c)]; }
  constexpr bool has_all_of(std::string_view text) const noexcept {
    return count_leading(text) == text.size();
  }
  // Returns how many characters at the beginning of the text are in the set.
  constexpr std::size_t count_leading(std::string_view text) const noexcept {
    std::size_t count = 0;
    while (count < text.size() && has(text[count])) ++count;
    return count;
  }

 private:
  bool has_[256] = {};
};

inline constexpr char_set letters_and_digits{0x03ff'0000'0000'0000, 0x07ff'fffe'07ff'fffe};
inline constexpr char_set token_characters = letters_and_digits.with("!#$%&'*+-.^_`|~");

constexpr bool is_token(std::string_view text) noexcept {
  return !text.empty() && token_characters.has_all_of(text);
}

// Whether a header value cannot contain it: a control character other than the tab.
constexpr bool is_control(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t') || byte == 0x7f;
}

// Returns the index of the first control character, or npos.
inline std::size_t find_control(std::string_view text) noexcept {
  std::size_t i = 0;
  for (; text.size() - i >= 8; i += 8) {
    const std::uint64_t word = load_word(text.data() + i);
    const std::uint64_t below_space = (word - repeat_byte(0x20)) & ~word;
    const std::uint64_t without_delete = word ^ repeat_byte(0x7f);
    const std::uint64_t deletes = (without_delete - repeat_byte(1)) & ~without_delete;
    if (((below_space | deletes) & high_bits) == 0) continue;
    for (std::size_t j = i; j < i + 8; ++j) {  // a tab, or a carry from another byte
      if (is_control(text[j])) return j;
    }
  }
  for (; i < text.size(); ++i) {
    if (is_control(text[i])) return i;
  }
  return std::string_view::npos;
}

constexpr std::string_view without_blanks(std::string_view text) noexcept {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// Parses decimal digits, with nothing else around them, up to 2^64 - 1.
constexpr std::optional<std::uint64_t> read_decimal(std::string_view text) noexcept {
  if (text.empty()) return std::nullopt;
  std::uint64_t number = 0;
  for (const char c : text) {
    if (!is_ascii_digit(c)) return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (number > (UINT64_MAX - digit) / 10) return std::nullopt;
    number = number * 10 + digit;
  }
  return number;
}

// Returns the text before the first `mark`, and removes it and the mark from the front of `text`.
constexpr std::string_view take_until(std::string_view& text, char mark) noexcept {
  const std::size_t end = text.find(mark);
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return part;
}

// A header line, without the line break at its end.
struct field_line {
  std::string_view name;
  std::string_view value;         // without the blanks around it
  const char* problem = nullptr;  // why the line is malformed; null: it is not
};

inline field_line read_field_line(std::string_view line) noexcept {
  field_line read;
  const std::size_t colon = line.find(':');
  read.name = line.substr(0, colon);
  if (!is_token(read.name)) {
    read.problem = !line.empty() && is_blank(line.front())
                       ? "a header line begins with a blank (obsolete line folding)"
                   : colon == std::string_view::npos ? "a header line has no colon"
                   : !read.name.empty() && is_blank(read.name.back())
                       ? "there is a blank between a header's name and the colon"
                       : "a header's name is not a token";
    return read;
  }
  if (colon == std::string_view::npos) {
    read.problem = "a header line has no colon";
    return read;
  }
  read.value = without_blanks(line.substr(colon + 1));
  if (find_control(read.value) != std::string_view::npos)
    read.problem = "a header's value holds a control character";
  return read;
}

}  // namespace detail

/// Whether a comma-separated list of tokens, such as the value of Connection, contains `token`,
/// in any letter case.
constexpr bool list_contains(std::string_view list, std::string_view token) noexcept {
  while (!list.empty()) {
    if (equal_ignoring_case(detail::without_blanks(detail::take_until(list, ',')), token)) return true;
  }
  return false;
}

}  // namespace coworker::inline v0_1
