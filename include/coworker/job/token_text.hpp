#pragma once
// token_text: text out of the bytes of a language model's tokens, which may cut a character. Must not know streams.

#include <coworker/job/text_carry.hpp>
#include <coworker/log/escapes.hpp>
#include <string>
#include <utility>

namespace coworker::inline v0_1 {

/// Makes valid UTF-8 of texts that follow each other and may be cut anywhere, as a language model's tokens are, so that
/// each can go into JSON of its own. A handler that yields the texts themselves needs none: see stream_options.
///
///     token_text text;
///     send(text.next(bytes_of_token));  // for each token
///     send(text.end());
class token_text {
 public:
  /// Returns the text as far as its characters are whole; the bytes of one that it begins come with the next. Bytes that
  /// are part of no character become U+FFFD, the replacement character.
  std::string next(std::string bytes) { return detail::valid_utf8(carry_.next(std::move(bytes))); }

  /// Returns U+FFFD where a character was begun that no text will finish, else nothing.
  std::string end() { return carry_.end(); }

 private:
  detail::text_carry carry_;
};

}  // namespace coworker::inline v0_1
