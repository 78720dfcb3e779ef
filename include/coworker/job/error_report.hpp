#pragma once
// An exception in words: its type's real name, its message, and what it was caused by. Knows no job.

#include <coworker/json/escape.hpp>
#include <coworker/version.hpp>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>

#if __has_include(<cxxabi.h>)
#include <cxxabi.h>
#endif

namespace coworker {

/// Who reports: part of each error report.
struct worker_identity {
  std::string worker_id = "unknown";
  std::string hostname = "unknown";
};

namespace detail {

// std::throw_with_nested throws a type of the standard library's own, around the one that was meant.
inline std::string without_nesting(std::string name) {
  for (const std::string_view wrapper :
       {"std::_Nested_exception<", "std::__nested<", "std::__1::__nested<"}) {
    if (name.starts_with(wrapper) && name.ends_with('>')) {
      return name.substr(wrapper.size(), name.size() - wrapper.size() - 1);
    }
  }
  return name;
}

inline std::string readable_type_name(const std::type_info& type) {
#if __has_include(<cxxabi.h>)
  int status = 0;
  char* const demangled = abi::__cxa_demangle(type.name(), nullptr, nullptr, &status);
  if (demangled != nullptr) {
    std::string name(demangled);
    std::free(demangled);  // allocated by malloc, as the ABI says
    return without_nesting(std::move(name));
  }
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

/// An exception taken apart.
struct exception_description {
  std::string type;     ///< as in "std::runtime_error"
  std::string message;  ///< its what(); the value itself for a thrown text
  std::string trace;    ///< one line for it and one for each exception nested in it
};

inline exception_description describe_exception(const std::exception_ptr& exception);

namespace detail {

inline std::string trace_of(const exception_description& error, const std::exception_ptr& cause) {
  std::string trace = error.type + ": " + error.message;
  if (cause != nullptr) trace += "\ncaused by " + describe_exception(cause).trace;
  return trace;
}

// std::throw_with_nested takes any class, so that an exception of any type may have a cause.
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

// Without RTTI, only the exception that is being handled tells its type and its cause.
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

/// Errors: std::bad_alloc only; any exception can be described. In a program without RTTI, one that is not being
/// handled by a catch clause is described as a std::exception without a cause.
inline exception_description describe_exception(const std::exception& error) {
  exception_description made;
  made.type = detail::type_name_of(error);
  const char* const text = error.what();
  if (text != nullptr) made.message = text;
  made.trace = detail::trace_of(made, detail::cause_of(error));
  return made;
}

/// The same of one that may be anything.
inline exception_description describe_exception(const std::exception_ptr& exception) {
  exception_description made;
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
  made.trace = detail::trace_of(made, detail::cause_of(exception));
  return made;
}

/// The text that a queue shows for a failed job, itself JSON, with the members that clients of the platform
/// expect. Bytes that are not UTF-8 are replaced.
inline std::string error_report(const exception_description& error, const worker_identity& reporter) {
  std::string report;
  const auto add = [&report](std::string_view name, std::string_view text) {
    report += report.empty() ? "{" : ",";
    append_json_string_lossy(report, name);
    report += ":";
    append_json_string_lossy(report, text);
  };
  add("error_type", error.type);
  add("error_message", error.message);
  add("error_traceback", error.trace);
  add("hostname", reporter.hostname);
  add("worker_id", reporter.worker_id);
  add("runpod_version", COWORKER_VERSION);
  return report += "}";
}

}  // namespace coworker
