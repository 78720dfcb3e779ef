#pragma once
// Local mode: runs jobs from a file or an argument, and makes an exit status of their outcomes. Treats jobs
// and outputs as the platform does, so that a handler behaves locally as it will there. Must not know a
// server.

#include <charconv>
#include <coworker/coro/clock.hpp>
#include <coworker/job/job.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/json/decimal.hpp>
#include <coworker/json/json.hpp>
#include <coworker/log.hpp>
#include <coworker/start/arguments.hpp>
#include <coworker/start/run_engine.hpp>
#include <coworker/transport/local_file.hpp>
#include <coworker/transport/runpod/bodies.hpp>
#include <coworker/transport/runpod/job_list.hpp>
#include <coworker/worker.hpp>
#include <coworker/worker/options.hpp>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace coworker::inline v0_1::detail {

// The jobs of a local run, and the outputs that are expected of them, if any were given.
struct local_plan {
  std::vector<job_envelope> jobs;
  std::vector<json> expected;
};

inline local_plan plan_local_run(const start_arguments& arguments, logger& log) {
  local_plan plan;
  if (arguments.test_input) {
    log.write(log_level::info, "Using --test_input as job input.");
    plan.jobs = read_local_jobs(*arguments.test_input, "--test_input");
  } else {
    const std::string path = arguments.test_file.value_or("test_input.json");
    log.write(log_level::info, "Using " + path + " as job input.");
    plan.jobs = read_local_job_file(path);
  }
  for (job_envelope& job : plan.jobs) coworker::read_job_details(job);
  if (!arguments.test_output) return plan;
  json expected = parse_local(*arguments.test_output, "--test_output", 0);
  if (plan.jobs.size() == 1) {
    plan.expected.push_back(std::move(expected));
  } else if (expected.is_array() && expected.size() == plan.jobs.size()) {
    for (json& one : expected) plan.expected.push_back(std::move(one));
  } else {
    throw local_job_error("--test_output: there are " + std::to_string(plan.jobs.size()) +
                          " jobs, so it must be an array of as many outputs, in the order of the jobs");
  }
  return plan;
}

// Returns whether every output equals the expected one; logs both values where one does not.
inline bool outputs_match(const local_file& queue, const std::vector<std::string>& ids,
                          const std::vector<json>& expected, logger& log) {
  bool match = true;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const outcome& ended = queue.outcomes()[i];
    if (!ended.succeeded() || ended.output == expected[i]) continue;
    log.write(log_level::error, "Job " + ids[i] + " gave " + ended.output.dump_spaced() +
                                    " where --test_output expects " + expected[i].dump_spaced() + ".");
    match = false;
  }
  return match;
}

// A queue of local jobs that treats outputs as the platform does.
class local_queue : public local_file {
 public:
  local_queue(std::vector<job_envelope> jobs, logger& log, duration ready_delay, bool magic_members)
      : local_file(std::move(jobs), log), ready_delay_(ready_delay), magic_members_(magic_members) {}

  task<delivery> complete(job_result result) {
    if (result.timings != nullptr)
      coworker::add_debugger_member(result.outcome, *result.timings, ready_delay_);
    return local_file::complete(std::move(result));
  }
  void interpret(outcome& made) const {
    if (magic_members_) coworker::read_magic_members(made);
  }

 private:
  const duration ready_delay_;
  const bool magic_members_;
};

static_assert(transport<local_queue> && chunk_transport<local_queue> && progress_transport<local_queue> &&
              interpreting_transport<local_queue> && counted_transport<local_queue>);

template <class Worker>
int run_local_mode(Worker& runner, local_plan plan, duration ready_delay, const options& settings,
                   logger& log) {
  std::vector<std::string> ids;
  for (const job_envelope& envelope : plan.jobs) ids.push_back(envelope.id);
  local_queue queue(std::move(plan.jobs), log, ready_delay, settings.magic_members);
  const worker_summary summary = detail::run_engine(runner, queue, settings.grace_period, log, exit_failed);
  const bool match = detail::outputs_match(queue, ids, plan.expected, log);
  if (ids.size() > 1) log.write(log_level::info, detail::summary_line(summary));
  const std::size_t not_run = ids.size() - summary.jobs;
  if (not_run > 0) {
    log.write(log_level::error, std::to_string(not_run) + (not_run == 1 ? " job was" : " jobs were") +
                                    " not run: the worker left before.");
  }
  log.write(log_level::info, "Local testing complete, exiting.");
  return match && not_run == 0 && summary.failed + summary.stopped == 0 ? exit_ok : exit_failed;
}

}  // namespace coworker::inline v0_1::detail
