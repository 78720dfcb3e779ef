#pragma once
// The logger and its sinks: levels, the two forms of a line, shortening, and the masking of secrets. Knows a
// job only as its id and label; must not know who logs or why.

#include <array>
#include <atomic>
#include <coworker/json/escape.hpp>
#include <coworker/json/utf8.hpp>
#include <coworker/log/escapes.hpp>
#include <coworker/log/output.hpp>
#include <coworker/log/secrets.hpp>
#include <cstddef>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace coworker::inline v0_1 {

/// The level of a log line, in ascending order of severity. A logger drops lines below its own level.
enum class log_level : unsigned char { notset, trace, debug, info, warn, error };

/// The names of the levels, in the same order.
inline constexpr std::array<std::string_view, 6> log_level_names{"NOTSET", "TRACE", "DEBUG",
                                                                 "INFO",   "WARN",  "ERROR"};

/// Returns the name of a level, such as "INFO".
inline std::string_view to_string(log_level level) noexcept {
  return log_level_names[static_cast<std::size_t>(level)];
}

/// Returns the level of that name, in any letter case; WARNING means WARN. Returns nothing for
/// any other text.
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

/// The job that a line is about, if any. Both texts may be empty.
struct log_subject {
  std::string_view job_id;
  std::string_view label;  ///< shown in brackets before the message

  log_subject() noexcept {}
  explicit log_subject(std::string_view job, std::string_view shown_label = {}) noexcept
      : job_id(job), label(shown_label) {}
};

/// The destination of finished lines. A logger calls it for one line at a time, on the thread that logs,
/// which waits for it; so write() should not block.
class log_sink {
 public:
  /// Writes a line. `line` is valid UTF-8 without line breaks and other control characters.
  virtual void write(log_level level, std::string_view line) noexcept = 0;

  /// Waits a short time for lines that are not yet written. Called before the process ends.
  /// Default: does nothing.
  virtual void wait_until_written() noexcept {}

 protected:
  log_sink() = default;
  ~log_sink() = default;
  log_sink(const log_sink&) = default;
  log_sink& operator=(const log_sink&) = default;
};

/// Writes lines to standard output, which platforms collect. Never waits for a reader: while nobody reads, up
/// to 1 MiB of lines wait in memory and further ones are dropped. When somebody reads again, a line reports
/// how many. The destructor waits for a reader for one second at most.
/// Thread-safe.
class stdout_sink final : public log_sink {
 public:
  void write(log_level, std::string_view line) noexcept override {
    detail::write_out_printed();
    output_.write(line);
  }

  void wait_until_written() noexcept override { output_.wait_until_written(); }

 private:
  detail::line_output output_{1};
};

/// Writes lines to standard error, like stdout_sink. For programs that use standard output for something
/// else; set it in options::sink.
class stderr_sink final : public log_sink {
 public:
  void write(log_level, std::string_view line) noexcept override { output_.write(line); }
  void wait_until_written() noexcept override { output_.wait_until_written(); }

 private:
  detail::line_output output_{2};
};

/// The form of a line: `INFO   | job-1 | Started.` for people, or for a platform `{"requestId": "job-1",
/// "message": "Started.", "level": "INFO"}`.
enum class log_form : unsigned char { text, json };

namespace detail {

// In characters. The limit of a message is the platform's.
inline constexpr std::size_t longest_message = 4096;
inline constexpr std::size_t longest_id = 512;

inline bool is_continuation_byte(char c) noexcept { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

inline std::size_t count_characters(std::string_view text) noexcept {
  std::size_t count = 0;
  for (const char c : text) count += is_continuation_byte(c) ? 0U : 1U;
  return count;
}

// Returns the offset of the character with that index.
inline std::size_t character_offset(std::string_view text, std::size_t index) noexcept {
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    if (is_continuation_byte(text[at])) continue;
    if (index == 0) break;
    --index;
  }
  return at;
}

// Returns the text; if it has more than `most` characters, the first and last of them around a note of how
// many are left out.
inline std::string shortened(std::string_view text, std::size_t most) {
  if (text.size() <= most) return std::string(text);
  const std::size_t characters = count_characters(text);
  if (characters <= most) return std::string(text);
  const std::size_t half = most / 2;
  std::string made(text.substr(0, character_offset(text, half)));
  made += "\n...TRUNCATED " + std::to_string(characters - most) + " CHARACTERS...\n";
  made.append(text.substr(character_offset(text, characters - half)));
  return made;
}

}  // namespace detail

/// Returns the message; if it has more than 4096 characters, its first and last 2048 around a note of how
/// many are left out. `message` must be valid UTF-8.
inline std::string shorten_message(std::string_view message) {
  return detail::shortened(message, detail::longest_message);
}

/// Writes log lines. The sink must outlive the logger, and the logger everything that logs.
/// Thread-safe.
class logger {
 public:
  explicit logger(log_level level = log_level::info, log_form form = log_form::text) noexcept
      : level_(level), form_(form) {}

  logger(const logger&) = delete;
  logger& operator=(const logger&) = delete;

  /// Returns whether a line of that level would be written. Check it before composing an expensive one.
  bool writes(log_level level) const noexcept { return level >= level_.load(std::memory_order_relaxed); }

  /// Sets the lowest level that is written.
  void set_level(log_level level) noexcept { level_.store(level, std::memory_order_relaxed); }

  /// Sets the form of the lines.
  void set_form(log_form form) noexcept {
    const std::lock_guard lock(mutex_);
    form_ = form;
  }

  /// Writes to `sink` from now on.
  void set_sink(log_sink& sink) noexcept {
    const std::lock_guard lock(mutex_);
    sink_ = &sink;
  }

  /// From now on masks this text as *** in every line, also where it is escaped inside JSON text or in a URL.
  /// Masking every occurrence of a short text, which could be a word or a number (under 8 bytes, except for 5
  /// or more of which some are letters and some are not), would make lines unreadable. Such a text is masked
  /// only as the value of a credential, as in `Authorization: x`, `"api_key":"x"`, `token=x` or `Bearer x`.
  /// An empty text is ignored. Returns whether the text is masked wherever it appears.
  bool hide(std::string_view secret) {
    const std::lock_guard lock(mutex_);
    return secrets_.add(secret);
  }

  /// Hides the password in a URL, or the text in place of user and password. It is masked in every URL
  /// anyway; now it is masked elsewhere too.
  void hide_password_of(std::string_view url) {
    const auto [begin, end] = detail::find_url_user(url, 0);
    const std::string_view user = url.substr(begin, end - begin);
    const std::size_t colon = user.find(':');
    hide(colon == std::string_view::npos ? user : user.substr(colon + 1));
  }

  /// Returns the text as a log line would show it: hidden texts, and the user and password in any URL, appear
  /// as ***. For all other texts that leave the process, such as error reports.
  std::string masked(std::string_view text) const {
    const detail::secret_masks secrets = copied_secrets();
    return secrets.leaves_unchanged(text) ? std::string(text) : secrets.masked(text);
  }

  /// Waits a short time for lines that are not yet written. Call it before the process ends abruptly.
  void wait_until_written() noexcept {
    log_sink* sink = nullptr;
    {
      const std::lock_guard lock(mutex_);
      sink = sink_;
    }
    sink->wait_until_written();
  }

  /// Writes a line. Never throws: a line for which there is no memory is lost.
  void write(log_level level, std::string_view message, log_subject subject = {}) noexcept {
    if (!writes(level)) return;
    try {
      const std::lock_guard lock(mutex_);
      sink_->write(level, compose(level, message, subject));
    } catch (...) {
    }
  }

  // In parentheses, because some programs define macros with these names.
  void(trace)(std::string_view message, log_subject subject = {}) noexcept {
    write(log_level::trace, message, subject);
  }
  void(debug)(std::string_view message, log_subject subject = {}) noexcept {
    write(log_level::debug, message, subject);
  }
  void(info)(std::string_view message, log_subject subject = {}) noexcept {
    write(log_level::info, message, subject);
  }
  void(warn)(std::string_view message, log_subject subject = {}) noexcept {
    write(log_level::warn, message, subject);
  }
  void(error)(std::string_view message, log_subject subject = {}) noexcept {
    write(log_level::error, message, subject);
  }

 private:
  detail::secret_masks copied_secrets() const {
    const std::lock_guard lock(mutex_);
    return secrets_;
  }

  // Called before a text is shortened or escaped, while secrets can be recognised and characters counted.
  // Most texts are clean and returned as they are; the others are stored in `changed`.
  std::string_view cleaned(std::string_view text, std::size_t most, std::string& changed) const {
    if (!secrets_.leaves_unchanged(text)) text = changed = secrets_.masked(text);
    if (find_invalid_utf8(text) != std::string_view::npos) text = changed = detail::valid_utf8(text);
    if (text.size() > most) text = changed = detail::shortened(text, most);
    return text;
  }

  // The result is valid until the next line.
  std::string_view compose(log_level level, std::string_view message, log_subject subject) {
    std::string changed_message, changed_id, changed_label, body;
    message = cleaned(message, detail::longest_message, changed_message);
    if (!subject.label.empty()) {
      body.append("[")
          .append(cleaned(subject.label, detail::longest_id, changed_label))
          .append("] ")
          .append(message);
      message = body;
    }
    const std::string_view job_id = cleaned(subject.job_id, detail::longest_id, changed_id);
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
      // JSON does not escape some characters that readers may take for line breaks.
      if (detail::find_unprintable(line_, 0) != std::string::npos) {
        body.clear();
        detail::append_printable(body, line_);
        line_.swap(body);
      }
    } else {
      constexpr std::size_t level_width = 7;
      line_ = to_string(level);
      line_.resize(level_width, ' ');
      line_ += "| ";
      if (!job_id.empty()) {
        append_job_id(job_id);
        line_ += " | ";
      }
      detail::append_printable(line_, message);
    }
    return line_;
  }

  // The bar separates id and message, so it is escaped inside an id.
  void append_job_id(std::string_view id) {
    for (std::size_t bar = id.find('|'); bar != std::string_view::npos; bar = id.find('|')) {
      detail::append_printable(line_, id.substr(0, bar));
      line_ += "\\u007c";
      id.remove_prefix(bar + 1);
    }
    detail::append_printable(line_, id);
  }

  std::atomic<log_level> level_;
  mutable std::mutex mutex_;  // guards all that follows, and keeps lines whole
  log_form form_;
  stdout_sink stdout_;
  log_sink* sink_ = &stdout_;
  detail::secret_masks secrets_;
  std::string line_;  // the latest line; kept to reuse its memory
};

namespace detail {

// Call it in a catch block. Writes one ERROR line: `what` and the exception's message. For coworker's own
// threads, which no exception may leave.
inline void log_current_exception(logger& log, const char* what) noexcept {
  try {
    try {
      throw;
    } catch (const std::exception& error) {
      log.write(log_level::error, std::string(what) + ": " + error.what());
    } catch (...) {
      log.write(log_level::error, std::string(what) + ": an exception that is no std::exception");
    }
  } catch (...) {  // no memory for the message
    log.write(log_level::error, what);
  }
}

}  // namespace detail
}  // namespace coworker::inline v0_1
