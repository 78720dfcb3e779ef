#pragma once
// Finds what an engine got almost right: an optional operation with a wrong signature would otherwise be ignored, and
// nobody would know. Must not know any engine.

#include <coworker/refusal.hpp>
#include <coworker/transport/concept.hpp>
#include <type_traits>

namespace coworker::detail {

// In a class that derives from an engine and from this one, a name that the engine has too is ambiguous, whatever the
// engine has under it: a function, several, a template, a type.
struct operation_names {
  int chunk, progress, limits, interpret, attend, backlog, waiter, takes_chunks, next_stops;
};
template <class Transport>
struct names_beside : Transport, operation_names {};

// A final class can only be asked for what has one meaning.
template <class Transport>
concept open_class = std::is_class_v<Transport> && !std::is_final_v<Transport>;

template <class Transport>
concept has_chunk = (open_class<Transport> && !requires { &names_beside<Transport>::chunk; }) || requires {
  &Transport::chunk;
};
template <class Transport>
concept has_progress =
    (open_class<Transport> && !requires { &names_beside<Transport>::progress; }) || requires {
  &Transport::progress;
};
template <class Transport>
concept has_limits = (open_class<Transport> && !requires { &names_beside<Transport>::limits; }) || requires {
  &Transport::limits;
};
template <class Transport>
concept has_interpret =
    (open_class<Transport> && !requires { &names_beside<Transport>::interpret; }) || requires {
  &Transport::interpret;
};
template <class Transport>
concept has_attend = (open_class<Transport> && !requires { &names_beside<Transport>::attend; }) || requires {
  &Transport::attend;
};
template <class Transport>
concept has_backlog =
    (open_class<Transport> && !requires { &names_beside<Transport>::backlog; }) || requires {
  &Transport::backlog;
};
template <class Transport>
concept has_waiter = (open_class<Transport> && !requires { &names_beside<Transport>::waiter; }) || requires {
  &Transport::waiter;
};
template <class Transport>
concept has_takes_chunks =
    (open_class<Transport> && !requires { &names_beside<Transport>::takes_chunks; }) || requires {
  &Transport::takes_chunks;
};
template <class Transport>
concept has_next_stops =
    (open_class<Transport> && !requires { &names_beside<Transport>::next_stops; }) || requires {
  &Transport::next_stops;
};

enum class near_miss : unsigned char {
  none,
  no_transport,
  chunk,
  progress,
  limits,
  interpret,
  attend,
  backlog,
  waiter,
  takes_chunks,
  next_stops
};

// The first thing that is wrong with an engine.
template <class Transport>
consteval near_miss find_near_miss() {
  if (!transport<Transport>) return near_miss::no_transport;
  if (has_chunk<Transport> && !chunk_transport<Transport>) return near_miss::chunk;
  if (has_progress<Transport> && !progress_transport<Transport>) return near_miss::progress;
  if (has_limits<Transport> && !limited_transport<Transport>) return near_miss::limits;
  if (has_interpret<Transport> && !interpreting_transport<Transport>) return near_miss::interpret;
  if (has_attend<Transport> && !attended_transport<Transport>) return near_miss::attend;
  if (has_backlog<Transport> && !counted_transport<Transport>) return near_miss::backlog;
  if (has_waiter<Transport> && !waiting_transport<Transport>) return near_miss::waiter;
  if (has_takes_chunks<Transport>) return near_miss::takes_chunks;
  if (has_next_stops<Transport>) return near_miss::next_stops;
  return near_miss::none;
}

// What says that an engine was looked at. Made in a default argument, so that compilers point at the call that the user
// wrote.
struct engine_checked {};

template <class Transport>
requires(detail::find_near_miss<Transport>() == near_miss::none) constexpr engine_checked
    check_engine() noexcept {
  return {};
}

template <class Transport>
requires(detail::find_near_miss<Transport>() == near_miss::no_transport) COWORKER_REFUSE(
    "coworker: this is not a transport; it needs `task<take_result> take(take_request)` and `task<delivery> "
    "complete(job_result)`")
engine_checked check_engine() noexcept { return {}; }

template <class Transport>
requires(detail::find_near_miss<Transport>() == near_miss::chunk) COWORKER_REFUSE(
    "coworker: this engine's chunk() does not fit and would not be called; write `task<delivery> "
    "chunk(std::string_view job_id, json value)`")
engine_checked check_engine() noexcept { return {}; }

template <class Transport>
requires(detail::find_near_miss<Transport>() == near_miss::progress) COWORKER_REFUSE(
    "coworker: this engine's progress() does not fit and would not be called; write `task<delivery> "
    "progress(std::string_view job_id, json value)`")
engine_checked check_engine() noexcept { return {}; }

template <class Transport>
requires(detail::find_near_miss<Transport>() == near_miss::limits) COWORKER_REFUSE(
    "coworker: this engine's limits() does not fit and would not be called; write `transport_limits limits() "
    "const`")
engine_checked check_engine() noexcept { return {}; }

template <class Transport>
requires(detail::find_near_miss<Transport>() == near_miss::interpret) COWORKER_REFUSE(
    "coworker: this engine's interpret() does not fit and would not be called; write `void "
    "interpret(outcome& made) const`")
engine_checked check_engine() noexcept { return {}; }

template <class Transport>
requires(detail::find_near_miss<Transport>() == near_miss::attend) COWORKER_REFUSE(
    "coworker: this engine's attend() does not fit and would not be called; write `task<void> "
    "attend(worker_control control)`")
engine_checked check_engine() noexcept { return {}; }

template <class Transport>
requires(detail::find_near_miss<Transport>() == near_miss::backlog) COWORKER_REFUSE(
    "coworker: this engine's backlog() does not fit and would not be called; write `std::size_t backlog() "
    "const`")
engine_checked check_engine() noexcept { return {}; }

template <class Transport>
requires(detail::find_near_miss<Transport>() == near_miss::waiter) COWORKER_REFUSE(
    "coworker: this engine's waiter() does not fit and would not be called; write `coworker::waiter& "
    "waiter()`")
engine_checked check_engine() noexcept { return {}; }

template <class Transport>
requires(detail::find_near_miss<Transport>() == near_miss::takes_chunks) COWORKER_REFUSE(
    "coworker: this engine's takes_chunks() is not called any more; say it in limits().chunks")
engine_checked check_engine() noexcept { return {}; }

template <class Transport>
requires(detail::find_near_miss<Transport>() == near_miss::next_stops) COWORKER_REFUSE(
    "coworker: this engine's next_stops() is not called any more; call control.stop_job() from `task<void> "
    "attend(worker_control control)`")
engine_checked check_engine() noexcept { return {}; }

}  // namespace coworker::detail
