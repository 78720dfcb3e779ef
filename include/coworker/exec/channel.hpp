#pragma once
// channel<T>: a queue from any thread to coroutines; this header has the receiving side.
// Must not know who sends (channel_sender.hpp), nor any concrete executor.

#include <coroutine>
#include <coworker/coro/async_generator.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/quirks.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/exec/channel_core.hpp>
#include <coworker/exec/channel_sender.hpp>
#include <coworker/exec/shared_state.hpp>
#include <coworker/exec/wait_list.hpp>
#include <cstddef>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace coworker::inline v0_1 {

/// Passes values from any thread to coroutines, in the order in which they were sent. This is the receiving
/// side; sender() returns handles for the sending side. One coroutine may receive, or several, which take
/// turns. When the channel is destroyed, the values not yet received are destroyed, sends return false, and
/// coroutines that still wait for a value see it as closed.
/// Thread safety: all operations except moving it may be called on any thread. In a simulation, once a
/// coroutine has waited in next(), a call on any thread but the simulating one throws std::logic_error; a
/// test sends from a coroutine instead.
/// Example:
///
///     channel<token> tokens(64);
///     engine.start(prompt, tokens.sender());
///     for (auto t = co_await tokens.next(); t; t = co_await tokens.next()) use(*t);
template <class T>
class channel {
  static_assert(
      std::is_object_v<T> && std::is_nothrow_move_constructible_v<T>,
      "channel<T>: T must be an object whose move constructor is noexcept, so that no value is lost on its "
      "way; send a std::unique_ptr<T>");
  using core = detail::channel_core<T>;

 public:
  using value_type = T;

  /// A capacity without a limit.
  static constexpr std::size_t unbounded = static_cast<std::size_t>(-1);

  /// `capacity`: how many values the channel holds at most; further sends wait for room. 0: each send waits
  /// for a receiver. Default: unbounded.
  explicit channel(std::size_t capacity = unbounded) : core_(new core(capacity)) {}

  channel(channel&&) noexcept = default;

  channel& operator=(channel&& other) noexcept {
    channel moved(std::move(other));
    std::swap(core_, moved.core_);
    return *this;
  }

  ~channel() {
    if (!core_) return;
    core_->close(nullptr);
    core_->drop_values();
  }

  /// Returns a handle for a sender. When all handles are destroyed, the channel is closed permanently; keep
  /// one as long as more senders may come.
  channel_sender<T> sender() const noexcept { return channel_sender<T>(core_); }

  class next_awaiter;
  class next_all_awaiter;

  /// Requests the next value, and waits for it if there is none.
  /// Returns, when awaited, the value; std::nullopt once the channel is closed and all values are received.
  /// Throws: the exception that the channel was closed with by fail(), once all values are received;
  /// std::logic_error if the awaiting coroutine runs on no executor.
  /// Cancellation: throws `cancelled` as soon as a stop is requested; at once if it was before. No value is
  /// lost.
  next_awaiter next() noexcept { return next_awaiter(core_.get()); }

  /// Requests all values that are there, and waits for the first if there are none.
  /// Returns, when awaited, the values; an empty vector once the channel is closed and all values are
  /// received.
  /// Throws: as next(); std::bad_alloc.
  /// Cancellation: as next().
  next_all_awaiter next_all() noexcept { return next_all_awaiter(core_.get()); }

  /// Returns the next value if there is one now; otherwise std::nullopt.
  std::optional<T> try_next() {
    typename core::receiver one;
    if (core_) core_->receive(one);
    return std::move(one.value);
  }

  /// Closes the channel: later sends return false, and next() ends after the values that are there.
  void close() {
    if (core_) core_->close(nullptr);
  }

  /// Returns whether either side closed the channel; values may still be there.
  bool closed() const { return !core_ || core_->closed(); }

  /// Returns the number of values that wait to be received.
  std::size_t size() const { return core_ ? core_->size() : 0; }

 private:
  class receive_awaiter;
  detail::shared_handle<core> core_;
};

template <class T>
class channel<T>::receive_awaiter {
 public:
  explicit receive_awaiter(core* from) noexcept : core_(from) {}
  receive_awaiter(const receive_awaiter&) = delete;
  receive_awaiter& operator=(const receive_awaiter&) = delete;

  bool await_ready() const noexcept { return core_ == nullptr; }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting) {
    const context& here = detail::require_context(awaiting, "channel::next");
    here.stop.throw_if_stopped();
    if (core_->receive(one_)) return false;
    kept_ = detail::shared_handle<core>(core_);
    one_.handle = awaiting;
    one_.executor = here.executor;
    on_stop_.emplace(here.stop, detail::leave_on_stop(core_->mutex(), one_));
    return core_->wait_to_receive(one_);
  }

 protected:
  ~receive_awaiter() = default;

  // Returns whether the result holds a value.
  bool settle() {
    on_stop_.reset();
    if (one_.value) return true;
    if (one_.stopped) throw cancelled();
    if (core_ != nullptr) core_->throw_failure();
    return false;
  }

  core* core_;
  typename core::receiver one_;

 private:
  detail::shared_handle<core> kept_;  // while waiting: the channel may be destroyed
  detail::stop_of_wait on_stop_;
};

template <class T>
class [[nodiscard("co_await it")]] channel<T>::next_awaiter : public receive_awaiter {
 public:
  using receive_awaiter::receive_awaiter;

  std::optional<T> await_resume() {
    this->settle();
    return std::move(this->one_.value);
  }
};

template <class T>
class [[nodiscard("co_await it")]] channel<T>::next_all_awaiter : public receive_awaiter {
 public:
  using receive_awaiter::receive_awaiter;

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting) {
    all_.reserve(1);  // reserves room for the first value, so that storing it cannot fail
    return receive_awaiter::await_suspend(awaiting);
  }

  std::vector<T> await_resume() {
    if (this->settle()) {
      all_.push_back(std::move(*this->one_.value));
      try {
        this->core_->receive_all(all_);
      } catch (const std::bad_alloc&) {
        // The remaining values stay for the next call.
      }
    }
    return std::move(all_);
  }

 private:
  std::vector<T> all_;
};

/// Returns the values of a channel as a stream. The stream owns the channel and ends when the channel is
/// closed.
/// Throws: as channel::next().
/// Cancellation: as channel::next().
/// Example: a whole streaming handler:
///
///     return as_generator(std::move(tokens));
template <class T>
async_generator<T> as_generator(channel<T> source) {
  channel<T> values = std::move(source);
  for (std::optional<T> one = co_await values.next(); one; one = co_await values.next()) {
    co_yield std::move(*one);
  }
}

}  // namespace coworker
