// Measures the cost of metrics for a worker: per job, with the calls that the worker makes to the recorder,
// and per snapshot that a concurrency modifier receives.
//
//   g++ -std=c++20 -O2 -DNDEBUG -Iinclude tests/bench/metrics_bench.cpp -o metrics_bench && ./metrics_bench
//
// Usage: metrics_bench [--quick]; --quick shows only that the benchmark works. Figures are the minimum and
// the median of several repetitions, in nanoseconds.

#include "bench.hpp"

#include <chrono>
#include <coworker/exec/random.hpp>
#include <coworker/scale/recorder.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string_view>

namespace {

using namespace coworker::bench;
using namespace std::chrono_literals;

// A worker whose jobs arrive one by one.
struct measured_worker {
  coworker::metrics_recorder recorder;
  coworker::random_source random{1};
  coworker::time_point now{};

  void one_job() {
    const auto latency = std::chrono::microseconds(random.next() & 0xfffff);
    now += 50us;
    recorder.take_sent(now - 2ms, 1);
    recorder.take_answered(now, now - 2ms, 1, 1);
    recorder.in_progress(now, 7);
    now += 25us;
    recorder.handler_ended(now, latency);
    recorder.in_progress(now, 7);
    now += 25us;
    recorder.job_ended(now, coworker::outcome_status::succeeded, latency + 3ms, 3ms);
    recorder.in_progress(now, 6);
  }
};

double job_cost(measured_worker& worker, std::size_t jobs) {
  const stopwatch watch;
  for (std::size_t i = 0; i < jobs; ++i) worker.one_job();
  return per_operation(watch.elapsed(), jobs);
}

// Takes a snapshot every `apart`, with a job before each. The cost of the jobs is not counted.
double snapshot_cost(measured_worker& worker, std::size_t snapshots, coworker::duration apart) {
  std::uint64_t seen = 0;
  nanoseconds spent{};
  for (std::size_t i = 0; i < snapshots; ++i) {
    worker.one_job();
    worker.now += apart;
    const stopwatch watch;
    const coworker::metrics shown = worker.recorder.snapshot(worker.now, 8);
    spent += watch.elapsed();
    seen += shown.jobs_succeeded + shown.handler.count;
  }
  require(unknown(seen) > 0, "no job was counted");
  return per_operation(spent, snapshots);
}

void print(const char* what, const figures& of, int limit) {
  std::printf("%-44s %6.0f %8.0f   at most %d\n", what, of.minimum(), of.median(), limit);
}

}  // namespace

int main(int argc, char** argv) {
  const bool quick = argc > 1 && std::string_view(argv[1]) == "--quick";
  const std::size_t jobs = quick ? 10'000 : 1'000'000;
  const std::size_t snapshots = quick ? 1'000 : 100'000;
  measured_worker worker;
  figures job;
  figures snapshot_at_once;
  figures snapshot_later;
  for (int repetition = 0; repetition < (quick ? 2 : 9); ++repetition) {
    job.add(job_cost(worker, jobs));
    snapshot_at_once.add(snapshot_cost(worker, snapshots, 0s));
    snapshot_later.add(snapshot_cost(worker, snapshots, 100ms));
  }
  std::printf("%-44s %6s %8s\n", "nanoseconds", "least", "median");
  print("a job: take, handler, delivery", job, 100);
  print("a snapshot after each job", snapshot_at_once, 2000);
  print("a snapshot every 100 ms, of new summaries", snapshot_later, 2000);
}
