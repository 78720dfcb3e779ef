#pragma once
// Implements json::dump: writes values as text. Iterative, so that deep values need no stack. Must not know
// how text is parsed.

#include <coworker/json/bytes.hpp>
#include <coworker/json/describe.hpp>
#include <coworker/json/error.hpp>
#include <coworker/json/escape.hpp>
#include <coworker/json/floating.hpp>
#include <coworker/json/member_gaps.hpp>
#include <coworker/json/number.hpp>
#include <coworker/json/stack.hpp>
#include <coworker/json/storage.hpp>
#include <coworker/json/value.hpp>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace coworker::inline v0_1 {

namespace detail {

/// Collects text in its owner's frame and passes it to a string in large pieces, so that most bytes are
/// stored without checking the string's capacity.
class text_sink {
 public:
  /// The maximum number of bytes for which make_room makes room.
  static constexpr std::size_t piece = 1024;

  /// `out`: null to only count the text.
  explicit text_sink(std::string* out) noexcept : out_(out) {}
  text_sink(const text_sink&) = delete;
  text_sink& operator=(const text_sink&) = delete;

  /// Returns room for `size` bytes; advance_to says how many of them were used.
  char* make_room(std::size_t size) {
    if (static_cast<std::size_t>(buffer_ + piece - at_) < size) [[unlikely]]
      flush();
    return at_;
  }
  void advance_to(char* at) noexcept { at_ = at; }

  void append(char c) {
    *make_room(1) = c;
    ++at_;
  }
  void append(const char* text, std::size_t size) {
    if (size > piece) {
      flush();
      if (out_ != nullptr) out_->append(text, size);
      flushed_ += size;
      return;
    }
    if (size != 0) std::memcpy(make_room(size), text, size);
    at_ += size;
  }
  void append(std::string_view text) { append(text.data(), text.size()); }

  void flush() {
    const auto size = static_cast<std::size_t>(at_ - buffer_);
    if (out_ != nullptr) out_->append(buffer_, size);
    flushed_ += size;
    at_ = buffer_;
  }

  std::size_t flushed() const noexcept { return flushed_; }

 private:
  std::string* out_;
  std::size_t flushed_ = 0;
  char buffer_[piece];
  char* at_ = buffer_;
};

class json_writer {
 public:
  /// compact: on one line without spaces; spaced: on one line with spaces, for people; lines: each part on
  /// its own line.
  enum class layout : unsigned char { compact, spaced, lines };

  /// `out`: null to only count. `indent`: number of spaces per level, for `lines`.
  json_writer(std::string* out, layout chosen, std::size_t indent) noexcept
      : sink_(out), layout_(chosen), indent_(indent) {}

  void write(const json_slot& root) {
    write_value(root);
    while (!open_.empty()) {
      step& current = open_.top();
      if (current.next == current.end) {
        const char close = current.container.kind() == slot_kind::array ? ']' : '}';
        open_.pop();
        if (layout_ == layout::lines) new_line();
        sink_.append(close);
        continue;
      }
      const bool first = current.at == step::nowhere;
      if (!first) sink_.append(',');
      if (layout_ != layout::compact) set_apart(first);
      current.at = current.next;
      ++current.next;
      if (current.container.kind() == slot_kind::array) {
        write_value(array_of(current.container)->elements()[current.at]);
      } else {
        member_slot* const members = object_of(current.container)->members();
        const member_slot& member = members[current.at];
        if (current.next != current.end && is_gap(members[current.next])) [[unlikely]]
          current.next += static_cast<std::uint32_t>(gap_length(members[current.next]));
        write_text(member.key, "key");
        sink_.append(layout_ == layout::compact ? std::string_view(":") : std::string_view(": "));
        write_value(member.value);
      }
    }
    sink_.flush();
  }

  std::size_t written() const noexcept { return sink_.flushed(); }

 private:
  /// An array or object that is not finished. Its places are those of the part that is being written, of the
  /// next one, and the end.
  struct step {
    static constexpr std::uint32_t nowhere = static_cast<std::uint32_t>(-1);
    json_slot container;
    std::uint32_t at;
    std::uint32_t next;
    std::uint32_t end;
  };

  void write_value(const json_slot& slot) {
    switch (slot.kind()) {
      case slot_kind::null:
        sink_.append("null", 4);
        break;
      case slot_kind::boolean:
        sink_.append(slot.boolean.value ? std::string_view("true") : std::string_view("false"));
        break;
      case slot_kind::integer:
        sink_.advance_to(write_integer(sink_.make_room(longest_number), slot.integer.value));
        break;
      case slot_kind::natural:
        sink_.advance_to(write_natural(sink_.make_room(longest_number), slot.natural.value));
        break;
      case slot_kind::floating:
        if (!is_finite(slot.floating.value)) fail_on_number(slot);
        sink_.advance_to(write_double(sink_.make_room(longest_number), slot.floating.value));
        break;
      case slot_kind::short_text:
      case slot_kind::long_text:
        write_text(slot, "string");
        break;
      case slot_kind::array:
        begin(slot, '[', "[]");
        break;
      case slot_kind::object:
        begin(slot, '{', "{}");
        break;
    }
  }

  void begin(const json_slot& container, char open, std::string_view empty) {
    if (count_of(container) == 0) {
      sink_.append(empty);
      return;
    }
    sink_.append(open);
    open_.push({container, step::nowhere, static_cast<std::uint32_t>(place_from(container, 0)),
                static_cast<std::uint32_t>(places_of(container))});
  }

  void set_apart(bool first) {
    if (layout_ == layout::lines) return new_line();
    if (!first) sink_.append(' ');
  }

  void new_line() {
    sink_.append('\n');
    for (std::size_t left = indent_ * open_.size(); left != 0;) {
      constexpr std::size_t most = 64;
      const std::size_t count = left < most ? left : most;
      std::memset(sink_.make_room(count), ' ', count);
      sink_.advance_to(sink_.make_room(0) + count);
      left -= count;
    }
  }

  void write_text(const json_slot& slot, const char* role) {
    if (slot.kind() == slot_kind::short_text && write_plain_short_text(slot)) return;
    const std::string_view text = text_of(slot);
    sink_.append('"');
    const std::size_t bad = escape_into(sink_, text);
    if (bad != std::string_view::npos) fail_on_text(role, text, bad);
    sink_.append('"');
  }

  /// Writes a short text in two stores if it is plain ASCII without escapes.
  bool write_plain_short_text(const json_slot& slot) {
    // The zeros after the text would count as control characters, so they are overwritten with spaces.
    static constexpr char spaces[33] = {0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,
                                        0,   0,   0,   0,   0,   ' ', ' ', ' ', ' ', ' ', ' ',
                                        ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '};
    const char* const over = spaces + 16 - slot.text.size;
    const std::uint64_t head = load_word(slot.text.chars) | load_word(over);
    const std::uint64_t tail = load_word(slot.text.chars + 6) | load_word(over + 6);
    const std::uint64_t marks = mark_specials(head) | mark_specials(tail);
    if (marks != 0 || ((head | tail) & high_bits) != 0) return false;
    char* const out = sink_.make_room(short_text::capacity + 2);
    *out = '"';
    std::memcpy(out + 1, slot.text.chars, short_text::capacity);
    out[1 + slot.text.size] = '"';
    sink_.advance_to(out + slot.text.size + 2);
    return true;
  }

  [[noreturn]] void fail_on_number(const json_slot& slot) const {
    std::string problem = double_to_text(slot.floating.value);
    json_write_error failure(
        problem.append(" cannot be written as JSON; use null, or a string, where there is no number"));
    throw_at_place(failure);
  }

  [[noreturn]] void fail_on_text(const char* role, std::string_view text, std::size_t bad) const {
    std::string problem(role);
    problem.append(" ")
        .append(quoted_excerpt(text))
        .append(" is not UTF-8 from its byte ")
        .append(std::to_string(bad));
    json_write_error failure(problem.append(" on; convert it, or encode bytes as Base64"));
    throw_at_place(failure);
  }

  /// The open containers form the path to the value that is being written.
  [[noreturn]] void throw_at_place(json_write_error& error) const {
    json_path path;
    for (std::size_t i = 0; i != open_.size(); ++i) {
      const step& current = open_[i];
      if (current.container.kind() == slot_kind::array) {
        path.add_element(current.at);
      } else {
        path.add_member(text_of(object_of(current.container)->members()[current.at].key));
      }
    }
    if (!path.empty()) error.inside(std::move(path));
    throw error;
  }

  text_sink sink_;
  inline_stack<step, 16> open_;
  layout layout_;
  std::size_t indent_;
};

}  // namespace detail

inline void json::dump_to(std::string& out, int indent) const {
  using layout = detail::json_writer::layout;
  const std::size_t before = out.size();
  try {
    detail::json_writer writer(&out, indent < 0 ? layout::compact : layout::lines,
                               indent < 0 ? 0 : static_cast<std::size_t>(indent));
    writer.write(slot_);
  } catch (...) {
    out.resize(before);
    throw;
  }
}

inline std::string json::dump_spaced() const {
  std::string out;
  detail::json_writer(&out, detail::json_writer::layout::spaced, 0).write(slot_);
  return out;
}

/// Returns the length of value.dump() in bytes, without making the text. Throws: json_write_error, as dump.
inline std::size_t dump_size(const json& value) {
  detail::json_writer writer(nullptr, detail::json_writer::layout::compact, 0);
  writer.write(detail::json_gate::slot(value));
  return writer.written();
}

inline std::string json::dump(int indent) const {
  std::string out;
  dump_to(out, indent);
  return out;
}

}  // namespace coworker::inline v0_1
