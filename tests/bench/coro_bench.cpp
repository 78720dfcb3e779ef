// The coroutine benchmark: the cost of a call, a start, a hop between threads and a timer, compared with
// other libraries.
//
// Without other libraries, from the top of the repository:
//
//   g++ -std=c++20 -O2 -DNDEBUG -pthread -Iinclude tests/bench/coro_bench.cpp -o coro_bench
//
// Each other library has a file beside this one, which is empty if the library's headers are not found. With
// all of them, or those that you have, each built by the same compiler with -O2 -DNDEBUG:
//
//   g++ -std=c++20 -O2 -DNDEBUG -pthread -Iinclude tests/bench/coro_*.cpp -o coro_bench
//       -isystem ASIO/include
//       -isystem CPPCORO/include CPPCORO_BUILD/libcppcoro.a
//       -isystem LIBCORO/include -isystem LIBCORO_BUILD/include LIBCORO_BUILD/libcoro.a
//       -isystem CONCURRENCPP/include CONCURRENCPP_BUILD/libconcurrencpp.a
//       -isystem ASYNC_SIMPLE
//       -isystem TOOMANYCOOKS/include
//
// With CMake, -DCOWORKER_BUILD_BENCHMARKS=ON and these folders and .a files in
// -DCOWORKER_BENCH_PEERS="...;...".
//
// Usage: coro_bench [--quick] [measure...]
//
// The measures are leaf, visible_leaf, fibonacci, spawn, spawn_many, hop, hop_64, fire and cancel. --quick
// does a hundredth of the work once, which shows only that the benchmark works. Each repetition runs all
// libraries in turn, so that a machine that slows down slows all of them. The repetitions of calls are many
// and short, so that each library has some without interruption. A single hop is two wake-ups by the kernel,
// whose cost depends on which cores it chooses for the two threads. Compare hops on one core:
// `taskset -c 0 coro_bench hop`.

#include "coro_bench.hpp"

#include <algorithm>
#include <coworker/coro/context.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <string_view>
#include <thread>
#include <utility>

namespace coworker::bench {
namespace {

// --- coworker ----------------------------------------------------------------------------------------------

const auto coworker_drive = [](auto work) { return sync_wait(std::move(work)); };

task<void> coworker_spawn_all(std::size_t rounds, std::size_t at_once, std::size_t& ended) {
  for (std::size_t round = 0; round != rounds; ++round) {
    scope children(co_await this_coro::context());
    for (std::size_t i = 0; i != at_once; ++i) children.spawn(end_at_once<task<void>>(ended));
    co_await children.join();
  }
}

nanoseconds coworker_spawn(std::size_t rounds, std::size_t at_once) {
  std::size_t ended = 0;
  const stopwatch watch;
  sync_wait(coworker_spawn_all(rounds, at_once, ended));
  const nanoseconds elapsed = watch.elapsed();
  require(ended == rounds * at_once, "coworker: not all tasks ended");
  return elapsed;
}

template <class ToPool, class ToLoop>
task<void> coworker_hop_all(std::size_t trips, std::size_t at_once, ToPool to_pool, ToLoop to_loop,
                            hop_counts& done) {
  scope children(co_await this_coro::context());
  for (std::size_t i = 0; i != at_once; ++i) {
    children.spawn(hop_repeatedly<task<void>>(trips, to_pool, to_loop, done));
  }
  co_await children.join();
}

nanoseconds coworker_hop(std::size_t trips, std::size_t at_once) {
  event_loop loop;
  thread_pool pool{1};
  hop_counts done;
  const auto to_pool = [&pool] { return resume_on(pool); };
  const auto to_loop = [&loop] { return resume_on(loop); };
  const stopwatch watch;
  sync_wait(loop, coworker_hop_all(trips, at_once, to_pool, to_loop, done));
  const nanoseconds elapsed = watch.elapsed();
  require(done.ended == at_once && done.on_wrong_thread == 0,
          "coworker: a coroutine ran on the wrong thread");
  return elapsed;
}

struct sleepers {
  std::size_t asleep = 0;
  std::size_t woken = 0;
};

task<void> coworker_sleep(clock::time_point until, sleepers& all) {
  ++all.asleep;
  co_await sleep_until(until);
  ++all.woken;
}

task<timer_times> coworker_time_timers(event_loop& loop, std::size_t count, nanoseconds delay, bool cancel) {
  scope children(co_await this_coro::context());
  sleepers all;
  timer_times times{};
  const deadlines due(delay);
  const stopwatch arming;
  for (std::size_t i = 0; i != count; ++i) children.spawn(coworker_sleep(due[i], all));
  while (all.asleep != count) co_await resume_on(loop);
  times.arming = arming.elapsed();
  require(all.woken == 0, "coworker: a timer was due before all were armed");
  if (!cancel) std::this_thread::sleep_until(due.last());
  const stopwatch ending;
  if (cancel) children.request_stop();
  co_await children.join();
  times.ending = ending.elapsed();
  require(all.woken == (cancel ? 0 : count), "coworker: not all sleeps ended as they should");
  co_return times;
}

timer_times coworker_timers(std::size_t count, nanoseconds delay, bool cancel) {
  event_loop loop;
  return sync_wait(loop, coworker_time_timers(loop, count, delay, cancel));
}

const bool coworker_added = add({
    .name = "coworker",
    .leaf = [](std::uint64_t count) { return time_leaves<task>(count, coworker_drive); },
    .visible_leaf = [](std::uint64_t count) { return time_visible_leaves<task>(count, coworker_drive); },
    .fibonacci = [](int n) { return time_fibonacci<task>(n, coworker_drive); },
    .spawn = coworker_spawn,
    .hop = coworker_hop,
    .fire = [](std::size_t count) { return coworker_timers(count, soon(count), false); },
    .cancel = [](std::size_t count) { return coworker_timers(count, far_ahead, true); },
});

// --- the measures ------------------------------------------------------------------------------------------

constexpr std::string_view ours = "coworker";

/// Nanoseconds per operation, one number for each title of the measure. Empty if the library cannot do it.
using readings = std::vector<double>;

struct measure {
  std::string_view name;
  std::vector<const char*> titles;
  std::size_t operations;
  int repetitions;
  readings (*run)(const library&, std::size_t operations);
};

// The smallest n for which fibonacci(n) takes at least this many calls.
int fibonacci_index(std::size_t calls) {
  int n = 0;
  while (fibonacci_calls(n) < calls) ++n;
  return n;
}

readings fibonacci(const library& one, std::size_t calls) {
  if (one.fibonacci == nullptr) return {};
  const int n = fibonacci_index(calls);
  return {per_operation(one.fibonacci(n), fibonacci_calls(n))};
}

readings run_spawn(const library& one, std::size_t count, std::size_t at_once) {
  if (one.spawn == nullptr) return {};
  const std::size_t rounds = count / at_once;
  return {per_operation(one.spawn(rounds, at_once), rounds * at_once)};
}

readings run_hop(const library& one, std::size_t trips, std::size_t at_once) {
  if (one.hop == nullptr) return {};
  const std::size_t trips_each = trips / at_once;
  return {per_operation(one.hop(trips_each, at_once), trips_each * at_once)};
}

readings run_calls(nanoseconds (*time)(std::uint64_t), std::size_t count) {
  if (time == nullptr) return {};
  return {per_operation(time(count), count)};
}

readings run_timers(timer_times (*time)(std::size_t), std::size_t count) {
  if (time == nullptr) return {};
  const timer_times times = time(count);
  return {per_operation(times.arming, count), per_operation(times.ending, count)};
}

readings leaf(const library& one, std::size_t count) { return run_calls(one.leaf, count); }
readings visible_leaf(const library& one, std::size_t count) { return run_calls(one.visible_leaf, count); }
readings spawn(const library& one, std::size_t count) { return run_spawn(one, count, 1'000); }
readings spawn_many(const library& one, std::size_t count) { return run_spawn(one, count, count); }
readings hop(const library& one, std::size_t trips) { return run_hop(one, trips, 1); }
readings hop_64(const library& one, std::size_t trips) { return run_hop(one, trips, 64); }
readings fire(const library& one, std::size_t count) { return run_timers(one.fire, count); }
readings cancel(const library& one, std::size_t count) { return run_timers(one.cancel, count); }

const std::vector<measure> measures{
    {"leaf", {"await a coroutine that returns at once"}, 200'000, 301, leaf},
    {"visible_leaf", {"await a coroutine that the optimiser can see"}, 200'000, 301, visible_leaf},
    {"fibonacci", {"one call of the recursive fibonacci(24)"}, fibonacci_calls(24), 301, fibonacci},
    {"spawn", {"start a task on a loop and wait for it, 1,000 at once"}, 1'000'000, 7, spawn},
    {"spawn_many", {"start a task on a loop and wait for it, 200,000 at once"}, 200'000, 7, spawn_many},
    {"hop", {"to a thread pool and back, one coroutine"}, 20'000, 7, hop},
    {"hop_64", {"to a thread pool and back, 64 coroutines at once"}, 256'000, 7, hop_64},
    {"fire", {"start a coroutine that sleeps", "wake it at its deadline and end it"}, 1'000'000, 3, fire},
    {"cancel", {"start a coroutine that sleeps long", "cancel its sleep and end it"}, 1'000'000, 3, cancel},
};

struct row {
  std::string_view name;
  figures read;
};

void print(const char* title, std::vector<row> rows) {
  std::erase_if(rows, [](const row& one) { return one.read.empty(); });
  std::sort(rows.begin(), rows.end(),
            [](const row& a, const row& b) { return a.read.minimum() < b.read.minimum(); });
  std::printf("\n%-58s%10s%10s\n", title, "minimum", "median");
  figures our_figures;
  double best_minimum = 0;
  double best_median = 0;
  for (const row& one : rows) {
    std::printf("  %-56.*s%10.2f%10.2f\n", static_cast<int>(one.name.size()), one.name.data(),
                one.read.minimum(), one.read.median());
    if (one.name == ours) {
      our_figures = one.read;
    } else {
      if (best_minimum == 0) best_minimum = one.read.minimum();
      if (best_median == 0 || one.read.median() < best_median) best_median = one.read.median();
    }
  }
  if (our_figures.empty() || best_minimum == 0) return;
  std::printf("  %-56s%10.2f%10.2f\n", "coworker / the best other", our_figures.minimum() / best_minimum,
              our_figures.median() / best_median);
}

void run(const measure& what, bool quick) {
  std::vector<std::vector<row>> tables(what.titles.size());
  for (std::vector<row>& rows : tables) {
    for (const library& one : libraries()) rows.push_back({one.name, {}});
  }
  const int repetitions = quick ? 1 : what.repetitions;
  const std::size_t operations = quick ? what.operations / 100 : what.operations;
  for (int repetition = 0; repetition != repetitions; ++repetition) {
    for (std::size_t i = 0; i != libraries().size(); ++i) {
      const readings read = what.run(libraries()[i], operations);
      for (std::size_t part = 0; part != read.size(); ++part) tables[part][i].read.add(read[part]);
    }
  }
  for (std::size_t part = 0; part != tables.size(); ++part) print(what.titles[part], std::move(tables[part]));
  std::fflush(stdout);
}

}  // namespace
}  // namespace coworker::bench

int main(int argc, char** argv) {
  using namespace coworker::bench;
  const std::vector<std::string_view> arguments(argv + 1, argv + argc);
  const auto given = [&](std::string_view word) {
    return std::find(arguments.begin(), arguments.end(), word) != arguments.end();
  };
  const bool quick = given("--quick");
  const bool all = arguments.size() == (quick ? 1U : 0U);
  std::printf("nanoseconds an operation\n");
  for (const measure& one : measures) {
    if (all || given(one.name)) run(one, quick);
  }
}
