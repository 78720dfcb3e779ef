#pragma once
// Formats dates for HTTP. Does calendar arithmetic only; must not know a clock.

#include <cstdint>
#include <string_view>

namespace coworker::inline v0_1 {

/// A time in the format of the Date header: "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, section 5.6.7).
class http_date {
 public:
  /// `unix_seconds`: seconds since 1970, UTC. Clamped to the years 1970 to 9999.
  explicit constexpr http_date(std::int64_t unix_seconds) noexcept {
    const std::int64_t last = 253402300799;
    const std::int64_t moment = unix_seconds < 0 ? 0 : unix_seconds > last ? last : unix_seconds;
    const auto days = static_cast<unsigned>(moment / 86400);
    const auto seconds = static_cast<unsigned>(moment % 86400);
    copy(0, "ThuFriSatSunMonTueWed", days % 7);
    write_date(days);
    write(17, 2, seconds / 3600);
    write(20, 2, seconds / 60 % 60);
    write(23, 2, seconds % 60);
  }

  /// Returns the 29 characters of the date.
  constexpr std::string_view text() const noexcept { return std::string_view(text_, sizeof text_ - 1); }

 private:
  // Counts years from March, so that a leap day is the last day of its year. 400 such
  // years have 146,097 days.
  constexpr void write_date(unsigned days_since_1970) noexcept {
    const unsigned days = days_since_1970 + 719468;  // since 1 March of the year 0
    const unsigned era = days / 146097;
    const unsigned day_of_era = days % 146097;
    const unsigned year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const unsigned month = (5 * day_of_year + 2) / 153;  // 0 is March
    write(5, 2, day_of_year - (153 * month + 2) / 5 + 1);
    copy(8, "MarAprMayJunJulAugSepOctNovDecJanFeb", month);
    write(12, 4, era * 400 + year_of_era + (month >= 10 ? 1 : 0));
  }

  constexpr void copy(unsigned at, const char* names, unsigned which) noexcept {
    for (unsigned i = 0; i < 3; ++i) text_[at + i] = names[which * 3 + i];
  }

  constexpr void write(unsigned at, unsigned digits, unsigned number) noexcept {
    for (unsigned i = digits; i-- > 0; number /= 10) text_[at + i] = static_cast<char>('0' + number % 10);
  }

  char text_[30] = "Xxx, 00 Xxx 0000 00:00:00 GMT";
};

}  // namespace coworker::inline v0_1
