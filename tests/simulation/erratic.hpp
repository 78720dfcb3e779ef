#pragma once
// Handlers, modifiers and settings that a seed draws, to simulate everything that users may do to a worker.

#include <coworker/coro/async_generator.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/auto_reset_event.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/job/job.hpp>
#include <coworker/json/json.hpp>
#include <coworker/simulation/simulation.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace coworker::testing {

namespace sim = coworker::simulation;

/// Sleeps as the input says, and goes on for a while after it was stopped, if the input says so.
inline task<void> erratic_sleep(const json& input) {
  const auto span = std::chrono::milliseconds(input.value("ms", 0));
  const executor_ref here = co_await this_coro::executor();
  bool was_stopped = false;
  try {
    co_await sleep_for(span);
  } catch (const cancelled&) {
    was_stopped = true;
  }
  if (!was_stopped) co_return;
  if (!input.value("stubborn", false)) throw cancelled();
  auto_reset_event never_set;  // a wait that no stop ends
  const time_point due = here.now() + span;
  co_await never_set.wait_until(
      due < here.now() + std::chrono::seconds(3) ? due : here.now() + std::chrono::seconds(3));
}

inline json erratic_end(const json& input) {
  const std::string how = input.value("do", "");
  if (how == "throw") throw std::runtime_error("as the seed says");
  if (how == "error") return json{{"error", "no luck"}, {"n", 1}};
  if (how == "unserialisable") return json(std::string("\xff\xfe"));
  return json{{"n", input.value("n", 0)}};
}

inline void erratic_progress(const job<>& work, const json& input) {
  const int reports = input.value("reports", 0);
  for (int i = 0; i < reports; ++i) work.progress(json(i));
}

inline task<json> erratic_task(job<> work) {
  const json input = std::move(work.input);
  erratic_progress(work, input);
  co_await erratic_sleep(input);
  erratic_progress(work, input);
  co_return erratic_end(input);
}

inline json erratic_plain(job<> work) {
  erratic_progress(work, work.input);
  return erratic_end(work.input);
}

inline async_generator<json> erratic_stream(job<> work) {
  const json input = std::move(work.input);
  const int chunks = input.value("chunks", 0);
  for (int i = 0; i < chunks; ++i) {
    co_await erratic_sleep(input);
    erratic_progress(work, input);
    json chunk = json::object();
    chunk["job"] = work.id;
    chunk["chunk"] = i;
    co_yield std::move(chunk);
  }
  erratic_end(input);
}

/// Steady, or anything at all.
class erratic_modifier {
 public:
  explicit erratic_modifier(std::uint64_t seed) noexcept : dice_(seed) {
    steady_ = dice_.chance(0.5) ? dice_.between(1, 12) : 0;
  }

  int operator()(int current) {
    if (steady_ > 0) return steady_;
    switch (dice_.below(24)) {
      case 0:
        throw std::runtime_error("no limit today");
      case 1:
        return dice_.chance(0.8) ? std::numeric_limits<int>::min() : std::numeric_limits<int>::max();
      case 2:
        return 0;
      case 3:
        return dice_.between(1, 60);
      case 4:
        return current < 40 ? current + 3 : current;
      default:
        return current;
    }
  }

 private:
  sim::dice dice_;
  int steady_ = 0;
};

inline std::vector<json> erratic_inputs(sim::dice& random) {
  std::vector<json> inputs;
  const bool stubborn = random.chance(0.3), failing = random.chance(0.5), stalling = random.chance(0.2);
  const bool reporting = random.chance(0.3);
  for (int n = 0; n < 7; ++n) {
    json input{{"n", n}, {"ms", random.below(random.chance(0.2) ? 4000 : 400)}, {"chunks", random.below(4)}};
    if (stubborn && random.chance(0.4)) input["stubborn"] = true;
    if (reporting && random.chance(0.5)) input["reports"] = random.between(1, 5);
    if (stalling && random.chance(0.2)) input["ms"] = 30'000;
    if (failing && random.chance(0.3)) {
      const char* const ends[] = {"", "throw", "error", "unserialisable"};
      input["do"] = ends[random.below(4)];
    }
    inputs.push_back(std::move(input));
  }
  return inputs;
}

/// Draws from the seed what `base` leaves open; at most `base.jobs` jobs.
inline sim::options erratic_options(const sim::options& base) {
  sim::dice random(base.seed + 77);
  sim::options made = base;
  const auto drawn =
      static_cast<std::size_t>(random.chance(0.1) ? random.between(1, 3) : random.between(30, 76));
  if (drawn < made.jobs) made.jobs = drawn;
  made.inputs = erratic_inputs(random);
  made.worker.grace_period = random.between(duration::zero(), std::chrono::seconds(30));
  made.worker.modifier_interval = random.between(std::chrono::milliseconds(100), std::chrono::seconds(5));
  made.worker.prefetch = random.chance(0.3);
  made.worker.overlap_delivery = random.chance(0.3);
  made.worker.job_timeout = random.chance(0.2)
                                ? random.between(std::chrono::milliseconds(50), std::chrono::seconds(20))
                                : duration();
  made.worker.coroutines_on_pool = random.chance(0.2);
  made.worker.only_outcomes = random.chance(0.1);
  made.worker.stream.gather_for =
      random.chance(0.3) ? random.between(std::chrono::milliseconds(1), std::chrono::seconds(2)) : duration();
  made.worker.stream.return_aggregate_stream = random.chance(0.3);
  made.queue.delivery_deadline = random.between(std::chrono::seconds(20), std::chrono::minutes(10));
  made.queue.posts_at_once = random.chance(0.3) ? 1 : static_cast<std::size_t>(random.between(2, 20));
  made.queue.post_timeout = random.between(std::chrono::seconds(2), std::chrono::seconds(60));
  made.queue.api_key = "key";
  made.ping_interval = random.between(std::chrono::seconds(1), std::chrono::seconds(10));
  made.spool = random.chance(0.6);
  return made;
}

/// One run in which everything is drawn from the seed, except what `base` excludes.
inline sim::report run_erratic(const sim::options& base) {
  const sim::options drawn = erratic_options(base);
  const erratic_modifier modifier(base.seed);
  switch (base.seed % 4) {
    case 0:
      return sim::simulate(erratic_stream, modifier, drawn);
    case 1:
      return sim::simulate(erratic_plain, modifier, drawn);
    default:
      return sim::simulate(erratic_task, modifier, drawn);
  }
}

}  // namespace coworker::testing
