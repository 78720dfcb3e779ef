#pragma once
// What a coroutine needs of the place where it runs: the executor concept, the timer it arms there, the
// descriptor it watches there, and a reference that forgets which executor it is. Knows none of the
// executors; those are in exec/.

#include <concepts>
#include <coroutine>
#include <coworker/coro/clock.hpp>
#include <cstdint>
#include <utility>

namespace coworker::inline v0_1 {

/// A coroutine that waits for a moment. It lives with the waiter (no allocation) and must stay in place while
/// armed.
struct timer {
  enum class state : unsigned char { idle, armed, fired, cancelled };

  time_point due;
  std::coroutine_handle<> handle;
  std::uint32_t slot = 0;  // its place in the executor's queue, kept by the executor while armed
  state status = state::idle;

  timer() noexcept {}
  timer(time_point when, std::coroutine_handle<> who) noexcept : due(when), handle(who) {}
};

/// What an executor's now() follows. Simulated time stands still for as long as a real thread works, so that
/// neither can wait for the other.
enum class executor_clock : unsigned char { unknown, real, simulated };

struct descriptor_watch;

/// A place where coroutines run. All four may be called on any thread, and none of them resumes anything
/// itself.
///
///   post(handle)   resumes the handle soon, by `coworker::resume`
///   arm(timer)     posts timer.handle when now() reaches timer.due, never where that is time_point::max();
///                  at once if the timer was cancelled before
///   cancel(timer)  posts timer.handle at once if it is armed; if it is idle, sees to it that arming will
///                  do so; else nothing; timer.status says afterwards which it was
///   now()          the executor's time
///
/// post() and arm() may throw where memory or threads run out, and have then done nothing.
///
/// It may say which time it lives in, `static constexpr executor_clock clock = executor_clock::real;`, so
/// that a coroutine that would never come back from there is refused before it goes. It may also say that it
/// runs one thing at a time, `static constexpr bool serial = true;`, which whoever keeps state without locks
/// asks for.
template <class Executor>
concept executor = requires(Executor& place, std::coroutine_handle<> handle, timer& alarm) {
  place.post(handle);
  place.arm(alarm);
  place.cancel(alarm);
  { place.now() } -> std::same_as<time_point>;
};

/// An executor that can tell whether the calling thread is one that it resumes coroutines on. Whoever would
/// block such a thread for the executor's own work is told so, instead of waiting for ever.
template <class Executor>
concept thread_aware_executor = executor<Executor> && requires(const Executor& place) {
  { place.runs_on_this_thread() } -> std::same_as<bool>;
};

/// An executor that also watches file descriptors. Called on its own thread only.
///
///   watch(watch)    cancels watch.alarm, by its own cancel(), once the descriptor is ready, hung up or in
///                   error, and sets watch.ready first. Where watch.ready is set on return, there was nothing
///                   to wait for, and the alarm is left alone. Errors: std::logic_error when the descriptor is
///                   watched in this direction already; what the system has against it. Nothing
///                   is watched then.
///   unwatch(watch)  ends the watch if it has not ended. noexcept.
template <class Executor>
concept watching_executor = executor<Executor> && requires(Executor& place, descriptor_watch& watch) {
  place.watch(watch);
  place.unwatch(watch);
};

/// A reference to any executor, as cheap to copy as two pointers. The executor must outlive it. Empty by
/// default.
class executor_ref {
 public:
  executor_ref() noexcept {}

  template <executor Executor>
  requires(!std::same_as<Executor, executor_ref>) executor_ref(Executor& place)
  noexcept : place_(std::addressof(place)), calls_(&calls_of<Executor>) {}

  void post(std::coroutine_handle<> handle) const { calls_->post(place_, handle); }
  void arm(timer& alarm) const { calls_->arm(place_, alarm); }
  void cancel(timer& alarm) const { calls_->cancel(place_, alarm); }
  time_point now() const { return calls_->now(place_); }
  /// False for an executor that cannot tell.
  bool runs_on_this_thread() const { return calls_->runs_on_this_thread(place_); }

  executor_clock clock() const noexcept { return calls_->clock; }
  /// Whether the executor says that it runs one thing at a time.
  bool is_serial() const noexcept { return calls_ != nullptr && calls_->serial; }

  /// Whether the executor is a watching_executor; only then may the two after it be called.
  bool watches_descriptors() const noexcept { return calls_ != nullptr && calls_->watch != nullptr; }
  void watch(descriptor_watch& watch) const { calls_->watch(place_, watch); }
  void unwatch(descriptor_watch& watch) const noexcept { calls_->unwatch(place_, watch); }

  explicit operator bool() const noexcept { return place_ != nullptr; }
  friend bool operator==(const executor_ref& a, const executor_ref& b) noexcept {
    return a.place_ == b.place_;
  }

 private:
  using watch_call = void (*)(void*, descriptor_watch&);

  struct calls {
    void (*post)(void*, std::coroutine_handle<>);
    void (*arm)(void*, timer&);
    void (*cancel)(void*, timer&);
    time_point (*now)(void*);
    bool (*runs_on_this_thread)(void*);
    executor_clock clock;
    bool serial;
    watch_call watch;  // null, as the next, where the executor watches none
    watch_call unwatch;
  };

  template <class Executor>
  static constexpr executor_clock clock_of() noexcept {
    if constexpr (requires { executor_clock{Executor::clock}; }) return Executor::clock;
    return executor_clock::unknown;
  }

  template <class Executor>
  static constexpr bool serial_of() noexcept {
    if constexpr (requires { bool{Executor::serial}; }) return Executor::serial;
    return false;
  }

  template <class Executor>
  static constexpr watch_call watch_of() noexcept {
    if constexpr (watching_executor<Executor>) {
      return [](void* place, descriptor_watch& watch) { static_cast<Executor*>(place)->watch(watch); };
    } else {
      return nullptr;
    }
  }

  template <class Executor>
  static constexpr watch_call unwatch_of() noexcept {
    if constexpr (watching_executor<Executor>) {
      return [](void* place, descriptor_watch& watch) { static_cast<Executor*>(place)->unwatch(watch); };
    } else {
      return nullptr;
    }
  }

  template <class Executor>
  static constexpr calls calls_of{
      [](void* place, std::coroutine_handle<> handle) { static_cast<Executor*>(place)->post(handle); },
      [](void* place, timer& alarm) { static_cast<Executor*>(place)->arm(alarm); },
      [](void* place, timer& alarm) { static_cast<Executor*>(place)->cancel(alarm); },
      [](void* place) { return static_cast<Executor*>(place)->now(); },
      []([[maybe_unused]] void* place) -> bool {
        if constexpr (thread_aware_executor<Executor>) {
          return static_cast<Executor*>(place)->runs_on_this_thread();
        } else {
          return false;
        }
      },
      clock_of<Executor>(),
      serial_of<Executor>(),
      watch_of<Executor>(),
      unwatch_of<Executor>(),
  };

  void* place_ = nullptr;
  const calls* calls_ = nullptr;
};

static_assert(thread_aware_executor<executor_ref>);

class waiter;  // what an event loop blocks on; defined in exec/waiter.hpp

/// What a coroutine waits for on a descriptor.
enum class io_direction : unsigned char { read, write };

/// A coroutine that waits until a file descriptor can be read or written. It lives with the coroutine (no
/// allocation) and must stay in place while watched. `alarm` is how the wait ends: whoever ends it cancels
/// the alarm, and its own deadline may fire first.
struct descriptor_watch {
  timer alarm;
  executor_ref executor;  ///< where the alarm is armed
  int descriptor = -1;
  io_direction direction = io_direction::read;
  bool ready = false;  ///< set by the executor before it cancels the alarm
  /// Who calls this keeps the descriptor open from one wait to the next, and passes on what the last wait
  /// left here. 0: not known.
  std::uint64_t registration = 0;
  /// Makes the waiter that an event loop takes on when it has none that watches descriptors; the loop deletes
  /// it. So the loop does not depend on any poller.
  waiter* (*make_waiter)() = nullptr;

  descriptor_watch() noexcept {}
};

static_assert(executor<executor_ref>);

}  // namespace coworker
