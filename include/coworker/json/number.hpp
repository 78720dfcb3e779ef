#pragma once
// Reads and writes the numbers of JSON: reads exactly, writes the fewest digits that read back as the same
// number. Does not depend on the locale. Must not know values or documents.

#include <bit>
#include <cfloat>
#include <charconv>
#include <coworker/json/floating.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>

namespace coworker::inline v0_1::detail {

/// The result of reading a number. `natural` is an integer that only uint64 holds; integers beyond that are
/// `floating`. If `malformed`, `end` is the position of the error, and `expected` says what should be there.
struct parsed_number {
  enum class form : unsigned char { integer, natural, floating, too_large, malformed };
  form is;
  const char* end;
  union {
    std::int64_t integer;
    std::uint64_t natural;
    double floating;
    const char* expected;
  };
};

/// The powers of ten that a double holds exactly.
inline constexpr double exact_powers_of_ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                 1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
inline constexpr std::uint64_t exact_integer_limit = std::uint64_t{1} << 53;

/// True if each operation on doubles returns the nearest double. It does not on the x87, nor if the compiler
/// may replace division by multiplication.
#if defined(__FAST_MATH__) || defined(__RECIPROCAL_MATH__)
inline constexpr bool rounds_to_double = false;
#else
inline constexpr bool rounds_to_double = FLT_EVAL_METHOD == 0;
#endif

constexpr bool is_digit(char c) noexcept { return static_cast<unsigned char>(c - '0') < 10; }

template <class Float>
concept has_from_chars = requires(const char* p, Float& value) {
  std::from_chars(p, p, value);
};

/// Reads a well-formed JSON number with strtod. Removes the point first ("12.5e3" becomes "125e2"),
/// because the locale decides which character strtod takes for a point. Overflow yields an infinity,
/// underflow a zero.
inline void parse_double_with_strtod(std::string_view number, double& value) {
  std::string digits;
  std::int64_t exponent = 0;
  bool after_point = false;
  for (std::size_t i = 0; i < number.size(); ++i) {
    const char c = number[i];
    if (c == '.') {
      after_point = true;
    } else if (c == 'e' || c == 'E') {
      const bool negative = number[i + 1] == '-';
      constexpr std::int64_t more_than_any = 1'000'000'000'000;
      std::int64_t given = 0;
      for (++i; i < number.size(); ++i) {
        if (is_digit(number[i]) && given < more_than_any) given = given * 10 + (number[i] - '0');
      }
      exponent += negative ? -given : given;
    } else {
      digits += c;
      exponent -= after_point ? 1 : 0;
    }
  }
  digits += 'e';
  digits += std::to_string(exponent);
  const volatile double read = std::strtod(digits.c_str(), nullptr);  // see floating.hpp
  value = read;
}

/// Reads a well-formed JSON number. Overflow yields an infinity. It is a template only so that
/// `has_from_chars` can select a branch.
template <class Float>
void parse_double(std::string_view number, Float& value) {
  if constexpr (has_from_chars<Float>) {
    if (std::from_chars(number.data(), number.data() + number.size(), value).ec == std::errc{}) return;
  }
  // Distinguishes overflow from underflow, which from_chars does not.
  detail::parse_double_with_strtod(number, value);
}

inline parsed_number malformed_number(const char* where, const char* expected) noexcept {
  parsed_number result{parsed_number::form::malformed, where, {}};
  result.expected = expected;
  return result;
}

inline parsed_number floating_number(const char* end, const double& value) noexcept {
  const auto is = is_finite(value) ? parsed_number::form::floating : parsed_number::form::too_large;
  parsed_number result{is, end, {}};
  result.floating = value;
  return result;
}

/// Reads the number that starts at `p` with a digit or '-'.
inline parsed_number parse_number(const char* p, const char* end) {
  using form = parsed_number::form;
  constexpr std::ptrdiff_t safe_digits = 19;  // so many digits always fit into 64 bits
  const char* const start = p;
  const bool negative = *p == '-';
  if (negative) ++p;

  const char* const whole = p;
  std::uint64_t digits = 0;
  while (p != end && is_digit(*p)) digits = digits * 10 + static_cast<unsigned>(*p++ - '0');
  std::ptrdiff_t count = p - whole;
  if (count == 0) return malformed_number(p, "a digit");
  if (*whole == '0' && count > 1) return malformed_number(whole + 1, "no digit after a leading zero");

  const bool has_fraction = p != end && *p == '.';
  if (!has_fraction && (p == end || (*p | 0x20) != 'e')) {
    parsed_number result{form::integer, p, {}};
    constexpr auto largest = static_cast<std::uint64_t>((std::numeric_limits<std::int64_t>::max)());
    if (count <= safe_digits && digits <= largest) [[likely]] {
      result.integer = negative ? -static_cast<std::int64_t>(digits) : static_cast<std::int64_t>(digits);
      return result;
    }
    if (negative && count == safe_digits && digits == largest + 1) {
      result.integer = (std::numeric_limits<std::int64_t>::min)();
      return result;
    }
    // 20 digits starting with 1 fit up to 2^64-1. Beyond that the sum has wrapped around to a small number.
    const bool fits = count <= safe_digits || (count == 20 && *whole == '1' && digits > largest);
    if (!negative && fits) {
      result.is = form::natural;
      result.natural = digits;
      return result;
    }
    double value = 0;
    parse_double({start, static_cast<std::size_t>(p - start)}, value);
    return floating_number(p, value);
  }

  std::int64_t exponent = 0;
  if (has_fraction) {
    const char* const fraction = ++p;
    while (p != end && is_digit(*p)) digits = digits * 10 + static_cast<unsigned>(*p++ - '0');
    if (p == fraction) return malformed_number(p, "a digit after the point");
    count += p - fraction;
    exponent = -(p - fraction);
  }
  if (p != end && (*p | 0x20) == 'e') {
    ++p;
    const bool shrinks = p != end && *p == '-';
    if (p != end && (*p == '-' || *p == '+')) ++p;
    const char* const exponent_digits = p;
    constexpr std::int64_t more_than_any = 100'000'000;
    std::int64_t given = 0;
    for (; p != end && is_digit(*p); ++p) {
      if (given < more_than_any) given = given * 10 + (*p - '0');
    }
    if (p == exponent_digits) return malformed_number(p, "a digit in the exponent");
    exponent += shrinks ? -given : given;
  }

  // Clinger's fast path: both operands are exact, so a single rounding yields the nearest double.
  if (rounds_to_double && count <= safe_digits && digits <= exact_integer_limit && exponent >= -22 &&
      exponent <= 22) {
    auto value = static_cast<double>(digits);
    value = exponent < 0 ? value / exact_powers_of_ten[-exponent] : value * exact_powers_of_ten[exponent];
    return floating_number(p, negative ? -value : value);
  }
  double value = 0;
  parse_double({start, static_cast<std::size_t>(p - start)}, value);
  return floating_number(p, value);
}

struct digit_pair_table {
  char chars[200];
  constexpr digit_pair_table() : chars{} {
    for (int i = 0; i < 100; ++i) {
      chars[2 * i] = static_cast<char>('0' + i / 10);
      chars[2 * i + 1] = static_cast<char>('0' + i % 10);
    }
  }
};
inline constexpr digit_pair_table digit_pairs;

/// The maximum number of characters that the functions below write.
inline constexpr std::size_t longest_number = 32;

constexpr unsigned count_digits(std::uint64_t value) noexcept {
  unsigned count = 1;
  for (;;) {
    if (value < 10) return count;
    if (value < 100) return count + 1;
    if (value < 1000) return count + 2;
    if (value < 10000) return count + 3;
    value /= 10000;
    count += 4;
  }
}

/// Writes `value` in exactly `count` digits, with leading zeros if it has fewer. Returns the end.
inline char* write_digits(char* out, std::uint64_t value, unsigned count) noexcept {
  char* at = out + count;
  while (at - out >= 2) {
    at -= 2;
    std::memcpy(at, digit_pairs.chars + 2 * (value % 100), 2);
    value /= 100;
  }
  if (at != out) *out = static_cast<char>('0' + value % 10);
  return out + count;
}

inline char* write_natural(char* out, std::uint64_t value) noexcept {
  return write_digits(out, value, count_digits(value));
}

inline char* write_integer(char* out, std::int64_t value) noexcept {
  auto magnitude = static_cast<std::uint64_t>(value);
  if (value < 0) {
    *out++ = '-';
    magnitude = 0 - magnitude;
  }
  return write_natural(out, magnitude);
}

/// Smaller numbers are written with an exponent.
inline constexpr double least_fixed = 1e-5;

/// Writes a number that has no more than `count` decimals, and at most 15 digits in total; `scale` is
/// 10^count. If rounding value * scale and dividing by scale yields the same double, these digits are the
/// only ones that do (a double distinguishes any two decimals of 15 digits). Returns null if the number
/// has more decimals.
inline char* write_few_decimals(char* out, double value, double scale, unsigned count) noexcept {
  const auto scaled = static_cast<std::uint64_t>(value * scale + 0.5);
  if (static_cast<double>(scaled) / scale != value) return nullptr;
  const auto whole_scale = static_cast<std::uint64_t>(scale);
  out = write_natural(out, scaled / whole_scale);
  *out++ = '.';
  char* last = write_digits(out, scaled % whole_scale, count);
  while (last - out > 1 && last[-1] == '0') --last;
  return last;
}

/// Writes a finite double in the fewest digits that read back as the same one, always with a point or an
/// exponent so that it stays a floating-point number.
inline char* write_double(char* out, double value) noexcept {
  if (is_negative(value)) {
    *out++ = '-';
    value = -value;
  }
  // Most numbers that people write have at most six decimals, and those of a float have few more.
  if (rounds_to_double && value < 1e9) {
    if (char* const last = write_few_decimals(out, value, 1e6, 6)) return last;
    if (value >= least_fixed && value < 1e3) {
      if (char* const last = write_few_decimals(out, value, 1e12, 12)) return last;
    }
  }
  // Zero is recognised by its bits, because with -Ofast subnormal numbers may equal it.
  if ((std::bit_cast<std::uint64_t>(value) & ~sign_bit) == 0) {
    std::memcpy(out, "0.0", 3);
    return out + 3;
  }
  // From 2^53 on, writing all digits up to the point would show more digits than a double has.
  const bool fixed = value >= least_fixed && value < static_cast<double>(exact_integer_limit);
  const auto format = fixed ? std::chars_format::fixed : std::chars_format::scientific;
  char* const last = std::to_chars(out, out + longest_number - 1, value, format).ptr;
  if (!fixed || std::memchr(out, '.', static_cast<std::size_t>(last - out)) != nullptr) return last;
  std::memcpy(last, ".0", 2);
  return last + 2;
}

/// Returns the double nearest to the decimal of 6 to 9 digits that reads back as `value`, a float from 1e-4
/// on and below 1e6. There is only one such decimal of 6 digits or fewer. Returns 0 if there is none, or if
/// it cannot be found in this way.
inline double shortest_decimal(float value) noexcept {
  std::size_t decimals = 9;
  for (float bound = 1e-3f; value >= bound; bound *= 10) --decimals;
  const double exact = static_cast<double>(value);
  for (int digits = 6; digits <= 9; ++digits) {
    const double scale = exact_powers_of_ten[decimals++];
    const double nearest = static_cast<double>(static_cast<std::int64_t>(exact * scale + 0.5)) / scale;
    if (static_cast<float>(nearest) == value) return nearest;
  }
  return 0;
}

/// Converts a float to the double with the same shortest text, which reads back as the float: 0.1 for 0.1f,
/// whose exact value would be written as 0.10000000149011612.
inline void widen(const float& value, double& wide) {
  if (!is_finite(value)) return widen_bits(value, wide);
  wide = static_cast<double>(value);
  const float size = value < 0 ? -value : value;
  if (size < 0x1p24f && static_cast<float>(static_cast<std::int32_t>(size)) == size) return;
  // A power of two is nearer to the float below it than to the one above, so the nearest decimal
  // may be wrong.
  const bool is_power = (std::bit_cast<std::uint32_t>(value) & 0x7f'ffff) == 0;
  if (rounds_to_double && size >= 1e-4f && size < 1e6f && !is_power) {
    if (const double nearest = shortest_decimal(size); nearest != 0) {
      wide = value < 0 ? -nearest : nearest;
      return;
    }
  }
  char digits[longest_number];
  const parsed_number read = parse_number(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
  const bool fraction = read.is == parsed_number::form::floating;
  if (fraction && static_cast<float>(read.floating) == value) wide = read.floating;
}

}  // namespace coworker::inline v0_1::detail
