#pragma once
// lanes<T>: several values, such as a model on each GPU, each with a thread of its own on which functions are
// called with it.
// Must not know GPUs, nor what the values are.

#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/blocking.hpp>
#include <coworker/exec/lane_board.hpp>
#include <coworker/exec/maker.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/waiting_line.hpp>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <mutex>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1 {

/// How many users a lane has, and where lanes run.
struct lanes_options {
  /// How many users a lane may have at once. With more than one, a user can prepare its work while the lane's
  /// thread computes for another. Default: 1; 0 counts as 1.
  std::size_t per_lane = 1;
  /// The executor on which all lanes run instead of on threads of their own, such as the simulated_loop of a
  /// test. Values are then made when they are first needed. Default: each lane has a thread.
  executor_ref run_on{};
};

/// Keeps one value, such as a model on its GPU, for each of `count` lanes. Each value is made, used and
/// destroyed on the one thread of its lane, so what a library binds to a thread, such as CUDA's current
/// device, stays right. A user gets the least busy lane: the one with the fewest users, and of those the one
/// that a user left longest ago. A worker with a concurrency of `gpus.concurrency()` keeps all lanes busy.
/// Must outlive the users of its lanes; otherwise it terminates the program with a message.
/// Thread safety: all operations may be called on any thread. The destructor must not run on a lane's own
/// thread.
/// Example:
///
///     lanes gpus(2, [](std::size_t gpu) { cudaSetDevice(int(gpu)); return model(path); });
///     const std::string text = co_await gpus.run(generate, prompt);  // generate(model&, std::string)
template <class T>
class lanes {
  static_assert(std::is_object_v<T>,
                "lanes: the function that makes the values must return an object, and be callable without "
                "arguments or with the number of the lane");
  // Avoids further errors after the static_assert.
  using value = std::conditional_t<std::is_object_v<T>, T, int>;
  using queue = detail::waiting_line<detail::lane_board<value>>;
  using slot = typename queue::slot;

 public:
  using value_type = T;

  /// `make` returns a T, and may take the number of the lane, from 0. The values are made side by side, each
  /// on the thread of its lane, and the constructor waits for them. T need not be movable.
  /// Throws: what `make` throws; std::invalid_argument if `count` is 0; std::system_error if a thread cannot
  /// be started.
  template <class Make>
  lanes(std::size_t count, Make make, lanes_options options = {})
      : make_(std::move(make)), queue_(count, options.per_lane, options.run_on) {
    constexpr bool makes_it = std::is_same_v<typename detail::make_result<Make>::type, T>;
    static_assert(makes_it, "lanes<T>: the function that makes the values must return a T or a task<T>");
    if (!options.run_on) coworker::sync_wait(make_all());
  }

  lanes(const lanes&) = delete;
  lanes& operator=(const lanes&) = delete;

  ~lanes() {
    const std::lock_guard lock(queue_.mutex());
    if (queue_.board().users() == 0 && !queue_.anybody_waits()) return;
    std::fputs(
        "coworker: lanes were destroyed while they have users; let them outlive their users and whoever "
        "waits for one\n",
        stderr);
    std::terminate();
  }

  /// A user's place on a lane; the destructor frees it. Movable; a moved-from place is empty.
  class lane {
   public:
    lane(lane&& other) noexcept
        : from_(std::exchange(other.from_, nullptr)), slot_(std::exchange(other.slot_, nullptr)) {}

    lane& operator=(lane&& other) noexcept {
      lane moved(std::move(other));
      std::swap(from_, moved.from_);
      std::swap(slot_, moved.slot_);
      return *this;
    }

    ~lane() {
      if (slot_ != nullptr) from_->queue_.give_back(*slot_);
    }

    /// Returns the number of the lane, from 0.
    std::size_t index() const noexcept { return slot_->index; }

    /// Returns the lane's executor: its one thread.
    executor_ref executor() const noexcept { return slot_->executor; }

    /// Calls `function(T&, args...)` on the lane's thread; the coroutine then continues where it was. A lane
    /// runs one call at a time. The place must outlive the task. Arguments and cancellation: as for
    /// blocking().
    /// Returns what the function returns.
    /// Throws: as blocking(); what `make` throws if the value has to be made again.
    template <class Function, class... Args>
    auto run(Function&& function, Args&&... args) const {
      return from_->run_on_lane(*slot_, std::forward<Function>(function), std::forward<Args>(args)...);
    }

    /// Marks the value as unusable: it is destroyed and made again, on the lane's thread, before the next
    /// call on the lane.
    void mark_broken() const noexcept { slot_->broken.store(true, std::memory_order_relaxed); }

   private:
    friend lanes;
    lane(lanes& from, slot& taken) noexcept : from_(&from), slot_(&taken) {}
    lanes* from_;
    slot* slot_;
  };

  /// Waits for a place on the least busy lane, after all who asked before.
  /// Returns the place.
  /// Throws: std::logic_error if the coroutine runs on no executor.
  /// Cancellation: throws `cancelled` as soon as a stop is requested, at once if it was before, unless it has
  /// a place by then.
  task<lane> enter() {
    slot& taken = co_await queue_.take_in_turn("lanes::enter");
    co_return lane(*this, taken);
  }

  /// Enters the least busy lane for one call; see lane::run. From ordinary code:
  /// `sync_wait(gpus.run(generate, prompt))`.
  template <class Function, class... Args>
  auto run(Function&& function, Args&&... args) {
    using result = call_result<Function, Args...>;
    if constexpr (fits<Function, Args...>()) {
      return run_on_least_busy<result, std::decay_t<Function>, std::decay_t<Args>...>(
          std::forward<Function>(function), std::forward<Args>(args)...);
    } else {
      return detail::refused_call();
    }
  }

  /// Returns the number of lanes.
  std::size_t size() const noexcept { return queue_.board().size(); }

  /// Returns how many users all lanes can have together.
  std::size_t concurrency() const noexcept { return queue_.board().size() * queue_.board().per_lane(); }

  /// Returns how many users the lanes have now.
  std::size_t users() const {
    const std::lock_guard lock(queue_.mutex());
    return queue_.board().users();
  }

 private:
  template <class Function, class... Args>
  using call_result =
      typename detail::call_result<std::decay_t<Function>, value&, std::decay_t<Args>...>::type;

  template <class Function, class... Args>
  static constexpr bool fits() {
    constexpr bool callable = std::is_invocable_v<std::decay_t<Function>&, value&, std::decay_t<Args>...>;
    static_assert(callable,
                  "lanes::run: the function cannot be called with a T& and these arguments; it gets copies "
                  "of its own, as rvalues, so take them by value or const reference, or pass std::ref(x)");
    constexpr bool no_task = !detail::is_task<call_result<Function, Args...>>;
    static_assert(no_task,
                  "lanes::run: the function returns a task, and a lane runs ordinary functions; to await "
                  "something in between, enter() the lane and call run() for each part");
    constexpr bool safe = detail::is_safe_call<Function, Args...>;
    static_assert(safe,
                  "lanes::run: g++ before 13 destroys a lambda with captures, or an aggregate, twice when it "
                  "is made inside a co_await expression; name it and pass it by name, or pass std::ref(f) if "
                  "it cannot be copied");
    return callable && no_task && safe;
  }

  template <class Function, class... Args>
  auto run_on_lane(slot& at, Function&& function, Args&&... args) {
    using result = call_result<Function, Args...>;
    if constexpr (fits<Function, Args...>()) {
      return coworker::run_on(at.executor,
                              call<result, std::decay_t<Function>, std::decay_t<Args>...>(
                                  at, std::forward<Function>(function), std::forward<Args>(args)...));
    } else {
      return detail::refused_call();
    }
  }

  template <class Result, class Function, class... Args>
  task<Result> run_on_least_busy(Function function, Args... args) {
    const lane entered = co_await enter();
    auto called = coworker::run_on(
        entered.executor(),
        call<Result, Function, Args...>(*entered.slot_, std::move(function), std::move(args)...));
    co_return co_await std::move(called);
  }

  // Runs on the lane's executor.
  template <class Result, class Function, class... Args>
  task<Result> call(slot& at, Function function, Args... args) {
    const stop_token stop = co_await this_coro::stop_token();
    stop.throw_if_stopped();
    if (at.broken.exchange(false, std::memory_order_relaxed)) at.value.clear();
    if (!at.value.made()) co_await make_->make(at.index, at.value);
    co_return function(at.value.get(), std::move(args)...);
  }

  task<void> make_all() {
    const context here = co_await this_coro::context();
    scope makers(here);
    try {
      for (std::size_t i = 0; i != size(); ++i) {
        slot& one = queue_.board()[i];
        makers.spawn(coworker::run_on(one.executor, make_->make(i, one.value)));
      }
    } catch (...) {
      (makers.fail)(std::current_exception());  // the makers already started are waited for
    }
    co_await makers.join();
  }

  detail::maker_handle<value> make_;  // outlives the values
  queue queue_;
};

template <class Make>
lanes(std::size_t, Make) -> lanes<typename detail::make_result<Make>::type>;
template <class Make>
lanes(std::size_t, Make, lanes_options) -> lanes<typename detail::make_result<Make>::type>;

}  // namespace coworker::inline v0_1
