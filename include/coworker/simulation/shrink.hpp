#pragma once
// Makes a run that fails smaller: fewer kinds of faults, then fewer jobs, as long as the same invariant is
// broken. Must not know more of a run than its report.

#include <coworker/simulation/fault_plan.hpp>
#include <coworker/simulation/report.hpp>
#include <coworker/simulation/violation.hpp>
#include <cstddef>
#include <utility>

namespace coworker::inline v0_1::simulation {

/// Returns the smallest options found at which the same invariant is broken, after some dozens of runs.
/// `run(const options&)` returns the report of one run; `wanted` is a run that fails.
template <class Run>
options shrink(options wanted, Run&& run) {
  const report first = run(std::as_const(wanted));
  if (first.ok()) return wanted;
  const invariant broken = first.violations.front().broken;
  const auto still_fails = [&run, broken](const options& smaller) {
    const report seen = run(smaller);
    return !seen.ok() && seen.violations.front().broken == broken;
  };
  const auto keep_if_fails = [&](const options& smaller) {
    if (!still_fails(smaller)) return false;
    wanted = smaller;
    return true;
  };
  options smaller = wanted;
  smaller.faults = first.faults;
  keep_if_fails(smaller);
  for (std::size_t i = 0; i < fault_names.size(); ++i) {
    smaller = wanted;
    smaller.faults.remove(static_cast<fault>(i));
    if (wanted.faults.has(static_cast<fault>(i))) keep_if_fails(smaller);
  }
  std::size_t step = wanted.jobs;
  while (step > 0) {
    smaller = wanted;
    smaller.jobs = wanted.jobs > step ? wanted.jobs - step : 1;
    if (smaller.jobs == wanted.jobs || !keep_if_fails(smaller)) step /= 2;
  }
  return wanted;
}

}  // namespace coworker::inline v0_1::simulation
