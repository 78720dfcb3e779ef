// The study of concurrency modifiers: each runs on loads that it has never seen, and is compared with the
// best fixed limit. That is the smallest limit within 2 % of the highest throughput, found by trying all
// limits.
//
//   g++ -std=c++20 -O2 -DNDEBUG -Iinclude tests/bench/modifier_*.cpp -o modifier_bench && ./modifier_bench
//
// Usage: modifier_bench [--quick] [--svg FILE]; --quick runs each with one seed instead of twelve; --svg
// draws the limit and the job times over time.
//
// The worker is a model in virtual time (tests/support/load_model.hpp), because the search for the best
// limits alone takes millions of jobs. The model takes jobs, uses slots and calls the modifier as the real
// worker does. Figures cover the last 65 % of each period between two changes of a load, divided by those of
// the best fixed limit under the same load and seed. "early" is the throughput from the 300th to the 800th
// job after a change.

#include "bench.hpp"
#include "modifier_picture.hpp"

#include <algorithm>
#include <coworker/scale/aimd.hpp>
#include <coworker/scale/combine.hpp>
#include <coworker/scale/hill_climb.hpp>
#include <coworker/scale/resource_guard.hpp>
#include <coworker/scale/vegas.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace coworker::bench;
using namespace coworker::testing;
using coworker::aimd;
using coworker::fixed_concurrency;
using coworker::follow_demand;
using coworker::hill_climb;
using coworker::resource_guard;
using coworker::smallest_of;
using coworker::vegas;

using runner = run_record (*)(const load&, std::uint64_t seed);

struct contender {
  const char* name;
  runner run;
};

run_record run_up_to_32(const load& what, std::uint64_t seed) {
  return simulate(what, follow_demand{.max = 32}, seed);
}

template <class Modifier>
run_record run_default(const load& what, std::uint64_t seed) {
  return simulate(what, Modifier{}, seed);
}

const std::vector<contender> contenders = {
    {"hill_climb", run_default<hill_climb>},
    {"aimd", run_default<aimd>},
    {"aimd + guard", run_default<smallest_of<aimd, resource_guard>>},
    {"vegas", run_default<vegas>},
    {"follow_demand", run_default<follow_demand>},
    {"... up to 32", run_up_to_32},
    {"fixed 1", run_default<fixed_concurrency>},
};

// The means over all seeds, and the worst value of each.
struct summary {
  comparison sum, worst{9, 0, 0, 9};
  double runs = 0, early_runs = 0, killed = 0;

  void add(const comparison& one) {
    sum.throughput += one.throughput;
    sum.p99 += one.p99;
    sum.limit += one.limit;
    worst.throughput = std::min(worst.throughput, one.throughput);
    worst.p99 = std::max(worst.p99, one.p99);
    worst.limit = std::max(worst.limit, one.limit);
    runs += 1;
    if (one.early <= 0) return;
    sum.early += one.early;
    worst.early = std::min(worst.early, one.early);
    early_runs += 1;
  }

  // The targets: at least 0.95 of the throughput, at most 1.3 times the p99 and 1.5 times the limit, and at
  // least 0.9 after 300 jobs. They apply to the mean over the seeds, because the figures of one seed are
  // partly chance.
  bool good() const {
    return killed == 0 && sum.throughput >= 0.95 * runs && sum.p99 <= 1.3 * runs && sum.limit <= 1.5 * runs &&
           sum.early >= 0.9 * early_runs;
  }

  void print(const char* name) const {
    if (killed > 0) {
      std::printf("    %-15s killed in %.0f of %.0f runs\n", name, killed, runs + killed);
      return;
    }
    std::printf("    %-15s %5.2f (%.2f)   %5.2f (%5.2f)   %5.2f (%5.2f)   ", name, sum.throughput / runs,
                worst.throughput, sum.p99 / runs, worst.p99, sum.limit / runs, worst.limit);
    if (early_runs > 0) {
      std::printf("%5.2f (%.2f)", sum.early / early_runs, worst.early);
    } else {
      std::printf("            ");
    }
    std::printf("  %s\n", good() ? "good" : "");
  }
};

struct best_fixed {
  int limit;
  std::vector<judgement> of_seed;
};

best_fixed find_best(const load& what, stretch part, std::uint64_t seeds) {
  const load still = unchanging(what, part);
  best_fixed best{best_fixed_limit(still, 1), {}};
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const run_record run = simulate(still, fixed_concurrency{best.limit}, seed);
    best.of_seed.push_back(judge(run, stretch{0, still.length}.steady(), still.length));
  }
  return best;
}

// Returns whether the recommended modifier met its targets.
bool study_load(const load& what, std::uint64_t seeds, std::vector<panel>& panels) {
  std::printf("%s: %s\n", what.name, what.description);
  const std::vector<stretch> parts = stretches_of(what);
  std::vector<best_fixed> best;
  for (const stretch& part : parts) best.push_back(find_best(what, part, seeds));
  panel picture{what, {}, {}, {}, {}};
  for (const best_fixed& one : best) {
    picture.best_limits.push_back(one.limit);
    picture.best_p99.push_back(one.of_seed[0].p99);
  }
  std::vector<std::vector<summary>> found(parts.size(), std::vector<summary>(contenders.size()));
  for (std::size_t c = 0; c < contenders.size(); ++c) {
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
      run_record run = contenders[c].run(what, seed);
      for (std::size_t part = 0; part < parts.size(); ++part) {
        summary& of = found[part][c];
        if (run.killed_at > 0) {
          of.killed += 1;
        } else {
          of.add(compare(run, parts[part], best[part].of_seed[seed - 1]));
        }
      }
      if (seed != 1) continue;
      const std::string_view name = contenders[c].name;
      if (name == "hill_climb") {
        picture.recommended = std::move(run);
      } else if (name == "aimd" || name == "vegas") {
        picture.others.push_back(std::move(run));
      }
    }
  }
  bool good = true;
  for (std::size_t part = 0; part < parts.size(); ++part) {
    std::printf("  from %.0f s to %.0f s: best fixed limit %d, %.2f jobs/s, p99 %.2f s\n", parts[part].from,
                parts[part].to, best[part].limit, best[part].of_seed[0].per_second,
                best[part].of_seed[0].p99);
    for (std::size_t c = 0; c < contenders.size(); ++c) found[part][c].print(contenders[c].name);
    good = good && found[part][0].good();
  }
  panels.push_back(std::move(picture));
  return good;
}

}  // namespace

int main(int argc, char** argv) {
  bool quick = false;
  const char* picture_file = nullptr;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--quick") quick = true;
    if (std::string_view(argv[i]) == "--svg" && i + 1 < argc) picture_file = argv[++i];
  }
  std::printf("Relative to the best fixed limit, mean (worst) of the seeds:\n");
  std::printf("    %-15s %-14s %-15s %-15s %s\n", "modifier", "throughput", "p99", "mean limit", "early");
  std::vector<panel> panels;
  int missed = 0;
  for (const load& what : study_loads()) missed += study_load(what, quick ? 1 : 12, panels) ? 0 : 1;
  std::printf("hill_climb, with its defaults: within all targets on %zu of %zu loads\n",
              panels.size() - static_cast<std::size_t>(missed), panels.size());
  if (picture_file != nullptr) {
    const std::string svg = draw(panels, {"aimd", "vegas"});
    std::FILE* const file = std::fopen(picture_file, "w");
    require(file != nullptr, "the picture's file cannot be written");
    std::fwrite(svg.data(), 1, svg.size(), file);
    std::fclose(file);
  }
  return 0;
}
