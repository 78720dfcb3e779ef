#pragma once
// Reads all requests in a sequence of bytes that is passed to the parser in pieces. For tests of the parser,
// and of code that writes requests.

#include <algorithm>
#include <coworker/http/request_parser.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::testing {

struct read_request {
  std::string method;
  std::string target;
  std::string path;
  std::string query;
  std::string host;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  bool chunked = false;
  bool expects_continue = false;
  bool keep_alive = false;
  int minor_version = 0;

  bool operator==(const read_request&) const = default;
};

/// What the bytes contain: complete requests, and what follows them.
struct read_result {
  std::vector<read_request> requests;
  int refused = 0;  ///< the status of the refusal; 0: there was none
  std::string reason;
  bool in_request = false;  ///< the bytes end within a request

  bool operator==(const read_result&) const = default;
};

inline read_request values_of(const request_head& head) {
  read_request made;
  made.method = head.method();
  made.target = head.target();
  made.path = head.path();
  made.query = head.query();
  made.host = head.host();
  for (std::size_t i = 0; i < head.header_count(); ++i)
    made.headers.emplace_back(head.header(i).name, head.header(i).value);
  made.chunked = head.chunked();
  made.expects_continue = head.expects_continue();
  made.keep_alive = head.keep_alive();
  made.minor_version = head.minor_version();
  return made;
}

/// Passes the bytes to the parser in pieces: `cut(left)` returns how many of the remaining bytes the next
/// piece has.
template <class Cut>
read_result read_requests(std::string_view bytes, const request_limits& limits, Cut cut) {
  request_parser parser(limits);
  read_result made;
  while (!bytes.empty()) {
    const std::size_t size =
        std::clamp<std::size_t>(static_cast<std::size_t>(cut(bytes.size())), 1, bytes.size());
    // In a block of exactly its size, so that a sanitizer sees a read beyond it.
    const std::vector<char> copy(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    std::string_view piece(copy.data(), copy.size());
    bytes.remove_prefix(size);
    for (bool more = true; more;) {
      switch (parser.next(piece)) {
        case request_parser::event::needs_more:
          more = false;
          break;
        case request_parser::event::head:
          made.requests.push_back(values_of(parser.head()));
          break;
        case request_parser::event::body:
          made.requests.back().body += parser.piece();
          break;
        case request_parser::event::complete:
          break;
        case request_parser::event::refused:
          made.refused = parser.refusal().status;
          made.reason = parser.refusal().reason;
          return made;
      }
    }
  }
  made.in_request = parser.in_request();
  return made;
}

inline read_result read_requests(std::string_view bytes, const request_limits& limits = request_limits()) {
  return read_requests(bytes, limits, [](std::size_t left) { return left; });
}

}  // namespace coworker::testing
