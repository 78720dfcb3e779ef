#pragma once
// channel_sender<T>: the sending side of a channel, for any thread.
// Must not know who receives (channel.hpp).

#include <concepts>
#include <coroutine>
#include <coworker/coro/context.hpp>
#include <coworker/coro/quirks.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/exec/channel_core.hpp>
#include <coworker/exec/shared_state.hpp>
#include <coworker/exec/wait_list.hpp>
#include <exception>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1 {

template <class T>
class channel;

/// Sends values into a channel. Copies send into the same channel; when the last copy is destroyed, the
/// channel is closed. A moved-from sender behaves as if the channel were closed. All may outlive the channel.
/// Thread safety: several threads may use one sender at once. If the receiver waits on a simulated_loop, a
/// send on another thread throws std::logic_error.
template <class T>
class channel_sender {
  using core = detail::channel_core<T>;

 public:
  channel_sender(const channel_sender& other) noexcept : core_(other.core_) { enter(); }
  channel_sender(channel_sender&& other) noexcept = default;

  channel_sender& operator=(channel_sender other) noexcept {
    std::swap(core_, other.core_);
    return *this;
  }

  ~channel_sender() {
    if (core_ && core_->remove_sender()) core_->close(nullptr);
  }

  class send_awaiter;

  /// Sends a value, when awaited; waits for room, after those who waited before. An unbounded channel always
  /// has room.
  /// Returns true once the value is sent; false if the channel is closed, and the value is then destroyed.
  /// Throws: std::bad_alloc; std::logic_error if the awaiting coroutine runs on no executor.
  /// Cancellation: throws `cancelled` as soon as a stop is requested, at once if it was before, unless the
  /// value has been sent.
  send_awaiter send(T&& value) {
    static_assert(
        detail::is_safe_temporary<T> || !std::is_aggregate_v<T>,
        "channel_sender::send: g++ before 13 destroys an aggregate twice that is made inside a co_await "
        "expression; pass one that has a name, which is copied, or give the type a constructor");
    return send_awaiter(core_.get(), std::move(value));
  }
  send_awaiter send(const T& value) requires std::copy_constructible<T> {
    T copy(value);
    return send_awaiter(core_.get(), std::move(copy));
  }

  /// Sends the value if there is room now; otherwise leaves the value unchanged.
  /// Throws: std::bad_alloc.
  send_result try_send(T&& value) const { return core_ ? core_->send(value) : send_result::closed; }
  send_result try_send(const T& value) const requires std::copy_constructible<T> {
    T copy(value);
    return try_send(std::move(copy));
  }

  /// Blocks the calling thread until there is room, and sends the value. For your own threads and for plain
  /// handlers.
  /// Returns true once the value is sent; false if the channel is closed, and the value is then destroyed.
  /// Throws: std::bad_alloc; std::logic_error if it would have to wait on the thread of an event_loop or
  /// simulated_loop, or on the only thread of the thread_pool where the receiver runs.
  /// Cancellation: throws `cancelled` as soon as `stop` requests a stop; at once if it did before.
  bool blocking_send(T value, stop_token stop = {}) const {
    return core_ && core_->send_blocking(value, stop);
  }

  /// Closes the channel: later sends return false, and next() ends after the values that were sent before.
  /// Only the first close() or fail() has an effect, on either side.
  void close() const { end(nullptr); }

  /// Closes the channel with an exception: next() rethrows it, each time, once all values sent before are
  /// received.
  void(fail)(std::exception_ptr failure) const { end(std::move(failure)); }
  template <std::derived_from<std::exception> Exception>
  void(fail)(Exception failure) const {
    end(std::make_exception_ptr(std::move(failure)));
  }

  /// Returns whether the channel is closed: either side closed it, or it was destroyed. Sends then return
  /// false.
  bool closed() const { return !core_ || core_->closed(); }

 private:
  friend class channel<T>;
  explicit channel_sender(const detail::shared_handle<core>& to) noexcept : core_(to) { enter(); }

  void enter() const noexcept {
    if (core_) core_->add_sender();
  }

  void end(std::exception_ptr failure) const {
    if (core_) core_->close(std::move(failure));
  }

  detail::shared_handle<core> core_;
};

template <class T>
class [[nodiscard("co_await it")]] channel_sender<T>::send_awaiter {
 public:
  send_awaiter(core * to, T && value) noexcept : core_(to), value_(std::move(value)) {}
  send_awaiter(const send_awaiter&) = delete;
  send_awaiter& operator=(const send_awaiter&) = delete;
  ~send_awaiter() = default;

  bool await_ready() const noexcept { return core_ == nullptr; }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting) {
    const context& here = detail::require_context(awaiting, "channel_sender::send");
    here.stop.throw_if_stopped();
    result_ = core_->send(value_);
    if (result_ != send_result::full) return false;
    kept_ = detail::shared_handle<core>(core_);
    one_.handle = awaiting;
    one_.executor = here.executor;
    on_stop_.emplace(here.stop, detail::leave_on_stop(core_->mutex(), one_));
    return core_->wait_for_room(one_);
  }

  bool await_resume() {
    if (result_ != send_result::full) return result_ == send_result::sent;
    on_stop_.reset();
    if (core_->was_sent(one_)) return true;
    if (one_.stopped) throw cancelled();
    return false;
  }

 private:
  core* core_;
  T value_;
  send_result result_ = send_result::closed;
  typename core::sender one_{value_};
  detail::shared_handle<core> kept_;  // while waiting
  detail::stop_of_wait on_stop_;
};

}  // namespace coworker
