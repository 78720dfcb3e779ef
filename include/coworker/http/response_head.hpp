#pragma once
// The status and the headers of a response, checked so that they cannot be malformed. Must not know how a
// body is framed; response_writer.hpp writes the headers for that.

#include <array>
#include <coworker/http/syntax.hpp>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

namespace coworker::inline v0_1 {

namespace detail {

// Not constexpr: a call to one makes the compiler report its name, which says what is wrong with a line.
inline void a_header_line_must_be_a_name_a_colon_a_blank_and_a_value() {}
inline void a_header_line_must_end_with_a_line_break() {}

}  // namespace detail

/// Header lines as a string literal: any number of "Name: value\r\n". The compiler refuses malformed ones.
class header_lines {
 public:
  consteval header_lines(const char* text) : text_(text) {
    for (std::string_view rest = text_; !rest.empty();) {
      const std::size_t end = rest.find("\r\n");
      if (end == std::string_view::npos) detail::a_header_line_must_end_with_a_line_break();
      const std::string_view line = rest.substr(0, end);
      const std::size_t colon = line.find(": ");
      bool is_line = colon != std::string_view::npos && detail::is_token(line.substr(0, colon));
      for (const char c : line) is_line = is_line && c >= ' ' && c < 0x7f;
      if (!is_line) detail::a_header_line_must_be_a_name_a_colon_a_blank_and_a_value();
      rest.remove_prefix(end + 2);
    }
  }
  constexpr std::string_view text() const noexcept { return text_; }

 private:
  std::string_view text_;
};

/// The status and the header lines of a response.
class response_head {
 public:
  response_head() noexcept {}

  /// `status`: 200 to 599. Throws: std::invalid_argument for any other.
  explicit response_head(int status) { set_status(status); }

  int status() const noexcept { return status_; }

  /// Sets the status. Throws: std::invalid_argument unless it is 200 to 599.
  void set_status(int status) {
    if (status < 200 || status > 599)
      throw std::invalid_argument("response: the status " + std::to_string(status) +
                                  " is not between 200 and 599");
    status_ = status;
  }

  /// Adds a header line. A name may be added more than once. Throws: std::invalid_argument if `name` is not a
  /// token, if the value contains a control character such as a line break, and for a header that the server
  /// writes itself: Connection, Content-Length, Date, Keep-Alive, Trailer, Transfer-Encoding, Upgrade.
  response_head& add(std::string_view name, std::string_view value) {
    check_header(name, value);
    lines_.append(name).append(": ").append(value).append("\r\n");
    return *this;
  }

  /// Adds lines that were checked at compile time. They must not be headers that the server writes itself.
  response_head& add(header_lines lines) {
    lines_.append(lines.text());
    return *this;
  }

  /// Adds a header line and removes all earlier ones of that name. Throws: as add().
  response_head& set(std::string_view name, std::string_view value) {
    check_header(name, value);
    remove(name);
    return add(name, value);
  }

  /// Removes all lines of that name.
  void remove(std::string_view name) {
    for (std::size_t at = 0; at < lines_.size();) {
      const std::size_t size = lines_.find('\n', at) + 1 - at;
      if (is_line_of(at, name)) {
        lines_.erase(at, size);
      } else {
        at += size;
      }
    }
  }

  bool has(std::string_view name) const noexcept {
    for (std::size_t at = 0; at < lines_.size(); at = lines_.find('\n', at) + 1) {
      if (is_line_of(at, name)) return true;
    }
    return false;
  }

  /// The header lines, each with its line break.
  std::string_view lines() const noexcept { return lines_; }

  /// Makes the server close the connection after this response.
  void close_connection() noexcept { closes_ = true; }
  bool closes_connection() const noexcept { return closes_; }

 private:
  bool is_line_of(std::size_t at, std::string_view name) const noexcept {
    const std::string_view line = std::string_view(lines_).substr(at);
    return line.size() > name.size() && line[name.size()] == ':' &&
           equal_ignoring_case(line.substr(0, name.size()), name);
  }

  static void check_header(std::string_view name, std::string_view value) {
    if (!detail::is_token(name)) refuse(name, "a name is letters, digits and - _ . and the like");
    static constexpr std::array<std::string_view, 7> reserved{
        "connection", "content-length", "date", "keep-alive", "trailer", "transfer-encoding", "upgrade"};
    for (const std::string_view one : reserved) {
      if (equal_ignoring_case(name, one)) refuse(name, "the server writes this header itself; leave it out");
    }
    const std::size_t bad = detail::find_control(value);
    if (bad == std::string_view::npos) return;
    refuse(name, "the value has a control character at byte " + std::to_string(bad) +
                     "; a value is one line of text, so encode or remove it");
  }

  [[noreturn]] static void refuse(std::string_view name, const std::string& why) {
    std::string shown;  // printable, so that a log line or terminal stays intact
    for (const char c : name.substr(0, 100)) shown += c < ' ' || c == 0x7f ? '?' : c;
    throw std::invalid_argument("response header \"" + shown + "\": " + why);
  }

  std::string lines_;
  int status_ = 200;
  bool closes_ = false;
};

}  // namespace coworker::inline v0_1
