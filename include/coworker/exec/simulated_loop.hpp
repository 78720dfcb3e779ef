#pragma once
// simulated_loop: an executor in virtual time. While something is ready, no time passes; when nothing is, the
// clock jumps to the next timer. A simulated hour takes only as long as its events, and every run goes the
// same way.
// Must not know what it simulates, nor real clocks.

#include <coroutine>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/transfer.hpp>
#include <coworker/exec/fifo.hpp>
#include <coworker/exec/insist.hpp>
#include <coworker/exec/random.hpp>
#include <coworker/exec/this_thread.hpp>
#include <coworker/exec/timer_queue.hpp>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

namespace coworker::inline v0_1 {

/// An executor in virtual time, for tests and simulations. Its time starts at zero. Without a seed it resumes
/// what is ready in the order in which it was posted; with a seed, in an order drawn from the seed.
/// Thread safety: none; it belongs to the thread that constructs it. post(), arm(), cancel(), run() and
/// stop() throw std::logic_error on any other thread, and so does whatever calls them there: event.set(), a
/// send into a channel, a move between executors. Where that must not throw, as in a stop callback, the
/// message ends the program. Real threads know nothing of virtual time: in a test, a coroutine on the loop
/// replaces each of them.
class simulated_loop {
 public:
  static constexpr executor_clock clock = executor_clock::simulated;
  static constexpr bool serial = true;

  simulated_loop() noexcept {}
  /// `seed`: the order in which ready coroutines run is drawn from it.
  explicit simulated_loop(std::uint64_t seed) noexcept : random_(seed), shuffles_(true) {}

  simulated_loop(const simulated_loop&) = delete;
  simulated_loop& operator=(const simulated_loop&) = delete;

  /// See executor. Throws: also std::logic_error on any thread but the loop's.
  void post(std::coroutine_handle<> handle) {
    require_own_thread("simulated_loop::post");
    ready_.push(handle);
  }

  void arm(timer& alarm) {
    require_own_thread("simulated_loop::arm");
    const std::coroutine_handle<> handle = alarm.handle;
    if (!timers_.arm(alarm)) ready_.push(handle);
  }

  void cancel(timer& alarm) {
    require_own_thread("simulated_loop::cancel");
    const std::coroutine_handle<> handle = alarm.handle;
    ready_.make_room();  // before the alarm is removed from the queue
    if (timers_.cancel(alarm)) ready_.push(handle);
  }

  time_point now() const noexcept { return now_; }

  /// Returns the virtual time since the start.
  duration elapsed() const noexcept { return now_.time_since_epoch(); }

  /// Resumes coroutines and moves the clock until stop(), or until nothing can become ready any more
  /// (time_point::max() never comes).
  /// Returns true if it was stopped.
  /// Throws: std::logic_error if the loop runs already.
  bool run() { return run_until((time_point::max)()); }

  /// The same, but stops when the clock reaches `end`; the clock then shows `end`.
  bool run_until(time_point end) {
    require_own_thread("simulated_loop::run");
    const running_guard guard(running_);
    const detail::loop_role role;
    for (stop_ = false; !stop_;) {
      const time_point next = timers_.next_due();
      if (!ready_.empty()) {
        if (++steps_ > most_steps_) fail_busy();
        resume(take_ready());
      } else if (next <= end && next != (time_point::max)()) {
        if (next > now_) now_ = next;
        while (timers_.next_due() <= now_) {
          detail::insist([this] { ready_.make_room(); });
          ready_.push(timers_.pop());
        }
      } else {
        if (end != (time_point::max)() && end > now_) now_ = end;
        return false;
      }
    }
    return true;
  }

  /// The same, but stops after `span` of virtual time.
  bool run_for(duration span) { return run_until(detail::after(now_, span)); }

  /// Moves the clock forward while nothing runs, as when a machine is suspended: what comes due meanwhile is
  /// late.
  void jump(duration span) noexcept { now_ = detail::after(now_, span); }

  /// Sets a limit: from now on, a run throws std::runtime_error once the loop has resumed `most` coroutines
  /// since its construction. It ends coroutines that loop forever without letting time pass.
  void limit_steps(std::uint64_t most) noexcept { most_steps_ = most; }

  /// Returns whether a run is in progress.
  bool running() const noexcept { return running_; }

  /// Returns whether the calling thread is the one that the loop runs on.
  bool runs_on_this_thread() const noexcept { return detail::is_this_thread(owner_) && running_; }

  /// Makes run() return after the coroutine that calls this suspends.
  void stop() {
    require_own_thread("simulated_loop::stop");
    stop_ = true;
  }

  /// Returns the number of coroutines resumed so far.
  std::uint64_t steps() const noexcept { return steps_; }
  /// Returns whether nothing is ready and no timer is armed.
  bool idle() const noexcept { return ready_.empty() && timers_.empty(); }

 private:
  struct running_guard {
    bool& running;

    explicit running_guard(bool& flag) : running(flag) {
      if (running) {
        throw std::logic_error(
            "simulated_loop::run: the loop runs already, below this call; in a coroutine, co_await "
            "instead of blocking");
      }
      running = true;
    }
    running_guard(const running_guard&) = delete;
    running_guard& operator=(const running_guard&) = delete;
    ~running_guard() { running = false; }
  };

  void require_own_thread(const char* call) const {
    if (!detail::is_this_thread(owner_)) {
      detail::throw_foreign_to_simulation(call, "the one that made the loop");
    }
  }

  [[noreturn]] void fail_busy() const {
    throw std::runtime_error("simulated_loop::run: more than " + std::to_string(most_steps_) +
                             " coroutines were resumed, the limit that was set; some of them loop forever");
  }

  std::coroutine_handle<> take_ready() noexcept {
    if (shuffles_) std::swap(ready_[0], ready_[random_.below(ready_.size())]);
    return ready_.pop();
  }

  const void* const owner_ = detail::this_thread_marker();
  detail::fifo<std::coroutine_handle<>> ready_;
  timer_queue timers_;
  time_point now_{};
  random_source random_{0};
  bool shuffles_ = false;
  std::uint64_t steps_ = 0;
  std::uint64_t most_steps_ = UINT64_MAX;
  bool stop_ = false;
  bool running_ = false;
};

static_assert(thread_aware_executor<simulated_loop>);

}  // namespace coworker
