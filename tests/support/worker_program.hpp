#pragma once
// A worker as a program: the test program itself, started again to run the test case that calls
// coworker::start(). Its options come from variables, and what a job does from the job's input. Only for
// tests with libcurl.

#include <string>
#include <support/process.hpp>
#include <support/queue_server.hpp>

namespace coworker::testing {

/// Returns the environment of a worker that connects to a server, and the variables of the test.
inline environment_list worker_environment(const queue_server& server, const environment_list& more = {}) {
  environment_list all = {{"RUNPOD_ENDPOINT_ID", ""}, {"RUNPOD_LOG_LEVEL", ""},
                          {"RUNPOD_DEBUG_LEVEL", ""}, {"RUNPOD_PING_INTERVAL", "100"},
                          {"http_proxy", ""},         {"https_proxy", ""},
                          {"all_proxy", ""}};
  for (const auto& [name, value] : server.environment()) all.emplace_back(name, value);
  for (const auto& [name, value] : more) {
    std::erase_if(all, [&name](const auto& variable) { return variable.first == name; });
    all.emplace_back(name, value);
  }
  return all;
}

/// Options: WORKER_CONCURRENCY (0: follow_demand up to 10), WORKER_GRACE_MS, WORKER_SPOOL,
/// WORKER_DEADLINE_MS. A job's input: {"ms": how long it sleeps}, {"until": a file for which it waits without
/// awaiting}, {"refresh": true}; it is also the output.
struct worker_program : process {
  explicit worker_program(const environment_list& environment)
      : process({"/proc/self/exe", "--no-skip", "--no-version", "--test-case=worker program"}, environment) {}
  explicit worker_program(const queue_server& server, const environment_list& more = {})
      : worker_program(worker_environment(server, more)) {}
};

}  // namespace coworker::testing
