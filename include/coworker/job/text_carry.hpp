#pragma once
// Keeps characters whole in a stream of texts that may end within a character, as the tokens of a language
// model do. Must not know streams.

#include <coworker/json/utf8.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace coworker::inline v0_1::detail {

// Returns how many bytes at the end of `text` begin an unfinished UTF-8 sequence; 0 to 3.
inline std::size_t unfinished_bytes(std::string_view text) noexcept {
  for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if ((byte & 0xc0) == 0x80) continue;  // a continuation byte
    const std::size_t whole = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc2 ? 2 : 1;
    return byte >= 0xc2 && byte <= 0xf4 && whole > back ? back : 0;
  }
  return 0;
}

// Holds back the bytes of an unfinished character, and puts them before the next text.
class text_carry {
 public:
  bool holds() const noexcept { return size_ != 0; }
  // Returns whether next() would return the text unchanged.
  bool keeps_as_it_is(std::string_view text) const noexcept {
    return size_ == 0 && unfinished_bytes(text) == 0;
  }

  // Returns the text up to its last whole character. Held back bytes that it does not complete become U+FFFD.
  std::string next(std::string text) {
    if (holds()) {
      text.insert(0, held_, size_);
      const char* const end = text.data() + text.size();
      const bool finished = utf8_sequence(text.data(), end) != 0;
      // Each short element may bring one byte of the character, or none.
      const bool going_on = !finished && unfinished_bytes(text) == text.size();
      if (!finished && !going_on) text.replace(0, size_, replacement);
    }
    size_ = static_cast<unsigned char>(unfinished_bytes(text));
    text.copy(held_, size_, text.size() - size_);
    text.resize(text.size() - size_);
    return text;
  }

  // Returns what replaces the bytes that are still held back at the end of the stream; empty if there are
  // none.
  std::string end() { return std::exchange(size_, {}) == 0 ? std::string() : std::string(replacement); }

 private:
  static constexpr const char* replacement = "\xef\xbf\xbd";

  char held_[3] = {};
  unsigned char size_ = 0;
};

}  // namespace coworker::inline v0_1::detail
