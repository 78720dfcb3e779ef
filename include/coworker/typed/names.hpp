#pragma once
// Finds names that only the compiler knows: those of a plain struct's members and of a type. They are cut out
// of the text in which the compiler names a function template's arguments. enum_names.hpp does the same for
// an enum's values. Must not know JSON.

#include <coworker/typed/members.hpp>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1::detail {

// Declares an object of each struct that is never defined: only the addresses of its members are used.
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

// clang 16 accepts the address of a member as a template argument only inside a class.
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

// The compiler's text is long: the name is copied out of it, so that programs contain only the name.
#ifdef _MSC_VER
#define COWORKER_FUNCTION_TEXT __FUNCSIG__  // MSVC's name for it
#else
#define COWORKER_FUNCTION_TEXT __PRETTY_FUNCTION__
#endif

// These functions do not return std::string_view, because g++ would print that type after the arguments.
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

// Returns the arguments, as in "... [with T = app::request]" by g++, "... [T = app::request]" by clang, and
// "... text_with_type<struct app::request>(void)" by MSVC (according to its documentation; untested).
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

// Lists the addresses of the members.
struct list_addresses {
  template <class... Member>
  constexpr auto operator()(const Member&... member) const {
    return address_list<std::make_index_sequence<sizeof...(member)>, Member...>{{std::addressof(member)}...};
  }
};

template <class T, std::size_t Index, std::size_t Count>
consteval std::string_view text_of_member() {
  constexpr list_addresses list;
  constexpr auto addresses = detail::take_apart<Count>(never_made<T>.value, list);
  return detail::arguments_in(text_with_member<detail::address_at<Index>(addresses)>().chars);
}

/// Returns the index of the member of T to which a pointer to member points. Compile time only.
template <class T, class Member>
constexpr std::size_t member_index(Member T::*which) {
  return detail::with_members(never_made<T>.value, [which](const auto&... member) {
    const void* const wanted = std::addressof(never_made<T>.value.*which);
    std::size_t index = 0;
    bool found = false;
    const auto look_at = [&](const void* one) {
      found = found || one == wanted;
      if (!found) ++index;
    };
    (look_at(std::addressof(member)), ...);
    return index;
  });
}

#ifdef __clang__
#pragma clang diagnostic pop
#endif

constexpr bool in_identifier(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

/// Returns "size" for "...{&never_made.value.size}]" and for "...{(& never_made<a>.value.a::size)}]".
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

/// The characters of a member's name. `Count`: the number of members, if member_count cannot find it.
template <class T, std::size_t Index, std::size_t Count = member_count<T>>
inline constexpr auto member_name_chars = [] {
  constexpr std::string_view name = detail::last_identifier(text_of_member<T, Index, Count>());
  return fixed_name<name.size()>(name);
}();

/// The name of a member, as in the struct's source.
template <class T, std::size_t Index>
inline constexpr std::string_view member_name = member_name_chars<T, Index>.view();

/// Returns a type's name without its namespaces; for an instance of a template, the template's name.
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

}  // namespace coworker::inline v0_1::detail
