// Measures the cost of a step_engine compared with a bare loop that calls the same step. The engine has 8
// sequences and sends their pieces to 8 jobs on an event loop; the bare loop sends nothing.
//
//   g++ -std=c++20 -O2 -DNDEBUG -pthread -Iinclude tests/bench/step_engine_bench.cpp -o step_engine_bench
//
// Usage: step_engine_bench [--quick]
//
// A step is arithmetic that takes the time given in the first column; a step of a language model takes 4 ms
// or more. The figures are CPU time of the whole process, including the jobs' side, so that other work on the
// machine does not matter. The engine is at least as fast as the ratio says if the jobs' loop has a core of
// its own. The two run in turn, and the best round of each counts.

#include <chrono>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/step_engine.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <cstddef>
#include <cstdio>
#include <ctime>
#include <span>
#include <string_view>
#include <utility>

#include "bench.hpp"

namespace {

using namespace coworker::bench;
namespace cw = coworker;

constexpr std::size_t sequences = 8;

struct sequence {
  std::size_t left;
};
using engine = cw::step_engine<sequence, double>;

// Takes about 4 ns per round.
double compute(std::size_t rounds) {
  double value = unknown(1.0);
  for (std::size_t i = 0; i != rounds; ++i) value = value * 1.0000001 + 1e-9;
  return value;
}

nanoseconds since(std::clock_t start) {
  return std::chrono::duration_cast<nanoseconds>(
      std::chrono::duration<double>(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC));
}

double bare_loop(std::size_t rounds, std::size_t steps) {
  const std::clock_t start = std::clock();
  double sum = 0;
  for (std::size_t i = 0; i != steps; ++i) sum += compute(rounds);
  require(sum > 0, "nothing was computed");
  return per_operation(since(start), steps);
}

cw::task<> use(engine& from, std::size_t steps, std::size_t& pieces) {
  sequence own{steps};
  auto stream = from.run(std::move(own));
  for (double* one = co_await stream.next(); one != nullptr; one = co_await stream.next()) ++pieces;
}

cw::task<> use_all(engine& from, std::size_t steps, std::size_t& pieces) {
  const cw::context here = co_await cw::this_coro::context();
  cw::scope jobs(here);
  for (std::size_t i = 0; i != sequences; ++i) jobs.spawn(use(from, steps, pieces));
  co_await jobs.join();
}

double with_engine(std::size_t rounds, std::size_t steps) {
  engine stepping(
      [rounds](std::span<engine::active* const> all) {
        const double value = compute(rounds);
        for (engine::active* const one : all) {
          one->send(value);
          if (--(*one)->left == 0) one->finish();
        }
      },
      {.at_once = sequences});
  cw::event_loop loop;
  std::size_t pieces = 0;
  const std::clock_t start = std::clock();
  cw::sync_wait(loop, use_all(stepping, steps, pieces));
  const nanoseconds took = since(start);
  require(pieces == sequences * steps, "pieces were lost");
  return per_operation(took, stepping.measured().steps);  // the first steps do not have all sequences yet
}

}  // namespace

int main(int argc, char** argv) {
  const bool quick = argc > 1 && std::string_view(argv[1]) == "--quick";
  const double round = bare_loop(100'000, quick ? 10 : 100) / 100'000;
  std::printf("%12s %12s %12s %22s\n", "step, us", "bare, us", "engine, us", "engine's speed / bare");
  for (const double wanted : {100e3, 1e6, 4e6, 30e6}) {
    const auto rounds = static_cast<std::size_t>(wanted / round);
    const auto steps = static_cast<std::size_t>((quick ? 20e6 : 300e6) / wanted) + 1;
    figures bare, stepped;
    for (int i = 0; i != (quick ? 1 : 7); ++i) {
      bare.add(bare_loop(rounds, steps));
      stepped.add(with_engine(rounds, steps));
    }
    std::printf("%12.0f %12.1f %12.1f %22.3f\n", wanted / 1e3, bare.minimum() / 1e3, stepped.minimum() / 1e3,
                bare.minimum() / stepped.minimum());
  }
}
