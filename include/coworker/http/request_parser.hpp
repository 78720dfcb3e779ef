#pragma once
// Requests out of the bytes of a connection, one after another, however these are cut. Knows no socket and
// keeps no body: it is fed with bytes, and gives the parts of a request as they are complete.

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
/// same refusal, wherever they are cut:
///
///     std::string_view bytes = received;
///     for (;;) {
///       switch (parser.next(bytes)) {
///         case request_parser::event::head: …        // parser.head()
///         case request_parser::event::body: …        // parser.piece()
///         case request_parser::event::complete: …    // what follows in `bytes` is the next request
///         case request_parser::event::refused: …     // parser.refusal(); close
///         case request_parser::event::needs_more: …  // all bytes were taken; receive more
///
/// Memory: at most `request_limits::head` and 16 bytes for each header line, whatever is sent.
class request_parser {
 public:
  enum class event : unsigned char {
    needs_more,  ///< all of the bytes were taken
    head,        ///< a request has begun; said once for each, before anything of its body is taken
    body,        ///< `piece()` is the next part of the body, at least one byte
    complete,    ///< the request has ended; said once for each
    refused,     ///< `refusal()` says why; from now on this is all that next() returns
  };

  explicit request_parser(const request_limits& limits = request_limits()) noexcept : limits_(limits) {}

  /// Takes off the front of `bytes` what belongs to the current request, up to the next event.
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

  /// Of the request whose head was given last, until next() is called after its end.
  const request_head& head() const noexcept { return reader_.head(); }

  /// Moves the head out, for whoever keeps it longer than that. head() must not be called again for this
  /// request.
  request_head take_head() noexcept { return std::move(reader_.head()); }

  /// Lies in the bytes that were given to next().
  std::string_view piece() const noexcept { return piece_; }

  const request_refusal& refusal() const noexcept { return refusal_; }

  /// Lowers the limit for the body of the request whose head was given last, to be called before next(). A
  /// body that is too large is refused with 413, at once where its size was announced.
  void limit_body(std::uint64_t most) noexcept {
    body_limits_.body = (std::min)(most, limits_.body);
    if (stage_ == stage::sized_body && missing_ > most) refuse({413, "the request's body is too large"});
  }

  /// Whether a request is under way: some of its head has come, and it has not ended.
  bool in_request() const noexcept {
    return stage_ == stage::head ? reader_.begun()
                                 : stage_ == stage::sized_body || stage_ == stage::chunked_body;
  }

  /// Keeps no more memory than a usual request needs, for a connection that may be idle for long. Only
  /// while no request is under way; head() must not be used until the next has begun.
  void release_memory() noexcept {
    if (in_request() || stage_ == stage::refused) return;
    reader_.begin();
    reader_.release_memory();
    stage_ = stage::head;
  }

 private:
  enum class stage : unsigned char { head, sized_body, chunked_body, ended, refused };

  event read_head(std::string_view& bytes) {
    const auto progress = reader_.read(bytes, limits_);
    if (progress == detail::request_head_reader::progress::needs_more) return event::needs_more;
    if (progress == detail::request_head_reader::progress::refused) return refuse(reader_.refusal());
    body_limits_ = limits_;
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
    switch (decoder_.next(bytes, body_limits_)) {
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
    refusal_ = why;
    stage_ = stage::refused;
    return event::refused;
  }

  request_limits limits_;
  request_limits body_limits_;
  detail::request_head_reader reader_;
  chunked_decoder decoder_;
  std::string_view piece_;
  request_refusal refusal_;
  std::uint64_t missing_ = 0;  // bytes of a body whose size was announced
  stage stage_ = stage::head;
};

}  // namespace coworker
