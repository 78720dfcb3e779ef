#pragma once
// The parameter type for a member's key. Must not know objects.

#include <concepts>
#include <coworker/json/error.hpp>
#include <coworker/json/shape.hpp>
#include <string_view>
#include <type_traits>

namespace coworker::inline v0_1 {

/// A key as a parameter: anything that converts to std::string_view, valid during the call. Throws:
/// type_error for a null pointer, such as std::getenv may return.
class json_key {
 public:
  template <detail::text_like T>
  requires(!std::is_pointer_v<T> && !std::is_array_v<T>) json_key(const T& text)
  noexcept(noexcept(std::string_view(text))) : text_(text) {}

  json_key(const char* text) : text_(text == nullptr ? no_key() : std::string_view(text)) {}

  std::string_view text() const noexcept { return text_; }

 private:
  [[noreturn]] static std::string_view no_key() {
    throw json_type_error(
        "expected a text as key, found a null pointer; test what may be null, as std::getenv's");
  }

  std::string_view text_;
};

}  // namespace coworker::inline v0_1
