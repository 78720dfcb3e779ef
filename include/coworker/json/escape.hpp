#pragma once
// Escapes a text as a quoted JSON string. Also used by the logger. Must not know JSON values or documents.

#include <coworker/json/bytes.hpp>
#include <coworker/json/utf8.hpp>
#include <cstddef>
#include <string>
#include <string_view>

namespace coworker::inline v0_1 {

namespace detail {

/// The escape sequence of a byte that needs one ('"', '\' or a control character).
struct escape_sequence {
  char chars[6];
  unsigned char size;
};

constexpr escape_sequence escape_of(char c) noexcept {
  switch (c) {
    case '"':
      return {{'\\', '"'}, 2};
    case '\\':
      return {{'\\', '\\'}, 2};
    case '\b':
      return {{'\\', 'b'}, 2};
    case '\f':
      return {{'\\', 'f'}, 2};
    case '\n':
      return {{'\\', 'n'}, 2};
    case '\r':
      return {{'\\', 'r'}, 2};
    case '\t':
      return {{'\\', 't'}, 2};
    default:
      break;
  }
  const auto byte = static_cast<unsigned char>(c);
  constexpr const char* digits = "0123456789abcdef";
  return {{'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]}, 6};
}

/// Passes `text`, escaped but without quotes, to `sink.append(const char*, std::size_t)`. Stops at the first
/// byte that is not valid UTF-8 and returns its offset; returns npos if there is none.
template <class Sink>
std::size_t escape_into(Sink& sink, std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  for (;;) {
    const plain_run run = skip_plain(at, end);
    const char* const valid_end = run.ascii ? run.end : skip_valid_utf8(at, run.end);
    sink.append(at, static_cast<std::size_t>(valid_end - at));
    if (valid_end != run.end) return static_cast<std::size_t>(valid_end - text.data());
    if (run.end == end) return std::string_view::npos;
    const escape_sequence escape = escape_of(*run.end);
    sink.append(escape.chars, escape.size);
    at = run.end + 1;
  }
}

}  // namespace detail

/// Appends `text` to `out` as a quoted JSON string. Returns npos. If `text` is not valid UTF-8, returns the
/// offset of the first invalid byte, and leaves `out` unchanged.
[[nodiscard]] inline std::size_t append_json_string(std::string& out, std::string_view text) {
  const std::size_t before = out.size();
  out += '"';
  const std::size_t bad = detail::escape_into(out, text);
  if (bad == std::string_view::npos) {
    out += '"';
  } else {
    out.resize(before);
  }
  return bad;
}

/// Appends `text` to `out` as a quoted JSON string, with each byte that is not part of valid UTF-8 replaced
/// by U+FFFD. Never fails: for log lines.
inline void append_json_string_lossy(std::string& out, std::string_view text) {
  out += '"';
  for (;;) {
    const std::size_t bad = detail::escape_into(out, text);
    if (bad == std::string_view::npos) break;
    append_utf8(out, U'\ufffd');
    text.remove_prefix(bad + 1);
  }
  out += '"';
}

}  // namespace coworker::inline v0_1
