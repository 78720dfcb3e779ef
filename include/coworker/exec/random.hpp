#pragma once
// random_source: random numbers that are the same for the same seed on every platform.
// For jitter and for the order of events in simulations; must not know where the seed comes from.

#include <concepts>
#include <cstdint>

namespace coworker::inline v0_1 {

/// A random number generator, SplitMix64: 64 well mixed bits from each step of a counter. Not for secrets.
/// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
class random_source {
 public:
  explicit random_source(std::uint64_t seed) noexcept : state_(seed) {}

  /// Returns the next 64 bits.
  std::uint64_t next() noexcept {
    std::uint64_t bits = state_ += 0x9e3779b97f4a7c15;
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
    return bits ^ (bits >> 31);
  }

  /// Returns a number from 0 to below `end`, which must be 1 or more.
  template <std::unsigned_integral Number>
  Number below(Number end) noexcept {
    return static_cast<Number>(next() % end);
  }

  /// Returns a number from 0 to below 1.
  double fraction() noexcept { return static_cast<double>(next() >> 11) * 0x1p-53; }

 private:
  std::uint64_t state_;
};

}  // namespace coworker
