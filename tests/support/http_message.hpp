#pragma once
// HTTP/1.1 as far as a server for tests needs it: requests out of bytes as they come in, what stands in a
// URL, and the head of an answer. Must not know of sockets, nor of what is asked for.

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::testing {

inline char lower_case(char letter) noexcept {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

inline bool same_header_name(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char left, char right) {
           return lower_case(left) == lower_case(right);
         });
}

/// The text that `encoded` stands for in a URL. In a query, but not in a path, `+` is a space.
inline std::string url_decoded(std::string_view encoded, bool plus_is_space = false) {
  std::string text;
  text.reserve(encoded.size());
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    unsigned char code = 0;
    if (encoded[i] == '%' && i + 2 < encoded.size() &&
        std::from_chars(&encoded[i + 1], &encoded[i + 1] + 2, code, 16).ptr == &encoded[i + 1] + 2) {
      text += static_cast<char>(code);
      i += 2;
    } else {
      text += plus_is_space && encoded[i] == '+' ? ' ' : encoded[i];
    }
  }
  return text;
}

/// What is before the first `mark`, which is taken out of `text` with the mark; all of it where there is
/// none.
inline std::string_view take_until(std::string_view& text, std::string_view mark) noexcept {
  const std::size_t end = text.find(mark);
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + mark.size());
  return part;
}

/// A request, kept as it came, and looked into when somebody asks.
struct http_request {
  std::string head;  ///< request line and header lines, without the empty line at their end
  std::string body;  ///< without the framing of its chunks

  std::string_view method() const noexcept { return std::string_view(head).substr(0, head.find(' ')); }

  /// Path and query, as written.
  std::string_view target() const noexcept {
    std::string_view rest = head;
    take_until(rest, " ");
    return rest.substr(0, rest.find(' '));
  }

  std::string_view path() const noexcept { return target().substr(0, target().find('?')); }

  /// The header's value without the blanks around it.
  std::optional<std::string_view> header(std::string_view name) const noexcept {
    std::string_view rest = head;
    take_until(rest, "\r\n");
    while (!rest.empty()) {
      std::string_view value = take_until(rest, "\r\n");
      if (!same_header_name(take_until(value, ":"), name)) continue;
      while (value.starts_with(' ')) value.remove_prefix(1);
      while (value.ends_with(' ')) value.remove_suffix(1);
      return value;
    }
    return std::nullopt;
  }

  /// The decoded values of all query parameters of that name, in order.
  std::vector<std::string> parameters(std::string_view name) const {
    std::vector<std::string> values;
    std::string_view rest = target();
    take_until(rest, "?");
    while (!rest.empty()) {
      std::string_view value = take_until(rest, "&");
      if (url_decoded(take_until(value, "="), true) == name) values.push_back(url_decoded(value, true));
    }
    return values;
  }

  /// The first of them.
  std::optional<std::string> parameter(std::string_view name) const {
    std::vector<std::string> values = parameters(name);
    return values.empty() ? std::nullopt : std::optional(std::move(values.front()));
  }
};

/// Gathers one request after another from the bytes of a connection, however they are cut.
class http_request_reader {
 public:
  enum class progress : unsigned char {
    needs_more,
    needs_continue,  ///< as needs_more, but the client waits to be told `100 Continue` first; said once
    complete,        ///< request() holds it until the next call
    malformed,
  };

  /// Takes from the front of `bytes` what belongs to the current request.
  progress read(std::string& bytes) {
    if (stage_ == stage::done) begin();
    for (;;) {
      switch (stage_) {
        case stage::head:
          if (!read_head(bytes)) return progress::needs_more;
          break;
        case stage::sized_body:
        case stage::chunk:
          if (std::exchange(expects_continue_, false) && bytes.empty()) return progress::needs_continue;
          if (!read_bytes(bytes)) return progress::needs_more;
          break;
        case stage::chunk_size:
          if (std::exchange(expects_continue_, false) && bytes.empty()) return progress::needs_continue;
          if (!read_chunk_size(bytes)) return progress::needs_more;
          break;
        case stage::chunk_end:
        case stage::trailer:
          if (!read_line_end(bytes)) return progress::needs_more;
          break;
        case stage::done:
          return progress::complete;
        case stage::broken:
          return progress::malformed;
      }
    }
  }

  /// The client wants the connection closed after the answer.
  bool wants_close() const noexcept { return wants_close_; }

  const http_request& request() const noexcept { return request_; }

 private:
  enum class stage : unsigned char { head, sized_body, chunk_size, chunk, chunk_end, trailer, done, broken };

  void begin() {
    request_.body.clear();
    stage_ = stage::head;
    searched_ = 0;
  }

  bool read_head(std::string& bytes) {
    const std::size_t end = bytes.find("\r\n\r\n", searched_ < 3 ? 0 : searched_ - 3);
    if (end == std::string::npos) {
      searched_ = bytes.size();
      return false;
    }
    request_.head.assign(bytes, 0, end);
    bytes.erase(0, end + 4);
    choose_framing();
    return true;
  }

  void choose_framing() {
    missing_ = 0;
    stage_ = stage::sized_body;
    std::string_view rest = request_.head;
    if (!take_until(rest, "\r\n").ends_with(" HTTP/1.1")) stage_ = stage::broken;
    while (!rest.empty()) {
      std::string_view value = take_until(rest, "\r\n");
      const std::string_view name = take_until(value, ":");
      while (value.starts_with(' ')) value.remove_prefix(1);
      if (same_header_name(name, "content-length")) {
        if (!read_number(value, 10)) stage_ = stage::broken;
      } else if (same_header_name(name, "transfer-encoding") && stage_ == stage::sized_body) {
        stage_ = stage::chunk_size;
      } else if (same_header_name(name, "expect")) {
        expects_continue_ = true;
      } else if (same_header_name(name, "connection") && same_header_name(value, "close")) {
        wants_close_ = true;
      }
    }
    if (stage_ == stage::sized_body && missing_ == 0) expects_continue_ = false;
  }

  bool read_bytes(std::string& bytes) {
    const std::size_t here = std::min(missing_, bytes.size());
    request_.body.append(bytes, 0, here);
    bytes.erase(0, here);
    missing_ -= here;
    if (missing_ != 0) return false;
    stage_ = stage_ == stage::chunk ? stage::chunk_end : stage::done;
    return true;
  }

  bool read_chunk_size(std::string& bytes) {
    const std::size_t end = bytes.find("\r\n");
    if (end == std::string::npos) return false;
    const bool valid = read_number(std::string_view(bytes).substr(0, end), 16);
    bytes.erase(0, end + 2);
    stage_ = !valid ? stage::broken : missing_ == 0 ? stage::trailer : stage::chunk;
    return true;
  }

  bool read_line_end(std::string& bytes) {
    const std::size_t end = bytes.find("\r\n");
    if (end == std::string::npos) return false;
    bytes.erase(0, end + 2);
    if (stage_ == stage::chunk_end) {
      stage_ = stage::chunk_size;
    } else if (end == 0) {
      stage_ = stage::done;
    }
    return true;
  }

  bool read_number(std::string_view text, int base) {
    return std::from_chars(text.data(), text.data() + text.size(), missing_, base).ptr != text.data();
  }

  http_request request_;
  stage stage_ = stage::head;
  std::size_t searched_ = 0;  // bytes known not to hold the end of the head
  std::size_t missing_ = 0;   // of the body or chunk
  bool expects_continue_ = false;
  bool wants_close_ = false;
};

struct http_header {
  std::string name;
  std::string value;
};

inline std::string_view reason_phrase(int status) noexcept {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 404:
      return "Not Found";
    case 408:
      return "Request Timeout";
    case 425:
      return "Too Early";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    default:
      return "Status";
  }
}

/// Appends status line and headers. `size` is that of the body; empty for a chunked one.
inline void append_answer_head(std::string& out, int status, const std::vector<http_header>& headers,
                               std::optional<std::size_t> size) {
  out.append("HTTP/1.1 ").append(std::to_string(status)).append(" ").append(reason_phrase(status));
  for (const http_header& header : headers) {
    out.append("\r\n").append(header.name).append(": ").append(header.value);
  }
  if (status != 204) {
    out.append("\r\nContent-Type: application/json\r\n");
    if (size) {
      out.append("Content-Length: ").append(std::to_string(*size));
    } else {
      out.append("Transfer-Encoding: chunked");
    }
  }
  out.append("\r\n\r\n");
}

/// The body in three chunks, or fewer where it is shorter, and their end.
inline std::string chunked_body(std::string_view body) {
  std::string out;
  const std::size_t most = body.size() / 3 + 1;
  for (; !body.empty(); body.remove_prefix(std::min(most, body.size()))) {
    const std::string_view chunk = body.substr(0, most);
    char size[sizeof(std::size_t) * 2];
    char* const end = std::to_chars(size, size + sizeof size, chunk.size(), 16).ptr;
    out.append(size, end).append("\r\n").append(chunk).append("\r\n");
  }
  return out.append("0\r\n\r\n");
}

}  // namespace coworker::testing
