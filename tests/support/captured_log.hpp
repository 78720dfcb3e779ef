#pragma once
// A logger whose lines a test can read afterwards.

#include <algorithm>
#include <coworker/log.hpp>
#include <cstddef>
#include <mutex>
#include <new>
#include <string>
#include <string_view>
#include <vector>

namespace coworker::testing {

class captured_log final : public log_sink {
 public:
  explicit captured_log(log_level level = log_level::trace, log_form form = log_form::text)
      : log(level, form) {
    log.set_sink(*this);
  }

  void write(log_level, std::string_view line) noexcept override {
    const std::lock_guard lock(mutex_);
    try {
      lines_.emplace_back(line);
    } catch (const std::bad_alloc&) {  // a test lets allocations fail
    }
  }

  std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

  /// Returns how many lines contain the text.
  std::size_t count(std::string_view text) const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(
        std::count_if(lines_.begin(), lines_.end(),
                      [text](const std::string& line) { return line.find(text) != std::string::npos; }));
  }

  logger log;

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

}  // namespace coworker::testing
