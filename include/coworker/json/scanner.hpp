#pragma once
// The tokens of JSON text: white space, punctuation, literals, numbers and strings, read one at a time, with
// the position in errors. reader.hpp uses it for whole texts; code that reads text directly into a struct
// uses it too. Must not know how tokens form values.

#include <coworker/json/bytes.hpp>
#include <coworker/json/error.hpp>
#include <coworker/json/lookahead.hpp>
#include <coworker/json/number.hpp>
#include <coworker/json/utf8.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace coworker::inline v0_1::detail {

/// Throws a json_parse_error for the byte at `where` of the text that starts at `begin`.
[[noreturn]] inline void throw_parse_error(const char* begin, const char* where, std::string_view problem) {
  std::size_t line = 1;
  std::size_t column = 1;
  for (const char* p = begin; p != where; ++p) {
    if (*p == '\n') {
      ++line;
      column = 1;
    } else if ((static_cast<unsigned char>(*p) & 0xc0) != 0x80) {
      ++column;
    }
  }
  throw json_parse_error(line, column, static_cast<std::size_t>(where - begin), problem);
}

inline std::string describe_byte(char c) {
  constexpr const char* digits = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  return std::string("byte 0x").append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
}

/// Returns the character that starts at `p`, or the byte if it cannot be shown, for an error message.
inline std::string describe_character(const char* p, const char* end) {
  if (p == end) return "the end of the text";
  const auto byte = static_cast<unsigned char>(*p);
  const std::size_t length = utf8_sequence(p, end);
  const bool visible = byte >= 0x20 && byte != 0x7f && length != 0;
  return visible ? std::string(1, '\'').append(p, length).append(1, '\'') : describe_byte(*p);
}

[[noreturn]] inline void throw_unexpected(const char* begin, const char* end, const char* where,
                                          std::string_view expected) {
  std::string problem("expected ");
  throw_parse_error(begin, where,
                    problem.append(expected).append(", found ").append(describe_character(where, end)));
}

/// Reads tokens. Each function takes the position to read from and returns the position after what it read,
/// so that a reader keeps its position in a register.
class json_scanner {
 public:
  /// The text must outlive the scanner.
  explicit json_scanner(std::string_view text) noexcept
      : begin_(text.data()), end_(text.data() + text.size()) {}

  /// Returns where reading begins: after the byte order mark, if there is one.
  const char* start() const noexcept {
    constexpr std::string_view mark = "\xef\xbb\xbf";
    return std::string_view(begin_, static_cast<std::size_t>(end_ - begin_)).starts_with(mark)
               ? begin_ + mark.size()
               : begin_;
  }

  values_ahead look_ahead(const char* at, std::size_t most) const noexcept {
    return detail::look_ahead(at, end_, most);
  }

  bool at_end(const char* at) const noexcept { return at == end_; }

  /// Returns the character at a position, or '\0' at the end of the text.
  char peek(const char* at) const noexcept { return at == end_ ? '\0' : *at; }

  /// Goes to the next token.
  const char* skip_space(const char* at) const noexcept {
    while (at != end_ && static_cast<unsigned char>(*at) <= ' ' &&
           (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) {
      ++at;
    }
    return at;
  }

  const char* take_literal(const char* at, std::string_view literal) const {
    const auto left = static_cast<std::size_t>(end_ - at);
    if (left < literal.size() || std::memcmp(at, literal.data(), literal.size()) != 0) fail_at(at, literal);
    return at + literal.size();
  }

  /// Reads the number that starts here. Throws if it is malformed or too large.
  const char* take_number(const char* at, parsed_number& number) const {
    number = parse_number(at, end_);
    if (number.is == parsed_number::form::malformed) [[unlikely]]
      fail_at(number.end, number.expected);
    if (number.is == parsed_number::form::too_large) [[unlikely]] {
      throw_parse_error(begin_, at, "a number beyond the range of double; the largest is about 1.8e308");
    }
    return number.end;
  }

  /// Reads the string whose opening quote is here. `text` is valid until the next string is taken; at least
  /// 16 bytes from its start may be read, even if it is shorter.
  const char* take_string(const char* at, std::string_view& text) {
    const char* const start = at + 1;
    const plain_run run = skip_plain(start, end_);
    if (run.end == end_ || *run.end != '"') [[unlikely]]
      return take_escaped_string(start, run, text);
    if (!run.ascii) [[unlikely]]
      require_utf8(start, run.end);
    text = {start, static_cast<std::size_t>(run.end - start)};
    if (end_ - start < readable) [[unlikely]] {
      std::memcpy(tail_, start, text.size());
      text = {tail_, text.size()};
    }
    return run.end + 1;
  }

  [[noreturn]] void fail_at(const char* at, std::string_view expected) const {
    throw_unexpected(begin_, end_, at, expected);
  }
  [[noreturn]] void fail_with(const char* at, std::string_view problem) const {
    throw_parse_error(begin_, at, problem);
  }

 private:
  static constexpr std::ptrdiff_t readable = 16;

  void require_utf8(const char* from, const char* to) const {
    const char* const bad = skip_valid_utf8(from, to);
    if (bad == to) return;
    throw_parse_error(begin_, bad, std::string("invalid UTF-8 in a string: ").append(describe_byte(*bad)));
  }

  /// Continues a string whose plain part does not end at its closing quote.
  const char* take_escaped_string(const char* at, plain_run run, std::string_view& text) {
    decoded_.clear();
    for (;;) {
      if (!run.ascii) require_utf8(at, run.end);
      decoded_.append(at, static_cast<std::size_t>(run.end - at));
      at = run.end;
      if (at == end_) fail_at(at, "'\"' at the end of a string");
      if (*at == '"') break;
      if (*at != '\\') fail_at(at, "control characters in a string to be escaped, as \\n or \\u0001");
      at = take_escape(at + 1);
      run = skip_plain(at, end_);
    }
    const std::size_t size = decoded_.size();
    decoded_.append(static_cast<std::size_t>(readable), '\0');
    text = {decoded_.data(), size};
    return at + 1;
  }

  /// Reads what follows a backslash, and appends the character that it means.
  const char* take_escape(const char* at) {
    switch (peek(at)) {
      case '"':
        decoded_ += '"';
        break;
      case '\\':
        decoded_ += '\\';
        break;
      case '/':
        decoded_ += '/';
        break;
      case 'b':
        decoded_ += '\b';
        break;
      case 'f':
        decoded_ += '\f';
        break;
      case 'n':
        decoded_ += '\n';
        break;
      case 'r':
        decoded_ += '\r';
        break;
      case 't':
        decoded_ += '\t';
        break;
      case 'u':
        return take_code_point(at + 1);
      default:
        fail_at(at, "one of \" \\ / b f n r t u after a backslash");
    }
    return at + 1;
  }

  /// Reads the digits of \uXXXX, and those of a second one if the two form a surrogate pair.
  const char* take_code_point(const char* at) {
    const char* const escape = at - 2;
    char32_t code_point = four_digits(at);
    at += 4;
    if (code_point >= 0xd800 && code_point <= 0xdfff) {
      const bool pair_begins = code_point < 0xdc00 && peek(at) == '\\' && peek(at + 1) == 'u';
      const char32_t low = pair_begins ? four_digits(at + 2) : 0;
      if (low < 0xdc00 || low > 0xdfff) {
        fail_with(escape,
                  "half a surrogate pair; a code point above \\uffff takes two halves, as \\ud83d\\ude00");
      }
      code_point = 0x10000 + ((code_point - 0xd800) << 10) + (low - 0xdc00);
      at += 6;
    }
    append_utf8(decoded_, code_point);
    return at;
  }

  char32_t four_digits(const char* at) const {
    char32_t unit = 0;
    for (int i = 0; i < 4; ++i, ++at) {
      const char c = peek(at);
      const char lower = static_cast<char>(c | 0x20);
      if (is_digit(c)) {
        unit = unit * 16 + static_cast<char32_t>(c - '0');
      } else if (lower >= 'a' && lower <= 'f') {
        unit = unit * 16 + static_cast<char32_t>(lower - 'a' + 10);
      } else {
        fail_at(at, "four hexadecimal digits after \\u");
      }
    }
    return unit;
  }

  const char* begin_;
  const char* end_;
  std::string decoded_;
  char tail_[readable] = {};
};

}  // namespace coworker::inline v0_1::detail
