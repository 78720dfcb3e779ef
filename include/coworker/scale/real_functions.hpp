#pragma once
// The few functions of real numbers that modifiers need.

// <cmath> brings the special functions too, which would be a tenth of all that including coworker costs. GCC
// and clang know these five without any header.
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

}  // namespace coworker::detail
