#pragma once
// What a request says before its body. Knows the text of a head that was read and where its parts lie in it;
// how it is read is in request_head_reader.hpp.

#include <coworker/http/syntax.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coworker::inline v0_1 {

/// A header line: its name as written, and its value without the blanks around it.
struct header_field {
  std::string_view name;
  std::string_view value;
};

namespace detail {
class request_head_reader;
}

/// Request line and header lines. Owns its text: it can be copied and moved; the views that it gives are
/// valid as long as it is neither changed nor destroyed, and a move ends them too.
class request_head {
 public:
  /// As written, such as "GET". Methods are compared with their letter case.
  std::string_view method() const noexcept { return view(0, method_size_); }

  /// As written: "/path?query", "http://host/path?query", or "*".
  std::string_view target() const noexcept { return view(method_size_ + 1, target_size_); }

  /// The target's path, percent-encoded as it came. Begins with '/', or is "*".
  std::string_view path() const noexcept {
    return path_size_ == 0 ? std::string_view("/") : view(path_at_, path_size_);
  }

  /// What follows the first '?' of the target, percent-encoded as it came.
  std::string_view query() const noexcept { return view(query_at_, query_size_); }

  /// Host and port that the request is for, as written: those of the target where it names them, else those
  /// of the Host line. Empty where HTTP/1.0 names none.
  std::string_view host() const noexcept { return view(host_at_, host_size_); }

  /// 0 for HTTP/1.0, 1 for HTTP/1.1.
  int minor_version() const noexcept { return minor_version_; }

  /// Header lines, in their order.
  std::size_t header_count() const noexcept { return fields_.size(); }
  header_field header(std::size_t index) const noexcept {
    const place& at = fields_[index];
    return {view(at.name, at.name_size), view(at.value, at.value_size)};
  }

  /// The value of the first header of that name, in any letter case.
  std::optional<std::string_view> header(std::string_view name) const noexcept {
    for (const place& at : fields_) {
      if (equal_ignoring_case(view(at.name, at.name_size), name)) return view(at.value, at.value_size);
    }
    return std::nullopt;
  }

  /// Whether a header whose value is a list, such as Connection, holds `token` in any of its lines.
  bool header_contains(std::string_view name, std::string_view token) const noexcept {
    for (const place& at : fields_) {
      if (equal_ignoring_case(view(at.name, at.name_size), name) &&
          list_contains(view(at.value, at.value_size), token))
        return true;
    }
    return false;
  }

  /// The body's size in bytes, where the request says it.
  std::optional<std::uint64_t> content_length() const noexcept {
    return sized_ ? std::optional<std::uint64_t>(content_length_) : std::nullopt;
  }

  /// Whether the body comes in chunks.
  bool chunked() const noexcept { return chunked_; }

  bool has_body() const noexcept { return chunked_ || content_length_ != 0; }

  /// The client waits for `100 Continue` before it sends the body.
  bool expects_continue() const noexcept { return expects_continue_ && has_body(); }

  /// The connection may serve another request after this one.
  bool keep_alive() const noexcept { return keep_alive_; }

 private:
  friend class detail::request_head_reader;

  // Positions in the text, which may move.
  struct place {
    std::uint32_t name;
    std::uint32_t name_size;
    std::uint32_t value;
    std::uint32_t value_size;
  };

  std::string_view view(std::uint32_t at, std::uint32_t size) const noexcept {
    return std::string_view(text_.data() + at, size);
  }

  std::string text_;  // with the line breaks
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

}  // namespace coworker
