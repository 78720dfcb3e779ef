#pragma once
// HTTP/1.1 for the test queue server: requests as values, parsed by the library's own parser, and response
// heads with the framing that a script asks for. Must not know sockets, nor what is requested.

#include <algorithm>
#include <charconv>
#include <coworker/http/request_parser.hpp>
#include <coworker/http/status.hpp>
#include <coworker/http/url.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::testing {

/// A complete request.
struct http_request {
  request_head head;
  std::string body;  ///< without the chunk framing

  std::string_view method() const noexcept { return head.method(); }
  std::string_view target() const noexcept { return head.target(); }
  std::string_view path() const noexcept { return head.path(); }
  std::optional<std::string_view> header(std::string_view name) const noexcept { return head.header(name); }

  /// Returns the decoded values of all query parameters of that name, in order.
  std::vector<std::string> parameters(std::string_view name) const {
    std::vector<std::string> values;
    for_each_parameter(head.query(), name,
                       [&values](std::string value) { values.push_back(std::move(value)); });
    return values;
  }

  /// Returns the first of these values, or nothing.
  std::optional<std::string> parameter(std::string_view name) const {
    return find_parameter(head.query(), name);
  }
};

/// Reads one request after another from the bytes of a connection, however they are split.
class http_request_reader {
 public:
  enum class progress : unsigned char {
    needs_more,
    needs_continue,  ///< as needs_more, but the client waits for `100 Continue` first; reported once
    complete,        ///< request() holds it until the next call of read()
    malformed,
  };

  /// Removes from the front of `bytes` what belongs to the current request.
  progress read(std::string& bytes) {
    std::string_view rest = bytes;
    const progress made = read_from(rest);
    bytes.erase(0, bytes.size() - rest.size());
    return made;
  }

  /// Whether the client wants the connection closed after the response.
  bool wants_close() const noexcept { return !request_.head.keep_alive(); }

  const http_request& request() const noexcept { return request_; }

 private:
  static const request_limits& limits() noexcept {
    static const request_limits made{.body = UINT64_MAX};
    return made;
  }

  progress read_from(std::string_view& bytes) {
    for (;;) {
      switch (parser_.next(bytes)) {
        case request_parser::event::needs_more:
          return progress::needs_more;
        case request_parser::event::head:
          request_.head = parser_.take_head();
          request_.body.clear();
          if (request_.head.expects_continue() && bytes.empty()) return progress::needs_continue;
          break;
        case request_parser::event::body:
          request_.body += parser_.piece();
          break;
        case request_parser::event::complete:
          return progress::complete;
        case request_parser::event::refused:
          return progress::malformed;
      }
    }
  }

  request_parser parser_{limits()};
  http_request request_;
};

struct http_header {
  std::string name;
  std::string value;
};

/// Appends status line and headers. `size`: that of the body; empty for a chunked one.
inline void append_answer_head(std::string& out, int status, const std::vector<http_header>& headers,
                               std::optional<std::size_t> size) {
  out.append("HTTP/1.1 ").append(std::to_string(status)).append(" ").append(status_phrase(status));
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

/// Returns the body in three chunks, or fewer if it is shorter, with the last chunk.
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
