#pragma once
// Cooperative stop: a source that requests it, tokens that can be asked, and callbacks that run when it
// happens.
// Must not know any coroutine.
//
// The interface is that of std::stop_token, but without shared state: a token points into its source. So
// making a source for each job or group of tasks allocates nothing, and a token must not be used after its
// source is destroyed. (The standard header also costs a quarter of our whole include budget, and libc++
// before 20 lacks it.)

#include <atomic>
#include <exception>
#include <type_traits>
#include <utility>

#if defined(__GLIBCXX__) && !defined(__linux__)
#include <sched.h>
#endif

namespace coworker::inline v0_1 {

/// The exception with which a coroutine ends early because a stop was requested. Catch it to clean up, and
/// rethrow it: a chain that ends with it counts as stopped, not as failed.
class cancelled : public std::exception {
 public:
  const char* what() const noexcept override { return "cancelled: a stop was requested"; }
};

namespace detail {

class stop_callback_node {
 public:
  stop_callback_node(const stop_callback_node&) = delete;
  stop_callback_node& operator=(const stop_callback_node&) = delete;

 protected:
  using run_function = void (*)(stop_callback_node&) noexcept;
  explicit stop_callback_node(run_function run) noexcept : run_(run) {}
  ~stop_callback_node() = default;

 private:
  friend class stop_state;
  run_function run_;
  stop_callback_node* previous_ = nullptr;
  stop_callback_node* next_ = nullptr;
  bool listed_ = false;
};

// Blocks while the atomic has that value. On systems without a futex libstdc++'s own wait may miss a
// notification (up to GCC 15 it compares before it locks). There this polls, which is acceptable because the
// waits are short.
template <class T>
void wait_while(const std::atomic<T>& place, T value) noexcept {
#if defined(__GLIBCXX__) && !defined(__linux__)
  while (place.load(std::memory_order_acquire) == value) ::sched_yield();
#else
  place.wait(value, std::memory_order_acquire);
#endif
}

// Returns an address that differs between threads; std::thread::id would need <thread>.
inline const void* this_thread_marker() noexcept {
  static thread_local char marker = 0;
  return &marker;
}

class stop_state {
 public:
  stop_state() noexcept {}
  stop_state(const stop_state&) = delete;
  stop_state& operator=(const stop_state&) = delete;

  bool requested() const noexcept { return (flags_.load(std::memory_order_acquire) & requested_bit) != 0; }

  bool request() noexcept {
    if (!lock_unless_requested()) return false;
    flags_.fetch_or(requested_bit, std::memory_order_release);
    requester_ = this_thread_marker();
    while (stop_callback_node* const node = first_) {
      unlink(*node);
      running_.store(node, std::memory_order_relaxed);
      unlock();
      node->run_(*node);
      running_.store(nullptr, std::memory_order_release);
      running_.notify_all();
      lock();
    }
    unlock();
    return true;
  }

  // Runs the callback immediately if a stop was requested before.
  void add(stop_callback_node& node) noexcept {
    if (!lock_unless_requested()) return node.run_(node);
    node.next_ = first_;
    if (first_ != nullptr) first_->previous_ = &node;
    first_ = &node;
    node.listed_ = true;
    unlock();
  }

  // After it returns the callback neither runs nor will run, except when the callback itself is the caller.
  void remove(stop_callback_node& node) noexcept {
    lock();
    const bool was_listed = node.listed_;
    if (was_listed) unlink(node);
    const bool on_requester = requester_ == this_thread_marker();
    unlock();
    if (was_listed) return;
    // Called from within a callback, perhaps this very one, which is then removed while it runs.
    if (on_requester) {
      stop_callback_node* expected = &node;
      running_.compare_exchange_strong(expected, nullptr, std::memory_order_relaxed);
      return;
    }
    while (running_.load(std::memory_order_acquire) == &node) detail::wait_while(running_, &node);
  }

 private:
  static constexpr unsigned requested_bit = 1;
  static constexpr unsigned locked_bit = 2;

  void lock() noexcept {
    unsigned flags = flags_.load(std::memory_order_relaxed);
    for (;;) {
      if ((flags & locked_bit) != 0) {
        detail::wait_while(flags_, flags);
        flags = flags_.load(std::memory_order_relaxed);
      } else if (flags_.compare_exchange_weak(flags, flags | locked_bit, std::memory_order_acquire,
                                              std::memory_order_relaxed)) {
        return;
      }
    }
  }

  void unlock() noexcept {
    flags_.fetch_and(~locked_bit, std::memory_order_release);
    flags_.notify_one();
  }

  bool lock_unless_requested() noexcept {
    if (requested()) return false;
    lock();
    if ((flags_.load(std::memory_order_relaxed) & requested_bit) == 0) return true;
    unlock();
    return false;
  }

  void unlink(stop_callback_node& node) noexcept {
    (node.previous_ != nullptr ? node.previous_->next_ : first_) = node.next_;
    if (node.next_ != nullptr) node.next_->previous_ = node.previous_;
    node.previous_ = nullptr;
    node.next_ = nullptr;
    node.listed_ = false;
  }

  std::atomic<unsigned> flags_{0};
  stop_callback_node* first_ = nullptr;  // guarded by the lock
  // Guarded by the lock: the thread that requested the stop.
  const void* requester_ = nullptr;
  std::atomic<stop_callback_node*> running_{nullptr};  // the callback that the requester is running
};

}  // namespace detail

/// Tells whether its stop_source has requested a stop. A default-constructed token never reports a stop.
/// Copyable; valid as long as its source.
/// Thread safety: thread-safe.
class stop_token {
 public:
  stop_token() noexcept {}

  /// Returns whether a stop was requested.
  bool stop_requested() const noexcept { return state_ != nullptr && state_->requested(); }
  /// Returns whether the token belongs to a source, so that a stop can be requested at all.
  bool stop_possible() const noexcept { return state_ != nullptr; }
  friend bool operator==(const stop_token&, const stop_token&) noexcept = default;

  /// For loops that compute without awaiting.
  /// Throws: `cancelled` if a stop was requested.
  void throw_if_stopped() const {
    if (stop_requested()) throw cancelled();
  }

 private:
  friend class stop_source;
  template <class Callback>
  friend class stop_callback;
  explicit stop_token(detail::stop_state* state) noexcept : state_(state) {}

  detail::stop_state* state_ = nullptr;
};

/// Runs `callback` once when a stop is requested: on the requesting thread, or in the constructor if the stop
/// was requested before. The callback must not throw. The destructor waits for a run in progress on another
/// thread.
template <class Callback>
class stop_callback : private detail::stop_callback_node {
  static_assert(std::is_invocable_v<Callback&>, "a stop callback must be callable without arguments");

 public:
  template <class C>
  stop_callback(stop_token token, C&& callback)
      : stop_callback_node(
            [](stop_callback_node& self) noexcept { static_cast<stop_callback&>(self).callback_(); }),
        callback_(std::forward<C>(callback)),
        state_(token.state_) {
    if (state_ != nullptr) state_->add(*this);
  }

  ~stop_callback() {
    if (state_ != nullptr) state_->remove(*this);
  }

 private:
  Callback callback_;
  detail::stop_state* state_;
};

template <class Callback>
stop_callback(stop_token, Callback) -> stop_callback<Callback>;

/// Requests a stop; a request cannot be taken back. Must outlive its tokens, its callbacks, and a call of
/// request_stop() in progress.
/// Thread safety: thread-safe.
class stop_source {
 public:
  stop_source() noexcept {}
  stop_source(const stop_source&) = delete;
  stop_source& operator=(const stop_source&) = delete;

  /// Returns a token of this source.
  stop_token get_token() const noexcept { return stop_token(&state_); }
  /// Returns whether a stop was requested.
  bool stop_requested() const noexcept { return state_.requested(); }

  /// Requests the stop and runs the callbacks on the calling thread. Returns false if a stop had been
  /// requested before.
  bool request_stop() noexcept { return state_.request(); }

 private:
  mutable detail::stop_state state_;
};

/// A stop_source that is also stopped as soon as its parent is. `parent` is a token of the parent.
class linked_stop_source : public stop_source {
 public:
  explicit linked_stop_source(stop_token parent) noexcept
      : from_parent_(parent, request_from_parent(*this)) {}

 private:
  struct request_from_parent {
    stop_source& source;
    explicit request_from_parent(stop_source& s) noexcept : source(s) {}
    void operator()() const noexcept { source.request_stop(); }
  };

  stop_callback<request_from_parent> from_parent_;
};

}  // namespace coworker
