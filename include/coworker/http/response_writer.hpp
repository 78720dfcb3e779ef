#pragma once
// Writes responses as bytes: status line, header lines, and the framing of a body. Must not know sockets or
// clocks: the date is an input.

#include <algorithm>
#include <coworker/http/request_head.hpp>
#include <coworker/http/response_head.hpp>
#include <coworker/http/status.hpp>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace coworker::inline v0_1 {

/// Properties of a response that follow from its request and from the state of the server.
struct response_form {
  bool head_only = false;      ///< for HEAD: writes the head that GET would get, and no body
  int minor_version = 1;       ///< of the request; HTTP/1.0 does not support chunks
  bool keep_alive = true;      ///< whether the connection can serve another request afterwards
  std::string_view date = {};  ///< value of the Date header, from http_date; empty: no Date header

  response_form() noexcept {}
  explicit response_form(const request_head& request) noexcept
      : head_only(request.method() == "HEAD"),
        minor_version(request.minor_version()),
        keep_alive(request.keep_alive()) {}
};

/// Appends `100 Continue`, for a client that waits for it before it sends the body.
inline void append_continue(std::string& out) { out.append("HTTP/1.1 100 Continue\r\n\r\n"); }

/// Appends one response to a buffer:
///
///     response_writer writer(out, response_form(request));
///     writer.write_whole(head, "{}");
///
///     writer.begin(head);         // or begin(head, size) if the size is known
///     writer.write("a piece");
///     writer.end();
///
/// The buffer's content may be removed at any time.
class response_writer {
 public:
  response_writer(std::string& out, const response_form& form) noexcept
      : out_(out), form_(form), keep_alive_(form.keep_alive) {}

  /// Writes the head of a response with a body of `size` bytes. Throws: std::invalid_argument if the status
  /// allows no body (204, 205, 304) and `size` is not 0; std::logic_error if another response has not ended.
  /// Writes nothing in these cases.
  void begin(const response_head& head, std::uint64_t size) {
    check_not_begun();
    if (size != 0 && !may_have_body(head.status())) fail_bodiless(head.status());
    framing_ = framing::sized;
    missing_ = size;
    begin_head(head);
    if (head.status() != 204 && head.status() != 304)
      out_.append("Content-Length: ").append(std::to_string(size)).append("\r\n");
    end_head();
  }

  /// Writes the head of a response of unknown size. The body is sent in chunks; for an HTTP/1.0 client it
  /// ends when the connection closes. Throws: as the other overload, but std::invalid_argument for every
  /// status that allows no body.
  void begin(const response_head& head) {
    check_not_begun();
    if (!may_have_body(head.status())) fail_bodiless(head.status());
    framing_ = form_.minor_version == 0 ? framing::until_close : framing::chunked;
    if (framing_ == framing::until_close) keep_alive_ = false;
    begin_head(head);
    if (framing_ == framing::chunked) out_.append("Transfer-Encoding: chunked\r\n");
    end_head();
  }

  /// Writes a piece of the body. An empty piece writes nothing. Throws: std::logic_error if the body would
  /// become longer than announced.
  void write(std::string_view piece) {
    if (!begin_piece(piece.size())) return;
    out_.append(piece);
    end_piece();
  }

  /// Announces a piece of `size` bytes that the caller sends itself, after the content of the buffer. Returns
  /// whether to send the piece and then call end_piece(). Throws: as write().
  bool begin_piece(std::uint64_t size) {
    if (framing_ == framing::none) throw std::logic_error("response: write() was called before begin()");
    if (framing_ == framing::sized) {
      if (size > missing_)
        throw std::logic_error("response: the body is longer than the size that begin() was given, by " +
                               std::to_string(size - missing_) + " bytes");
      missing_ -= size;
    }
    if (size == 0 || form_.head_only) return false;
    if (framing_ == framing::chunked) append_chunk_size(size);
    return true;
  }

  void end_piece() {
    if (framing_ == framing::chunked) out_.append("\r\n");
  }

  /// Writes the end of the body. Throws: std::logic_error if the body is shorter than announced. Then close
  /// the connection; only that tells the client.
  void end() {
    if (framing_ == framing::sized && missing_ != 0) {
      keep_alive_ = false;
      throw std::logic_error("response: the body is shorter than the size that begin() was given, by " +
                             std::to_string(missing_) + " bytes");
    }
    if (framing_ == framing::chunked && !form_.head_only) out_.append("0\r\n\r\n");
    framing_ = framing::none;
  }

  /// Writes a whole response. Throws: as begin().
  void write_whole(const response_head& head, std::string_view body) {
    begin(head, body.size());
    write(body);
    end();
  }

  /// Whether a response has begun and not ended.
  bool in_response() const noexcept { return framing_ != framing::none; }

  /// Whether the connection may serve another request after this response.
  bool keep_alive() const noexcept { return keep_alive_; }

  /// Whether a response with this status may have a body.
  static constexpr bool may_have_body(int status) noexcept {
    return status >= 200 && status != 204 && status != 205 && status != 304;
  }

 private:
  enum class framing : unsigned char { none, sized, chunked, until_close };

  void check_not_begun() const {
    if (in_response()) throw std::logic_error("response: begin() was called twice; call end() first");
  }

  void begin_head(const response_head& head) {
    if (head.closes_connection()) keep_alive_ = false;
    out_.append("HTTP/1.1 ");
    for (int unit = 100; unit > 0; unit /= 10) out_ += static_cast<char>('0' + head.status() / unit % 10);
    out_.append(" ").append(status_phrase(head.status())).append("\r\n");
    if (!form_.date.empty()) out_.append("Date: ").append(form_.date).append("\r\n");
    out_.append(head.lines());
  }

  void end_head() {
    if (!keep_alive_) {
      out_.append("Connection: close\r\n");
    } else if (form_.minor_version == 0) {
      out_.append("Connection: keep-alive\r\n");
    }
    out_.append("\r\n");
  }

  void append_chunk_size(std::uint64_t size) {
    char digits[16];
    std::size_t first = sizeof digits;
    for (; size != 0; size >>= 4) digits[--first] = "0123456789abcdef"[size & 15];
    out_.append(digits + first, sizeof digits - first).append("\r\n");
  }

  [[noreturn]] static void fail_bodiless(int status) {
    throw std::invalid_argument("response: one with the status " + std::to_string(status) +
                                " has no body; give no body, or another status");
  }

  std::string& out_;
  response_form form_;
  std::uint64_t missing_ = 0;  // remaining bytes of a body with a known size
  framing framing_ = framing::none;
  bool keep_alive_;
};

}  // namespace coworker::inline v0_1
