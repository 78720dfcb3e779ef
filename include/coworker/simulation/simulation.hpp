#pragma once
// Simulates your handler: a real worker, with the real queue protocol, against a queue and a network with
// faults that a seed decides, in virtual time. For unit tests. Must not know what the handler does.

#include <coworker/job/handler.hpp>
#include <coworker/scale/modifier.hpp>
#include <coworker/simulation/report.hpp>
#include <coworker/simulation/seeds.hpp>
#include <coworker/simulation/world.hpp>
#include <cstdint>

namespace coworker::inline v0_1::simulation {

/// Runs one seed on the calling thread, and returns its report:
///
///     auto seen = simulation::simulate(handle, fixed_concurrency{4}, {.jobs = 100, .seed = 7});
///     CHECK_MESSAGE(seen.ok(), seen.text());
///
/// Handler and modifier are copied for each simulated worker. They must await coworker's own means only
/// (sleeps, events, other tasks), because real sockets and threads do not follow virtual time. Plain
/// functions run on the simulating thread and take no virtual time. Equal arguments give equal runs.
template <job_handler Handler, concurrency_modifier Modifier = fixed_concurrency>
report simulate(Handler handler, Modifier modifier = Modifier(), const options& wanted = {}) {
  return world<Handler, Modifier>(handler, modifier, wanted).run();
}

/// Runs `count` seeds, beginning with `wanted.seed`, until one fails; its report is shrunk and has a trace:
///
///     auto seen = simulation::simulate_seeds(1000, handle, fixed_concurrency{4});
///     CHECK_MESSAGE(seen.ok(), seen.text());
///
/// With more than one thread, copies of handler and modifier run on several threads at once.
template <job_handler Handler, concurrency_modifier Modifier = fixed_concurrency>
seeds_report simulate_seeds(std::uint64_t count, Handler handler, Modifier modifier = Modifier(),
                            const options& wanted = {}, unsigned threads = 1) {
  return simulation::run_seeds(wanted, count, threads, [&handler, &modifier](const options& one) {
    return simulation::simulate(handler, modifier, one);
  });
}

}  // namespace coworker::inline v0_1::simulation
