#pragma once
// A fake worker behind a worker_control, for tests of an engine's attend().

#include <coworker/coro/stop.hpp>
#include <coworker/scale/metrics.hpp>
#include <coworker/transport/control.hpp>
#include <coworker/worker/jobs_in_progress.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace coworker::testing {

struct fake_control final : detail::worker_access {
  std::set<std::string> ids;
  coworker::jobs_in_progress jobs;
  std::vector<std::string> stopped;
  bool drained = false;
  stop_source leaves;

  void add(const std::string& id) { jobs.add(*ids.insert(id).first); }
  void remove(const std::string& id) {
    jobs.remove(id);
    ids.erase(id);
  }

  void stop_job(std::string id) override { stopped.push_back(std::move(id)); }
  void drain() override { drained = true; }
  std::vector<std::string> jobs_in_progress() const override { return jobs.ids(); }
  metrics measured() const override { return {}; }
  stop_token leaving() const override { return leaves.get_token(); }
};

}  // namespace coworker::testing
