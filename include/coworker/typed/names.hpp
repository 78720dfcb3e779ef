#pragma once
// Names that only the compiler knows: those of a plain struct's members, of an enum's values, of a type. They
// are cut out of the text in which a compiler names a function template's arguments. Must not know of JSON.

#include <coworker/typed/members.hpp>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

namespace coworker::detail {

// An object of each struct that is never made: only the addresses of its members are asked for.
#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wundefined-var-template"
#pragma clang diagnostic ignored "-Wundefined-internal"
#endif

template <class T>
struct never_made_holder {
  const T value;
};
template <class T>
extern const never_made_holder<T> never_made;

// clang 16 takes the address of a member as a template argument only inside a class.
template <class T>
struct member_address {
  const T* at;
};

template <std::size_t Index, class T>
struct indexed_address {
  const T* at;
};
template <class Indices, class... T>
struct address_list;
template <std::size_t... Index, class... T>
struct address_list<std::index_sequence<Index...>, T...> : indexed_address<Index, T>... {};

template <std::size_t Index, class T>
consteval member_address<T> address_at(const indexed_address<Index, T>& one) {
  return {one.at};
}

// The text is long: what is wanted is copied out of it, so that programs carry no more than that.
#ifdef _MSC_VER
#define COWORKER_FUNCTION_TEXT __FUNCSIG__  // MSVC's name for it
#else
#define COWORKER_FUNCTION_TEXT __PRETTY_FUNCTION__
#endif

// Their results are no std::string_view: g++ would name that type behind the arguments.
struct function_text {
  const char* chars;
};
template <member_address Address>
consteval function_text text_with_member() {
  return {COWORKER_FUNCTION_TEXT};
}
template <auto... Values>
consteval function_text text_with_values() {
  return {COWORKER_FUNCTION_TEXT};
}
template <class T>
consteval function_text text_with_type() {
  return {COWORKER_FUNCTION_TEXT};
}
#undef COWORKER_FUNCTION_TEXT

// The arguments, as in "... [with T = app::request]" by g++, "... [T = app::request]" by clang, and
// "... text_with_type<struct app::request>(void)" by MSVC (as its documentation has it; not tried).
constexpr std::string_view arguments_in(std::string_view text) noexcept {
#ifdef _MSC_VER
  const std::size_t begin = text.find('<', text.find("text_with_")) + 1;
  const std::size_t end = text.rfind(">(");
#else
  const std::size_t begin = text.find(" = ") + 3;
  const std::size_t end = text.rfind(']');
#endif
  return text.substr(begin, end - begin);
}

template <class T, std::size_t Index>
consteval std::string_view text_of_member() {
  constexpr auto addresses = detail::with_members(never_made<T>.value, [](const auto&... member) {
    return address_list<std::make_index_sequence<sizeof...(member)>,
                        std::remove_cvref_t<decltype(member)>...>{{&member}...};
  });
  return detail::arguments_in(text_with_member<detail::address_at<Index>(addresses)>().chars);
}

#ifdef __clang__
#pragma clang diagnostic pop
#endif

constexpr bool in_identifier(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

/// "size" of "...{&never_made.value.size}]" and of "...{(& never_made<a>.value.a::size)}]".
constexpr std::string_view last_identifier(std::string_view text) noexcept {
  std::size_t end = text.size();
  while (end > 0 && !in_identifier(text[end - 1])) --end;
  std::size_t begin = end;
  while (begin > 0 && in_identifier(text[begin - 1])) --begin;
  return text.substr(begin, end - begin);
}

template <std::size_t Size>
struct fixed_name {
  char chars[Size + 1] = {};

  explicit constexpr fixed_name(std::string_view text) noexcept {
    for (std::size_t i = 0; i < Size; ++i) chars[i] = text[i];
  }
  constexpr std::string_view view() const noexcept { return {chars, Size}; }
};

template <class T, std::size_t Index>
inline constexpr auto member_name_chars = [] {
  constexpr std::string_view name = detail::last_identifier(text_of_member<T, Index>());
  return fixed_name<name.size()>(name);
}();

/// As the struct's author wrote it.
template <class T, std::size_t Index>
inline constexpr std::string_view member_name = member_name_chars<T, Index>.view();

/// Whether an enum says which integers stand for it, as `enum class color` and `enum color : int` do. Of any
/// other one not every integer may be turned into a value.
template <class T>
concept plain_enum = std::is_enum_v<T> && requires {
  T{0};
};

// Where values are looked for.
inline constexpr int least_enum_value = -16;
inline constexpr int most_enum_values = 160;

template <class Enum>
consteval int first_enum_value() {
  return std::is_signed_v<std::underlying_type_t<Enum>> ? least_enum_value : 0;
}

// No enum has more values than its underlying type.
template <class Enum>
consteval int looked_at_values() {
  using underlying = std::underlying_type_t<Enum>;
  if (std::is_same_v<underlying, bool>) return 2;
  const int past = least_enum_value + most_enum_values;
  const bool narrow = sizeof(underlying) == 1 && std::is_signed_v<underlying>;
  return (narrow && past > 128 ? 128 : past) - first_enum_value<Enum>();
}

// All values at once: one text, which is read here: "Values = {color::red, (color)1, ns::color::blue}".
template <class Enum, int... Offset>
consteval std::string_view text_of_values(std::integer_sequence<int, Offset...>) {
  return detail::arguments_in(
      text_with_values<static_cast<Enum>(first_enum_value<Enum>() + Offset)...>().chars);
}

/// The name of one enum value and which it is.
struct enum_value_name {
  long long value = 0;
  std::size_t at = 0;  ///< where the name begins in the text
  std::size_t size = 0;
};

template <std::size_t Most>
struct enum_names {
  enum_value_name names[Most] = {};
  std::size_t count = 0;
};

template <class Enum>
consteval auto find_enum_names(std::string_view text) {
  constexpr int looked_at = looked_at_values<Enum>();
  enum_names<static_cast<std::size_t>(looked_at)> found;
  std::size_t end = text.size();
  // Backwards, as what stands before the values is not known; from the last value to the first.
  for (int i = looked_at - 1; i >= 0; --i) {
    while (text[end - 1] == '}' || text[end - 1] == '>' || text[end - 1] == ',' || text[end - 1] == ' ')
      --end;
    std::size_t begin = end;
    while (begin > 0 && in_identifier(text[begin - 1])) --begin;
    const char before = begin > 0 ? text[begin - 1] : ' ';
    const bool named = !(text[begin] >= '0' && text[begin] <= '9') && before != ')' && before != '-';
    if (named) {
      found.names[found.count++] = {first_enum_value<Enum>() + i, begin, end - begin};
    }
    // To the comma before this value, past the type's name, which may have brackets and commas of its own.
    int open = 0;
    for (end = begin; end > 0; --end) {
      const char c = text[end - 1];
      if (c == ')' || c == '>' || c == '}') ++open;
      if ((c == '(' || c == '<' || c == '{') && open-- == 0) break;
      if (c == ',' && open == 0) break;
    }
  }
  // In the order of their values.
  for (std::size_t i = 0; i < found.count / 2; ++i) {
    std::swap(found.names[i], found.names[found.count - 1 - i]);
  }
  return found;
}

/// The names of an enum's values from -16 (0 where it has no sign) to 143.
template <class Enum>
struct names_of_enum {
 private:
  static constexpr std::string_view text_ =
      detail::text_of_values<Enum>(std::make_integer_sequence<int, looked_at_values<Enum>()>());
  static constexpr auto found_ = detail::find_enum_names<Enum>(text_);

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
      for (std::size_t c = 0; c < found_.names[i].size; ++c) made.chars[at++] = text_[found_.names[i].at + c];
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

/// A type's name without its namespaces; of a template's instance the template's.
template <class T>
constexpr std::string_view type_name() noexcept {
  std::string_view text = detail::arguments_in(text_with_type<T>().chars);
  if (text.ends_with('>')) {
    int open = 0;
    std::size_t end = text.size();
    do {
      --end;
      if (text[end] == '>') ++open;
      if (text[end] == '<') --open;
    } while (open != 0);
    text = text.substr(0, end);
  }
  return last_identifier(text);
}

}  // namespace coworker::detail
