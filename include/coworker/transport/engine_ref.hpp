#pragma once
// engine_ref: any engine behind one type, so that the worker's part for engines is compiled once. Must not
// know any engine.

#include <coworker/coro/task.hpp>
#include <coworker/exec/event.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/json/json.hpp>
#include <coworker/transport/concept.hpp>
#include <coworker/transport/control.hpp>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1::detail {

struct engine_operations {
  task<take_result> (*take)(void*, take_request);
  task<delivery> (*complete)(void*, job_result);
  task<delivery> (*chunk)(void*, std::string_view, json);
  task<delivery> (*progress)(void*, std::string_view, json);
  transport_limits (*limits)(const void*);
  void (*interpret)(const void*, outcome&);
  task<void> (*attend)(void*, worker_control);
  std::size_t (*backlog)(const void*);
  double (*arrivals_per_second)(const void*, time_point);
};

inline task<delivery> refuse_delivery() { co_return delivery::refused; }

inline task<void> attend_to_nothing() {
  event never;
  co_await never.wait();
}

template <class Engine>
inline constexpr engine_operations operations_of{
    [](void* place, take_request request) { return static_cast<Engine*>(place)->take(request); },
    [](void* place, job_result result) { return static_cast<Engine*>(place)->complete(std::move(result)); },
    []([[maybe_unused]] void* place, [[maybe_unused]] std::string_view job_id, [[maybe_unused]] json value) {
      if constexpr (chunk_transport<Engine>) {
        return static_cast<Engine*>(place)->chunk(job_id, std::move(value));
      } else {
        return detail::refuse_delivery();
      }
    },
    []([[maybe_unused]] void* place, [[maybe_unused]] std::string_view job_id, [[maybe_unused]] json value) {
      if constexpr (progress_transport<Engine>) {
        return static_cast<Engine*>(place)->progress(job_id, std::move(value));
      } else {
        return detail::refuse_delivery();
      }
    },
    []([[maybe_unused]] const void* place) {
      transport_limits made;
      if constexpr (limited_transport<Engine>) made = static_cast<const Engine*>(place)->limits();
      made.chunks = made.chunks && chunk_transport<Engine>;
      return made;
    },
    []([[maybe_unused]] const void* place, [[maybe_unused]] outcome& made) {
      if constexpr (interpreting_transport<Engine>) static_cast<const Engine*>(place)->interpret(made);
    },
    []([[maybe_unused]] void* place, [[maybe_unused]] worker_control control) {
      if constexpr (attended_transport<Engine>) {
        return static_cast<Engine*>(place)->attend(control);
      } else {
        return detail::attend_to_nothing();
      }
    },
    []([[maybe_unused]] const void* place) {
      if constexpr (counted_transport<Engine>) {
        return static_cast<const Engine*>(place)->backlog();
      } else {
        return std::size_t{0};
      }
    },
    []([[maybe_unused]] const void* place, [[maybe_unused]] time_point now) {
      if constexpr (metered_transport<Engine>) {
        return static_cast<const Engine*>(place)->arrivals_per_second(now);
      } else {
        return -1.0;
      }
    }};

/// Refers to an engine, which must outlive it. An engine with a waiter of its own must be served directly.
class engine_ref {
 public:
  template <transport Engine>
  requires(!std::is_same_v<Engine, engine_ref> &&
           !waiting_transport<Engine>) explicit engine_ref(Engine& served) noexcept
      : engine_(std::addressof(served)), operations_(&operations_of<Engine>) {}

  task<take_result> take(take_request request) { return operations_->take(engine_, request); }
  task<delivery> complete(job_result result) { return operations_->complete(engine_, std::move(result)); }
  task<delivery> chunk(std::string_view job_id, json value) {
    return operations_->chunk(engine_, job_id, std::move(value));
  }
  task<delivery> progress(std::string_view job_id, json value) {
    return operations_->progress(engine_, job_id, std::move(value));
  }
  transport_limits limits() const { return operations_->limits(engine_); }
  void interpret(outcome& made) const { operations_->interpret(engine_, made); }
  task<void> attend(worker_control control) { return operations_->attend(engine_, control); }
  std::size_t backlog() const { return operations_->backlog(engine_); }
  double arrivals_per_second(time_point now) const { return operations_->arrivals_per_second(engine_, now); }

 private:
  void* engine_;
  const engine_operations* operations_;
};

static_assert(transport<engine_ref> && chunk_transport<engine_ref> && progress_transport<engine_ref> &&
              limited_transport<engine_ref> && interpreting_transport<engine_ref> &&
              attended_transport<engine_ref> && counted_transport<engine_ref> &&
              metered_transport<engine_ref>);

}  // namespace coworker::inline v0_1::detail
