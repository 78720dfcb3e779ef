#pragma once
// Reads responses from the bytes of a server, for tests of servers: as strictly as a client can.
// Must not know sockets.

#include <algorithm>
#include <coworker/http/chunked_decoder.hpp>
#include <coworker/http/syntax.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::testing {

struct read_response {
  std::string status_line;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;

  /// 0 if there is no status line.
  int status() const { return status_line.size() > 9 ? std::atoi(status_line.c_str() + 9) : 0; }

  std::optional<std::string> header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (equal_ignoring_case(key, name)) return value;
    }
    return std::nullopt;
  }
};

/// Reads one response after another from the bytes of a connection, however they are split.
class http_response_reader {
 public:
  enum class progress : unsigned char { needs_more, complete, malformed };

  /// Declares that the next response is one to HEAD: it has no body.
  void expect_no_body() noexcept { head_only_ = true; }

  /// Removes from the front of `bytes` what belongs to the current response.
  progress read(std::string& bytes) {
    if (stage_ == stage::complete) *this = http_response_reader();
    std::string_view rest = bytes;
    const progress made = read_from(rest);
    bytes.erase(0, bytes.size() - rest.size());
    return made;
  }

  /// Reports that the server has closed the connection. Returns whether that ended the body.
  bool closed() const noexcept { return stage_ == stage::until_close; }

  const read_response& response() const noexcept { return response_; }

 private:
  enum class stage : unsigned char { head, sized, chunked, until_close, complete, malformed };

  progress read_from(std::string_view& bytes) {
    while (stage_ == stage::head) {
      const std::size_t end = bytes.find('\n');
      line_.append(bytes.substr(0, end));
      bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
      if (end == std::string_view::npos) return progress::needs_more;
      read_line();
      line_.clear();
    }
    if (stage_ == stage::sized) {
      const std::size_t count = std::min(missing_, bytes.size());
      response_.body.append(bytes.substr(0, count));
      bytes.remove_prefix(count);
      missing_ -= count;
      if (missing_ != 0) return progress::needs_more;
      stage_ = stage::complete;
    } else if (stage_ == stage::chunked) {
      return read_chunks(bytes);
    } else if (stage_ == stage::until_close) {
      response_.body.append(bytes);
      bytes = {};
      return progress::needs_more;
    }
    return stage_ == stage::complete ? progress::complete : progress::malformed;
  }

  void read_line() {
    if (!line_.ends_with('\r') || line_.find('\r') != line_.size() - 1) {
      stage_ = stage::malformed;
      return;
    }
    line_.pop_back();
    if (response_.status_line.empty()) {
      response_.status_line = line_;
      const bool valid = line_.starts_with("HTTP/1.1 ") && line_.size() > 12 && line_[12] == ' ' &&
                         response_.status() >= 100;
      if (!valid) stage_ = stage::malformed;
    } else if (line_.empty()) {
      choose_framing();
    } else {
      const detail::field_line field = detail::read_field_line(line_);
      if (field.problem != nullptr) stage_ = stage::malformed;
      response_.headers.emplace_back(field.name, field.value);
    }
  }

  void choose_framing() {
    const std::optional<std::string> size = response_.header("content-length");
    const int status = response_.status();
    if (head_only_ || status < 200 || status == 204 || status == 304) {
      stage_ = stage::complete;
    } else if (response_.header("transfer-encoding")) {
      stage_ = size ? stage::malformed : stage::chunked;
    } else if (size) {
      const std::optional<std::uint64_t> number = detail::read_decimal(*size);
      stage_ = number ? stage::sized : stage::malformed;
      missing_ = static_cast<std::size_t>(number.value_or(0));
    } else {
      stage_ = stage::until_close;
    }
  }

  progress read_chunks(std::string_view& bytes) {
    request_limits limits;
    limits.body = UINT64_MAX;
    for (;;) {
      switch (decoder_.next(bytes, limits)) {
        case chunked_decoder::progress::piece:
          response_.body.append(decoder_.piece());
          break;
        case chunked_decoder::progress::needs_more:
          return progress::needs_more;
        case chunked_decoder::progress::complete:
          stage_ = stage::complete;
          return progress::complete;
        case chunked_decoder::progress::refused:
          stage_ = stage::malformed;
          return progress::malformed;
      }
    }
  }

  read_response response_;
  std::string line_;
  chunked_decoder decoder_;
  std::size_t missing_ = 0;
  stage stage_ = stage::head;
  bool head_only_ = false;
};

}  // namespace coworker::testing
