#pragma once
// A locale that writes 0,25 for a quarter, chosen for the whole program, as a call of setlocale(LC_ALL, "") may choose it
// to by its user.

#include <clocale>
#include <string>

namespace coworker::testing {

/// The locale before is back at its end. Debian has such locales after `apt-get install locales` and `localedef -i
/// de_DE -f UTF-8 de_DE.UTF-8`; tests/run sees to it.
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

  /// Whether the system has one.
  explicit operator bool() const noexcept { return chosen_; }

 private:
  std::string before_;
  bool chosen_ = false;
};

}  // namespace coworker::testing
