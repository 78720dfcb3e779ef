#pragma once
// The path to a value inside a larger one, such as "scores[3]" or "input.size", for error messages. Its
// length is bounded, however long the keys and however deep the value. Must not know values.

#include <coworker/json/escape.hpp>
#include <cstddef>
#include <string>
#include <string_view>

namespace coworker::inline v0_1::detail {

/// Returns the largest number of bytes of `text`, up to `most`, that end where a character ends.
inline std::size_t whole_characters(std::string_view text, std::size_t most) noexcept {
  if (text.size() <= most) return text.size();
  std::size_t size = most;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
  return size;
}

/// The maximum number of bytes of a text or a key in an error message.
inline constexpr std::size_t longest_excerpt = 60;

/// Returns `text` in quotes, shortened for an error message.
inline std::string quoted_excerpt(std::string_view text) {
  const std::size_t size = whole_characters(text, longest_excerpt);
  std::string out;
  append_json_string_lossy(out, text.substr(0, size));
  if (size < text.size()) out += "...";
  return out;
}

/// Builds a path from the outermost step to the innermost. Leaves out the middle of a path that gets too
/// long. Adding a step is fast, however long the path is.
class json_path {
 public:
  /// The maximum number of bytes of a path at its beginning, and again at its end.
  static constexpr std::size_t longest_part = 4000;

  json_path& add_member(std::string_view key) {
    if (reads_as_key(key)) return add(key);
    return add("[" + quoted_excerpt(key) + "]");
  }
  json_path& add_element(std::size_t index) { return add("[" + std::to_string(index) + "]"); }

  /// Adds one or more steps, in the form that text() returns.
  json_path& add(std::string_view steps) {
    const bool joins = empty() || steps.empty() || steps.front() == '[';
    if (!joins) append(".");
    append(steps);
    return *this;
  }

  bool empty() const noexcept { return begin_.empty(); }

  std::string text() const {
    if (end_.size() <= longest_part && !shortened_) return begin_ + end_;
    std::size_t from = end_.size() < longest_part ? 0 : end_.size() - longest_part;
    while (from < end_.size() && (static_cast<unsigned char>(end_[from]) & 0xc0) == 0x80) ++from;
    return begin_ + "..." + end_.substr(from);
  }

 private:
  // Returns whether a key can be written plainly. One that would be ambiguous in a path is written as a
  // quoted text in brackets.
  static bool reads_as_key(std::string_view key) noexcept {
    if (key.empty() || key.size() > longest_excerpt) return false;
    for (const char c : key) {
      const bool odd = c == '.' || c == '[' || c == ']' || c == ':' || c == ' ' || is_special(c);
      if (odd || static_cast<unsigned char>(c) >= 0x80) return false;
    }
    return true;
  }

  void append(std::string_view text) {
    if (end_.empty()) {
      const std::size_t taken = whole_characters(text, longest_part - begin_.size());
      begin_.append(text.substr(0, taken));
      text.remove_prefix(taken);
    }
    end_.append(text);
    if (end_.size() < 2 * longest_part) return;
    end_.erase(0, end_.size() - longest_part);
    shortened_ = true;
  }

  std::string begin_;
  std::string end_;
  bool shortened_ = false;
};

}  // namespace coworker::inline v0_1::detail
