#pragma once
// Describes what went wrong as a value: the type of an exception, its message, and its causes. Must not know
// jobs, nor how an engine encodes errors.

#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>
#include <vector>

#if __has_include(<cxxabi.h>)
#include <cxxabi.h>
#endif

namespace coworker::inline v0_1 {

/// One of the causes of an error: an exception nested in another.
struct error_cause {
  std::string type;
  std::string message;
};

/// Describes what went wrong. Any of its texts may contain bytes that are not UTF-8.
struct error_info {
  std::string type = {};                 ///< of the exception, as "std::runtime_error"; empty: none
  std::string message = {};              ///< such as the exception's what()
  std::vector<error_cause> causes = {};  ///< the direct cause first, then the cause of that, and so on

  /// Returns "type: message", or only the message if there is no type.
  std::string text() const { return type.empty() ? message : type + ": " + message; }

  /// Returns text(), followed by a line "caused by ..." for each cause.
  std::string(trace)() const {
    std::string lines = text();
    for (const error_cause& cause : causes)
      lines.append("\ncaused by ").append(cause.type).append(": ").append(cause.message);
    return lines;
  }
};

namespace detail {

// std::throw_with_nested throws an internal type of the standard library that derives from the type that was
// meant.
inline std::string without_nesting(std::string name) {
  for (const std::string_view wrapper :
       {"std::_Nested_exception<", "std::__nested<", "std::__1::__nested<"}) {
    if (name.starts_with(wrapper) && name.ends_with('>')) {
      return name.substr(wrapper.size(), name.size() - wrapper.size() - 1);
    }
  }
  return name;
}

// Removes coworker's inline namespace, which says nothing to a reader, from the name of a type.
inline std::string without_version(std::string name) {
  constexpr std::string_view version = "coworker::v0_1::";
  for (std::size_t at = name.find(version); at != std::string::npos; at = name.find(version, at))
    name.erase(at + version.size() - 6, 6);
  return name;
}

inline std::string readable_type_name(const std::type_info& type) {
#if __has_include(<cxxabi.h>)
  int status = 0;
  struct freed {
    char* text;
    ~freed() { std::free(text); }  // the ABI says that it is allocated by malloc
  };
  const freed demangled{abi::__cxa_demangle(type.name(), nullptr, nullptr, &status)};
  if (demangled.text != nullptr) return without_version(without_nesting(demangled.text));
#endif
  return type.name();
}

// The type of an exception that does not derive from std::exception.
inline std::string current_exception_type_name() {
#if __has_include(<cxxabi.h>)
  if (const std::type_info* const type = abi::__cxa_current_exception_type())
    return readable_type_name(*type);
#endif
  return "unknown";
}

}  // namespace detail

/// Describes an exception of any type, and the exceptions nested in it. Throws: std::bad_alloc only.
inline error_info describe_exception(const std::exception_ptr& exception);

namespace detail {

inline void add_causes(error_info& to, const std::exception_ptr& cause) {
  if (cause == nullptr) return;
  error_info described = describe_exception(cause);
  to.causes.push_back({std::move(described.type), std::move(described.message)});
  for (error_cause& further : described.causes) to.causes.push_back(std::move(further));
}

// std::throw_with_nested accepts any class, so an exception of any type may have a cause.
inline std::exception_ptr cause_of(const std::exception_ptr& exception) noexcept {
  try {
    std::rethrow_exception(exception);
  } catch (const std::nested_exception& outer) {
    return outer.nested_ptr();
  } catch (...) {
    return nullptr;
  }
}

#ifdef __cpp_rtti

inline std::string type_name_of(const std::exception& error) { return readable_type_name(typeid(error)); }

inline std::exception_ptr cause_of(const std::exception& error) noexcept {
  const auto* const outer = dynamic_cast<const std::nested_exception*>(&error);
  return outer != nullptr ? outer->nested_ptr() : nullptr;
}

#else

// Without RTTI, type and cause are known only for the exception that is being handled.
inline bool is_being_handled(const std::exception& error) noexcept {
  if (std::current_exception() == nullptr) return false;
  try {
    throw;
  } catch (const std::exception& handled) {
    return &handled == &error;
  } catch (...) {
    return false;
  }
}

inline std::string type_name_of(const std::exception& error) {
  return is_being_handled(error) ? current_exception_type_name() : "std::exception";
}

inline std::exception_ptr cause_of(const std::exception& error) noexcept {
  return is_being_handled(error) ? cause_of(std::current_exception()) : nullptr;
}

#endif

}  // namespace detail

/// Describes a caught exception. In a program without RTTI, an exception that no catch clause is handling is
/// described as a std::exception without a cause.
inline error_info describe_exception(const std::exception& error) {
  error_info made;
  made.type = detail::type_name_of(error);
  const char* const text = error.what();
  if (text != nullptr) made.message = text;
  detail::add_causes(made, detail::cause_of(error));
  return made;
}

inline error_info describe_exception(const std::exception_ptr& exception) {
  error_info made;
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& error) {
    return describe_exception(error);
  } catch (const char* text) {
    made.type = "const char*";
    if (text != nullptr) made.message = text;
  } catch (const std::string& text) {
    made.type = "std::string";
    made.message = text;
  } catch (...) {
    made.type = detail::current_exception_type_name();
    made.message = "a value that is not a std::exception was thrown";
  }
  detail::add_causes(made, detail::cause_of(exception));
  return made;
}

}  // namespace coworker::inline v0_1
