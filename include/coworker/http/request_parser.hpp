#pragma once
// Splits the bytes of a connection into requests, however they are cut into pieces. Stores no body.
// Must not know sockets.

#include <algorithm>
#include <coworker/http/chunked_decoder.hpp>
#include <coworker/http/request_head.hpp>
#include <coworker/http/request_head_reader.hpp>
#include <coworker/http/request_limits.hpp>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace coworker::inline v0_1 {

/// An incremental parser of HTTP/1.1 and HTTP/1.0 requests. The same bytes give the same requests, or the
/// same refusal, however they are split:
///
///     std::string_view bytes = received;
///     for (;;) {
///       switch (parser.next(bytes)) {
///         case request_parser::event::head: …        // parser.head()
///         case request_parser::event::body: …        // parser.piece()
///         case request_parser::event::complete: …    // what follows in `bytes` is the next request
// the request is malformed; parser.refusal() has the reason; close
///         case request_parser::event::refused: …
///         case request_parser::event::needs_more: …  // all bytes were taken; receive more
///
/// Memory: at most `request_limits::head` bytes plus 16 bytes for each header line, whatever is sent.
class request_parser {
 public:
  enum class event : unsigned char {
    needs_more,  ///< all bytes were consumed
    head,        ///< a request has begun; once per request, before any of its body
    body,        ///< `piece()` is the next part of the body, at least one byte
    complete,    ///< the request has ended; once per request
    refused,     ///< `refusal()` has the reason; next() returns nothing else from now on
  };

  request_parser() noexcept : request_parser(usual_limits) {}

  /// `limits` must outlive the parser.
  explicit request_parser(const request_limits& limits) noexcept : limits_(&limits) {}
  explicit request_parser(const request_limits&&) = delete;

  /// Removes from the front of `bytes` what belongs to the current request, up to the next event, and
  /// returns that event.
  event next(std::string_view& bytes) {
    for (;;) {
      switch (stage_) {
        case stage::ended:
          reader_.begin();
          stage_ = stage::head;
          break;
        case stage::head:
          return read_head(bytes);
        case stage::sized_body:
          if (missing_ != 0) return read_sized_body(bytes);
          stage_ = stage::ended;
          return event::complete;
        case stage::chunked_body:
          return read_chunked_body(bytes);
        case stage::refused:
          return event::refused;
      }
    }
  }

  /// The head of the current request, valid until next() is called after the end of the request.
  const request_head& head() const noexcept { return reader_.head(); }

  /// Moves the head out, to keep it longer. head() must not be called again for this request.
  request_head take_head() noexcept { return std::move(reader_.head()); }

  /// Frees the memory of the current request's head, which then has no method, no path and no header lines. Its
  /// body can still be read.
  void release_head() noexcept { reader_.release_text(); }

  /// The piece of the body that next() found, a view into the bytes passed to next().
  std::string_view piece() const noexcept { return piece_; }

  const request_refusal& refusal() const noexcept { return reader_.refusal(); }

  /// Lowers the body limit of the current request, in bytes. Call it before next(). A body that is too large
  /// is refused with 413, at once if its size was announced.
  void limit_body(std::uint64_t most) noexcept {
    body_limit_ = (std::min)(most, limits_->body);
    if (stage_ == stage::sized_body && missing_ > most) refuse({413, "the request's body is too large"});
  }

  /// Whether part of a request has arrived and its end has not.
  bool in_request() const noexcept {
    return stage_ == stage::head ? reader_.begun()
                                 : stage_ == stage::sized_body || stage_ == stage::chunked_body;
  }

  /// Frees memory beyond what a usual request needs, for a connection that may be idle for long. Call only
  /// between requests. head() must not be used until the next request has begun.
  void release_memory() noexcept {
    if (in_request() || stage_ == stage::refused) return;
    reader_.begin();
    reader_.release_memory();
    stage_ = stage::head;
  }

 private:
  enum class stage : unsigned char { head, sized_body, chunked_body, ended, refused };

  event read_head(std::string_view& bytes) {
    const auto progress = reader_.read(bytes, *limits_);
    if (progress == detail::request_head_reader::progress::needs_more) return event::needs_more;
    if (progress == detail::request_head_reader::progress::refused) return refuse(reader_.refusal());
    body_limit_ = limits_->body;
    missing_ = head().content_length().value_or(0);
    stage_ = head().chunked() ? stage::chunked_body : stage::sized_body;
    decoder_ = chunked_decoder();
    return event::head;
  }

  event read_sized_body(std::string_view& bytes) noexcept {
    if (bytes.empty()) return event::needs_more;
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(missing_, bytes.size()));
    piece_ = bytes.substr(0, count);
    bytes.remove_prefix(count);
    missing_ -= count;
    return event::body;
  }

  event read_chunked_body(std::string_view& bytes) noexcept {
    switch (decoder_.next(bytes, *limits_, body_limit_)) {
      case chunked_decoder::progress::needs_more:
        return event::needs_more;
      case chunked_decoder::progress::piece:
        piece_ = decoder_.piece();
        return event::body;
      case chunked_decoder::progress::complete:
        stage_ = stage::ended;
        return event::complete;
      case chunked_decoder::progress::refused:
        break;
    }
    return refuse(decoder_.refusal());
  }

  event refuse(const request_refusal& why) noexcept {
    reader_.set_refusal(why);
    stage_ = stage::refused;
    return event::refused;
  }

  static constexpr request_limits usual_limits{};

  const request_limits* limits_;
  std::uint64_t body_limit_ = 0;  // of the current request
  detail::request_head_reader reader_;
  chunked_decoder decoder_;
  std::string_view piece_;
  std::uint64_t missing_ = 0;  // remaining bytes of a body with a known size
  stage stage_ = stage::head;
};

}  // namespace coworker::inline v0_1
