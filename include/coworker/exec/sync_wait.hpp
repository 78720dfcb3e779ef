#pragma once
// sync_wait: runs a task from ordinary code. Blocks the calling thread, and runs the loop on it where there
// is one.
// Must not know what the task does.

#include <concepts>
#include <coroutine>
#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/frame_memory.hpp>
#include <coworker/coro/result.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/thread.hpp>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <utility>

namespace coworker::inline v0_1 {

/// An executor that runs on the thread that calls run(), until stop(); running() returns whether it does.
template <class Loop>
concept runnable_executor = executor<Loop> && requires(Loop& loop) {
  loop.run();
  loop.stop();
  { loop.running() } -> std::same_as<bool>;
};

namespace detail {

// The first coroutine of a chain that ordinary code waits for. `ended` notifies the waiting side.
template <class Ended>
class main_coroutine {
 public:
  class promise_type : public recycled_frame {
   public:
    struct final_awaiter {
      final_awaiter() noexcept {}
      bool await_ready() const noexcept { return false; }

      void await_suspend(std::coroutine_handle<promise_type> self) const noexcept {
        const Ended ended = self.promise().ended_;
        ended();
      }

      void await_resume() const noexcept {}
    };

    promise_type(const coworker::context& start, const Ended& ended, task<void>&) noexcept
        : context_(start), ended_(ended) {}
    main_coroutine get_return_object() noexcept {
      return main_coroutine(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    final_awaiter final_suspend() const noexcept { return final_awaiter(); }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }  // only for lack of memory
    coworker::context* context() noexcept { return &context_; }

   private:
    coworker::context context_;
    Ended ended_;
  };

  main_coroutine(main_coroutine&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  main_coroutine& operator=(main_coroutine&&) = delete;
  ~main_coroutine() {
    if (handle_) handle_.destroy();
  }

  std::coroutine_handle<> handle() const noexcept { return handle_; }
  void abandon() noexcept { handle_ = nullptr; }

 private:
  explicit main_coroutine(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

template <class Ended>
main_coroutine<Ended> run_main(coworker::context, Ended, task<void> work) {
  task<void> owned = std::move(work);
  co_await std::move(owned);
}

// Ends on the loop's own thread, wherever the work went, so that no other thread uses the loop afterwards.
template <class T>
task<void> capture_and_resume_on(task<T> work, result<T>& into, executor_ref home) {
  co_await detail::capture(std::move(work), into);
  co_await resume_on(home);
}

// Other code may stop the loop as well; only the flag says that the work has ended.
template <class Loop>
struct end_on_loop {
  Loop* loop;
  bool* ended;
  end_on_loop(Loop& to_stop, bool& to_set) noexcept : loop(std::addressof(to_stop)), ended(&to_set) {}
  void operator()() const noexcept {
    *ended = true;
    loop->stop();
  }
};

// What a thread without a loop blocks on. That thread destroys it as soon as it has seen the end, so set()
// notifies before it unlocks.
class end_of_work {
 public:
  void set() noexcept {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    condition_.notify_one();
  }

  void wait() {
    std::unique_lock lock(mutex_);
    while (!ended_) condition_.wait(lock);
  }

 private:
  std::mutex mutex_;
  condition condition_;
  bool ended_ = false;
};

struct set_end {
  end_of_work* end;
  explicit set_end(end_of_work& to_set) noexcept : end(&to_set) {}
  void operator()() const noexcept { end->set(); }
};

// Called when the loop has nothing left to do before the work has ended.
template <class Loop>
[[noreturn]] void stop_and_throw(Loop& loop, stop_source& source, const bool& ended) {
  source.request_stop();
  while (!ended && loop.run()) {
  }
  throw std::logic_error(
      "sync_wait: the task can never end: nothing is ready and no timer is armed; it waits for an event that "
      "no one will send; a real thread cannot, in virtual time");
}

}  // namespace detail

/// Runs a task on a loop, and blocks until the task has ended. The loop runs on the calling thread, even if
/// something stops it before.
/// Returns the result of the task.
/// Throws: what the task threw; std::logic_error if the loop runs already, as it does for a coroutine on it;
/// std::logic_error if a simulated loop has nothing left to do and the task has not ended, because it waits
/// for something that will never happen. The task is then stopped, and abandoned (leaked) if it ignores the
/// stop.
template <runnable_executor Loop, class T>
T sync_wait(Loop& loop, task<T> work) {
  if (loop.running()) {
    throw std::logic_error(
        "sync_wait: the loop runs already; in a coroutine, co_await the task instead of blocking for it");
  }
  detail::result<T> outcome;
  stop_source source;
  bool ended = false;
  auto main = detail::run_main(context(loop, source.get_token()), detail::end_on_loop<Loop>(loop, ended),
                               detail::capture_and_resume_on(std::move(work), outcome, executor_ref(loop)));
  loop.post(main.handle());
  try {
    while (!ended) {
      if constexpr (std::same_as<decltype(loop.run()), bool>) {
        if (!loop.run()) detail::stop_and_throw(loop, source, ended);
      } else {
        loop.run();
      }
    }
  } catch (...) {
    // Still suspended, and others may hold its handle: leaking the frame is safer than freeing it.
    if (!ended) main.abandon();
    throw;
  }
  return outcome.take();
}

/// Runs a task on a loop of its own: `int answer = sync_wait(compute());`. Returns and throws as above.
template <class T>
T sync_wait(task<T> work) {
  event_loop loop;
  return coworker::sync_wait(loop, std::move(work));
}

/// Runs a task on an executor that has threads of its own, and blocks until the task has ended.
/// Returns the result of the task.
/// Throws: what the task threw; std::logic_error if it is called on one of those threads, because that thread
/// could wait for itself.
template <executor Executor, class T>
requires(!runnable_executor<Executor>) T sync_wait(Executor& place, task<T> work) {
  if constexpr (thread_aware_executor<Executor>) {
    if (place.runs_on_this_thread()) {
      throw std::logic_error(
          "sync_wait: this thread belongs to the executor that is to run the task, and would block what it "
          "waits for; in a coroutine, co_await the task; elsewhere, sync_wait(task) runs it on a loop of its "
          "own");
    }
  }
  detail::result<T> outcome;
  detail::end_of_work end;
  auto main =
      detail::run_main(context(place), detail::set_end(end), detail::capture(std::move(work), outcome));
  place.post(main.handle());
  end.wait();
  return outcome.take();
}

}  // namespace coworker
