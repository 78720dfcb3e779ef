#pragma once
// Sets a locale that writes 0,25 for a quarter for the whole program, as setlocale(LC_ALL, "") may do for its
// user.

#include <clocale>
#include <string>

namespace coworker::testing {

/// Its destructor restores the previous locale. Debian has such locales after `apt-get install locales` and
/// `localedef -i de_DE -f UTF-8 de_DE.UTF-8`, which tests/run does.
class comma_locale {
 public:
  comma_locale() : before_(std::setlocale(LC_ALL, nullptr)) {
    for (const char* const name : {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE"}) {
      if (std::setlocale(LC_ALL, name) == nullptr) continue;
      chosen_ = *std::localeconv()->decimal_point == ',';
      if (chosen_) return;
    }
  }
  comma_locale(const comma_locale&) = delete;
  comma_locale& operator=(const comma_locale&) = delete;
  ~comma_locale() { std::setlocale(LC_ALL, before_.c_str()); }

  /// Returns whether the system has such a locale.
  explicit operator bool() const noexcept { return chosen_; }

 private:
  std::string before_;
  bool chosen_ = false;
};

}  // namespace coworker::testing
