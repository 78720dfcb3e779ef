#pragma once
// What a coroutine needs from the place where it runs: the executor concept, the timer that it arms there,
// the descriptor that it watches there, and executor_ref, a type-erased reference to an executor.
// Must not know any concrete executor; those are in exec/.

#include <concepts>
#include <coroutine>
#include <coworker/coro/clock.hpp>
#include <cstdint>
#include <utility>

namespace coworker::inline v0_1 {

/// A coroutine that waits for a moment in time. It is stored with the waiting coroutine (no allocation), and
/// must not move while it is armed.
struct timer {
  enum class state : unsigned char { idle, armed, fired, cancelled };

  time_point due;                  ///< when it fires, by the executor's clock
  std::coroutine_handle<> handle;  ///< the coroutine that is posted then
  std::uint32_t slot = 0;          // index in the executor's queue; set by the executor while armed
  state status = state::idle;      ///< set by the executor; says after the wait how it ended

  timer() noexcept {}
  /// Constructs an idle timer for `who` that is due at `when`.
  timer(time_point when, std::coroutine_handle<> who) noexcept : due(when), handle(who) {}
};

/// Which time an executor's now() follows. Simulated time stands still while a real thread works, so code in
/// one kind of time must not wait for the other.
enum class executor_clock : unsigned char { unknown, real, simulated };

struct descriptor_watch;

/// A place where coroutines run. None of its functions resumes a coroutine itself.
///
///   post(handle)   resumes the handle soon, with `coworker::resume`
///   arm(timer)     posts timer.handle when now() reaches timer.due; never if that is time_point::max();
///                  at once if the timer was cancelled before it was armed
///   cancel(timer)  posts timer.handle at once if the timer is armed; if it is idle, makes the next arm()
///                  post at once; otherwise does nothing. timer.status then says which case it was
///   now()          returns the executor's current time
///
/// Throws: post() and arm() may throw if memory or threads run out, and have then had no effect.
/// Thread safety: all four may be called on any thread.
///
/// Optional members: `static constexpr executor_clock clock = executor_clock::real;` says which time it
/// follows, so that a coroutine that could never return from there is refused before it moves. `static
/// constexpr bool serial = true;` says that it runs one coroutine at a time; code that keeps state without
/// locks requires it.
template <class Executor>
concept executor = requires(Executor& place, std::coroutine_handle<> handle, timer& alarm) {
  place.post(handle);
  place.arm(alarm);
  place.cancel(alarm);
  { place.now() } -> std::same_as<time_point>;
};

/// An executor that knows whether the calling thread is one of its own. A call that would block such a thread
/// on the executor's own work throws instead of waiting forever.
template <class Executor>
concept thread_aware_executor = executor<Executor> && requires(const Executor& place) {
  { place.runs_on_this_thread() } -> std::same_as<bool>;
};

/// An executor that also watches file descriptors.
///
///   watch(watch)    once the descriptor is ready, hung up or in error, sets watch.ready and then cancels
///                   watch.alarm with its own cancel(). If watch.ready is set on return, there was nothing to
///                   wait for, and the alarm was not touched
///   unwatch(watch)  ends the watch if it has not ended; noexcept
///
/// Throws: watch() throws std::logic_error if the descriptor is already watched in this direction, and
/// reports errors of the operating system. Nothing is then watched.
/// Thread safety: both are called on the executor's own thread only.
template <class Executor>
concept watching_executor = executor<Executor> && requires(Executor& place, descriptor_watch& watch) {
  place.watch(watch);
  place.unwatch(watch);
};

/// A type-erased reference to any executor, as cheap to copy as two pointers. The executor must outlive it.
/// Empty by default.
class executor_ref {
 public:
  executor_ref() noexcept {}

  template <executor Executor>
  requires(!std::same_as<Executor, executor_ref>) executor_ref(Executor& place)
  noexcept : place_(std::addressof(place)), calls_(&calls_of<Executor>) {}

  /// The calls of the executor concept, passed on. Throws: as the executor does.
  void post(std::coroutine_handle<> handle) const { calls_->post(place_, handle); }
  void arm(timer& alarm) const { calls_->arm(place_, alarm); }
  void cancel(timer& alarm) const { calls_->cancel(place_, alarm); }
  time_point now() const { return calls_->now(place_); }
  /// Returns whether the calling thread belongs to the executor; false for an executor that cannot tell.
  bool runs_on_this_thread() const { return calls_->runs_on_this_thread(place_); }

  /// Returns which time the executor follows. Requires that the reference is not empty.
  executor_clock clock() const noexcept { return calls_->clock; }
  /// Returns whether the executor says that it runs one coroutine at a time.
  bool is_serial() const noexcept { return calls_ != nullptr && calls_->serial; }

  /// Returns whether the executor is a watching_executor. watch() and unwatch() may be called only if it is.
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
    watch_call watch;  // null, like the next one, if the executor watches no descriptors
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

/// The direction in which a coroutine waits on a descriptor.
enum class io_direction : unsigned char { read, write };

/// A coroutine that waits until a file descriptor can be read or written. It is stored with the waiting
/// coroutine (no allocation), and must not move while it is watched. Whoever ends the wait cancels `alarm`;
/// the alarm's own deadline may fire first.
struct descriptor_watch {
  timer alarm;            ///< cancelled to end the wait; its deadline is a time limit
  executor_ref executor;  ///< the executor that the alarm is armed on
  int descriptor = -1;    ///< the file descriptor
  io_direction direction = io_direction::read;
  bool ready = false;  ///< set by the executor before it cancels the alarm
  /// What the last wait on this descriptor left here. A caller that keeps the descriptor open between two
  /// waits passes it on to the next. 0: unknown.
  std::uint64_t registration = 0;
  /// Makes the waiter that an event loop installs if it has none that watches descriptors; the loop deletes
  /// it. Because of this the loop depends on no poller.
  waiter* (*make_waiter)() = nullptr;

  descriptor_watch() noexcept {}
};

static_assert(executor<executor_ref>);

}  // namespace coworker
