#include <doctest/doctest.h>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/random.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/scale/hill_climb.hpp>
#include <coworker/worker.hpp>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "support/simulated_queue.hpp"

// hill_climb in a real worker in virtual time: that what the worker measures leads it where the model of the
// study does.

namespace {

using namespace std::chrono_literals;
using coworker::hill_climb;
using coworker::job;
using coworker::json;
using coworker::metrics;
using coworker::task;
using coworker::time_point;
using coworker::testing::simulation;

// So many servers; jobs wait in line for the first that is free.
class line_of_servers {
 public:
  line_of_servers(coworker::simulated_loop& loop, std::size_t servers) : loop_(loop), free_at_(servers) {}

  void have(std::size_t servers) { free_at_.resize(servers, loop_.now()); }

  task<json> serve(job<>) {
    time_point& server = *std::min_element(free_at_.begin(), free_at_.end());
    const double normal =
        std::sqrt(-2 * std::log(1 - random_.fraction())) * std::cos(6.283185307179586 * random_.fraction());
    const std::chrono::duration<double> work(std::exp(0.2 * normal - 0.02));
    server = std::max(server, loop_.now()) + std::chrono::duration_cast<coworker::duration>(work);
    co_await coworker::sleep_until(server);
    co_return "served";
  }

 private:
  coworker::simulated_loop& loop_;
  std::vector<time_point> free_at_;
  coworker::random_source random_{11};
};

// Notes each limit with the moment at which it was set.
struct watched_climb {
  struct change {
    double at;
    int limit;
  };
  std::vector<change>* changes;
  hill_climb climb{};

  int operator()(int current, const metrics& measured) {
    const int limit = climb(current, measured);
    const double now = std::chrono::duration<double>(measured.now.time_since_epoch()).count();
    if (changes->empty() || changes->back().limit != limit) changes->push_back({now, limit});
    return limit;
  }
};

double mean_watched_limit(const std::vector<watched_climb::change>& changes, double from, double to) {
  double sum = 0;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const double begin = std::max(from, changes[i].at);
    const double end = i + 1 < changes.size() ? std::min(to, changes[i + 1].at) : to;
    if (end > begin) sum += (end - begin) * changes[i].limit;
  }
  return sum / (to - from);
}

}  // namespace

TEST_CASE("hill_climb in a worker finds how many servers there are, and finds more when there are more") {
  simulation world;
  line_of_servers machine(world.loop, 6);
  for (int i = 0; i < 6000; ++i) world.queue.add(0s, std::to_string(i));
  std::vector<watched_climb::change> changes;
  const auto handle = [&machine](job<> work) { return machine.serve(std::move(work)); };
  coworker::worker worker(handle, watched_climb{&changes}, world.options);
  std::vector<double> ended_at;
  const auto grow_later = [](line_of_servers& of) -> task<void> {
    co_await coworker::sleep_for(200s);
    of.have(12);
  };
  coworker::scope beside(coworker::context{coworker::executor_ref(world.loop)});
  beside.spawn(grow_later(machine));  // ends long before the worker does
  world.serve_and_stop(worker, 400s);
  for (const auto& result : world.queue.results) {
    ended_at.push_back(std::chrono::duration<double>(result.at).count());
  }
  const auto rate = [&](double from, double to) {
    return static_cast<double>(std::lower_bound(ended_at.begin(), ended_at.end(), to) -
                               std::lower_bound(ended_at.begin(), ended_at.end(), from)) /
           (to - from);
  };
  CHECK(rate(50, 200) >= 0.95 * 6);
  CHECK(mean_watched_limit(changes, 50, 200) <= 1.3 * 6);
  CHECK(rate(250, 400) >= 0.95 * 12);
  CHECK(mean_watched_limit(changes, 250, 400) <= 1.3 * 12);
}
