#pragma once
// The parts of a URL (RFC 3986): percent-encoding, query parameters, path segments, host and port.
// Must not know messages.

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

// Removes the first character of `encoded`, which must not be empty, and returns it decoded; -1: a '%' is not
// followed by two hexadecimal digits.
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

/// Appends `text`, percent-encoded except for the unreserved characters of RFC 3986: letters, digits, - . _ ~
inline void append_url_encoded(std::string& encoded, std::string_view text) {
  constexpr const char* digits = "0123456789ABCDEF";
  for (;;) {
    const std::size_t plain = detail::unreserved_characters.count_leading(text);
    encoded.append(text.data(), plain);
    if (plain == text.size()) return;
    const auto byte = static_cast<unsigned char>(text[plain]);
    encoded += '%';
    encoded += digits[byte >> 4];
    encoded += digits[byte & 15];
    text.remove_prefix(plain + 1);
  }
}

/// Appends `text` as a segment of a path: like append_url_encoded(), but also encodes `.` and `..`, which
/// would name another folder.
inline void append_url_segment(std::string& encoded, std::string_view text) {
  if (text == "." || text == "..") {
    for (std::size_t i = 0; i < text.size(); ++i) encoded += "%2E";
  } else {
    append_url_encoded(encoded, text);
  }
}

/// Returns `text` encoded as by append_url_encoded().
inline std::string url_encode(std::string_view text) {
  std::string encoded;
  encoded.reserve(text.size());
  append_url_encoded(encoded, text);
  return encoded;
}

/// Returns the URL with one more query parameter. `parameter`: `name=value`, already encoded.
inline std::string with_parameter(std::string url, std::string_view parameter) {
  if (!url.ends_with('?') && !url.ends_with('&')) url += url.find('?') == std::string::npos ? '?' : '&';
  url.append(parameter);
  return url;
}

/// Whether '+' means a space. It does in a query, but not in a path.
enum class plus_sign : bool { is_itself, is_space };

/// Decodes percent-encoding. The result may contain any byte. Returns nothing if a '%' is not followed by two
/// hexadecimal digits.
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

/// A query parameter, still percent-encoded.
struct query_parameter {
  std::string_view name;
  std::string_view value;  ///< empty if there is no '='
};

/// Iterates over the parameters of a query, or of a body of type application/x-www-form-urlencoded. Returns
/// them still encoded. Holds views into the text.
class query_parameters {
 public:
  explicit query_parameters(std::string_view query) noexcept : rest_(query) {}

  /// Returns the next parameter, or nothing after the last. Skips empty ones, as in "a=1&&b=2".
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

/// Calls `use(std::string value)` with the decoded value of each parameter of that name, in order. Skips
/// parameters with malformed percent-encoding.
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

/// Removes the first segment of a path, with the '/' before it, and returns it, still percent-encoded. The
/// path must not be empty.
constexpr std::string_view take_segment(std::string_view& path) noexcept {
  if (path.starts_with('/')) path.remove_prefix(1);
  const std::size_t end = path.find('/');
  const std::string_view segment = path.substr(0, end);
  path.remove_prefix(segment.size());
  return segment;
}

/// Whether a path segment may contain a percent-encoded '/', for example in a name.
enum class encoded_slash : bool { is_refused, is_data };

/// Whether a path is safe to interpret: each '%' is followed by two hexadecimal digits, no segment is "." or
/// ".." in any spelling, and nothing decodes to a control character, nor to '/' or '\\' unless `slash` allows
/// those. Before mapping a path to a hierarchy such as files, check it without allowing them.
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

/// A host with an optional port, as in a Host header.
struct host_and_port {
  std::string_view host;  ///< a name, an IPv4 address, or an IPv6 address in brackets; may be empty
  std::optional<std::uint16_t> port;  ///< nothing if there is none
};

/// Splits "name:port". Returns nothing for a malformed host, such as one with a user name.
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

}  // namespace coworker::inline v0_1
