#pragma once
// How each kind of handler is run to an outcome. Knows jobs and executors; must not know the worker or any
// queue.

#include <concepts>
#include <coworker/coro/context.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/job/chunk_stream.hpp>
#include <coworker/job/error_report.hpp>
#include <coworker/job/handler_kind.hpp>
#include <coworker/job/job.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/job/record.hpp>
#include <coworker/json/json.hpp>
#include <coworker/typed/read.hpp>
#include <coworker/typed/write.hpp>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace coworker {

namespace detail {

template <class Input>
Input take_input(json& input) {
  if constexpr (std::same_as<Input, json>) {
    return std::move(input);
  } else if constexpr (typed_input<Input>) {
    const json given = std::move(input);  // not kept beside what is made of it
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
    throw input_error({});  // job<Input> has said that it cannot be compiled
  }
}

// Takes a member out of an object. null where there is none, or where it says no: false, 0 or "", which
// handlers that came from other languages may always set.
inline json take_out(json& object, std::string_view key) {
  const auto found = object.find(key);
  if (found == object.end()) return json();
  json value = std::move(*found);
  object.erase(key);
  const bool says_no = value == json(false) || value == json(0) || value == json("");
  return says_no ? json() : value;
}

// A returned object may say that the job failed, and that the worker is to be recycled; both members are
// taken out.
inline outcome outcome_of(json returned) {
  outcome made;
  if (returned.is_object()) {
    made.stop_pod = !take_out(returned, "refresh_worker").is_null();
    const json error = take_out(returned, "error");
    if (!error.is_null()) {
      made.ended = outcome::status::failed;
      made.error = error.is_string() ? error.get<std::string>() : error.dump();
    }
  }
  made.output = std::move(returned);
  return made;
}

template <class Handler>
json call_plain(Handler& handler, job<handler_input<Handler>> work) {
  if constexpr (std::is_void_v<handler_answer<Handler>>) {
    handler(std::move(work));
    return json();
  } else {
    return json(handler(std::move(work)));
  }
}

template <class Input>
job<Input> job_of(job_record& record) {
  return job<Input>(record_ref(record), detail::take_input<Input>(record.input));
}

inline outcome outcome_of(const std::exception_ptr& thrown, const job_record& record,
                          const worker_identity& identity) {
  try {
    std::rethrow_exception(thrown);
  } catch (const cancelled&) {
    if (!record.stop.stop_requested())
      return outcome::failure(error_report(describe_exception(thrown), identity));
    return record.ended.succeeded() ? outcome::stop("stopped: a stop was requested") : record.ended;
  } catch (const std::exception& error) {
    return outcome::failure(error_report(describe_exception(error), identity));
  } catch (...) {
    return outcome::failure(error_report(describe_exception(thrown), identity));
  }
}

inline outcome outcome_of(json returned, const std::exception_ptr& thrown, const job_record& record,
                          const worker_identity& identity) {
  if (thrown != nullptr) {
    outcome made = outcome_of(thrown, record, identity);
    made.output = std::move(returned);
    return made;
  }
  try {
    return outcome_of(std::move(returned));
  } catch (...) {
    return outcome_of(std::current_exception(), record, identity);
  }
}

}  // namespace detail

/// Where handlers run, and how.
struct handler_place {
  executor_ref pool;         ///< for plain functions
  worker_identity identity;  ///< named in error reports
  executor_ref coroutines;   ///< for the others; empty: where the worker is
  stream_options stream;
  bool sends_chunks = true;  ///< false: the elements of a stream are kept for its final output
};

namespace detail {

// Calls a coroutine with its job, and keeps the job meanwhile where the coroutine only has a reference to it.
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

// Hands one element on, from wherever the handler is.
template <class Stream>
task<void> push_element(Stream& stream, json element, executor_ref home) {
  const executor_ref here = co_await this_coro::executor();
  if (here == home) {
    co_await stream.push(std::move(element));
  } else {
    co_await coworker::run_on(home, stream.push(std::move(element)));
  }
}

template <class Handler, class Stream>
task<void> stream_elements(Handler& handler, job_record& record, Stream& stream, executor_ref home) {
  [[maybe_unused]] job_keeper<Handler> keeper;
  auto elements = keeper.call(handler, record);
  if constexpr (kind_of_handler<Handler> == handler_kind::generator) {
    for (auto* one = co_await elements.next(); one != nullptr; one = co_await elements.next())
      co_await detail::push_element(stream, json(std::move(*one)), home);
  } else {
    auto one = elements.begin();
    for (const auto end = elements.end(); one != end; ++one)
      co_await detail::push_element(stream, json(*one), home);
  }
}

inline task<void> return_home(executor_ref home) {
  const executor_ref here = co_await this_coro::executor();
  if (here != home) co_await resume_on(home);
}

// Ends with the handler's exception or the stream's; `output` is then what was kept, if any was to be.
template <class Handler, class Send>
task<void> run_streaming(Handler& handler, job_record& record, const handler_place& place, const Send& send,
                         json& output) {
  const context job = co_await this_coro::context();
  const auto send_of_job = [&send, &record](std::string text) { return send(record, std::move(text)); };
  chunk_stream stream(send_of_job, place.stream, place.sends_chunks, job);
  std::exception_ptr thrown;
  try {
    if constexpr (kind_of_handler<Handler> == handler_kind::range) {
      co_await resume_on(place.pool);
    } else if (place.coroutines) {
      co_await resume_on(place.coroutines);
    }
    co_await detail::stream_elements(handler, record, stream, job.executor);
  } catch (...) {
    thrown = std::current_exception();
  }
  co_await return_home(job.executor);
  try {
    co_await stream.finish();
  } catch (...) {
    if (thrown == nullptr) thrown = std::current_exception();
  }
  if (thrown == nullptr || stream.aggregates()) output = stream.take_output();
  if (thrown != nullptr) std::rethrow_exception(thrown);
}

}  // namespace detail

/// Runs one job to its outcome, which its record then has, whatever the handler throws. Plain functions run
/// on the pool; the coroutine that awaits this is resumed where it was. `send(record, text)` gives a
/// task<bool> that hands one chunk to the queue, and whether the queue has it. All references must outlive
/// the task. A handler object is shared by all jobs: it must bear being called by several threads at once.
///
/// A handler that was asked to stop has the last word all the same: what it returns is the outcome, and so is
/// what it throws, but for `cancelled`. Then the outcome is the one that its record had when the stop was
/// requested.
//
// One coroutine for all but streams, with few locals: its frame is what each job in progress costs. Inlined,
// as clang would have it, that frame would stay with its caller's until the outcome is delivered.
template <job_handler Handler, class Send>
[[gnu::noinline]] task<void> run_handler(Handler& handler, job_record& record, const handler_place& place,
                                         const Send& send) {
  constexpr detail::handler_kind kind = detail::kind_of_handler<Handler>;
  const executor_ref home = co_await this_coro::executor();
  json returned;
  std::exception_ptr thrown;
  try {
    if constexpr (is_streaming_handler<Handler>) {
      co_await detail::run_streaming(handler, record, place, send, returned);
    } else if constexpr (kind == detail::handler_kind::plain) {
      co_await resume_on(place.pool);
      returned = detail::call_plain(handler, detail::job_of<handler_input<Handler>>(record));
    } else {
      if (place.coroutines) co_await resume_on(place.coroutines);
      [[maybe_unused]] detail::job_keeper<Handler> keeper;
      auto answer = keeper.call(handler, record);
      if constexpr (std::is_void_v<typename detail::awaited<detail::handler_answer<Handler>>::type>) {
        co_await std::move(answer);
      } else {
        returned = json(co_await std::move(answer));
      }
    }
  } catch (...) {
    thrown = std::current_exception();
  }
  const executor_ref here = co_await this_coro::executor();
  if (here != home) co_await resume_on(home);
  record.ended = detail::outcome_of(std::move(returned), thrown, record, place.identity);
}

namespace detail {

// How a stream hands on its chunks, for whoever runs a handler without knowing the queue. Refers to a
// callable that gives a task<bool>.
class chunk_sender {
 public:
  template <class Send>
  explicit chunk_sender(Send& send) noexcept
      : send_(std::addressof(send)), call_([](void* to, const job_record& record, std::string&& text) {
          return (*static_cast<Send*>(to))(record, std::move(text));
        }) {}

  task<bool> operator()(const job_record& record, std::string text) const {
    return call_(send_, record, std::move(text));
  }

 private:
  void* send_;
  task<bool> (*call_)(void*, const job_record&, std::string&&);
};

// A handler as whoever runs it sees it, so that this is compiled once and not for each handler. Refers to it.
class handler_ref {
 public:
  handler_ref() noexcept {}  // none: must not be run

  template <job_handler Handler>
  explicit handler_ref(Handler& handler) noexcept
      : is_streaming(is_streaming_handler<Handler>),
        is_coroutine(is_coroutine_handler<Handler>),
        handler_(std::addressof(handler)),
        run_([](void* called, job_record& record, const handler_place& place, const chunk_sender& send) {
          return coworker::run_handler(*static_cast<Handler*>(called), record, place, send);
        }) {}

  task<void> run(job_record& record, const handler_place& place, const chunk_sender& send) const {
    return run_(handler_, record, place, send);
  }

  bool is_streaming = false;
  bool is_coroutine = false;

 private:
  void* handler_ = nullptr;
  task<void> (*run_)(void*, job_record&, const handler_place&, const chunk_sender&) = nullptr;
};

}  // namespace detail
}  // namespace coworker
