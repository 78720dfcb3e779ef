#pragma once
// Finds the names of an enum's values, which only the compiler knows, and whether there are values outside
// the range that is searched. Must not know JSON.

#include <coworker/typed/names.hpp>
#include <cstddef>
#include <limits>
#include <string_view>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1::detail {

/// An enum with a fixed underlying type, as `enum class color` and `enum color : int` have. With any other
/// enum, not every integer may be converted to a value.
template <class T>
concept plain_enum = std::is_enum_v<T> && requires {
  T{0};
};

// The range of values that is searched: the first, and how many.
inline constexpr int least_enum_value = -16;
inline constexpr int most_enum_values = 160;
inline constexpr int enum_values_at_once = 32;

template <class Enum>
consteval int first_enum_value() {
  return std::is_signed_v<std::underlying_type_t<Enum>> ? least_enum_value : 0;
}

// An enum has no more values than its underlying type.
template <class Enum>
consteval int looked_at_values() {
  using underlying = std::underlying_type_t<Enum>;
  if (std::is_same_v<underlying, bool>) return 2;
  const int past = least_enum_value + most_enum_values;
  const bool narrow = sizeof(underlying) == 1 && std::is_signed_v<underlying>;
  return (narrow && past > 128 ? 128 : past) - first_enum_value<Enum>();
}

constexpr bool is_number_sign(char c) noexcept { return (c >= '0' && c <= '9') || c == '-'; }

// Returns how often a number follows a cast, as in "(color)1". Avoids a constexpr step per character where
// possible, because compiling would take long.
constexpr std::size_t count_casts(const char* text) noexcept {
  std::size_t count = 0;
#if defined(__clang__)
  for (; (text = __builtin_strchr(text, ')')) != nullptr; ++text) count += is_number_sign(text[1]) ? 1U : 0U;
#elif defined(__GNUC__)  // g++ does not fold a strchr that finds nothing
  for (; *(text += __builtin_strcspn(text, ")")) != '\0'; ++text) count += is_number_sign(text[1]) ? 1U : 0U;
#else
  for (; *text != '\0'; ++text) count += *text == ')' && is_number_sign(text[1]) ? 1U : 0U;
#endif
  return count;
}

// Returns whether one of these values has a name, as "color::red" has. A value without a name is printed
// as a cast.
template <class Enum, Enum... Values>
consteval bool some_have_names() {
  const std::size_t of_type = detail::count_casts(text_with_type<Enum>().chars);
  const std::size_t of_values = detail::count_casts(text_with_values<Values...>().chars);
  return of_values != sizeof...(Values) * (of_type + 1);
}

/// The name of one enum value, and the value.
struct enum_value_name {
  long long value = 0;
  const char* name = nullptr;  ///< points into the joined text of all names
  std::size_t size = 0;
};

template <std::size_t Most>
struct enum_names {
  enum_value_name names[Most] = {};
  std::size_t count = 0;
};

// `text` contains all values: "Values = {color::red, (color)1, ns::color::blue}".
template <std::size_t Most>
consteval enum_names<Most> find_enum_names(std::string_view text, long long first) {
  enum_names<Most> found;
  std::size_t end = text.size();
  // Searches backwards, from the last value to the first, because what precedes the values is unknown.
  for (long long i = static_cast<long long>(Most) - 1; i >= 0; --i) {
    while (text[end - 1] == '}' || text[end - 1] == '>' || text[end - 1] == ',' || text[end - 1] == ' ')
      --end;
    std::size_t begin = end;
    while (begin > 0 && in_identifier(text[begin - 1])) --begin;
    const char before = begin > 0 ? text[begin - 1] : ' ';
    const bool named = !(text[begin] >= '0' && text[begin] <= '9') && before != ')' && before != '-';
    if (named) {
      found.names[found.count++] = {first + i, text.data() + begin, end - begin};
    }
    // Skips the type's name, which may contain brackets and commas, to the comma before this value.
    int open = 0;
    for (end = begin; end > 0; --end) {
      const char c = text[end - 1];
      if (c == ')' || c == '>' || c == '}') ++open;
      if ((c == '(' || c == '<' || c == '{') && open-- == 0) break;
      if (c == ',' && open == 0) break;
    }
  }
  // Reverses the names into the order of their values.
  for (std::size_t i = 0; i < found.count / 2; ++i) {
    std::swap(found.names[i], found.names[found.count - 1 - i]);
  }
  return found;
}

template <class Enum, int First, int... Offset>
consteval enum_names<sizeof...(Offset)> names_in_range(std::integer_sequence<int, Offset...>) {
  if (!some_have_names<Enum, static_cast<Enum>(First + Offset)...>()) return {};
  const auto text = text_with_values<static_cast<Enum>(First + Offset)...>();
  return detail::find_enum_names<sizeof...(Offset)>(detail::arguments_in(text.chars), First);
}

template <class Enum, int First>
consteval auto names_from() {
  constexpr int left = first_enum_value<Enum>() + looked_at_values<Enum>() - First;
  constexpr int count = left < enum_values_at_once ? left : enum_values_at_once;
  return detail::names_in_range<Enum, First>(std::make_integer_sequence<int, count>());
}

template <class Enum, int... Range>
consteval auto all_enum_names(std::integer_sequence<int, Range...>) {
  enum_names<most_enum_values> all;
  const auto add = [&all](const auto& some) {
    for (std::size_t i = 0; i < some.count; ++i) all.names[all.count++] = some.names[i];
  };
  (add(detail::names_from<Enum, first_enum_value<Enum>() + Range * enum_values_at_once>()), ...);
  return all;
}

/// The names of an enum's values from -16 (0 if it is unsigned) to 143.
template <class Enum>
struct names_of_enum {
 private:
  static constexpr int ranges_ = (looked_at_values<Enum>() + enum_values_at_once - 1) / enum_values_at_once;
  static constexpr auto found_ = detail::all_enum_names<Enum>(std::make_integer_sequence<int, ranges_>());

  // The names are copied, so that programs do not contain the compiler's whole text.
  struct joined_names {
    static constexpr std::size_t total = [] {
      std::size_t sum = 1;
      for (std::size_t i = 0; i < found_.count; ++i) sum += found_.names[i].size;
      return sum;
    }();
    char chars[total] = {};
    std::size_t begin[found_.count + 1] = {};
    long long value[found_.count + 1] = {};
  };
  static constexpr joined_names joined_ = [] {
    joined_names made;
    std::size_t at = 0;
    for (std::size_t i = 0; i < found_.count; ++i) {
      made.value[i] = found_.names[i].value;
      for (std::size_t c = 0; c < found_.names[i].size; ++c) made.chars[at++] = found_.names[i].name[c];
      made.begin[i + 1] = at;
    }
    return made;
  }();

 public:
  static constexpr std::size_t count = found_.count;

  static constexpr std::string_view name(std::size_t index) noexcept {
    return {joined_.chars + joined_.begin[index], joined_.begin[index + 1] - joined_.begin[index]};
  }
  static constexpr Enum value(std::size_t index) noexcept { return static_cast<Enum>(joined_.value[index]); }
};

// Large numbers that programs often use, each list in ascending order: powers of two and round numbers,
// with their neighbours.
struct common_numbers {
  static constexpr int power_count = 2 * 52;
  static constexpr int round_count = 8 + 19 * 16;
  long long powers[power_count] = {};
  long long rounds[round_count] = {};

  consteval common_numbers() {
    for (int i = 0; i < power_count / 2; ++i) {
      powers[2 * i] = (1024LL << i) - 1;
      powers[2 * i + 1] = 1024LL << i;
    }
    int at = 0;
    for (long long hundreds = 600; hundreds < 1000; hundreds += 100) {
      rounds[at++] = hundreds;
      rounds[at++] = hundreds + 1;
    }
    for (long long power = 1000; at < round_count; power *= 10) {
      rounds[at++] = power - 1;
      for (int digit = 1; digit < 10; ++digit) {
        rounds[at++] = digit * power;
        rounds[at++] = digit * power + 1;
      }
      if (at == round_count) break;
    }
  }
};
inline constexpr common_numbers common_values;

// Returns how many of them, from the smallest on, the enum's type can hold.
template <class Enum, std::size_t Size>
consteval std::size_t count_held(const long long (&values)[Size], long long sign) {
  using underlying = std::underlying_type_t<Enum>;
  std::size_t count = 0;
  while (count < Size &&
         static_cast<long long>(static_cast<underlying>(sign * values[count])) == sign * values[count])
    ++count;
  return count;
}

template <class Enum, int First, int Step, int... Index>
consteval bool near_have_names(std::integer_sequence<int, Index...>) {
  return some_have_names<Enum, static_cast<Enum>(First + Step * Index)...>();
}
template <class Enum, std::size_t... Index>
consteval bool powers_have_names(std::index_sequence<Index...>) {
  return some_have_names<Enum, static_cast<Enum>(common_values.powers[Index])...>();
}
template <class Enum, long long Sign, std::size_t... Index>
consteval bool rounds_have_names(std::index_sequence<Index...>) {
  return some_have_names<Enum, static_cast<Enum>(Sign * common_values.rounds[Index])...>();
}

/// Returns whether an enum has values outside the range that is searched, as far as that can be found out:
/// not every number can be tried, because each takes time.
template <class Enum>
consteval bool has_far_values() {
  using underlying = std::underlying_type_t<Enum>;
  if constexpr (std::is_same_v<underlying, bool>) {
    return false;
  } else {
    using limits = std::numeric_limits<underlying>;
    constexpr bool wide = sizeof(Enum) > 1;
    constexpr int first = first_enum_value<Enum>();
    constexpr int past = first + looked_at_values<Enum>();
    constexpr int near_end = wide ? 600 : static_cast<int>((limits::max)()) + 1;
    bool found = detail::near_have_names<Enum, past, 1>(std::make_integer_sequence<int, near_end - past>());
    if constexpr (limits::is_signed) {
      found = found ||
              detail::near_have_names<Enum, first - 1, -1>(std::make_integer_sequence<int, 128 + first>());
    }
    if constexpr (wide) {
      using held_powers = std::make_index_sequence<detail::count_held<Enum>(common_values.powers, 1)>;
      using held_rounds = std::make_index_sequence<detail::count_held<Enum>(common_values.rounds, 1)>;
      found = found || detail::powers_have_names<Enum>(held_powers()) ||
              detail::rounds_have_names<Enum, 1>(held_rounds()) ||
              some_have_names<Enum, static_cast<Enum>((limits::max)())>();
    }
    if constexpr (wide && limits::is_signed) {
      using held_rounds = std::make_index_sequence<detail::count_held<Enum>(common_values.rounds, -1)>;
      found = found || detail::rounds_have_names<Enum, -1>(held_rounds()) ||
              some_have_names<Enum, static_cast<Enum>((limits::min)())>();
    }
    return found;
  }
}

}  // namespace coworker::inline v0_1::detail
