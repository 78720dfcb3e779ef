#pragma once
// Converts plain structs, enums and durations to json. Must not know inputs.

#include <concepts>
#include <coworker/json/json.hpp>
#include <coworker/typed/kinds.hpp>
#include <coworker/typed/rule_lookup.hpp>
#include <cstddef>
#include <type_traits>

namespace coworker::inline v0_1 {

namespace detail {

template <class Enum>
json enum_to_json(Enum value) {
  using names = names_of_enum<Enum>;
  for (std::size_t i = 0; i < names::count; ++i) {
    if (names::value(i) == value) return json(names::name(i));
  }
  using underlying = std::underlying_type_t<Enum>;  // for example of a set of flags
  if constexpr (std::is_signed_v<underlying>) {
    return json(static_cast<long long>(value));
  } else {
    return json(static_cast<unsigned long long>(value));
  }
}

/// Returns the duration in seconds: an integer if it counts whole seconds in an integer, else a
/// floating-point number. A float is converted so that it is written in as few digits as elsewhere.
template <class Duration>
json duration_to_json(const Duration& span) {
  using period = typename Duration::period;
  if constexpr (period::num == 1 && period::den == 1) {
    return json(span.count());
  } else {
    double count = static_cast<double>(span.count());
    if constexpr (std::same_as<typename Duration::rep, float>) detail::widen(span.count(), count);
    return json(count * static_cast<double>(period::num) / static_cast<double>(period::den));
  }
}

template <class Struct>
json struct_to_json(const Struct& value) {
  json out = json::object();
  out.reserve(member_count<Struct>);
  const std::string_view* key = member_keys<Struct>::all();
  detail::with_members(value, [&](const auto&... member) { ((out[*key++] = json(member)), ...); });
  return out;
}

}  // namespace detail

/// Converts a struct to an object of its members, a duration to its seconds, an enum's value to its name, or
/// to its number if it has no name or is not from -16 to 143, where names are looked for.
template <std::same_as<json> Json, typed_output T>
void to_json(Json& out, const T& value) {
  if constexpr (detail::plain_enum<T>) {
    out = detail::enum_to_json(value);
  } else if constexpr (detail::duration_like<T>) {
    out = detail::duration_to_json(value);
  } else {
    out = detail::struct_to_json(value);
  }
}

}  // namespace coworker::inline v0_1
