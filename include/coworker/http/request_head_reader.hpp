#pragma once
// Parses a request's head incrementally, strictly by RFC 9112: refuses whatever two servers could read
// differently. Must not know what follows the empty line at the end of the head.

#include <algorithm>
#include <coworker/http/request_head.hpp>
#include <coworker/http/request_limits.hpp>
#include <coworker/http/syntax.hpp>
#include <coworker/http/url.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coworker::inline v0_1 {

namespace detail {

class request_head_reader {
 public:
  enum class progress : unsigned char { needs_more, complete, refused };

  // Prepares for a new head, and discards the last one.
  void begin() noexcept {
    head_.text_.clear();
    head_.fields_.clear();
    clear_places();
    head_.content_length_ = 0;
    head_.sized_ = head_.chunked_ = head_.expects_continue_ = false;
    line_at_ = 0;
    in_request_line_ = true;
    skipped_empty_line_ = has_host_ = host_in_target_ = has_coding_ = has_unknown_coding_ = false;
    asks_close_ = asks_keep_alive_ = expects_something_else_ = false;
    spaces_ = 0;
    target_seen_ = 0;
    refusal_ = {};
  }

  // Removes from the front of `bytes` what belongs to the head.
  progress read(std::string_view& bytes, const request_limits& limits) {
    while (!bytes.empty()) {
      const void* const line_feed = std::memchr(bytes.data(), '\n', bytes.size());
      const std::size_t count =
          line_feed == nullptr
              ? bytes.size()
              : static_cast<std::size_t>(static_cast<const char*>(line_feed) - bytes.data()) + 1;
      if (!append(bytes.substr(0, count), limits)) return progress::refused;
      bytes.remove_prefix(count);
      if (line_feed == nullptr) return progress::needs_more;
      const progress now = end_line(limits);
      if (now != progress::needs_more) return now;
    }
    return progress::needs_more;
  }

  // Frees memory beyond what a usual head needs. Call only when no head has begun.
  void release_memory() noexcept {
    if (head_.text_.capacity() > 2 * usual_head) std::string().swap(head_.text_);
    if (head_.fields_.capacity() > 2 * usual_headers) std::vector<request_head::place>().swap(head_.fields_);
  }

  // Frees the memory of a complete head, and keeps only what says how its body is sent.
  void release_text() noexcept {
    std::string().swap(head_.text_);
    std::vector<request_head::place>().swap(head_.fields_);
    clear_places();
  }

  // Whether some bytes of a head have arrived.
  bool begun() const noexcept { return !head_.text_.empty(); }

  request_head& head() noexcept { return head_; }
  const request_head& head() const noexcept { return head_; }
  const request_refusal& refusal() const noexcept { return refusal_; }
  void set_refusal(const request_refusal& why) noexcept { refusal_ = why; }

 private:
  static constexpr std::size_t usual_head = 480;
  static constexpr std::size_t usual_headers = 16;
  static constexpr char_set target_characters{0xffff'fff6'0000'0000, 0x7fff'ffff'ffff'ffff};  // all but '#'

  void clear_places() noexcept {
    head_.method_size_ = head_.target_size_ = head_.path_at_ = head_.path_size_ = 0;
    head_.query_at_ = head_.query_size_ = head_.host_at_ = head_.host_size_ = 0;
  }

  // Gives the same refusal for the same bytes, however they are split: if two limits are exceeded,
  // the first one counts.
  bool append(std::string_view part, const request_limits& limits) {
    const std::size_t room = limits.head - std::min<std::size_t>(limits.head, head_.text_.size());
    const std::string_view fitting = part.substr(0, room);
    if (in_request_line_ && !measure_target(fitting, limits.target))
      return refuse(414, "the request's target is too long");
    if (part.size() > room) return refuse(431, "the request's head is too large");
    // one allocation instead of several
    if (head_.text_.capacity() < usual_head) head_.text_.reserve(usual_head);
    head_.text_.append(part);
    return true;
  }

  bool measure_target(std::string_view part, std::size_t most) noexcept {
    for (const char c : part) {
      if (spaces_ > 1) break;
      if (c == ' ' || c == '\r' || c == '\n') {
        ++spaces_;
      } else if (spaces_ == 1 && ++target_seen_ > most) {
        return false;
      }
    }
    return true;
  }

  progress end_line(const request_limits& limits) {
    std::string_view line = std::string_view(head_.text_).substr(line_at_);
    if (line.size() < 2 || line[line.size() - 2] != '\r')
      return refused(400, "a line ends without a carriage return");
    line.remove_suffix(2);
    if (in_request_line_) {
      if (line.empty()) return skip_empty_line();
      in_request_line_ = false;
      if (!read_request_line(line)) return progress::refused;
    } else if (line.empty()) {
      return finish(limits.body) ? progress::complete : progress::refused;
    } else if (!read_header(line, limits.headers)) {
      return progress::refused;
    }
    line_at_ = static_cast<std::uint32_t>(head_.text_.size());
    return progress::needs_more;
  }

  // RFC 9112, section 2.2: one empty line must be ignored, because old clients send it after a body.
  progress skip_empty_line() noexcept {
    if (skipped_empty_line_) return refused(400, "the request line is empty");
    skipped_empty_line_ = true;
    spaces_ = 0;
    head_.text_.clear();
    return progress::needs_more;
  }

  bool read_request_line(std::string_view line) noexcept {
    const std::size_t method_end = line.find(' ');
    const std::size_t target_end =
        method_end == std::string_view::npos ? method_end : line.find(' ', method_end + 1);
    if (target_end == std::string_view::npos)
      return refuse(400, "the request line is not a method, a target and a version");
    const std::string_view method = line.substr(0, method_end);
    const std::string_view target = line.substr(method_end + 1, target_end - method_end - 1);
    if (!is_token(method)) return refuse(400, "the method is not a token");
    head_.method_size_ = static_cast<std::uint32_t>(method_end);
    head_.target_size_ = static_cast<std::uint32_t>(target.size());
    return read_version(line.substr(target_end + 1)) && read_target(method, target);
  }

  bool read_version(std::string_view version) noexcept {
    if (version.size() != 8 || !version.starts_with("HTTP/") || !is_ascii_digit(version[5]) ||
        version[6] != '.' || !is_ascii_digit(version[7]))
      return refuse(400, "the request line is not a method, a target and a version");
    if (version[5] != '1') return refuse(505, "the version is not HTTP/1.0 or HTTP/1.1");
    head_.minor_version_ = version[7] == '0' ? 0 : 1;
    return true;
  }

  bool read_target(std::string_view method, std::string_view target) noexcept {
    if (method == "CONNECT") return refuse(501, "this server is not a proxy");
    if (!target_characters.has_all_of(target))
      return refuse(400, "the request's target holds a character that must be percent-encoded");
    if (target == "*") {
      if (method != "OPTIONS") return refuse(400, "only OPTIONS may have the target *");
      return set_path(target);
    }
    if (target.starts_with('/')) return set_path(target);
    return read_absolute_target(target);
  }

  bool read_absolute_target(std::string_view target) noexcept {
    const std::size_t scheme_end = target.find("://");
    const std::string_view scheme = target.substr(0, scheme_end);
    if (scheme_end == std::string_view::npos ||
        (!equal_ignoring_case(scheme, "http") && !equal_ignoring_case(scheme, "https")))
      return refuse(400, "the request's target is neither a path nor an http address");
    const std::string_view rest = target.substr(scheme_end + 3);
    const std::string_view host = rest.substr(0, rest.find_first_of("/?"));
    if (host.empty() || !split_host(host)) return refuse(400, "the target names no host");
    host_in_target_ = true;
    set_host(host);
    return set_path(rest.substr(host.size()));
  }

  // `rest` is a suffix of the target.
  bool set_path(std::string_view rest) noexcept {
    const std::size_t size = (std::min)(rest.find('?'), rest.size());
    head_.path_at_ = position(rest);
    head_.path_size_ = static_cast<std::uint32_t>(size);
    if (size < rest.size()) {
      head_.query_at_ = head_.path_at_ + head_.path_size_ + 1;
      head_.query_size_ = static_cast<std::uint32_t>(rest.size() - size - 1);
    }
    return true;
  }

  bool read_header(std::string_view line, std::size_t most) {
    const field_line read = read_field_line(line);
    if (read.problem != nullptr) return refuse(400, read.problem);
    if (head_.fields_.size() >= most) return refuse(431, "the request has too many header lines");
    if (head_.fields_.empty()) head_.fields_.reserve(usual_headers);
    head_.fields_.push_back({line_at_, static_cast<std::uint32_t>(read.name.size()), position(read.value),
                             static_cast<std::uint32_t>(read.value.size())});
    switch (read.name.size()) {
      case 4:
        return !equal_ignoring_case(read.name, "host") || read_host(read.value);
      case 6:
        if (equal_ignoring_case(read.name, "expect")) read_expectation(read.value);
        return true;
      case 10:
        if (equal_ignoring_case(read.name, "connection")) read_connection(read.value);
        return true;
      case 14:
        return !equal_ignoring_case(read.name, "content-length") || read_content_length(read.value);
      case 17:
        return !equal_ignoring_case(read.name, "transfer-encoding") || read_transfer_encoding(read.value);
      default:
        return true;
    }
  }

  bool read_host(std::string_view value) noexcept {
    if (has_host_) return refuse(400, "there are two Host lines");
    has_host_ = true;
    if (!split_host(value)) return refuse(400, "the Host line does not hold a host");
    if (!host_in_target_) set_host(value);
    return true;
  }

  void read_expectation(std::string_view value) noexcept {
    (equal_ignoring_case(value, "100-continue") ? head_.expects_continue_ : expects_something_else_) = true;
  }

  void read_connection(std::string_view value) noexcept {
    asks_close_ = asks_close_ || list_contains(value, "close");
    asks_keep_alive_ = asks_keep_alive_ || list_contains(value, "keep-alive");
  }

  bool read_content_length(std::string_view value) noexcept {
    if (head_.sized_) return refuse(400, "there are two Content-Length lines");
    const std::optional<std::uint64_t> size = read_decimal(value);
    if (!size) return refuse(400, "the Content-Length is not a number of bytes");
    head_.sized_ = true;
    head_.content_length_ = *size;
    return true;
  }

  bool read_transfer_encoding(std::string_view value) noexcept {
    has_coding_ = true;
    bool more = true;
    while (more) {
      more = value.find(',') != std::string_view::npos;
      const std::string_view element = without_blanks(take_until(value, ','));
      const std::string_view coding = without_blanks(element.substr(0, element.find(';')));
      const bool chunked = equal_ignoring_case(coding, "chunked");
      if (!is_token(coding) || (chunked && (head_.chunked_ || coding.size() != element.size())))
        return refuse(400, "the Transfer-Encoding is not a list that ends with chunked");
      (chunked ? head_.chunked_ : has_unknown_coding_) = true;
    }
    return true;
  }

  bool finish(std::uint64_t body_limit) noexcept {
    const bool old = head_.minor_version_ == 0;
    if (!has_host_ && !old) return refuse(400, "there is no Host line");
    if (has_coding_ && head_.sized_)
      return refuse(400, "there are both Content-Length and Transfer-Encoding");
    if (has_coding_ && old) return refuse(400, "HTTP/1.0 has no Transfer-Encoding");
    if (has_unknown_coding_) return refuse(501, "the Transfer-Encoding names a coding other than chunked");
    if (head_.content_length_ > body_limit) return refuse(413, "the request's body is too large");
    if (old) head_.expects_continue_ = false;
    if (expects_something_else_ && !old) return refuse(417, "the Expect line asks for something unknown");
    head_.keep_alive_ = !asks_close_ && (!old || asks_keep_alive_);
    return true;
  }

  void set_host(std::string_view host) noexcept {
    head_.host_at_ = position(host);
    head_.host_size_ = static_cast<std::uint32_t>(host.size());
  }

  std::uint32_t position(std::string_view part) const noexcept {
    return part.empty() ? 0 : static_cast<std::uint32_t>(part.data() - head_.text_.data());
  }

  bool refuse(int status, const char* reason) noexcept {
    refusal_.status = status;
    refusal_.reason = reason;
    return false;
  }

  progress refused(int status, const char* reason) noexcept {
    refuse(status, reason);
    return progress::refused;
  }

  request_head head_;
  request_refusal refusal_;
  std::uint32_t line_at_ = 0;      // start of the incomplete line
  std::uint32_t target_seen_ = 0;  // in bytes
  unsigned char spaces_ = 0;       // in the request line so far; counted up to 2
  bool in_request_line_ = true;
  bool skipped_empty_line_ = false;
  bool has_host_ = false;
  bool host_in_target_ = false;
  bool has_coding_ = false;
  bool has_unknown_coding_ = false;
  bool asks_close_ = false;
  bool asks_keep_alive_ = false;
  bool expects_something_else_ = false;
};

}  // namespace detail
}  // namespace coworker::inline v0_1
