#pragma once
// Finds near misses of an engine: an optional operation with a wrong signature would otherwise be ignored
// silently. Must not know any engine.

#include <coworker/refusal.hpp>
#include <coworker/transport/concept.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace coworker::inline v0_1::detail {

// An engine counts as having an operation if its name can be named, as one function or a data member can, or
// if it can be called with what a worker passes or with what an author may expect instead. A private member
// does not count, nor one whose requires-clause is false: so an engine made from a template can have an
// operation only where it fits.
template <class Transport>
concept has_chunk = requires {
  &Transport::chunk;
}
|| requires(Transport& queue, std::string_view job_id, json value) { queue.chunk(job_id, std::move(value)); }
|| requires(Transport& queue, std::string_view job_id, const std::string& text) {
  queue.chunk(job_id, text);
};

template <class Transport>
concept has_progress = requires {
  &Transport::progress;
}
|| requires(Transport& queue, std::string_view job_id, json value) {
  queue.progress(job_id, std::move(value));
}
|| requires(Transport& queue, std::string_view job_id, const std::string& text) {
  queue.progress(job_id, text);
};

template <class Transport>
concept has_limits = requires {
  &Transport::limits;
}
|| requires(Transport& queue) { queue.limits(); };

template <class Transport>
concept has_interpret = requires {
  &Transport::interpret;
}
|| requires(Transport& queue, outcome& made) { queue.interpret(made); }
|| requires(Transport& queue, outcome made) { queue.interpret(std::move(made)); };

template <class Transport>
concept has_attend = requires {
  &Transport::attend;
}
|| requires(Transport& queue, worker_control control) { queue.attend(control); }
|| requires(Transport& queue) { queue.attend(); };

template <class Transport>
concept has_backlog = requires {
  &Transport::backlog;
}
|| requires(Transport& queue) { queue.backlog(); };

template <class Transport>
concept has_arrivals = requires {
  &Transport::arrivals_per_second;
}
|| requires(Transport& queue) { queue.arrivals_per_second(); };

template <class Transport>
concept has_waiter = requires {
  &Transport::waiter;
}
|| requires(Transport& queue) { queue.waiter(); };

// Operations of version 0.1.
template <class Transport>
concept has_takes_chunks = requires {
  &Transport::takes_chunks;
};
template <class Transport>
concept has_next_stops = requires {
  &Transport::next_stops;
};

enum class engine_fault : unsigned char {
  none,
  no_transport,
  chunk,
  progress,
  limits,
  interpret,
  attend,
  backlog,
  arrivals_per_second,
  waiter,
  takes_chunks,
  next_stops
};

// Returns the first thing that is wrong with an engine.
template <class Transport>
consteval engine_fault find_engine_fault() {
  if (!transport<Transport>) return engine_fault::no_transport;
  if (has_chunk<Transport> && !chunk_transport<Transport>) return engine_fault::chunk;
  if (has_progress<Transport> && !progress_transport<Transport>) return engine_fault::progress;
  if (has_limits<Transport> && !limited_transport<Transport>) return engine_fault::limits;
  if (has_interpret<Transport> && !interpreting_transport<Transport>) return engine_fault::interpret;
  if (has_attend<Transport> && !attended_transport<Transport>) return engine_fault::attend;
  if (has_backlog<Transport> && !counted_transport<Transport>) return engine_fault::backlog;
  if (has_arrivals<Transport> && !metered_transport<Transport>) return engine_fault::arrivals_per_second;
  if (has_waiter<Transport> && !waiting_transport<Transport>) return engine_fault::waiter;
  if (has_takes_chunks<Transport>) return engine_fault::takes_chunks;
  if (has_next_stops<Transport>) return engine_fault::next_stops;
  return engine_fault::none;
}

template <class Transport>
concept fitting_engine = find_engine_fault<Transport>()
== engine_fault::none;

// Proof that an engine was checked.
struct engine_checked {};

// The error for each near miss: X(engine_fault, sentence).
#define COWORKER_NEAR_MISSES(X)                                                                              \
  X(no_transport,                                                                                            \
    "coworker: this is not a transport; it needs `task<take_result> take(take_request)` and "                \
    "`task<delivery> complete(job_result)`")                                                                 \
  X(chunk,                                                                                                   \
    "coworker: this engine's chunk() does not fit and would not be called; write `task<delivery> "           \
    "chunk(std::string_view job_id, json value)`")                                                           \
  X(progress,                                                                                                \
    "coworker: this engine's progress() does not fit and would not be called; write `task<delivery> "        \
    "progress(std::string_view job_id, json value)`")                                                        \
  X(limits,                                                                                                  \
    "coworker: this engine's limits() does not fit and would not be called; write `transport_limits "        \
    "limits() "                                                                                              \
    "const`")                                                                                                \
  X(interpret,                                                                                               \
    "coworker: this engine's interpret() does not fit and would not be called; write `void "                 \
    "interpret(outcome& made) const`")                                                                       \
  X(attend,                                                                                                  \
    "coworker: this engine's attend() does not fit and would not be called; write `task<void> "              \
    "attend(worker_control control)`")                                                                       \
  X(backlog,                                                                                                 \
    "coworker: this engine's backlog() does not fit and would not be called; write `std::size_t backlog() "  \
    "const`")                                                                                                \
  X(arrivals_per_second,                                                                                     \
    "coworker: this engine's arrivals_per_second() does not fit and would not be called; write `double "     \
    "arrivals_per_second(time_point now) const`")                                                            \
  X(waiter,                                                                                                  \
    "coworker: this engine's waiter() does not fit and would not be called; write `coworker::waiter& "       \
    "waiter()`")                                                                                             \
  X(takes_chunks, "coworker: this engine's takes_chunks() is not called any more; set limits().chunks")      \
  X(next_stops,                                                                                              \
    "coworker: this engine's next_stops() is not called any more; call control.stop_job() from `task<void> " \
    "attend(worker_control control)`")

// A function template that receives an engine checks it in two places: COWORKER_CHECKS_ENGINE stands before
// its return type, and check_engine<Engine>() is the default argument of its last parameter, an
// engine_checked. The compiler then reports the error at the user's call: clang evaluates the condition of an
// attribute there, and g++ instantiates the default argument there.
#ifdef __clang__
#define COWORKER_REFUSE_NEAR_MISS(missed, why)                                                          \
  __attribute__((diagnose_if(                                                                           \
      ::coworker::detail::find_engine_fault<Engine>() == ::coworker::detail::engine_fault::missed, why, \
      "error")))
#define COWORKER_CHECKS_ENGINE                                                          \
  _Pragma("clang diagnostic push") _Pragma("clang diagnostic ignored \"-Wgcc-compat\"") \
      COWORKER_NEAR_MISSES(COWORKER_REFUSE_NEAR_MISS) _Pragma("clang diagnostic pop")

template <class Engine>
constexpr engine_checked check_engine() noexcept {
  return {};
}
#else
#define COWORKER_REFUSE_NEAR_MISS(missed, why)                                       \
  template <class Engine>                                                            \
  requires(find_engine_fault<Engine>() == engine_fault::missed) COWORKER_REFUSE(why) \
  engine_checked check_engine() noexcept { return {}; }
#define COWORKER_CHECKS_ENGINE

template <fitting_engine Engine>
constexpr engine_checked check_engine() noexcept {
  return {};
}
COWORKER_NEAR_MISSES(COWORKER_REFUSE_NEAR_MISS)
#endif

}  // namespace coworker::inline v0_1::detail
