#pragma once
// step_engine: one thread that steps many sequences together and passes each job its pieces, which language
// model servers call continuous batching.
// Must not know what a step computes.

#include <coroutine>
#include <coworker/coro/async_generator.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/active_sequence.hpp>
#include <coworker/exec/shared_state.hpp>
#include <coworker/exec/step_core.hpp>
#include <coworker/exec/step_drive.hpp>
#include <coworker/exec/thread.hpp>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

namespace coworker::inline v0_1 {

/// How many sequences a step_engine steps together.
struct step_engine_options {
  /// The largest number of sequences in one step; others wait for a slot, in the order in which they came. 1
  /// or more. Default: 8.
  std::size_t at_once = 8;
  /// How long a step with that many sequences takes in a simulation. Default: 10 ms for any number.
  duration (*simulated_step)(std::size_t sequences) = [](std::size_t) -> duration {
    return std::chrono::milliseconds(10);
  };
};

/// Steps all sequences of its jobs together, with one call for all, repeatedly, on a thread of its own.
///
/// The step function receives every active sequence as an active_sequence. It calls send() with each new
/// piece of a sequence, and finish() when a sequence has ended. If it throws, all sequences in the step end
/// with that exception, and the step engine continues with others. No lock is held while it runs. Sequences
/// are destroyed on the step engine's thread, as soon as they have ended or their jobs are gone, but never
/// during a step.
///
/// In a simulation, when run() is awaited on a simulated_loop, there is no thread: the jobs' coroutines call
/// the same step function, after the virtual time of `simulated_step`.
///
/// The destructor waits for the step in progress; jobs that still wait for pieces then get a
/// std::runtime_error. In the step function and in the destructor of a sequence, the destructor cannot wait:
/// it prints a message and terminates the program.
/// Thread safety: all operations may be called on any thread.
/// Example:
///
///     struct sequence { std::vector<int> tokens; ... };                  // the user's state of one
///     using engine = step_engine<sequence, std::string>;
///     engine decode([&](std::span<engine::active* const> all) { ... }, {.at_once = 8});
///
///     async_generator<std::string> handle(job<request> work) { return decode.run(sequence(work.input)); }
template <class Sequence, class Piece>
class step_engine {
  static_assert(std::is_object_v<Sequence> && std::is_nothrow_move_constructible_v<Sequence>,
                "step_engine<Sequence, Piece>: Sequence must be an object whose move constructor is "
                "noexcept; hold what cannot be moved by a std::unique_ptr");
  static_assert(std::is_object_v<Piece> && std::is_nothrow_move_constructible_v<Piece>,
                "step_engine<Sequence, Piece>: Piece must be an object whose move constructor is noexcept, "
                "so that no piece is lost on its way");
  using core = detail::step_core<Sequence, Piece>;
  using core_handle = detail::shared_handle<core>;
  using member = typename core::member;
  using member_handle = typename core::member_handle;

 public:
  using active = active_sequence<Sequence, Piece>;

  /// `function` is callable with a std::span<active* const>, which is never empty. The thread starts with the
  /// first sequence.
  /// Throws: std::invalid_argument if `at_once` is 0.
  template <class Step>
  explicit step_engine(Step function, step_engine_options options = {})
      : core_(new core(checked(options.at_once))),
        simulated_step_(options.simulated_step),
        stepper_(make(std::move(function))) {}

  step_engine(const step_engine&) = delete;
  step_engine& operator=(const step_engine&) = delete;

  ~step_engine() {
    if (core_->runs_user_code()) {
      std::fputs(
          "coworker: a step_engine was destroyed by its own step function or a sequence in it; keep a "
          "reference to it outside of both\n",
          stderr);
      std::terminate();
    }
    core_->close();
    if (thread_) {
      thread_->join();
    } else {
      core_->end_all();
    }
    delete stepper_;
  }

  /// Returns the pieces of a sequence. The sequence is stepped from the first next() until it ends or the
  /// generator is destroyed; collect() returns all pieces at once. The step engine must outlive the
  /// generator.
  /// Throws: what the step function threw, or ended the sequence with; std::system_error if the thread cannot
  /// be started.
  /// Cancellation: throws `cancelled` as soon as a stop is requested; the sequence is then in no further
  /// step.
  async_generator<Piece> run(Sequence sequence) { return pieces_of(*this, std::move(sequence)); }

  /// Returns how full the step engine is and was.
  step_engine_metrics measured() const { return core_->measured(); }

 private:
  // Hides the type of the step function.
  struct stepper {
    virtual ~stepper() = default;
    virtual void step(std::span<active* const> all) = 0;
  };

  template <class Step>
  static stepper* make(Step of) {
    constexpr bool fits = std::is_invocable_v<Step&, std::span<active* const>>;
    static_assert(
        fits,
        "step_engine: the step function does not fit; it must be callable with the active sequences, as in "
        "`void step(std::span<coworker::step_engine<sequence, piece>::active* const> all)`");
    if constexpr (fits) {
      struct stepper_of final : stepper {
        Step function;
        explicit stepper_of(Step&& given) : function(std::move(given)) {}
        void step(std::span<active* const> all) override { function(all); }
      };
      return new stepper_of(std::move(of));
    } else {
      return nullptr;
    }
  }

  static std::size_t checked(std::size_t at_once) {
    if (at_once == 0)
      throw std::invalid_argument(
          "step_engine_options::at_once must be 1 or more, or no sequence would ever be stepped");
    return at_once;
  }

  // The job's side of a sequence.
  class job_side {
   public:
    job_side(core_handle in, Sequence&& sequence, bool simulated)
        : core_(std::move(in)), member_(new member(std::move(sequence))), simulated_(simulated) {}
    job_side(const job_side&) = delete;
    job_side& operator=(const job_side&) = delete;
    ~job_side() {
      member_->dropped.store(true, std::memory_order_release);
      if (simulated_) core_->sweep();
    }

    core& in() const noexcept { return *core_; }
    member& own() const noexcept { return *member_; }

   private:
    core_handle core_;
    member_handle member_;
    const bool simulated_;
  };

  static async_generator<Piece> pieces_of(step_engine& engine, Sequence sequence) {
    const executor_ref home = co_await this_coro::executor();
    const bool simulated = home.clock() == executor_clock::simulated;
    engine.start_unless(simulated);
    const job_side place(engine.core_, std::move(sequence), simulated);
    place.in().enter(place.own());
    std::vector<Piece> pieces;
    while (!place.in().take(place.own(), pieces)) {
      for (Piece& one : pieces) co_yield std::move(one);
      if (!pieces.empty()) {
        pieces.clear();
      } else if (simulated) {
        co_await detail::drive_or_wait(place.in(), place.own(), engine);
      } else {
        co_await detail::wait_for_news(place.own());
      }
    }
  }

  friend task<void> detail::drive_or_wait<core, member, step_engine>(core&, member&, step_engine&);
  duration simulated_step(std::size_t sequences) const { return simulated_step_(sequences); }

  // Returns what the step function threw, if anything.
  std::exception_ptr step() noexcept {
    try {
      const typename core::user_code now(*core_);
      stepper_->step(std::span<active* const>(core_->stepping()));
    } catch (...) {
      return std::current_exception();
    }
    return nullptr;
  }

  void start_unless(bool simulated) {
    const std::lock_guard lock(starting_);
    if (!simulated && !thread_) thread_.emplace(&run_thread, this);
    if (simulated && thread_) {
      throw std::logic_error(
          "step_engine: a coroutine on a simulated_loop cannot use an engine whose thread has started; make "
          "one for each simulation");
    }
  }

  static void* run_thread(void* self) noexcept {
    static_cast<step_engine*>(self)->run_steps();
    return nullptr;
  }

  void run_steps() noexcept {
    while (core_->wait()) {
      if (core_->begin_step()) core_->end_step(step());
    }
    core_->end_all();
  }

  const core_handle core_;
  duration (*const simulated_step_)(std::size_t);
  stepper* const stepper_;
  std::mutex starting_;
  std::optional<detail::thread> thread_;  // guarded by starting_
};

}  // namespace coworker::inline v0_1
