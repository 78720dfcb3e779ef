#pragma once
// The request line and the headers of a request, as text and positions in it. request_head_reader.hpp parses
// them. Must not know bodies.

#include <coworker/http/syntax.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coworker::inline v0_1 {

/// A header line: the name as written, and the value without the blanks around it.
struct header_field {
  std::string_view name;
  std::string_view value;
};

namespace detail {
class request_head_reader;
}

/// The request line and the headers of one request. Owns its text, and can be copied and moved. The views
/// that it returns are valid until it is changed, moved or destroyed.
class request_head {
 public:
  /// Returns the method as written, such as "GET". Methods are case-sensitive.
  std::string_view method() const noexcept { return view(0, method_size_); }

  /// Returns the target as written: "/path?query", "http://host/path?query", or "*".
  std::string_view target() const noexcept { return view(method_size_ + 1, target_size_); }

  /// Returns the target's path, still percent-encoded. Begins with '/', or is "*".
  std::string_view path() const noexcept {
    return path_size_ == 0 ? std::string_view("/") : view(path_at_, path_size_);
  }

  /// Returns what follows the first '?' of the target, still percent-encoded.
  std::string_view query() const noexcept { return view(query_at_, query_size_); }

  /// Returns host and port of the request, as written: from the target if it contains them, else from the
  /// Host line. Empty if an HTTP/1.0 request names none.
  std::string_view host() const noexcept { return view(host_at_, host_size_); }

  /// 0 for HTTP/1.0, 1 for HTTP/1.1.
  int minor_version() const noexcept { return minor_version_; }

  /// The header lines, in their order. `index`: below header_count().
  std::size_t header_count() const noexcept { return fields_.size(); }
  header_field header(std::size_t index) const noexcept {
    const place& at = fields_[index];
    return {view(at.name, at.name_size), view(at.value, at.value_size)};
  }

  /// Returns the value of the first header with that name, in any letter case, or nothing.
  std::optional<std::string_view> header(std::string_view name) const noexcept {
    for (const place& at : fields_) {
      if (equal_ignoring_case(view(at.name, at.name_size), name)) return view(at.value, at.value_size);
    }
    return std::nullopt;
  }

  /// Whether `token` is in the list of a header such as Connection, in any of its lines.
  bool header_contains(std::string_view name, std::string_view token) const noexcept {
    for (const place& at : fields_) {
      if (equal_ignoring_case(view(at.name, at.name_size), name) &&
          list_contains(view(at.value, at.value_size), token))
        return true;
    }
    return false;
  }

  /// Returns the body's size in bytes, or nothing if the request does not state it.
  std::optional<std::uint64_t> content_length() const noexcept {
    return sized_ ? std::optional<std::uint64_t>(content_length_) : std::nullopt;
  }

  /// Whether the body is sent in chunks.
  bool chunked() const noexcept { return chunked_; }

  bool has_body() const noexcept { return chunked_ || content_length_ != 0; }

  /// Whether the client waits for `100 Continue` before it sends the body.
  bool expects_continue() const noexcept { return expects_continue_ && has_body(); }

  /// Whether the connection may serve another request after this one.
  bool keep_alive() const noexcept { return keep_alive_; }

 private:
  friend class detail::request_head_reader;

  // Positions, because the text may move in memory.
  struct place {
    std::uint32_t name;
    std::uint32_t name_size;
    std::uint32_t value;
    std::uint32_t value_size;
  };

  std::string_view view(std::uint32_t at, std::uint32_t size) const noexcept {
    return std::string_view(text_.data() + at, size);
  }

  std::string text_;  // includes the line breaks
  std::vector<place> fields_;
  std::uint32_t method_size_ = 0;
  std::uint32_t target_size_ = 0;
  std::uint32_t path_at_ = 0;
  std::uint32_t path_size_ = 0;
  std::uint32_t query_at_ = 0;
  std::uint32_t query_size_ = 0;
  std::uint32_t host_at_ = 0;
  std::uint32_t host_size_ = 0;
  std::uint64_t content_length_ = 0;
  unsigned char minor_version_ = 1;
  bool sized_ = false;
  bool chunked_ = false;
  bool expects_continue_ = false;
  bool keep_alive_ = true;
};

}  // namespace coworker::inline v0_1
