#pragma once
// side_chain: a coroutine that an object runs beside the coroutine that uses it, one at a time. A scope does
// the same for any number of them, but keeps memory also while none runs. Must not know what it is for.

#include <coroutine>
#include <coworker/coro/context.hpp>
#include <coworker/coro/frame_memory.hpp>
#include <exception>

namespace coworker::inline v0_1::detail {

// The return type of such a coroutine: a member function whose first parameter is the context that it gets. It
// frees its frame when it ends. So that its object can wait for that, it notes its end as the last thing that
// it does. It must not throw.
class [[nodiscard("a side_chain does nothing until it is started")]] side_chain {
 public:
  class promise_type : public recycled_frame {
   public:
    template <class Object>
    promise_type(Object&, const coworker::context& own) noexcept : context_(own) {}

    side_chain get_return_object() noexcept {
      return side_chain(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
    coworker::context* context() noexcept { return &context_; }

   private:
    coworker::context context_;
  };

  side_chain(const side_chain&) = delete;
  side_chain& operator=(const side_chain&) = delete;
  ~side_chain() {
    if (coroutine_) coroutine_.destroy();
  }

  // Lets the executor of its context resume it. Throws: what the executor throws; it was then not started.
  void start()&& {
    const executor_ref place = coroutine_.promise().context()->executor;
    place.post(coroutine_);
    coroutine_ = nullptr;
  }

 private:
  explicit side_chain(std::coroutine_handle<promise_type> coroutine) noexcept : coroutine_(coroutine) {}

  std::coroutine_handle<promise_type> coroutine_;
};

}  // namespace coworker::inline v0_1::detail
