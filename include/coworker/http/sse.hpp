#pragma once
// Writes and parses server-sent events (HTML standard, section 9.2). Must not know connections.

#include <algorithm>
#include <coworker/coro/clock.hpp>
#include <coworker/http/syntax.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace coworker::inline v0_1 {

/// One server-sent event.
struct sse_event {
  std::string data;
  std::string event;  ///< the event's type; empty: "message"
  /// Sent as Last-Event-ID by a client that reconnects; nothing: unchanged.
  std::optional<std::string> id;

  sse_event() noexcept {}
  explicit sse_event(std::string text) noexcept : data(std::move(text)) {}
};

namespace detail {

// Returns the index of the first CR or LF, or the text's size.
inline std::size_t line_end(std::string_view text) noexcept {
  std::size_t i = 0;
  for (; i < text.size(); ++i) {
    while (text.size() - i > 8) {  // checks eight bytes at once; most are above both
      const std::uint64_t word = load_word(text.data() + i);
      if (((word - repeat_byte('\r' + 1)) & ~word & high_bits) != 0) break;
      i += 8;
    }
    if (text[i] == '\n' || text[i] == '\r') break;
  }
  return i;
}

// Writes each line of `text` after `name`. A line ends with CR, LF or CR LF, because
// readers treat them alike.
inline void append_sse_lines(std::string& out, std::string_view name, std::string_view text) {
  for (;;) {
    const std::size_t end = line_end(text);
    out.append(name).append(text.substr(0, end)).append("\n");
    if (end == text.size()) return;
    text.remove_prefix(end + (text.substr(end, 2) == "\r\n" ? 2 : 1));
  }
}

inline void append_sse_field(std::string& out, std::string_view name, std::string_view value) {
  if (line_end(value) != value.size() || value.find('\0') != std::string_view::npos)
    throw std::invalid_argument("server-sent event: \"" + std::string(name.substr(0, name.find(':'))) +
                                "\" must be one line without a NUL; put text with line breaks into the data");
  out.append(name).append(value).append("\n");
}

}  // namespace detail

/// Appends an event. The client receives line breaks in the data as '\n'. Throws: std::invalid_argument if
/// `event` or `id` contains a line break or a NUL; then nothing is appended.
inline void append_sse_event(std::string& out, const sse_event& event) {
  std::string fields;
  if (!event.event.empty()) detail::append_sse_field(fields, "event: ", event.event);
  if (event.id) detail::append_sse_field(fields, "id: ", *event.id);
  out.append(fields);
  detail::append_sse_lines(out, "data: ", event.data);
  out.append("\n");
}

/// Appends an event with data only.
inline void append_sse_data(std::string& out, std::string_view data) {
  detail::append_sse_lines(out, "data: ", data);
  out.append("\n");
}

/// Appends the time that a client should wait before it reconnects, rounded down to milliseconds.
inline void append_sse_retry(std::string& out, duration wait) {
  const auto milliseconds = (std::max)(duration::zero(), wait) / std::chrono::milliseconds(1);
  out.append("retry: ").append(std::to_string(milliseconds)).append("\n\n");
}

/// Appends a comment, which clients ignore. An empty one keeps a quiet connection open.
inline void append_sse_comment(std::string& out, std::string_view text = {}) {
  detail::append_sse_lines(out, text.empty() ? ":" : ": ", text);
  out.append("\n");
}

/// Parses events from a stream, as browsers do, in pieces of any size. The text should be UTF-8; that is not
/// checked. A byte order mark at the beginning is skipped.
class sse_parser {
 public:
  enum class event : unsigned char {
    needs_more,  ///< all of the text was consumed
    complete,    ///< `current()` is an event
    too_large,   ///< an event's data, or a line, is larger than the limit; nothing more can be read
  };

  /// `limit`: bytes of an event's data and of the current line together. The parser needs a few times as much
  /// memory at most.
  explicit sse_parser(std::size_t limit = 16 * 1024 * 1024) noexcept : limit_(limit) {}

  /// Removes text from the front, up to the end of an event.
  event next(std::string_view& text) {
    while (!text.empty() && !too_large_) {
      if (skip_line_feed_ && text.front() == '\n') text.remove_prefix(1);
      skip_line_feed_ = false;
      const std::size_t end = detail::line_end(text);
      if (end > limit_ - (std::min)(limit_, line_.size() + data_.size())) {
        too_large_ = true;
        break;
      }
      line_.append(text.substr(0, end));
      if (end == text.size()) {
        text = {};
        break;
      }
      skip_line_feed_ = text[end] == '\r';
      text.remove_prefix(end + 1);
      if (end_line()) return event::complete;
    }
    return too_large_ ? event::too_large : event::needs_more;
  }

  /// The event that next() found last, valid until the next call. Its id is that of the
  /// last event with an id.
  const sse_event& current() const noexcept { return current_; }

  /// Returns the time to wait before reconnecting, if the server set one.
  std::optional<duration> retry() const noexcept { return retry_; }

  /// Returns the id to send as Last-Event-ID when reconnecting; empty: none.
  const std::string& last_event_id() const noexcept { return last_id_; }

 private:
  // Returns whether an event is complete.
  bool end_line() {
    std::string_view line = line_;
    if (at_start_ && line.starts_with("\xef\xbb\xbf")) line.remove_prefix(3);
    at_start_ = false;
    const bool complete = line.empty() ? dispatch() : read_field(line);
    line_.clear();
    return complete;
  }

  bool read_field(std::string_view line) {
    std::string_view value = line;
    const std::string_view name = detail::take_until(value, ':');
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (name == "data") {
      data_.append(value).append("\n");
    } else if (name == "event") {
      type_ = value;
    } else if (name == "id") {
      if (value.find('\0') == std::string_view::npos) id_ = value;
    } else if (name == "retry") {
      read_retry(value);
    }
    return false;
  }

  void read_retry(std::string_view value) noexcept {
    const std::optional<std::uint64_t> milliseconds = detail::read_decimal(value);
    constexpr auto most = static_cast<std::uint64_t>((std::numeric_limits<std::int32_t>::max)());
    if (milliseconds) retry_ = std::chrono::milliseconds((std::min)(*milliseconds, most));
  }

  bool dispatch() {
    last_id_ = id_;
    const bool has_data = !data_.empty();
    if (has_data) {
      data_.pop_back();
      current_.data = std::move(data_);
      current_.event = std::move(type_);
      current_.id.reset();
      if (!last_id_.empty()) current_.id = last_id_;
    }
    data_.clear();
    type_.clear();
    return has_data;
  }

  std::size_t limit_;
  std::string line_;  // the incomplete line
  std::string data_;  // of the next event; a line feed ends each line
  std::string type_;
  std::string id_;  // kept from one event to the next
  std::string last_id_;
  sse_event current_;
  std::optional<duration> retry_;
  bool at_start_ = true;
  bool skip_line_feed_ = false;  // the last line ended with a CR; an LF may follow
  bool too_large_ = false;
};

}  // namespace coworker::inline v0_1
