#pragma once
// Plain structs, enums and durations into json. Must not know of inputs.

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
  using underlying = std::underlying_type_t<Enum>;  // a set of flags, perhaps
  if constexpr (std::is_signed_v<underlying>) {
    return json(static_cast<long long>(value));
  } else {
    return json(static_cast<unsigned long long>(value));
  }
}

/// In seconds: an integer where it cannot be anything else, and a float as it is written elsewhere.
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

/// A struct becomes an object of its members, a duration its seconds, an enum's value its name, or its number
/// where it has none or lies beyond those that names are looked for: from -16 to 143.
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

}  // namespace coworker
