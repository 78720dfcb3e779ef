// Simulates a whole worker against a faulty queue for many seeds, on all cores, and reports the first seed
// that breaks an invariant.
//
// Build: c++ -std=c++20 -O2 -pthread -I include -I tests tests/simulation/run_seeds.cpp -o run_seeds
//
// Run:   ./run_seeds [--seeds N] [--first SEED] [--fresh] [--threads N] [--jobs N]
//
//        ./run_seeds --seed SEED     once more, with a line for each event
//
// --fresh draws the first seed from the clock. Ends with status 1 if an invariant was broken.

#include <chrono>
#include <coworker/simulation/simulation.hpp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "simulation/erratic.hpp"

namespace {

namespace sim = coworker::simulation;

struct settings {
  sim::options base;
  std::uint64_t seeds = 2000;
  unsigned threads = std::thread::hardware_concurrency();
  bool one = false;
  bool good = true;
};

settings read(int argc, char** argv) {
  settings made;
  made.base.jobs = 1000;  // as many as a seed draws
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--fresh") {
      made.base.seed =
          static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count()) >> 10;
      continue;
    }
    const std::uint64_t value = i + 1 < argc ? std::strtoull(argv[++i], nullptr, 10) : 0;
    made.good = made.good && (value > 0 || (name == "--seed" || name == "--first"));
    if (name == "--seeds") {
      made.seeds = value;
    } else if (name == "--first" || name == "--seed") {
      made.base.seed = value;
      made.one = name == "--seed";
    } else if (name == "--threads") {
      made.threads = static_cast<unsigned>(value);
    } else if (name == "--jobs") {
      made.base.jobs = static_cast<std::size_t>(value);
    } else {
      made.good = false;
    }
  }
  return made;
}

int replay(sim::options wanted) {
  wanted.trace = true;
  const sim::report seen = coworker::testing::run_erratic(wanted);
  std::printf("%s%zu jobs, hash %016llx\n", seen.text().c_str(), seen.jobs.size(),
              static_cast<unsigned long long>(seen.hash));
  return seen.ok() ? 0 : 1;
}

int run(const settings& wanted) {
  const auto start = std::chrono::steady_clock::now();
  const sim::seeds_report seen =
      sim::run_seeds(wanted.base, wanted.seeds, wanted.threads, coworker::testing::run_erratic);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const auto runs = static_cast<double>(seen.runs + seen.compared);
  std::printf(
      "seeds %llu to %llu: %llu run, %.1f jobs and %.0f steps each, %llu of them twice; %.0f a second on %u "
      "threads\n",
      static_cast<unsigned long long>(wanted.base.seed),
      static_cast<unsigned long long>(wanted.base.seed + wanted.seeds - 1),
      static_cast<unsigned long long>(seen.runs),
      static_cast<double>(seen.jobs) / static_cast<double>(seen.runs),
      static_cast<double>(seen.steps) / static_cast<double>(seen.runs),
      static_cast<unsigned long long>(seen.compared), runs / seconds, wanted.threads);
  if (seen.ok()) {
    std::puts("no violation");
    return 0;
  }
  std::printf("%sfirst failing seed, to see it unshrunk: --seed %llu\n", seen.failure->text().c_str(),
              static_cast<unsigned long long>(seen.failure->seed));
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const settings wanted = read(argc, argv);
  if (!wanted.good || wanted.threads == 0) {
    std::fputs("run_seeds: use --seeds N, --first SEED, --fresh, --threads N, --jobs N or --seed SEED\n",
               stderr);
    return 2;
  }
  return wanted.one ? replay(wanted.base) : run(wanted);
}
