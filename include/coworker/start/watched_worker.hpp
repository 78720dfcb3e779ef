#pragma once
// watched_worker: a worker as others observe it. Must not know what it serves.

#include <coworker/coro/stop.hpp>
#include <coworker/scale/metrics.hpp>
#include <coworker/transport/control.hpp>
#include <string>
#include <utility>
#include <vector>

namespace coworker::inline v0_1::detail {

// A worker whose jobs come from another engine, for observers.
template <class Worker>
struct watched_worker final : worker_access {
  Worker& runner;
  explicit watched_worker(Worker& one) noexcept : runner(one) {}
  void stop_job(std::string id) override { runner.stop_job(std::move(id)); }
  void drain() override { runner.stop(); }
  std::vector<std::string> jobs_in_progress() const override { return {}; }
  metrics measured() const override { return runner.measured(); }
  stop_token leaving() const override { return stop_token(); }
  bool preparing() const override { return runner.preparing(); }
};

}  // namespace coworker::inline v0_1::detail
