#pragma once
// Classifies floating-point numbers by their bits. With -Ofast or -ffinite-math-only, compilers assume that
// every arithmetic test for NaN and infinities is false, and that every number passed to or returned from a
// function is finite. So these functions take references, and return by reference what may be infinite. Must
// not know JSON.

#include <bit>
#include <cstdint>

namespace coworker::inline v0_1::detail {

inline constexpr std::uint64_t sign_bit = std::uint64_t{1} << 63;
inline constexpr std::uint64_t exponent_bits = std::uint64_t{0x7ff} << 52;

constexpr bool is_finite(const double& value) noexcept {
  return (std::bit_cast<std::uint64_t>(value) & exponent_bits) != exponent_bits;
}

constexpr bool is_finite(const float& value) noexcept {
  constexpr std::uint32_t exponent = std::uint32_t{0xff} << 23;
  return (std::bit_cast<std::uint32_t>(value) & exponent) != exponent;
}

constexpr bool is_nan(const double& value) noexcept {
  return (std::bit_cast<std::uint64_t>(value) & ~sign_bit) > exponent_bits;
}

constexpr bool is_negative(const double& value) noexcept {
  return (std::bit_cast<std::uint64_t>(value) & sign_bit) != 0;
}

/// Converts a float that is not finite to a double.
constexpr void widen_bits(const float& value, double& wide) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint64_t sign = (bits >> 31) != 0 ? sign_bit : 0;
  wide = std::bit_cast<double>(sign | exponent_bits | (std::uint64_t{bits & 0x7f'ffff} << 29));
}

}  // namespace coworker::inline v0_1::detail
