#pragma once
// Calls a handler with its job: reads the input from JSON, and keeps the job as long as the handler's
// coroutine needs it. Must not know how a handler is run.

#include <concepts>
#include <coworker/job/handler_kind.hpp>
#include <coworker/job/job.hpp>
#include <coworker/job/record.hpp>
#include <coworker/json/json.hpp>
#include <coworker/typed/read.hpp>
#include <optional>
#include <string_view>
#include <utility>

namespace coworker::inline v0_1::detail {

template <class Input>
Input take_input(json& input) {
  if constexpr (std::same_as<Input, json>) {
    return std::move(input);
  } else if constexpr (typed_input<Input>) {
    const json given = std::move(input);  // freed before the handler runs
    Input made{};
    detail::read_input(given, made, "input");
    return made;
  } else if constexpr (any_of<Input, std::string_view, std::nullptr_t>) {
    try {
      return input.get<Input>();
    } catch (json_value_error& error) {
      error.inside_member("input");
      throw;
    }
  } else {
    throw input_error({});  // never reached: job<Input> does not compile
  }
}

template <class Input>
job<Input> job_of(job_record& record) {
  return job<Input>(record_ref(record), detail::take_input<Input>(record.input));
}

// Calls a coroutine with its job, and keeps the job until the coroutine has ended if it takes the job by
// reference.
template <class Handler>
struct job_keeper {
  std::optional<job<handler_input<Handler>>> work = std::nullopt;

  auto call(Handler& handler, job_record& record) {
    work.emplace(detail::job_of<handler_input<Handler>>(record));
    return handler(std::move(*work));
  }
};

template <takes_by_value Handler>
struct job_keeper<Handler> {
  auto call(Handler& handler, job_record& record) const {
    return handler(detail::job_of<handler_input<Handler>>(record));
  }
};

}  // namespace coworker::inline v0_1::detail
