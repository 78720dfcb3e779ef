#pragma once
// Decodes the chunked transfer coding of a body (RFC 9112, section 7.1), strictly. Must not
// know the head before it.

#include <algorithm>
#include <coworker/http/request_limits.hpp>
#include <coworker/http/syntax.hpp>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace coworker::inline v0_1 {

/// Decodes one chunked body incrementally, from bytes as they arrive. Stores none of them.
class chunked_decoder {
 public:
  enum class progress : unsigned char {
    needs_more,
    piece,     ///< `piece()` is the next part of the body, at least one byte
    complete,  ///< the body has ended; the bytes that follow are not part of it
    refused,   ///< the body is malformed; `refusal()` has the reason, and nothing more can be read
  };

  /// Removes from the front of `bytes` what belongs to the body, up to the end of a piece. `limits` must be
  /// the same for the whole body.
  progress next(std::string_view& bytes, const request_limits& limits) noexcept {
    return next(bytes, limits, limits.body);
  }

  /// The same with another limit for the body, in bytes.
  progress next(std::string_view& bytes, const request_limits& limits, std::uint64_t body_limit) noexcept {
    while (!bytes.empty()) {
      if (state_ == state::data) return take_data(bytes);
      if (state_ == state::done) return progress::complete;
      if (state_ == state::refused) return progress::refused;
      const char c = bytes.front();
      bytes.remove_prefix(1);
      read(c, limits, body_limit);
    }
    return state_ == state::done      ? progress::complete
           : state_ == state::refused ? progress::refused
                                      : progress::needs_more;
  }

  /// The piece of the body that next() found, a view into the bytes passed to next().
  std::string_view piece() const noexcept { return piece_; }
  const request_refusal& refusal() const noexcept { return refusal_; }

 private:
  enum class state : unsigned char {
    first_digit,  // of a chunk's size
    digits,
    blank_before_extension,
    extension,
    size_line_feed,
    data,
    data_return,
    data_line_feed,
    trailer,  // at the start of a line after the last chunk
    trailer_name,
    trailer_value,
    trailer_line_feed,
    last_line_feed,
    done,
    refused,
  };

  void read(char c, const request_limits& limits, std::uint64_t body_limit) noexcept {
    switch (state_) {
      case state::first_digit:
        missing_ = 0;
        return detail::hex_digit(c) < 0 ? refuse(400, "a chunk's size is not a hexadecimal number")
                                        : add_digit(c);
      case state::digits:
        return detail::hex_digit(c) >= 0 ? add_digit(c) : read_after_size(c, limits);
      case state::blank_before_extension:
      case state::extension:
        return read_after_size(c, limits);
      case state::size_line_feed:
        if (missing_ > body_limit - (std::min)(body_limit, body_bytes_))
          return refuse(413, "the request's body is too large");
        return expect_line_feed(c, missing_ != 0 ? state::data : state::trailer);
      case state::data_return:
        if (c != '\r') return refuse(400, "a chunk is longer than its size says");
        state_ = state::data_line_feed;
        return;
      case state::data_line_feed:
        return expect_line_feed(c, state::first_digit);
      case state::trailer_line_feed:
        return expect_line_feed(c, state::trailer);
      case state::last_line_feed:
        return expect_line_feed(c, state::done);
      case state::trailer:
      case state::trailer_name:
      case state::trailer_value:
        return read_trailer(c, limits);
      case state::data:  // not read character by character
      case state::done:
      case state::refused:
        return;
    }
  }

  void add_digit(char c) noexcept {
    if (missing_ > (UINT64_MAX >> 4)) return refuse(400, "a chunk's size is too large a number");
    missing_ = missing_ << 4 | static_cast<std::uint64_t>(detail::hex_digit(c));
    state_ = state::digits;
  }

  void read_after_size(char c, const request_limits& limits) noexcept {
    if (c == '\r' && state_ != state::blank_before_extension) {
      state_ = state::size_line_feed;
    } else if (state_ != state::extension && c != ';' && !detail::is_blank(c)) {
      refuse(400, "a chunk's size is not a hexadecimal number");
    } else if (detail::is_control(c)) {
      refuse(400, "a chunk extension holds a control character");
    } else if (++extension_bytes_ > limits.chunk_extensions) {
      refuse(400, "the chunk extensions are too large");
    } else if (c == ';') {
      state_ = state::extension;
    } else if (state_ == state::digits) {
      state_ = state::blank_before_extension;
    }
  }

  void read_trailer(char c, const request_limits& limits) noexcept {
    if (++trailer_bytes_ > limits.trailers) return refuse(431, "the body's trailers are too large");
    if (c == '\r') {
      if (state_ == state::trailer_name) return refuse(400, "a trailer line has no colon");
      state_ = state_ == state::trailer ? state::last_line_feed : state::trailer_line_feed;
    } else if (state_ == state::trailer_value) {
      if (detail::is_control(c)) refuse(400, "a trailer's value holds a control character");
    } else if (c == ':' && state_ == state::trailer_name) {
      state_ = state::trailer_value;
    } else if (detail::token_characters.has(c)) {
      state_ = state::trailer_name;
    } else {
      refuse(400, "a trailer's name is not a token");
    }
  }

  void expect_line_feed(char c, state next) noexcept {
    if (c != '\n') return refuse(400, "a carriage return without a line feed in the framing of chunks");
    state_ = next;
  }

  progress take_data(std::string_view& bytes) noexcept {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(missing_, bytes.size()));
    piece_ = bytes.substr(0, count);
    bytes.remove_prefix(count);
    missing_ -= count;
    body_bytes_ += count;
    if (missing_ == 0) state_ = state::data_return;
    return progress::piece;
  }

  void refuse(int status, const char* reason) noexcept {
    refusal_.status = status;
    refusal_.reason = reason;
    state_ = state::refused;
  }

  std::string_view piece_;
  request_refusal refusal_;
  std::uint64_t missing_ = 0;     // of the current chunk, in bytes
  std::uint64_t body_bytes_ = 0;  // total so far
  std::uint32_t extension_bytes_ = 0;
  std::uint32_t trailer_bytes_ = 0;
  state state_ = state::first_digit;
};

}  // namespace coworker::inline v0_1
