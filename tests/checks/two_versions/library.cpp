// A library that includes its own copy of coworker and runs jobs with it. Built twice, with different
// versions.

#include <coworker.hpp>
#include <cstdio>
#include <string>

namespace cw = coworker;

namespace {

cw::task<std::string> answer(cw::job<> job) {
  job.progress("half");
  co_await cw::sleep_for(std::chrono::milliseconds(1));
  co_return job.input.get<std::string>() + " by " LIBRARY_NAME;
}

}  // namespace

extern "C" int LIBRARY_FUNCTION() {
  cw::logger log(cw::log_level::error);
  cw::memory_queue queue;
  cw::worker_options options;
  options.log = &log;
  cw::worker runner(answer, cw::fixed_concurrency{2}, options);
  const auto one = queue.push("done");
  const auto two = queue.push("done");
  queue.close();
  const cw::worker_summary done = runner.run(queue);
  std::printf("%s: %d jobs, %zu bytes a record\n", LIBRARY_NAME, static_cast<int>(done.jobs), sizeof(cw::job_record));
  return done.jobs == 2 && done.failed == 0 ? 0 : 1;
}
