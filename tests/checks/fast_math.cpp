// Checks that JSON refuses numbers that it cannot represent, and reads and writes all others exactly, even if
// the compiler may assume that no number is NaN or infinite. fast_math.sh builds it with such flags.

#include <bit>
#include <chrono>
#include <coworker/exec/sleep.hpp>
#include <coworker/json/json.hpp>
#include <coworker/typed/read.hpp>
#include <coworker/typed/write.hpp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>

namespace {

using coworker::json;

int failures = 0;

void require(bool right, std::string_view what) {
  if (right) return;
  ++failures;
  std::printf("wrong: %.*s\n", static_cast<int>(what.size()), what.data());
}

template <class Error, class Work>
void require_error(const Work& work, std::string_view what) {
  try {
    work();
    require(false, what);
  } catch (const Error&) {
  }
}

template <class Float>
void refuses_to_write(Float value, std::string_view what) {
  require_error<json::write_error>([&] { (void)json(value).dump(); }, what);
  require_error<json::write_error>([&] { (void)json{{"k", {1, value}}}.dump(); }, what);
  require_error<json::type_error>([&] { (void)json(value).template get<int>(); }, what);
}

void reads_and_writes_exactly() {
  std::uint64_t bits = 88172645463325252u;
  for (int i = 0; i < 100'000; ++i) {
    bits ^= bits << 13;
    bits ^= bits >> 7;
    bits ^= bits << 17;
    const std::uint64_t exponent = bits >> 52 & 0x7ff;
    if (exponent == 0x7ff || exponent == 0)
      continue;  // a program built this way also flushes subnormal numbers to zero
    const std::string text = json(std::bit_cast<double>(bits)).dump();
    require(std::bit_cast<std::uint64_t>(json::parse(text).get<double>()) == bits, text);
    const std::string decimal = std::to_string(bits % 1'000'007) + "." + std::to_string(bits % 999'983) + "1";
    require(json::parse(decimal).dump() == decimal, decimal);
  }
}

struct wait {
  std::chrono::duration<float> span{1};
  float size = 1;
};

}  // namespace

int main() {
  for (const char* text : {"1e999", "-1e999", "1e309", "[1,2e400]", "123456789e301", "1.8e308"}) {
    require_error<json::parse_error>([text] { (void)json::parse(text); }, text);
  }
  const std::string digits(400, '9');
  require_error<json::parse_error>([&] { (void)json::parse(digits); }, "400 nines");
  require(json::parse("1e-400").get<double>() == 0, "underflow is zero");

  using limits = std::numeric_limits<double>;
  refuses_to_write(std::strtod("inf", nullptr), "infinity, read");
  refuses_to_write(std::strtod("-inf", nullptr), "minus infinity, read");
  refuses_to_write(std::strtod("nan", nullptr), "NaN, read");
  refuses_to_write(std::strtof("inf", nullptr), "an infinite float, read");
  refuses_to_write(std::strtof("nan", nullptr), "a float that is NaN, read");
  const double infinities[] = {limits::infinity(), -limits::infinity(), limits::quiet_NaN()};
  for (const double& value : infinities) {
    require_error<json::write_error>([&] { (void)json(value).dump(); },
                                     "a constant that is not a finite number");
    require(coworker::detail::describe(coworker::detail::json_gate::slot(json(value))) !=
                coworker::detail::describe(coworker::detail::json_gate::slot(json(1.5))),
            "a description of a value that is not a finite number");
    require(json(value) != json(1), "no integer equals a value that is not a finite number");
  }
  require_error<json::out_of_range>([] { (void)json(1e300).get<float>(); }, "1e300 as a float");
  require_error<coworker::input_error>([] { (void)json::parse(R"({"size":1e300})").get<wait>(); },
                                       "a float member");
  require_error<coworker::input_error>([] { (void)json::parse(R"({"span":1e300})").get<wait>(); },
                                       "a float duration");
  require(json(0.7f).dump() == "0.7", "a float");
  require(json(-0.5).dump() == "-0.5", "a negative number");
  require(json(0.0).dump() == "0.0" && json::parse("1e-400").dump() == "0.0", "zero");
  require(json::parse("-0.0").dump() == "-0.0", "negative zero");
  reads_and_writes_exactly();
  std::printf("%d wrong\n", failures);
  return failures == 0 ? 0 : 1;
}
