#include <doctest/doctest.h>
#include <array>
#include <bit>
#include <clocale>
#include <coworker/json/json.hpp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>

namespace {

using coworker::json;
namespace detail = coworker::detail;

std::string number_written(double value) {
  std::array<char, detail::longest_number> text{};
  return {text.data(), detail::write_double(text.data(), value)};
}

double number_with_strtod(std::string_view text) {
  double value = 0;
  detail::parse_double_with_strtod(text, value);
  return value;
}

bool number_same_bits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

/// Returns the smallest number of significant digits with which printf's text reads back as the same double.
int number_fewest_digits(double value) {
  for (int digits = 1; digits < 17; ++digits) {
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%.*e", digits - 1, value);
    if (number_same_bits(std::strtod(text.data(), nullptr), value)) return digits;
  }
  return 17;
}

int number_digits_in(std::string_view text) {
  std::string digits;
  for (const char c : text.substr(0, text.find('e'))) {
    if (c >= '0' && c <= '9') digits += c;
  }
  const std::size_t first = digits.find_first_not_of('0');
  if (first == std::string::npos) return 1;
  return static_cast<int>(digits.find_last_not_of('0') - first) + 1;
}

class number_stream {
 public:
  std::uint64_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }

 private:
  std::uint64_t state_ = 88172645463325252u;
};

}  // namespace

TEST_CASE("doubles are written as people would, and always as floating-point numbers") {
  CHECK(number_written(0.0) == "0.0");
  CHECK(number_written(-0.0) == "-0.0");
  CHECK(number_written(1) == "1.0");
  CHECK(number_written(-1.5) == "-1.5");
  CHECK(number_written(0.1) == "0.1");
  CHECK(number_written(0.3) == "0.3");
  CHECK(number_written(0.1 + 0.2) == "0.30000000000000004");
  CHECK(number_written(100000) == "100000.0");
  CHECK(number_written(123456789.125) == "123456789.125");
  CHECK(number_written(1e15) == "1000000000000000.0");
  CHECK(number_written(9007199254740991.0) == "9007199254740991.0");
  CHECK(number_written(9007199254740992.0) == "9.007199254740992e+15");
  CHECK(number_written(1e22) == "1e+22");
  CHECK(number_written(1e-5) == "0.00001");
  CHECK(number_written(1.5e-7) == "1.5e-07");
  CHECK(number_written(0.000123) == "0.000123");
  CHECK(number_written(std::numeric_limits<double>::max()) == "1.7976931348623157e+308");
  CHECK(number_written(std::numeric_limits<double>::denorm_min()) == "5e-324");
  CHECK(number_written(std::numeric_limits<double>::min()) == "2.2250738585072014e-308");
}

TEST_CASE("every double is written in the fewest digits, and reads back as itself") {
  number_stream bits;
  for (int i = 0; i < 20'000; ++i) {
    const auto value = std::bit_cast<double>(bits.next());
    if (value - value != 0) continue;
    const std::string text = number_written(value);
    CAPTURE(text);
    CHECK(number_same_bits(json::parse(text).get<double>(), value));
    CHECK(json::parse(text).is_number_float());
    CHECK(number_digits_in(text) == number_fewest_digits(value));
  }
}

TEST_CASE("decimals of few digits are written as they were read") {
  number_stream random;
  for (int i = 0; i < 20'000; ++i) {
    const unsigned long long whole = random.next() % (std::uint64_t{1} << (random.next() % 40));
    const unsigned long long fraction = random.next() % 1'000'000'000;
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%llu.%09llu", whole, fraction);
    text.at(std::to_string(whole).size() + 2 + random.next() % 9) = '\0';
    const double value = json::parse(text.data()).get<double>();
    CAPTURE(text.data());
    CHECK(number_same_bits(value, std::strtod(text.data(), nullptr)));
    const std::string written = number_written(value);
    CHECK(number_same_bits(std::strtod(written.c_str(), nullptr), value));
    CHECK(number_digits_in(written) == number_fewest_digits(value));
  }
}

TEST_CASE("numbers of every form are read to the nearest double") {
  number_stream random;
  for (int i = 0; i < 20'000; ++i) {
    std::string text = random.next() % 2 == 0 ? "-" : "";
    text += std::to_string(random.next() >> (random.next() % 64));
    text += '.';
    for (std::uint64_t left = 1 + random.next() % 25; left != 0; --left)
      text += static_cast<char>('0' + random.next() % 10);
    const int exponent = static_cast<int>(random.next() % 650) - 340;
    if (random.next() % 3 != 0)
      text += "e" + std::to_string(random.next() % 2 == 0 ? exponent : exponent / 20);
    const double expected = std::strtod(text.c_str(), nullptr);
    if (expected - expected != 0) continue;
    CAPTURE(text);
    CHECK(number_same_bits(json::parse(text).get<double>(), expected));
    CHECK(number_same_bits(number_with_strtod(text), expected));
  }
}

TEST_CASE("hard cases of rounding, underflow and length are read correctly") {
  for (const char* text : {"9007199254740993.0", "9007199254740992.999999999999999999999",
                           "2.2250738585072011e-308", "4.9406564584124654e-324", "2.4703282292062328e-324",
                           "2.4703282292062327e-324", "1e-400", "1.7976931348623158e308",
                           "0.000000000000000000000000000000000001e36", "123456789012345678901234567890.5",
                           "1e23", "8.5e22", "9.5e-22", "1E5", "1e05", "0.0e-5", "-0e1", "-0.0000"}) {
    CAPTURE(text);
    CHECK(number_same_bits(json::parse(text).get<double>(), std::strtod(text, nullptr)));
    CHECK(number_same_bits(number_with_strtod(text), std::strtod(text, nullptr)));
  }
  const std::string long_number = "0." + std::string(5000, '3');
  CHECK(json::parse(long_number).get<double>() == 0.3333333333333333);
}

TEST_CASE("integers of every length are written and read back") {
  std::int64_t value = 1;
  for (int digits = 1; digits <= 18; ++digits, value *= 10) {
    for (const std::int64_t near : {value - 1, value, value + 1, -value, -value + 1, -value - 1}) {
      CHECK(json(near).dump() == std::to_string(near));
      CHECK(json::parse(std::to_string(near)).get<std::int64_t>() == near);
    }
  }
  CHECK(json(std::numeric_limits<std::int64_t>::min()).dump() == "-9223372036854775808");
  CHECK(json(std::numeric_limits<std::uint64_t>::max()).dump() == "18446744073709551615");
}

TEST_CASE("no locale changes how numbers are read or written") {
  const std::string before = std::setlocale(LC_ALL, nullptr);
  for (const char* locale : {"de_DE.UTF-8", "fr_FR.UTF-8", "C.UTF-8", "C"}) {
    if (std::setlocale(LC_ALL, locale) == nullptr) continue;
    CAPTURE(locale);
    CHECK(json::parse("1.5").get<double>() == 1.5);
    CHECK(json::parse("0.12345678901234567890123").get<double>() == 0.12345678901234568);
    CHECK(number_with_strtod("-12.5e-1") == -1.25);
    CHECK(json(0.25).dump() == "0.25");
    CHECK(json(1.0 / 3).dump() == "0.3333333333333333");
  }
  std::setlocale(LC_ALL, before.c_str());
}
