#pragma once
// The last check of an outcome before it goes to the queue: what cannot be sent becomes an error that says
// why. Must not know the worker.

#include <coworker/job/error_info.hpp>
#include <coworker/job/limits.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/json/json.hpp>
#include <cstddef>
#include <exception>
#include <new>
#include <string>
#include <utility>

namespace coworker::inline v0_1::detail {

// Throws: json_write_error with the place from "output" on; output_too_large.
inline void check_output(const json& output, std::size_t limit) {
  std::size_t size = 0;
  try {
    size = coworker::dump_size(output);
  } catch (json_value_error& error) {
    error.inside_member("output");
    throw;
  }
  if (size > limit) throw output_too_large(size, limit);
}

// Keeps the beginning of an error that is too long to be sent.
inline void shorten(error_info& error, std::size_t longest) {
  std::size_t room = longest;
  const auto cut = [&room](std::string& text) {
    if (text.size() > room) text.resize(room);
    room -= text.size();
  };
  cut(error.type);
  cut(error.message);
  for (error_cause& cause : error.causes) {
    cut(cause.type);
    cut(cause.message);
  }
  while (!error.causes.empty() && error.causes.back().message.empty() && error.causes.back().type.empty())
    error.causes.pop_back();
}

inline void shorten_error(outcome& made, std::size_t limit) {
  constexpr std::size_t most_per_byte = 6;  // "\u0000" is the longest form of a byte
  constexpr std::size_t longest_error = 1'000'000;
  if ((made.error)() == nullptr) return;
  const std::size_t longest = limit / most_per_byte < longest_error ? limit / most_per_byte : longest_error;
  const error_info& error = *(made.error)();
  std::size_t size = error.type.size() + error.message.size();
  for (const error_cause& cause : error.causes) size += cause.type.size() + cause.message.size();
  if (size <= longest) return;
  const outcome_status before = made.status;
  error_info shortened = error;
  detail::shorten(shortened, longest);
  (made.fail)(std::move(shortened));
  made.status = before;
}

// Changes an outcome to a failure if its output cannot be held by JSON or in memory, or is longer than
// `limit` bytes.
inline void make_sendable(outcome& made, std::size_t limit) noexcept {
  const auto give_up_output = [&made](outcome failed) {
    failed.recycle_worker = made.recycle_worker;
    if (made.succeeded()) made = std::move(failed);
    made.output = json();
  };
  try {
    try {
      detail::check_output(made.output, limit);
    } catch (...) {
      give_up_output(outcome::failure(describe_exception(std::current_exception())));
    }
    detail::shorten_error(made, limit);
  } catch (const std::bad_alloc&) {
    give_up_output(outcome::out_of_memory());
  }
}

}  // namespace coworker::inline v0_1::detail
