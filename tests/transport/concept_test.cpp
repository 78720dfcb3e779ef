#include <coworker/transport/concept.hpp>

#include <doctest/doctest.h>
#include <unistd.h>

#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/worker.hpp>
#include <cstddef>
#include <cstdio>
#include <stdexcept>
#include <string>

#include "support/captured_log.hpp"
#include "transport/minimal_transport.hpp"

namespace {

using coworker::fixed_concurrency;
using coworker::job;
using coworker::json;
using coworker::task;
using coworker::worker;
using coworker::worker_summary;
using coworker::testing::captured_log;
using coworker::testing::countdown;

task<json> doubled(job<int> work) { co_return work.input * 2; }

// Captures the standard output of the process while this object exists.
class captured_stdout {
 public:
  captured_stdout() : before_(::dup(1)), file_(std::tmpfile()) {
    std::fflush(stdout);
    if (before_ < 0 || file_ == nullptr || ::dup2(::fileno(file_), 1) != 1)
      throw std::runtime_error("captured_stdout: standard output cannot be redirected");
  }
  captured_stdout(const captured_stdout&) = delete;
  captured_stdout& operator=(const captured_stdout&) = delete;
  ~captured_stdout() {
    restore();
    std::fclose(file_);
  }

  std::string text() {
    restore();
    std::rewind(file_);
    std::string read(4096, '\0');
    read.resize(std::fread(read.data(), 1, read.size(), file_));
    return read;
  }

 private:
  void restore() {
    if (before_ < 0) return;
    std::fflush(stdout);
    ::dup2(before_, 1);
    ::close(before_);
    before_ = -1;
  }

  int before_;
  std::FILE* file_;
};

TEST_CASE("the engine of the contract's page is a complete transport on a simulated loop") {
  captured_log output;
  coworker::simulated_loop loop;
  worker runner(doubled, fixed_concurrency{2}, {.log = &output.log});
  countdown queue;
  captured_stdout written;
  const worker_summary summary = coworker::sync_wait(loop, runner.serve(queue));
  const std::string text = written.text();
  CHECK(summary.jobs == 3);
  CHECK(summary.undelivered == 0);
  CHECK(text.find("3: 6\n") != std::string::npos);
  CHECK(text.find("2: 4\n") != std::string::npos);
  CHECK(text.find("1: 2\n") != std::string::npos);
}

TEST_CASE("the engine of the contract's page is a complete transport on an event loop") {
  captured_log output;
  worker runner(doubled, fixed_concurrency{1}, {.log = &output.log});
  countdown queue;
  captured_stdout written;
  const worker_summary summary = runner.run(queue);
  CHECK(written.text() == "3: 6\n2: 4\n1: 2\n");
  CHECK(summary.jobs == 3);
  CHECK(summary.highest_in_progress == 1);
  CHECK(summary.undelivered == 0);
}

}  // namespace
