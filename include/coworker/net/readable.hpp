#pragma once
// readable and writable: with them, a coroutine on an event loop waits for a file descriptor. Must not know
// what the caller does with it.

#include <coworker/coro/clock.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/net/descriptor.hpp>
#include <coworker/net/poller.hpp>
#include <coworker/system.hpp>

#if COWORKER_POSIX

#include <coroutine>
#include <optional>
#include <stdexcept>

namespace coworker::inline v0_1 {

namespace detail {

inline waiter* make_poller() { return new poller; }  // deleted by the event loop

inline void require_watching(executor_ref executor) {
  if (executor.watches_descriptors()) return;
  throw std::logic_error(
      "readable, writable: the executor of this coroutine watches no descriptors; await them on an "
      "event_loop, or, on a thread_pool, call read() or poll() and block");
}

}  // namespace detail

/// The result of readable_until and writable_until; await it at once.
class descriptor_awaiter {
 public:
  descriptor_awaiter(int descriptor, io_direction direction, time_point due) noexcept {
    watch_.descriptor = descriptor;
    watch_.direction = direction;
    watch_.alarm.due = due;
  }
  descriptor_awaiter(unique_fd& owner, io_direction direction, time_point due) noexcept
      : descriptor_awaiter(owner.get(), direction, due) {
    owner_ = &owner;
  }
  descriptor_awaiter(const descriptor_awaiter&) = delete;
  descriptor_awaiter& operator=(const descriptor_awaiter&) = delete;
  ~descriptor_awaiter() = default;

  bool await_ready() const noexcept { return false; }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting) {
    return start(awaiting, detail::require_context(awaiting, "readable, writable"));
  }

  bool await_resume() {
    on_stop_.reset();
    if (watch_.ready) return true;
    if (watched_) watch_.executor.unwatch(watch_);
    if (watch_.alarm.status == timer::state::cancelled) throw cancelled();
    return false;
  }

 private:
  // A wait is ended by readiness, its deadline or a stop, whichever comes first. Readiness and a stop cancel
  // the alarm, the deadline fires it. After that, cancelling the alarm has no effect.
  bool start(std::coroutine_handle<> awaiting, const context& here) {
    if (here.stop.stop_requested()) {
      watch_.alarm.status = timer::state::cancelled;
      return false;
    }
    detail::require_watching(here.executor);
    watch_.alarm.handle = awaiting;
    watch_.executor = here.executor;
    watch_.make_waiter = &detail::make_poller;
    if (owner_ != nullptr) watch_.registration = owner_->registration_;
    watch_.executor.watch(watch_);
    if (watch_.ready) return false;
    if (owner_ != nullptr) owner_->registration_ = watch_.registration;
    watched_ = true;
    arm(here.stop);
    return true;
  }

  void arm(stop_token stop) {
    // If a stop comes between these two calls, it finds the alarm idle, and arm() then posts the handle at
    // once.
    on_stop_.emplace(stop, detail::cancel_timer(watch_.executor, watch_.alarm));
    try {
      watch_.executor.arm(watch_.alarm);
    } catch (...) {
      on_stop_.reset();
      watch_.executor.unwatch(watch_);
      throw;
    }
  }

  descriptor_watch watch_;
  unique_fd* owner_ = nullptr;
  bool watched_ = false;
  std::optional<stop_callback<detail::cancel_timer>> on_stop_;
};

/// The result of readable and writable; await it at once.
class ready_awaiter : public descriptor_awaiter {
 public:
  using descriptor_awaiter::descriptor_awaiter;
  void await_resume() { descriptor_awaiter::await_resume(); }
};

/// Waits until `descriptor` can be read without blocking. That includes its end (read() returns 0) and errors
/// (read() fails). A descriptor that can always be read, such as a regular file, is ready at once. The
/// descriptor's flags are not changed: if it blocks, as an inherited standard input does, read at most once
/// per wait, and with read() rather than through a stdio buffer, which would keep what it has read ahead.
///
/// The descriptor must stay open until the wait has ended. One coroutine at a time may wait to read it, and
/// another one to write.
///
/// Throws: std::logic_error if another coroutine already waits to read it, or if the awaiting coroutine does
/// not run on an event_loop; io_error if it is not open or the system can watch no more.
/// Cancellation: throws `cancelled` as soon as a stop is requested, or at once if one was; the descriptor is
/// then no longer watched.
///
///     co_await readable(0);
///     const ssize_t count = ::read(0, buffer, sizeof buffer);
inline ready_awaiter readable(int descriptor) noexcept {
  return ready_awaiter(descriptor, io_direction::read, (time_point::max)());
}

/// Waits until `descriptor` can be written without blocking, or writing to it fails.
/// Otherwise like readable().
inline ready_awaiter writable(int descriptor) noexcept {
  return ready_awaiter(descriptor, io_direction::write, (time_point::max)());
}

/// Like readable(int), for an owned descriptor, which must not be moved until the wait has ended. Repeated
/// waits make no system call, because nobody else can have closed the descriptor in between.
inline ready_awaiter readable(unique_fd& descriptor) noexcept {
  return ready_awaiter(descriptor, io_direction::read, (time_point::max)());
}
/// Like writable(int), for an owned descriptor; see readable(unique_fd&).
inline ready_awaiter writable(unique_fd& descriptor) noexcept {
  return ready_awaiter(descriptor, io_direction::write, (time_point::max)());
}

/// Like readable(), with a deadline. Returns true if the descriptor is ready, or false if the executor's
/// clock has reached `due` first.
inline descriptor_awaiter readable_until(int descriptor, time_point due) noexcept {
  return descriptor_awaiter(descriptor, io_direction::read, due);
}
/// Like writable(), with a deadline; see readable_until().
inline descriptor_awaiter writable_until(int descriptor, time_point due) noexcept {
  return descriptor_awaiter(descriptor, io_direction::write, due);
}
inline descriptor_awaiter readable_until(unique_fd& descriptor, time_point due) noexcept {
  return descriptor_awaiter(descriptor, io_direction::read, due);
}
inline descriptor_awaiter writable_until(unique_fd& descriptor, time_point due) noexcept {
  return descriptor_awaiter(descriptor, io_direction::write, due);
}

}  // namespace coworker::inline v0_1

#endif
