#pragma once
// The few functions of real numbers that modifiers need. Must not know modifiers.

// <cmath> also has the special functions, which would add a tenth to the cost of including coworker. GCC and
// clang have these five built in, without any header.
#ifndef __GNUC__
#include <cmath>
#endif

namespace coworker::inline v0_1::detail {

#ifdef __GNUC__
inline double natural_log(double value) noexcept { return __builtin_log(value); }
inline double natural_log_of_1_and(double value) noexcept { return __builtin_log1p(value); }
inline double exponential(double value) noexcept { return __builtin_exp(value); }
inline double square_root(double value) noexcept { return __builtin_sqrt(value); }
inline double magnitude(double value) noexcept { return __builtin_fabs(value); }
#else
inline double natural_log(double value) noexcept { return (std::log)(value); }
inline double natural_log_of_1_and(double value) noexcept { return std::log1p(value); }
inline double exponential(double value) noexcept { return std::exp(value); }
inline double square_root(double value) noexcept { return std::sqrt(value); }
inline double magnitude(double value) noexcept { return std::fabs(value); }
#endif

}  // namespace coworker::inline v0_1::detail
