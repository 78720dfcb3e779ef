#pragma once
// whole: with it, a streaming handler sets the final output of its job. Must not know how streams are sent.

#include <concepts>
#include <coworker/json/json.hpp>
#include <coworker/refusal.hpp>
#include <optional>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1 {

/// The result of whole().
class whole_value {
 public:
  explicit whole_value(json value) : value_(std::move(value)) {}
  json take() { return std::move(value_); }

 private:
  json value_;
};

/// Sets the output of a job whose handler streams: `co_yield whole(text);` in a generator of chunk_or_whole.
/// `value`: anything that converts to json.
template <class Value>
requires std::constructible_from<json, Value> whole_value whole(Value&& value) {
  return whole_value(json(std::forward<Value>(value)));
}

template <class Value>
requires(!std::constructible_from<json, Value>) COWORKER_REFUSE(
    "coworker::whole: the value does not fit; it must be something that turns into json, such as a number, a "
    "text or a plain struct of such")
whole_value whole(Value&&) { return whole_value(json()); }

/// The element type of a streaming handler that decides for each job whether it streams:
///
///     async_generator<chunk_or_whole<std::string>> handle(job<request> work) {
///       if (!work.input.stream) {
///         const std::string text = co_await generate(work.input);
///         co_yield whole(text);  // the job's output, and no chunk
///         co_return;
///       }
///       ...
///       co_yield token;  // a chunk
///
/// A job may yield both: it then has its chunks and this output. A second whole value fails the job.
template <class T = json>
class chunk_or_whole {
 public:
  chunk_or_whole(whole_value value) : whole_(std::move(value)) {}
  template <class U>
  requires(std::convertible_to<U, T> && !std::same_as<std::remove_cvref_t<U>, chunk_or_whole> &&
           !std::same_as<std::remove_cvref_t<U>, whole_value>) chunk_or_whole(U&& chunk)
      : chunk_(std::forward<U>(chunk)) {}

  bool is_whole() const noexcept { return whole_.has_value(); }
  T& chunk() noexcept { return *chunk_; }
  json take_whole() { return whole_->take(); }

 private:
  std::optional<T> chunk_;
  std::optional<whole_value> whole_;
};

namespace detail {

template <class T>
inline constexpr bool is_chunk_or_whole = false;
template <class T>
inline constexpr bool is_chunk_or_whole<chunk_or_whole<T>> = true;

// The type of an element that is known to be a chunk.
template <class T>
struct chunk_type {
  using type = T;
};
template <class T>
struct chunk_type<chunk_or_whole<T>> {
  using type = T;
};

}  // namespace detail
}  // namespace coworker::inline v0_1
