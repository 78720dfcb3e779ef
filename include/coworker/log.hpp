#pragma once
// Log lines: their levels, the two forms a line can take, shortening and redaction, and where lines go. Knows
// a job only as two texts, and must not know who logs or why.

#include <array>
#include <atomic>
#include <coworker/json/escape.hpp>
#include <coworker/json/utf8.hpp>
#include <cstddef>
#include <cstdio>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coworker {

/// In rising order of weight; a logger drops what is lighter than its own level.
enum class log_level : unsigned char { notset, trace, debug, info, warn, error };

inline constexpr std::array<std::string_view, 6> log_level_names{"NOTSET", "TRACE", "DEBUG",
                                                                 "INFO",   "WARN",  "ERROR"};

inline std::string_view to_string(log_level level) noexcept {
  return log_level_names[static_cast<std::size_t>(level)];
}

/// The level of that name, in any letter case; WARNING is taken for WARN. Nothing for any other text.
inline std::optional<log_level> parse_log_level(std::string_view name) {
  std::string upper(name);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  if (upper == "WARNING") return log_level::warn;
  for (std::size_t i = 0; i < log_level_names.size(); ++i) {
    if (log_level_names[i] == upper) return static_cast<log_level>(i);
  }
  return std::nullopt;
}

/// What a line is about, where it is about a job. Both may be empty.
struct log_subject {
  std::string_view job_id;
  std::string_view batch_id;

  log_subject() noexcept {}
  explicit log_subject(std::string_view job, std::string_view batch = {}) noexcept
      : job_id(job), batch_id(batch) {}
};

/// Where finished lines go. A logger calls it for one line at a time, on whatever thread logs.
class log_sink {
 public:
  /// `line` has no line break at its end.
  virtual void write(log_level level, std::string_view line) noexcept = 0;

 protected:
  log_sink() = default;
  ~log_sink() = default;
  log_sink(const log_sink&) = default;
  log_sink& operator=(const log_sink&) = default;
};

/// A line a time to standard output, which platforms collect, flushed at once.
class stdout_sink final : public log_sink {
 public:
  void write(log_level, std::string_view line) noexcept override {
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fputc('\n', stdout);
    std::fflush(stdout);
  }
};

/// The two forms of a line: `INFO   | job-1 | Started.` for people, and for a platform
/// `{"requestId": "job-1", "message": "Started.", "level": "INFO"}`.
enum class log_form : unsigned char { text, json };

namespace detail {

inline constexpr std::size_t longest_message =
    4096;  // characters; the platform's own limit on a line's message

inline bool is_continuation_byte(char c) noexcept { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

inline std::size_t count_characters(std::string_view text) noexcept {
  std::size_t count = 0;
  for (const char c : text) count += is_continuation_byte(c) ? 0U : 1U;
  return count;
}

// The offset at which the character with that index begins.
inline std::size_t character_offset(std::string_view text, std::size_t index) noexcept {
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    if (is_continuation_byte(text[at])) continue;
    if (index == 0) break;
    --index;
  }
  return at;
}

// Each byte that is not part of valid UTF-8 becomes U+FFFD, the replacement character.
inline std::string valid_utf8(std::string_view text) {
  std::string valid;
  for (std::size_t bad = find_invalid_utf8(text); bad != std::string_view::npos;
       bad = find_invalid_utf8(text)) {
    valid.append(text.substr(0, bad));
    append_utf8(valid, U'\ufffd');
    text.remove_prefix(bad + 1);
  }
  return valid.append(text);
}

}  // namespace detail

/// The message itself, or of one over 4096 characters its first and last 2048 around a note of how many are
/// left out. It is to be valid UTF-8.
inline std::string shorten_message(std::string_view message) {
  if (message.size() <= detail::longest_message) return std::string(message);
  const std::size_t characters = detail::count_characters(message);
  if (characters <= detail::longest_message) return std::string(message);
  const std::size_t half = detail::longest_message / 2;
  std::string shortened(message.substr(0, detail::character_offset(message, half)));
  shortened += "\n...TRUNCATED " + std::to_string(characters - detail::longest_message) + " CHARACTERS...\n";
  return shortened.append(message.substr(detail::character_offset(message, characters - half)));
}

/// Writes log lines. Thread-safe, except that it must outlive all that log, and the sink must outlive it.
class logger {
 public:
  explicit logger(log_level level = log_level::info, log_form form = log_form::text) noexcept
      : level_(level), form_(form) {}

  logger(const logger&) = delete;
  logger& operator=(const logger&) = delete;

  /// Whether a line of that level would be written: ask before composing one that is dear.
  bool writes(log_level level) const noexcept { return level >= level_.load(std::memory_order_relaxed); }

  void set_level(log_level level) noexcept { level_.store(level, std::memory_order_relaxed); }

  void set_form(log_form form) noexcept {
    const std::lock_guard lock(mutex_);
    form_ = form;
  }

  /// Lines go there from now on.
  void set_sink(log_sink& sink) noexcept {
    const std::lock_guard lock(mutex_);
    sink_ = &sink;
  }

  /// From now on this text stands as *** in every line, also where it is escaped inside JSON text. An empty
  /// one is ignored.
  void hide(const std::string& secret) {
    if (secret.empty()) return;
    std::string quoted;
    append_json_string_lossy(quoted, secret);
    const std::lock_guard lock(mutex_);
    add_secret(secret);
    add_secret(quoted.substr(1, quoted.size() - 2));
  }

  /// Never throws: a line for which there is no memory is lost.
  void write(log_level level, std::string_view message, log_subject subject = {}) noexcept {
    if (!writes(level)) return;
    try {
      const std::lock_guard lock(mutex_);
      sink_->write(level, compose(level, message, subject));
    } catch (...) {
    }
  }

  void trace(std::string_view message, log_subject subject = {}) noexcept {
    write(log_level::trace, message, subject);
  }
  void debug(std::string_view message, log_subject subject = {}) noexcept {
    write(log_level::debug, message, subject);
  }
  void info(std::string_view message, log_subject subject = {}) noexcept {
    write(log_level::info, message, subject);
  }
  void warn(std::string_view message, log_subject subject = {}) noexcept {
    write(log_level::warn, message, subject);
  }
  void error(std::string_view message, log_subject subject = {}) noexcept {
    write(log_level::error, message, subject);
  }

 private:
  // The longest first, so that one which is part of another does not spoil it.
  void add_secret(const std::string& secret) {
    auto place = secrets_.begin();
    for (; place != secrets_.end() && place->size() >= secret.size(); ++place) {
      if (*place == secret) return;
    }
    secrets_.insert(place, std::string(secret));
  }

  bool is_clean(std::string_view text) const noexcept {
    for (const std::string& secret : secrets_) {
      if (text.find(secret) != std::string_view::npos) return false;
    }
    return find_invalid_utf8(text) == std::string_view::npos;
  }

  // Before anything is cut or escaped: secrets can still be recognised, and characters counted. Most texts
  // are clean; `changed` has what becomes of the others.
  std::string_view cleaned(std::string_view text, std::string& changed) const {
    if (is_clean(text)) return text;
    changed = text;
    for (const std::string& secret : secrets_) {
      for (std::size_t at = changed.find(secret); at != std::string::npos;
           at = changed.find(secret, at + 3)) {
        changed.replace(at, secret.size(), "***");
      }
    }
    return changed = detail::valid_utf8(changed);
  }

  // Good until the next line.
  std::string_view compose(log_level level, std::string_view message, log_subject subject) {
    std::string changed_message, changed_id, changed_batch, body;
    message = cleaned(message, changed_message);
    if (message.size() > detail::longest_message) message = changed_message = shorten_message(message);
    if (!subject.batch_id.empty()) {
      body.append("[batchId=").append(cleaned(subject.batch_id, changed_batch)).append("] ").append(message);
      message = body;
    }
    const std::string_view job_id = cleaned(subject.job_id, changed_id);
    if (form_ == log_form::json) {
      line_ = R"({"requestId": )";
      if (job_id.empty()) {
        line_ += "null";
      } else {
        append_json_string_lossy(line_, job_id);
      }
      line_ += R"(, "message": )";
      append_json_string_lossy(line_, message);
      line_.append(R"(, "level": ")").append(to_string(level)).append("\"}");
    } else {
      constexpr std::size_t level_width = 7;
      line_ = to_string(level);
      line_.resize(level_width, ' ');
      line_ += "| ";
      if (!job_id.empty()) line_.append(job_id).append(" | ");
      line_ += message;
    }
    return line_;
  }

  std::atomic<log_level> level_;
  std::mutex mutex_;  // guards what follows, and keeps lines whole
  log_form form_;
  stdout_sink stdout_;
  log_sink* sink_ = &stdout_;
  std::vector<std::string> secrets_;
  std::string line_;  // the latest; kept for its memory
};

}  // namespace coworker
