#pragma once
// Reads the elements of a streaming handler and passes them to its stream. Must not know the worker or any
// queue.

#include <concepts>
#include <coworker/coro/context.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/insist.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/job/chunk_stream.hpp>
#include <coworker/job/error_info.hpp>
#include <coworker/job/handler_kind.hpp>
#include <coworker/job/job.hpp>
#include <coworker/job/job_input.hpp>
#include <coworker/job/limits.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/job/record.hpp>
#include <coworker/job/whole.hpp>
#include <coworker/json/json.hpp>
#include <coworker/typed/write.hpp>
#include <exception>
#include <new>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1 {

/// Where and how handlers run.
struct handler_place {
  executor_ref pool;        ///< for plain functions
  executor_ref coroutines;  ///< for coroutines; empty: the worker's executor
  stream_options stream;
  detail::stream_terms terms;
};

/// Receives the chunks of a streaming handler that run_handler() runs. A type-erased reference to an object
/// with task<bool> send(job_record&, json) and void interpret(outcome&), which must outlive it.
class stream_sink {
 public:
  template <class Target>
  explicit stream_sink(Target& target) noexcept
      : target_(&target),
        send_([](void* to, job_record& record, json&& chunk) {
          return static_cast<Target*>(to)->send(record, std::move(chunk));
        }),
        interpret_([](void* to, outcome& made) { static_cast<Target*>(to)->interpret(made); }) {}

  task<bool> send(job_record& record, json chunk) const { return send_(target_, record, std::move(chunk)); }
  void interpret(outcome& made) const { interpret_(target_, made); }

 private:
  void* target_;
  task<bool> (*send_)(void*, job_record&, json&&);
  void (*interpret_)(void*, outcome&);
};

namespace detail {

// The result of a stream besides its chunks.
struct stream_end {
  outcome& made;
  bool has_whole = false;
};

enum class element_kind : unsigned char { chunk, whole, failure };

// An element that is an object composed by the handler itself may say that the job failed, as a returned one
// may; the stream then ends. A whole value becomes the output.
template <class Element>
element_kind read_element(Element& element, json& value, const stream_sink& sink, stream_end& end) {
  if constexpr (is_chunk_or_whole<Element>) {
    if (!element.is_whole()) return detail::read_element(element.chunk(), value, sink, end);
    if (std::exchange(end.has_whole, true))
      throw std::logic_error(
          "the handler gave two whole values, and a job has one output; yield whole() once");
    end.made.output = element.take_whole();
    end.made.untyped = std::same_as<typename chunk_type<Element>::type, json>;
    return element_kind::whole;
  } else {
    value = json(std::move(element));
    if constexpr (std::same_as<Element, json>) {
      if (!value.is_object()) return element_kind::chunk;
      outcome seen = outcome::success(std::move(value));
      seen.untyped = true;
      sink.interpret(seen);
      end.made.recycle_worker = end.made.recycle_worker || seen.recycle_worker;
      if (!seen.succeeded()) {
        (end.made.fail)((seen.error)() != nullptr ? *(seen.error)() : error_info());
        return element_kind::failure;
      }
      value = std::move(seen.output);
    }
    return element_kind::chunk;
  }
}

// The job's own options apply from here on.
template <class Stream>
void begin_stream(Stream& stream, job_record& record) {
  if (record.stream_began) return;
  record.stream_began = true;
  if (record.own_stream != nullptr) stream.use(*record.own_stream);
}

// Passes one element to the stream, from whatever executor the handler runs on.
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
task<void> stream_generator(Handler& handler, job_record& record, Stream& stream, executor_ref home,
                            const stream_sink& sink, stream_end& end) {
  [[maybe_unused]] job_keeper<Handler> keeper;
  auto elements = keeper.call(handler, record);
  for (auto* one = co_await elements.next(); one != nullptr; one = co_await elements.next()) {
    json value;
    const element_kind kind = detail::read_element(*one, value, sink, end);
    if (kind == element_kind::failure) break;
    if (kind == element_kind::whole) continue;
    detail::begin_stream(stream, record);
    co_await detail::push_element(stream, std::move(value), home);
  }
}

// Reads the whole range on one thread, because what it reads from may be bound to a thread. Blocks until the
// queue has room. If the worker itself runs on this thread, as in a simulation, awaits the room instead.
template <class Handler, class Stream>
task<void> stream_range(Handler& handler, job_record& record, Stream& stream, executor_ref home,
                        const stream_sink& sink, stream_end& end) {
  const bool blocks = !home.runs_on_this_thread();
  [[maybe_unused]] job_keeper<Handler> keeper;
  auto elements = keeper.call(handler, record);
  auto one = elements.begin();
  for (const auto last = elements.end(); one != last; ++one) {
    json value;
    auto&& element = *one;
    std::remove_cvref_t<decltype(element)> own(std::forward<decltype(element)>(element));
    const element_kind kind = detail::read_element(own, value, sink, end);
    if (kind == element_kind::failure) break;
    if (kind == element_kind::whole) continue;
    detail::begin_stream(stream, record);
    if (blocks) {
      coworker::sync_wait(home, stream.push(std::move(value)));
    } else {
      co_await detail::push_element(stream, std::move(value), home);
    }
  }
}

// Receives the chunks of a job's stream.
struct send_of_job {
  const stream_sink& sink;
  job_record& record;

  task<bool> operator()(json chunk) const { return sink.send(record, std::move(chunk)); }
};
using job_stream = chunk_stream<const send_of_job>;

// Reads the elements of a handler into a stream. `handler` points to a pointer to the handler.
using read_stream = task<void> (*)(const void* handler, job_record& record, job_stream& stream,
                                   executor_ref home, const stream_sink& sink, stream_end& end);

template <class Handler>
task<void> read_handler(const void* handler, job_record& record, job_stream& stream, executor_ref home,
                        const stream_sink& sink, stream_end& end) {
  Handler& called = **static_cast<Handler* const*>(handler);
  if constexpr (kind_of_handler<Handler> == handler_kind::range) {
    return detail::stream_range(called, record, stream, home, sink, end);
  } else {
    return detail::stream_generator(called, record, stream, home, sink, end);
  }
}

// Throws the handler's exception or the stream's; `made` then has the output that was kept, if any was to be.
// `runs_on` is the executor on which the handler is read; empty: the current one. Compiled once for all
// handlers.
inline task<void> run_streaming(const void* handler, read_stream read, executor_ref runs_on,
                                job_record& record, const handler_place& place, const stream_sink& sink,
                                outcome& made) {
  const context job = co_await this_coro::context();
  const send_of_job send{sink, record};
  job_stream stream(send, place.stream, place.terms, job);
  stream_end end{made};
  std::exception_ptr thrown;
  try {
    if (runs_on) co_await resume_on(runs_on);
    co_await read(handler, record, stream, job.executor, sink, end);
  } catch (...) {
    thrown = std::current_exception();
  }
  home_executor home(job.executor);
  co_await home;
  auto finishing = detail::insist([&] { return stream.finish(); });
  try {
    co_await std::move(finishing);
  } catch (...) {
    if (thrown == nullptr) thrown = std::current_exception();
  }
  const bool ended_well = thrown == nullptr && made.succeeded();
  record.only_whole = end.has_whole && !stream.began();
  if (end.has_whole) {
    if (!ended_well) made.output = stream.aggregates() ? stream.take_output() : json();
  } else if (ended_well || stream.aggregates()) {
    made.output = stream.take_output();
  }
  if (thrown != nullptr) std::rethrow_exception(thrown);
}

}  // namespace detail
}  // namespace coworker::inline v0_1
