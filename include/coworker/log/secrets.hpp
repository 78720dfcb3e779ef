#pragma once
// Finds and masks secrets in a text. Must not know where the texts go.

#include <coworker/json/escape.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::inline v0_1::detail {

// All of these functions treat only ASCII letters as letters, whatever the locale.
constexpr bool is_plain_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_token_char(char c) noexcept {
  return is_plain_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-';
}
constexpr char ascii_lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

inline bool ends_in_lower_case(std::string_view text, std::string_view end) noexcept {
  if (text.size() < end.size()) return false;
  text.remove_prefix(text.size() - end.size());
  for (std::size_t i = 0; i < end.size(); ++i) {
    if (ascii_lower(text[i]) != end[i]) return false;
  }
  return true;
}

/// Returns whether a secret cannot be mistaken for a word or a number: 8 bytes or more, or 5 bytes or more of
/// which some are letters and some are not.
inline bool stands_out(std::string_view secret) noexcept {
  constexpr std::size_t longer_than_most_words = 8;
  constexpr std::size_t shortest_mixed = 5;
  if (secret.size() >= longer_than_most_words) return true;
  bool letters = false, others = false;
  for (const char c : secret) (is_plain_letter(c) ? letters : others) = true;
  return secret.size() >= shortest_mixed && letters && others;
}

// Returns whether [begin, end) is the whole value after the name of a credential, as in `Authorization: x`,
// `"api_key":"x"`, `token=x`, `Bearer x`.
inline bool is_named_as_credential(std::string_view text, std::size_t begin, std::size_t end) noexcept {
  constexpr std::size_t longest_name = 64;
  if (end < text.size() && is_token_char(text[end])) return false;
  std::size_t at = begin;
  const auto skip_back = [&](std::string_view skipped) {
    const std::size_t before = at;
    while (at > 0 && before - at < longest_name && skipped.find(text[at - 1]) != std::string_view::npos) --at;
    return before - at;
  };
  const std::size_t gap = skip_back(" \"'\\");
  const bool joined = at > 0 && (text[at - 1] == ':' || text[at - 1] == '=');
  if (joined) {
    --at;
    skip_back(" \"'\\");
  } else if (gap == 0 || text[begin - gap] != ' ') {
    return false;
  }
  std::size_t first = at;
  while (first > 0 && at - first < longest_name && is_token_char(text[first - 1])) --first;
  const std::string_view name = text.substr(first, at - first);
  if (!joined) return ends_in_lower_case(name, "bearer") || ends_in_lower_case(name, "basic");
  for (const std::string_view known :
       {"authorization", "key", "token", "secret", "password", "passwd", "credential", "credentials"}) {
    if (ends_in_lower_case(name, known)) return true;
  }
  return false;
}

/// Returns the position of user and password in the next URL of `text` from `from` on that has them; an empty
/// range at the end if there is none.
inline std::pair<std::size_t, std::size_t> find_url_user(std::string_view text, std::size_t from) noexcept {
  const std::pair<std::size_t, std::size_t> none(text.size(), text.size());
  for (;;) {
    std::size_t at = text.find(':', from);
    if (at == std::string_view::npos) return none;
    from = ++at;
    for (int slashes = 0; slashes < 2; ++slashes) {
      if (at < text.size() && text[at] == '\\') ++at;  // a slash may be escaped in JSON
      if (at == text.size() || text[at] != '/') {
        at = 0;
        break;
      }
      ++at;
    }
    if (at == 0) continue;
    std::size_t user_end = at;
    std::size_t end = at;
    for (; end < text.size(); ++end) {
      const char c = text[end];
      if (static_cast<unsigned char>(c) <= ' ' ||
          std::string_view("/?#\"'<>\\`").find(c) != std::string_view::npos)
        break;
      if (c == '@') user_end = end;
    }
    if (user_end > at) return {at, user_end};
    from = end;
  }
}

/// The secrets: texts that must not appear in the log, in every form in which it may contain them.
/// Thread safety: none; use on one thread at a time.
class secret_masks {
 public:
  /// Adds a secret. Returns whether it is masked wherever it appears, which a short one is not.
  bool add(std::string_view secret) {
    if (secret.empty()) return true;
    std::string quoted = in_json(secret);
    add_form(std::string(secret));
    add_form(in_json(quoted));  // JSON text inside a string of JSON text
    add_form(std::move(quoted));
    add_form(percent_encoded(secret));
    return stands_out(secret);
  }

  /// Returns whether masking would leave the text unchanged.
  bool leaves_unchanged(std::string_view text) const noexcept {
    if (find_url_user(text, 0).first != text.size()) return false;
    for (const form& one : forms_) {
      if (next_of(one, text, 0) != std::string_view::npos) return false;
    }
    return true;
  }

  /// Returns the text with *** in place of each secret, and of the user and password in each URL. Takes time
  /// proportional to the text.
  std::string masked(std::string_view text) const {
    std::string made;
    std::vector<std::size_t> next;  // the next position of each form
    next.reserve(forms_.size());
    for (const form& one : forms_) next.push_back(next_of(one, text, 0));
    std::pair<std::size_t, std::size_t> user = find_url_user(text, 0);
    std::size_t done = 0;
    for (;;) {
      std::size_t begin = user.first;
      for (const std::size_t at : next) begin = at < begin ? at : begin;
      if (begin == text.size()) {
        made.append(text.substr(done));
        return made;
      }
      // Secrets that overlap are masked together, so that no part of one remains.
      std::size_t end = begin;
      for (bool grown = true; grown;) {
        grown = false;
        if (user.first < end || user.first == begin) {
          if (user.second > end) end = user.second;
          user = find_url_user(text, user.second);
          grown = true;
        }
        for (std::size_t i = 0; i < forms_.size(); ++i) {
          while (next[i] < end || next[i] == begin) {
            if (next[i] + forms_[i].text.size() > end) end = next[i] + forms_[i].text.size();
            next[i] = next_of(forms_[i], text, next[i] + 1);
            grown = true;
          }
        }
      }
      made.append(text.substr(done, begin - done)).append("***");
      done = end;
    }
  }

 private:
  struct form {
    std::string text;
    bool anywhere;
  };

  static std::string in_json(std::string_view text) {
    std::string quoted;
    append_json_string_lossy(quoted, text);
    return quoted.substr(1, quoted.size() - 2);
  }

  static std::string percent_encoded(std::string_view text) {
    constexpr const char* digits = "0123456789ABCDEF";
    std::string encoded;
    for (const char c : text) {
      if (is_token_char(c) || c == '.' || c == '~') {
        encoded += c;
      } else {
        const auto byte = static_cast<unsigned char>(c);
        encoded += {'%', digits[byte >> 4], digits[byte & 15]};
      }
    }
    return encoded;
  }

  void add_form(std::string text) {
    for (const form& one : forms_) {
      if (one.text == text) return;
    }
    const bool anywhere = stands_out(text);
    forms_.push_back({std::move(text), anywhere});
  }

  // Returns the next position of the secret from `from` on where it must be masked; npos if there is none.
  static std::size_t next_of(const form& one, std::string_view text, std::size_t from) noexcept {
    for (;; ++from) {
      from = text.find(one.text, from);
      if (from == std::string_view::npos) return from;
      if (one.anywhere || is_named_as_credential(text, from, from + one.text.size())) return from;
    }
  }

  std::vector<form> forms_;
};

}  // namespace coworker::inline v0_1::detail
