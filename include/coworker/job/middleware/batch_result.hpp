#pragma once
// batch_result: the result of one job of a batch. Must not know batches.

#include <concepts>
#include <coworker/job/job_error.hpp>
#include <exception>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1 {

/// A value, or an error that fails one job of a batch and no other: `std::vector<batch_result<std::string>>`.
/// Constructed from either: `results.push_back(job_error("the image is no PNG"))`. std::expected works as
/// well.
template <class T>
class batch_result {
 public:
  batch_result(T value) : value_(std::move(value)) {}
  /// Fails the job with this exception, whose type derives from std::exception.
  template <class Exception>
  requires std::derived_from<Exception, std::exception> batch_result(Exception error)
      : error_(std::make_exception_ptr(std::move(error))) {}
  batch_result(std::exception_ptr error) : error_(std::move(error)) {}

  bool has_value() const noexcept { return value_.has_value(); }
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  const std::exception_ptr&(error)() const noexcept { return error_; }

 private:
  std::optional<T> value_;
  std::exception_ptr error_;
};

namespace detail {

// batch_result, std::expected, and types with the same interface.
template <class T>
concept value_or_error = requires(T& result) {
  { result.has_value() } -> std::convertible_to<bool>;
  *result;
  (result.error)();
};

template <class Error>
[[noreturn]] void throw_error(const Error& error) {
  if constexpr (std::same_as<Error, std::exception_ptr>) {
    std::rethrow_exception(error);
  } else if constexpr (std::derived_from<Error, std::exception>) {
    throw error;
  } else if constexpr (std::convertible_to<const Error&, std::string>) {
    throw job_error(error);
  } else {
    constexpr bool is_an_error = std::convertible_to<const Error&, std::string>;
    static_assert(
        is_an_error,
        "coworker::batched: the error in a result must be an exception, a std::exception_ptr or a text");
    std::terminate();
  }
}

// What a job returns whose result in the batch is a T.
template <class T>
struct batch_value {
  using type = T;
  static T take(T& result) { return std::move(result); }
};
template <value_or_error T>
struct batch_value<T> {
  using type = std::remove_cvref_t<decltype(*std::declval<T&>())>;
  static type take(T& result) {
    if (!result.has_value()) detail::throw_error((std::as_const(result).error)());
    return std::move(*result);
  }
};

}  // namespace detail
}  // namespace coworker::inline v0_1
