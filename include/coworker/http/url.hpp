#pragma once
// The parts of a URL (RFC 3986): percent-encoding, query parameters, path segments, host and port. Knows no
// message.

#include <coworker/http/syntax.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace coworker::inline v0_1 {

namespace detail {

inline constexpr char_set unreserved_characters = letters_and_digits.with("-._~");
inline constexpr char_set host_name_characters = letters_and_digits.with("!$%&'()*+-.;=_~");
inline constexpr char_set host_address_characters{0x07ff'4000'0000'0000,
                                                  0x0000'007e'0000'007e};  // 0-9 A-F a-f . :

// Takes the first character off `encoded`, which is not empty, and decodes it. -1: a '%' is not followed by
// two hexadecimal digits.
constexpr int take_character(std::string_view& encoded) noexcept {
  const char c = encoded.front();
  encoded.remove_prefix(1);
  if (c != '%') return static_cast<unsigned char>(c);
  if (encoded.size() < 2) return -1;
  const int high = hex_digit(encoded[0]);
  const int low = hex_digit(encoded[1]);
  encoded.remove_prefix(2);
  return high < 0 || low < 0 ? -1 : high << 4 | low;
}

}  // namespace detail

/// Appends `text` with all but the unreserved characters of RFC 3986 (letters, digits, - . _ ~) as %XX.
inline void append_url_encoded(std::string& encoded, std::string_view text) {
  constexpr const char* digits = "0123456789ABCDEF";
  for (const char c : text) {
    if (detail::unreserved_characters.has(c)) {
      encoded += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    encoded += '%';
    encoded += digits[byte >> 4];
    encoded += digits[byte & 15];
  }
}

/// The same, as a segment of a path: `.` and `..`, which would lead elsewhere there, are encoded too.
inline void append_url_segment(std::string& encoded, std::string_view text) {
  if (text == "." || text == "..") {
    for (std::size_t i = 0; i < text.size(); ++i) encoded += "%2E";
  } else {
    append_url_encoded(encoded, text);
  }
}

/// Returns the same as append_url_encoded() appends, as a text of its own.
inline std::string url_encode(std::string_view text) {
  std::string encoded;
  encoded.reserve(text.size());
  append_url_encoded(encoded, text);
  return encoded;
}

/// Returns the URL with one more parameter, `name=value`, which are encoded already.
inline std::string with_parameter(std::string url, std::string_view parameter) {
  if (!url.ends_with('?') && !url.ends_with('&')) url += url.find('?') == std::string::npos ? '?' : '&';
  return url.append(parameter);
}

/// Whether a '+' stands for a space, as it does in a query but not in a path.
enum class plus_sign : bool { is_itself, is_space };

/// Returns the text that `encoded` stands for, which may hold any byte, or nothing if a '%' is not followed
/// by two hexadecimal digits.
inline std::optional<std::string> url_decode(std::string_view encoded,
                                             plus_sign plus = plus_sign::is_itself) {
  std::string text;
  text.reserve(encoded.size());
  while (!encoded.empty()) {
    const bool space = plus == plus_sign::is_space && encoded.front() == '+';
    const int c = detail::take_character(encoded);
    if (c < 0) return std::nullopt;
    text += space ? ' ' : static_cast<char>(c);
  }
  return text;
}

/// A parameter of a query, percent-encoded as it came.
struct query_parameter {
  std::string_view name;
  std::string_view value;  ///< empty where there is no '='
};

/// The parameters of a query or of a body of the type application/x-www-form-urlencoded, one after another.
/// Names and values are decoded when they are asked for. Keeps views into the text that it is made of.
class query_parameters {
 public:
  explicit query_parameters(std::string_view query) noexcept : rest_(query) {}

  /// The next parameter, or nothing after the last. Skips empty ones, as in "a=1&&b=2".
  std::optional<query_parameter> next() noexcept {
    while (!rest_.empty()) {
      std::string_view value = detail::take_until(rest_, '&');
      if (value.empty()) continue;
      const std::string_view name = detail::take_until(value, '=');
      return query_parameter{name, value};
    }
    return std::nullopt;
  }

 private:
  std::string_view rest_;
};

/// Calls `use(std::string value)` with the decoded value of each parameter of that name, in their order.
/// Parameters that are not percent-encoded as they should be are skipped.
template <class Use>
void for_each_parameter(std::string_view query, std::string_view name, Use use) {
  query_parameters all(query);
  while (const std::optional<query_parameter> one = all.next()) {
    if (one->name != name && url_decode(one->name, plus_sign::is_space) != name) continue;
    if (std::optional<std::string> value = url_decode(one->value, plus_sign::is_space))
      use(*std::move(value));
  }
}

/// Returns the decoded value of the first parameter of that name, or nothing.
inline std::optional<std::string> find_parameter(std::string_view query, std::string_view name) {
  std::optional<std::string> found;
  for_each_parameter(query, name, [&found](std::string value) {
    if (!found) found = std::move(value);
  });
  return found;
}

/// Takes the first segment off the front of a path, with the '/' before it; still percent-encoded. The path
/// is not empty.
constexpr std::string_view take_segment(std::string_view& path) noexcept {
  if (path.starts_with('/')) path.remove_prefix(1);
  const std::size_t end = path.find('/');
  const std::string_view segment = path.substr(0, end);
  path.remove_prefix(segment.size());
  return segment;
}

/// Whether a path's segments may hold a '/' that is percent-encoded, as a name within one segment may.
enum class encoded_slash : bool { is_refused, is_data };

/// Whether a path is what it seems to be: each '%' is followed by two hexadecimal digits, no segment is "."
/// or ".." in whatever spelling, and nothing decodes to a control character or, unless they are data, to a
/// '/' or '\\'. Only a path without those two may be mapped to anything that has a hierarchy.
constexpr bool is_plain_path(std::string_view path,
                             encoded_slash slash = encoded_slash::is_refused) noexcept {
  while (!path.empty()) {
    std::size_t size = 0;
    std::size_t dots = 0;
    std::string_view segment = take_segment(path);
    while (!segment.empty()) {
      const int c = detail::take_character(segment);
      if (c < ' ' || c == 0x7f) return false;  // -1 too: it cannot be decoded
      if (slash == encoded_slash::is_refused && (c == '/' || c == '\\')) return false;
      ++size;
      if (c == '.') ++dots;
    }
    if (size == dots && (size == 1 || size == 2)) return false;
  }
  return true;
}

/// A host with or without a port, as in a Host line.
struct host_and_port {
  std::string_view host;  ///< a name, an IPv4 address, or an IPv6 address in brackets; may be empty
  std::optional<std::uint16_t> port;  ///< nothing where none is named
};

/// Splits "name:port". Returns nothing for what is no host, such as one with a user's name in it.
inline std::optional<host_and_port> split_host(std::string_view text) noexcept {
  const bool bracketed = text.starts_with('[');
  const std::size_t end = bracketed ? text.find(']') : text.find(':');
  if (bracketed && end == std::string_view::npos) return std::nullopt;
  const std::size_t size = bracketed ? end + 1 : end;
  host_and_port split;
  split.host = text.substr(0, size);
  std::string_view rest = text.substr(split.host.size());
  if (bracketed ? !detail::host_address_characters.has_all_of(text.substr(1, end - 1)) || end == 1
                : !detail::host_name_characters.has_all_of(split.host))
    return std::nullopt;
  if (rest.empty()) return split;
  if (rest.front() != ':') return std::nullopt;
  rest.remove_prefix(1);
  if (rest.empty()) return split;  // RFC 3986 allows a colon without a port
  const std::optional<std::uint64_t> port = detail::read_decimal(rest);
  if (!port || *port > 65535) return std::nullopt;
  split.port = static_cast<std::uint16_t>(*port);
  return split;
}

}  // namespace coworker
