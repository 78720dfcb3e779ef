#pragma once
// step_core: what the jobs and the thread of a step_engine share: the waiting and the active sequences, and
// the pieces on their way to the jobs.
// Must not know who calls its steps.

#include <atomic>
#include <coworker/coro/clock.hpp>
#include <coworker/coro/quirks.hpp>
#include <coworker/exec/active_sequence.hpp>
#include <coworker/exec/auto_reset_event.hpp>
#include <coworker/exec/insist.hpp>
#include <coworker/exec/shared_state.hpp>
#include <coworker/exec/thread.hpp>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

namespace coworker::inline v0_1 {

/// How full a step_engine is and was. `stepped / (steps * at_once)` is the mean share of its slots in use.
struct step_engine_metrics {
  std::uint64_t steps = 0;    ///< number of steps since the start
  std::uint64_t stepped = 0;  ///< number of sequences, summed over all steps
  std::size_t active = 0;     ///< number of sequences that have slots now
  std::size_t waiting = 0;    ///< number of sequences that wait for a slot
  std::size_t at_once = 0;    ///< the number of slots
};

namespace detail {

template <class Sequence, class Piece>
class step_core : public shared_state {
 public:
  using active = active_sequence<Sequence, Piece>;

  // One sequence, shared by its job and the step engine, which may release it in any order.
  struct member : shared_state, active {
    explicit member(Sequence&& state) : active(std::move(state)) {}
    auto_reset_event news;
    std::atomic<bool> dropped{false};  // its job no longer wants pieces
    // Guarded by the core's mutex.
    std::vector<Piece> arrived;
    std::exception_ptr ended_with;
    bool ended = false;
    // Used by the step engine only.
    bool has_news = false;
  };
  using member_handle = shared_handle<member>;

  explicit step_core(std::size_t most) : slots_(most) {
    active_.reserve(most);
    stepping_.reserve(most);
    gone_.reserve(2 * most);  // so that the thread needs no memory later
  }

  // Throws: std::runtime_error once the step engine is destroyed.
  void enter(member& one) {
    const std::lock_guard lock(mutex_);
    if (closed_) throw std::runtime_error(engine_is_gone);
    waiting_.emplace_back(&one);
    changed_.notify_one();
  }

  // Takes all pieces that are there. Returns true if the sequence has ended and there is nothing more.
  // Rethrows the exception that it ended with.
  bool take(member& of, std::vector<Piece>& pieces) {
    const std::lock_guard lock(mutex_);
    pieces.swap(of.arrived);
    if (!pieces.empty() || !of.ended) return false;
    if (of.ended_with != nullptr) std::rethrow_exception(std::exchange(of.ended_with, nullptr));
    return true;
  }

  // The step engine's thread waits here for something to step. Returns false if the thread must end.
  bool wait() {
    std::unique_lock lock(mutex_);
    while (!closed_ && waiting_.empty() && active_.empty()) changed_.wait(lock);
    return !closed_;
  }

  // Removes sequences whose jobs are gone, and gives free slots to waiting ones. What to step is then in
  // stepping(). Returns false if there is nothing.
  bool begin_step() {
    stepping_.clear();
    {
      const std::lock_guard lock(mutex_);
      take_out(active_, is_dropped);
      take_out(waiting_, is_dropped);
      std::size_t admitted = 0;
      for (; active_.size() < slots_ && admitted != waiting_.size(); ++admitted) {
        waiting_[admitted]->slot_ = free_slot();
        active_.push_back(std::move(waiting_[admitted]));
      }
      waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(admitted));
      if (!active_.empty()) ++steps_;
      stepped_ += active_.size();
    }
    destroy_gone();
    for (const member_handle& one : active_) stepping_.push_back(one.get());
    return !stepping_.empty();
  }

  std::vector<active*>& stepping() noexcept { return stepping_; }

  // `failure` is what the step threw: it ends all sequences in the step.
  void end_step(std::exception_ptr failure) {
    for (const member_handle& one : active_) {
      ++one->steps_;
      if (failure != nullptr) (one->fail)(failure);
    }
    failure = nullptr;  // so that only the jobs refer to the exception
    {
      const std::lock_guard lock(mutex_);
      for (const member_handle& one : active_) hand_over(*one);
      // Before the jobs are woken, so that no job that ended is still counted as active.
      take_out(active_, [](const member& one) { return one.finished_; });
    }
    notify(active_);
    notify(gone_);
    destroy_gone();
  }

  // The step engine ends: accepts no more sequences, and wakes the thread.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_one();
  }

  // Called after close(), with no step in progress: ends all remaining sequences on the calling thread.
  void end_all() {
    do {
      {
        const std::lock_guard lock(mutex_);
        take_out(active_, [](const member&) { return true; });
        take_out(waiting_, [](const member&) { return true; });
        for (const member_handle& one : gone_) {
          if (std::exchange(one->ended, true)) continue;
          one->ended_with = std::make_exception_ptr(std::runtime_error(engine_is_gone));
        }
      }
      for (const member_handle& one : gone_) detail::insist([&one] { one->news.set(); });
    } while (destroy_gone());
  }

  step_engine_metrics measured() const {
    const std::lock_guard lock(mutex_);
    return {steps_, stepped_, active_.size(), waiting_.size(), slots_};
  }

  // For a simulation, where one of the jobs steps instead of a thread: see step_drive.hpp. On the
  // simulation's thread only.
  const member* driver = nullptr;
  bool step_began = false;
  time_point step_due{};

  // While this exists, the calling thread runs the step function, or a sequence's destructor.
  class user_code {
   public:
    explicit user_code(const step_core& of) noexcept : outer_(std::exchange(current(), &of)) {}
    user_code(const user_code&) = delete;
    user_code& operator=(const user_code&) = delete;
    ~user_code() { current() = outer_; }

   private:
    const step_core* const outer_;
  };
  bool runs_user_code() const noexcept { return current() == this; }

  // Reduces what begin_step() put into stepping() to what must still be stepped. Returns false if there is
  // nothing.
  bool keep_step() {
    stepping_.clear();
    {
      const std::lock_guard lock(mutex_);
      take_out(active_, is_dropped);
      take_out(waiting_, is_dropped);
    }
    destroy_gone();
    for (const member_handle& one : active_) stepping_.push_back(one.get());
    return !stepping_.empty();
  }

  // Removes sequences whose jobs are gone, if no step will do so soon.
  void sweep() {
    if (driver == nullptr && !keep_step()) step_began = false;
  }

  void wake_all() {
    for (const member_handle& one : active_) one->news.set();
    for (const member_handle& one : waiting_) one->news.set();
  }

 private:
  static constexpr const char* engine_is_gone =
      "step_engine: it was destroyed before the sequence had ended; let it outlive the jobs that use it";

  // Passes what the step function has sent, and the end of the sequence, to the job. Called under the lock.
  void hand_over(member& one) {
    one.has_news = one.finished_ || !one.sent_.empty();
    try {
      if (one.arrived.empty()) {
        one.arrived.swap(one.sent_);
      } else {
        for (Piece& piece : one.sent_) one.arrived.push_back(std::move(piece));
      }
    } catch (...) {  // no memory for what the job has not taken yet
      (one.fail)(std::current_exception());
    }
    one.sent_.clear();
    one.ended = one.finished_;
    one.ended_with = std::exchange(one.failure_, nullptr);
  }

  static void notify(const std::vector<member_handle>& all) {
    for (const member_handle& one : all)
      if (std::exchange(one->has_news, false)) detail::insist([&one] { one->news.set(); });
  }

  // Out of line, so that no compiler keeps the address across a suspension (LLVM 47179).
  COWORKER_NOINLINE static const step_core*& current() noexcept {
    static constinit thread_local const step_core* core = nullptr;
    return core;
  }

  static bool is_dropped(const member& one) noexcept { return one.dropped.load(std::memory_order_acquire); }

  // Moves sequences from a list to gone_; the others keep their order. Moves only as many as gone_ has room
  // for, because the thread must not allocate memory. Called under the lock.
  template <class Predicate>
  void take_out(std::vector<member_handle>& of, Predicate is_removed) {
    std::size_t kept = 0;
    for (member_handle& one : of) {
      const bool goes = gone_.size() < gone_.capacity() && is_removed(*one);
      std::swap(goes ? gone_.emplace_back() : of[kept++], one);
    }
    of.resize(kept);
  }

  // Destroys the sequences in gone_. Called without the lock and on the step engine's thread, because it runs
  // destructors of the user. Returns false if there were none.
  bool destroy_gone() {
    {
      const user_code now(*this);
      for (const member_handle& one : gone_) one->state_.reset();
    }
    const bool any = !gone_.empty();
    gone_.clear();
    return any;
  }

  std::size_t free_slot() const {
    for (std::size_t slot = 0;; ++slot) {
      bool used = false;
      for (const member_handle& one : active_) used = used || one->slot_ == slot;
      if (!used) return slot;
    }
  }

  const std::size_t slots_;
  std::vector<active*> stepping_;
  std::vector<member_handle> gone_;
  // Guards the members below; the step engine's thread, which alone changes active_, reads it without the
  // lock.
  mutable std::mutex mutex_;
  condition changed_;
  std::vector<member_handle> active_;
  std::vector<member_handle> waiting_;
  std::uint64_t steps_ = 0;
  std::uint64_t stepped_ = 0;
  bool closed_ = false;
};

}  // namespace detail
}  // namespace coworker::inline v0_1
