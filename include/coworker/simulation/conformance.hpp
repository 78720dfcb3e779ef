#pragma once
// Checks that an engine keeps the contract of transport/concept.hpp: workers come and go on a simulated loop,
// while a test feeds the engine and reports what it delivered. Must not know any engine.

#include <concepts>
#include <coworker/coro/async_generator.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/random.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/job/job.hpp>
#include <coworker/json/json.hpp>
#include <coworker/log.hpp>
#include <coworker/scale/modifier.hpp>
#include <coworker/simulation/conformance_checks.hpp>
#include <coworker/simulation/conformance_engine.hpp>
#include <coworker/transport/concept.hpp>
#include <coworker/worker.hpp>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace coworker::inline v0_1::simulation {

/// What a test provides: an engine, a way to feed it, and what it delivered. One is made for each run.
///
///     engine()    the engine
///     add()       adds one more job to the queue, and returns its id; any handler output and input will do
///     close()     no more jobs are added; an engine that can end does so once all are taken
///     arrivals()  everything that reached the receiver of the engine's deliveries, in the order of arrival;
///                 called once, after the workers
///
/// Set `static constexpr bool adds_while_served = false;` if jobs can only be added before the first worker
/// comes, and `static constexpr bool sees_parts = false;` if arrivals() has results only, and no chunks or
/// progress.
template <class Feed>
concept engine_feed = requires(Feed& feed) {
  requires transport<std::remove_cvref_t<decltype(feed.engine())>>;
  { feed.add() } -> std::convertible_to<std::string>;
  feed.close();
  { feed.arrivals() } -> std::same_as<std::vector<arrival>>;
};

/// Settings of check_conformance().
struct conformance_options {
  /// The number of runs. Each draws from its seed when jobs come, how long they take, which are stopped, and
  /// when the worker leaves. Default: 100.
  int runs = 100;
  /// The seed of the first run; the others use the seeds that follow. Default: 1.
  std::uint64_t seed = 1;
  /// The most jobs that a run has. Default: 20.
  int jobs = 20;
  /// How long a take and attend may take to end after they were asked to stop. Virtual time. Default: 30 s.
  duration stop_within = std::chrono::seconds(30);
  /// How long after the last job was added every job must have its result, if the engine is as fast as it can
  /// be. Virtual time. Default: 10 min.
  duration settle_within = std::chrono::minutes(10);
};

/// What check_conformance() found.
struct conformance_report {
  int runs = 0;                            ///< runs that were made; the first run with a problem is the last
  std::uint64_t seed = 0;                  ///< of the last run
  std::vector<std::string> problems = {};  ///< one sentence each

  /// Whether no problem was found.
  bool ok() const noexcept { return problems.empty(); }

  /// Returns everything as text, for a test's message.
  std::string text() const {
    if (ok()) return "the engine kept the contract in " + std::to_string(runs) + " runs";
    std::string all = "run " + std::to_string(runs) + " (seed " + std::to_string(seed) + "):";
    for (const std::string& one : problems) all += "\n  " + one;
    return all;
  }
};

/// Runs workers over engines, and reports how they break the contract. `make(simulated_loop&)` returns a
/// feed.
///
///     auto seen = simulation::check_conformance([](simulated_loop& loop) { return my_feed(loop); });
///     CHECK_MESSAGE(seen.ok(), seen.text());
///
/// Engines must wait with coworker's own means only (sleeps, events, other tasks), because real sockets and
/// threads do not follow virtual time. If a run hangs, its coroutines are never destroyed and their memory is
/// leaked.
template <class Make>
requires engine_feed<std::invoke_result_t<Make&, simulated_loop&>> conformance_report
check_conformance(Make make, const conformance_options& wanted = {});

// --- implementation
// -----------------------------------------------------------------------------------------

/// The duration of a job, and what it sends meanwhile, follow from its id.
struct conformance_plan {
  std::uint64_t seed;

  random_source of(const std::string& id) const noexcept {
    return random_source(seed ^ simulation::id_hash(id));
  }
};

/// The handler of runs without streams.
struct conformance_handler {
  conformance_plan plan;

  task<json> operator()(job<> work) const {
    random_source drawn = plan.of(work.id);
    const std::string id = work.id;
    for (std::uint64_t i = drawn.below(4U); i > 0; --i) {
      work.progress(std::to_string(i) + " left of " + id);
      co_await sleep_for(std::chrono::milliseconds(drawn.below(700U)));
    }
    if (drawn.below(8U) == 0) throw std::runtime_error("job " + id + " is one of those that fail");
    co_return "result of " + id;
  }
};

/// The handler of runs with streams.
struct conformance_stream {
  conformance_plan plan;

  async_generator<json> operator()(job<> work) const {
    random_source drawn = plan.of(work.id);
    const std::string id = work.id;
    for (std::uint64_t i = 0, end = drawn.below(6U); i < end; ++i) {
      work.progress(std::to_string(i) + " done of " + id);
      if (drawn.below(2U) == 0) co_await sleep_for(std::chrono::milliseconds(drawn.below(700U)));
      co_yield "chunk " + std::to_string(i) + " of " + id;
    }
    if (drawn.below(8U) == 0) throw std::runtime_error("job " + id + " is one of those that fail");
  }
};

/// One run over one engine.
template <class Make>
class conformance_run {
  using feed_type = std::invoke_result_t<Make&, simulated_loop&>;
  using engine_type = std::remove_cvref_t<decltype(std::declval<feed_type&>().engine())>;

 public:
  conformance_run(Make& make, const conformance_options& wanted, std::uint64_t seed)
      : wanted_(wanted), plan_{seed}, random_(seed), loop_(seed), feed_(make(loop_)) {
    log_.set_sink(sink_);
  }

  // Returns false if the run hangs; this object must then be kept.
  bool go() {
    loop_.limit_steps(1'000'000);
    try {
      root_.spawn(whole());
      loop_.run_until(time_point(std::chrono::hours(24)));
    } catch (const std::exception& error) {
      notes_.violate(std::string("the run never ends: ") + error.what());
      return false;
    }
    if (!done_) {
      notes_.report_hanging();
      return false;
    }
    // Everything has been joined by now.
    simulation::check_arrivals(notes_, added_, feed_.arrivals(), sees_parts());
    return true;
  }

  std::vector<std::string> problems() const { return notes_.problems(); }

 private:
  struct silent_sink final : log_sink {
    void write(log_level, std::string_view) noexcept override {}
  };

  static constexpr bool adds_while_served() {
    if constexpr (requires { bool{feed_type::adds_while_served}; }) return feed_type::adds_while_served;
    return true;
  }
  static constexpr bool sees_parts() {
    if constexpr (requires { bool{feed_type::sees_parts}; }) return feed_type::sees_parts;
    return true;
  }

  task<void> whole() {
    const bool streams = random_.below(2U) == 0;
    if (streams) {
      co_await with_handler(conformance_stream{plan_});
    } else {
      co_await with_handler(conformance_handler{plan_});
    }
    done_ = true;
  }

  template <class Handler>
  task<void> with_handler(Handler handler) {
    const context here = co_await this_coro::context();
    scope beside(here);
    if (adds_while_served()) {
      beside.spawn(add_jobs());
    } else {
      for (std::uint64_t i = 1 + random_.below(jobs_at_most()); i > 0; --i) added_.push_back(feed_.add());
      feed_.close();
    }
    // One worker that leaves at some time, perhaps idle, perhaps in the middle of its jobs; then one that
    // stays.
    if (random_.below(4U) > 0)
      co_await serve(handler, std::chrono::milliseconds(random_.below(15'000U)), random_.below(2U) == 0);
    co_await beside.join();
    if (!notes_.closed) co_await serve(handler, wanted_.settle_within, false);
  }

  std::uint64_t jobs_at_most() const noexcept {
    return static_cast<std::uint64_t>(wanted_.jobs > 1 ? wanted_.jobs : 1);
  }

  task<void> add_jobs() {
    for (std::uint64_t i = 1 + random_.below(jobs_at_most()); i > 0; --i) {
      if (random_.below(3U) == 0) co_await sleep_for(std::chrono::milliseconds(random_.below(4'000U)));
      added_.push_back(feed_.add());
    }
    if (random_.below(2U) == 0) co_await sleep_for(std::chrono::milliseconds(random_.below(8'000U)));
    feed_.close();
  }

  template <class Handler>
  task<void> serve(Handler handler, duration leaves_after, bool stops_jobs) {
    const context here = co_await this_coro::context();
    coworker::options settings;
    settings.grace_period = std::chrono::seconds(5 * random_.below(3U));
    settings.prefetch = random_.below(4U) == 0;
    settings.overlap_delivery = random_.below(4U) == 0;
    settings.log = &log_;
    worker<Handler> runner(std::move(handler), fixed_concurrency{static_cast<int>(1 + random_.below(6U))},
                           settings);
    observed_engine<engine_type> engine(feed_.engine(), notes_, loop_, wanted_.stop_within);
    scope beside(here);
    beside.spawn(leave_later(runner, leaves_after));
    if (stops_jobs) beside.spawn(stop_jobs(runner));
    std::exception_ptr failure;
    try {
      co_await runner.serve(engine);
    } catch (...) {
      failure = std::current_exception();  // the notes have it
    }
    beside.request_stop();
    co_await beside.join();
    notes_.worker_left();
  }

  template <class Worker>
  static task<void> leave_later(Worker& runner, duration after) {
    co_await sleep_for(after);
    runner.stop();
  }

  template <class Worker>
  task<void> stop_jobs(Worker& runner) {
    for (;;) {
      co_await sleep_for(std::chrono::milliseconds(1 + random_.below(3'000U)));
      if (!added_.empty()) runner.stop_job(added_[random_.below(added_.size())]);
    }
  }

  const conformance_options wanted_;
  const conformance_plan plan_;
  random_source random_;
  simulated_loop loop_;
  silent_sink sink_;
  logger log_;
  conformance_notes notes_;
  std::vector<std::string> added_;
  feed_type feed_;
  bool done_ = false;
  scope root_{context(loop_)};
};

// Keeps runs that hang, because coroutines that wait cannot be destroyed.
/// The runs that hang; never destroyed.
inline std::vector<std::shared_ptr<void>>& conformance_runs_that_hang() {
  static auto* const kept = new std::vector<std::shared_ptr<void>>();
  return *kept;
}

template <class Make>
requires engine_feed<std::invoke_result_t<Make&, simulated_loop&>> conformance_report
check_conformance(Make make, const conformance_options& wanted) {
  conformance_report made;
  while (made.ok() && made.runs < wanted.runs) {
    made.seed = wanted.seed + static_cast<std::uint64_t>(made.runs++);
    const auto run = std::make_shared<conformance_run<Make>>(make, wanted, made.seed);
    if (!run->go()) simulation::conformance_runs_that_hang().push_back(run);
    made.problems = run->problems();
  }
  return made;
}

}  // namespace coworker::inline v0_1::simulation
