#pragma once
// token_text: makes text of the bytes of a language model's tokens, which may end within a character. Must
// not know streams.

#include <coworker/job/text_carry.hpp>
#include <coworker/log/escapes.hpp>
#include <string>
#include <utility>

namespace coworker::inline v0_1 {

/// Makes valid UTF-8 of successive texts that may end anywhere, as a language model's tokens do, so that each
/// can be a JSON string of its own. A handler that yields the texts themselves does not need it: see
/// stream_options.
///
///     token_text text;
///     send(text.next(bytes_of_token));  // for each token
///     send(text.end());
class token_text {
 public:
  /// Returns the text up to its last whole character; the bytes of an unfinished one are held back for the
  /// next text. Bytes that are part of no character become U+FFFD, the replacement character.
  std::string next(std::string bytes) { return detail::valid_utf8(carry_.next(std::move(bytes))); }

  /// Ends the text. Returns U+FFFD if its last character is unfinished, otherwise nothing.
  std::string end() { return carry_.end(); }

 private:
  detail::text_carry carry_;
};

}  // namespace coworker::inline v0_1
