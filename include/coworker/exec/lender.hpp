#pragma once
// lender<T>: a fixed number of values (contexts, sessions, connections), each lent to one user at a time.
// Must not know what the values are.

#include <coworker/coro/executor.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/lender_board.hpp>
#include <coworker/exec/maker.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/waiting_line.hpp>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1 {

/// When and where a lender makes its values.
struct lender_options {
  /// Makes all values in the constructor, one after the other. Default: off, each is made when it is first
  /// needed, that is when no value already made is free.
  bool make_at_once = false;
  /// The executor on which values are made for coroutines, such as a thread_pool if making one blocks for
  /// long. Default: the executor of the coroutine that needs the value.
  executor_ref make_on{};
};

/// Lends each of `count` values to one user at a time, in the order in which the users asked. A value that
/// was returned is lent before another is made. Must outlive its loans and all waiting users; otherwise it
/// terminates the program with a message.
/// Thread safety: all operations may be called on any thread.
/// Example:
///
///     lender contexts([&] { return llama_context(model); }, 4);
///     const auto context = co_await contexts.lend();  // returned by its destructor
///     context->decode(batch);
template <class T>
class lender {
  static_assert(
      std::is_object_v<T>,
      "lender: the function that makes the values must return an object, or a task of one, and be callable "
      "without arguments or with the number of the value");
  // Avoids further errors after the static_assert.
  using value = std::conditional_t<std::is_object_v<T>, T, int>;
  using line = detail::waiting_line<detail::lender_board<value>>;
  using slot = typename line::slot;

 public:
  using value_type = T;

  /// `make` returns a T, or a task<T> that is awaited where the value is needed. It may take the number of
  /// the value, from 0 to below `count`. It may be called for several values at once, on several threads, and
  /// again for a value that was broken. T need not be movable.
  /// Throws: std::invalid_argument if `count` is 0; with make_at_once what `make` throws, and
  /// std::logic_error if it returns a task.
  template <class Make>
  lender(Make make, std::size_t count, lender_options options = {})
      : line_(count), make_(std::move(make)), make_on_(options.make_on) {
    constexpr bool fits = std::is_same_v<typename detail::make_result<Make>::type, T>;
    static_assert(fits, "lender<T>: the function that makes the values must return a T or a task<T>");
    if (!options.make_at_once) return;
    if (make_->awaits()) {
      throw std::logic_error(
          "lender: make_at_once is for a function that returns a value, and this one returns a task; leave "
          "the option out, and the first loans await it");
    }
    line_.board().make_all([this](slot& one) { make_->make_now(one.index, one.value); });
  }

  lender(const lender&) = delete;
  lender& operator=(const lender&) = delete;

  /// A value on loan. Movable; a moved-from loan is empty.
  class loan {
   public:
    loan(loan&& other) noexcept
        : from_(std::exchange(other.from_, nullptr)), lent_(std::exchange(other.lent_, nullptr)) {}

    loan& operator=(loan&& other) noexcept {
      loan moved(std::move(other));
      std::swap(from_, moved.from_);
      std::swap(lent_, moved.lent_);
      return *this;
    }

    /// Returns the value to the lender, on any thread.
    ~loan() {
      if (lent_ == nullptr) return;
      if (lent_->broken) lent_->value.clear();
      lent_->broken = false;
      from_->give_back(*lent_);
    }

    value& operator*() const noexcept { return lent_->value.get(); }
    value* operator->() const noexcept { return std::addressof(lent_->value.get()); }

    /// Returns the number of the value, from 0.
    std::size_t index() const noexcept { return lent_->index; }

    /// Marks the value as unusable: it is destroyed when it is returned, and made again when it is next
    /// needed.
    void mark_broken() const noexcept { lent_->broken = true; }

   private:
    friend lender;
    loan(line& from, slot& lent) noexcept : from_(&from), lent_(&lent) {}
    line* from_;
    slot* lent_;
  };

  /// Waits until a value is free and all who asked before have theirs; makes the value if necessary. For a
  /// time limit: `timeout(limit, values.lend())`.
  /// Returns the loan.
  /// Throws: what `make` throws, and the value is then free for the next user; std::logic_error if the
  /// coroutine runs on no executor.
  /// Cancellation: throws `cancelled` as soon as a stop is requested, at once if it was before, unless it has
  /// a value by then.
  task<loan> lend() {
    slot& free = co_await line_.take_in_turn("lender::lend");
    loan lent(line_, free);
    if (!free.value.made()) {
      if (make_on_) {
        co_await coworker::run_on(make_on_, make_->make(free.index, free.value));
      } else {
        co_await make_->make(free.index, free.value);
      }
    }
    co_return std::move(lent);
  }

  /// The same for ordinary code: blocks the calling thread until a value is free, and makes it there if
  /// necessary.
  /// Returns the loan.
  /// Throws: what `make` throws; std::logic_error if it would have to wait on the thread of an event_loop or
  /// simulated_loop, or if `make` returns a task.
  /// Cancellation: throws `cancelled` as soon as `stop` requests a stop; at once if it did before.
  loan blocking_lend(stop_token stop = {}) {
    if (make_->awaits()) {
      throw std::logic_error(
          "lender::blocking_lend: the values are made by a task, which only a coroutine can await; co_await "
          "lend() instead");
    }
    slot& free =
        line_.take_blocking(stop, "lender::blocking_lend: all values are lent", "co_await lend() instead");
    loan lent(line_, free);
    if (!free.value.made()) make_->make_now(free.index, free.value);
    return lent;
  }

  ~lender() {
    const std::lock_guard lock(line_.mutex());
    if (line_.board().available() == line_.board().size() && !line_.anybody_waits()) return;
    std::fputs(
        "coworker: a lender was destroyed while its values are lent; let it outlive its loans and whoever "
        "waits for one\n",
        stderr);
    std::terminate();
  }

  /// Returns the number of values, lent or not.
  std::size_t size() const noexcept { return line_.board().size(); }

  /// Returns how many values are not lent now, made or not.
  std::size_t available() const {
    const std::lock_guard lock(line_.mutex());
    return line_.board().available();
  }

 private:
  line line_;
  detail::maker_handle<value> make_;
  const executor_ref make_on_;
};

template <class Make>
lender(Make, std::size_t) -> lender<typename detail::make_result<Make>::type>;
template <class Make>
lender(Make, std::size_t, lender_options) -> lender<typename detail::make_result<Make>::type>;

}  // namespace coworker
