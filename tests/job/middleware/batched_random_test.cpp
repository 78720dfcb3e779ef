// batched() under random loads: no job is lost, run twice or leaked, whatever is stopped and fails.
#include <doctest/doctest.h>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/random.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/job/middleware/batched.hpp>
#include <coworker/transport/memory_queue.hpp>
#include <coworker/worker.hpp>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <support/captured_log.hpp>
#include <support/tracked.hpp>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace cw = coworker;
using namespace std::chrono_literals;

// Runs one seed in virtual time.
class random_batches {
 public:
  explicit random_batches(std::uint64_t seed) : random_(seed), loop_(seed) {
    options_.most = 1 + random_.below(6U);
    options_.within = std::chrono::milliseconds(random_.below(4U) * 10);
    options_.at_once = 1 + random_.below(3U);
    limit_ = 1 + static_cast<int>(random_.below(20U));
  }

  void run() { cw::sync_wait(loop_, run_all(*this)); }

 private:
  // Sometimes throws, sometimes fails single jobs, and takes some time.
  static cw::task<std::vector<cw::batch_result<int>>> many(random_batches& world,
                                                           std::vector<cw::job<int>> batch) {
    CHECK(batch.size() >= 1);
    CHECK(batch.size() <= world.options_.most);
    CHECK(++world.running_ <= static_cast<int>(world.options_.at_once));
    std::vector<cw::batch_result<int>> results;
    for (const cw::job<int>& one : batch) {
      ++world.runs_[static_cast<std::size_t>(one.input)];
      if (one.input % 7 == 3) {
        results.push_back(cw::job_error("unlucky"));
      } else {
        results.push_back(one.input);
      }
    }
    co_await cw::sleep_for(std::chrono::milliseconds(world.random_.below(60U)));
    --world.running_;
    if (world.random_.below(12U) == 0) throw std::runtime_error("the whole batch");
    co_return results;
  }

  static cw::task<> client(random_batches& world, int number) {
    co_await cw::sleep_for(std::chrono::milliseconds(world.random_.below(400U)));
    const cw::memory_job one = world.queue_.push(number);
    const bool stops = world.random_.below(4U) == 0;
    if (stops) {
      co_await cw::sleep_for(std::chrono::milliseconds(world.random_.below(80U)));
      one.stop();
    }
    const cw::outcome ended = co_await one.result();
    const int runs = world.runs_[static_cast<std::size_t>(number)];
    if (ended.succeeded()) {
      CHECK(ended.output == cw::json(number));
      CHECK(number % 7 != 3);
      CHECK(runs == 1);
    } else if (ended.status == cw::outcome_status::failed) {
      const bool known =
          ended.message() == "the whole batch" || (ended.message() == "unlucky" && number % 7 == 3);
      CHECK(known);
      CHECK(runs == 1);
    } else {
      CHECK(stops);
      CHECK(runs == 0);  // a job that has begun cannot be stopped any more
    }
    ++world.ended_;
  }

  static cw::task<> serve(random_batches& world) {
    cw::worker_options options;
    options.log = &world.output_.log;
    const auto call = [&world](std::vector<cw::job<int>> batch) { return many(world, std::move(batch)); };
    cw::worker w(cw::batched(call, world.options_), cw::fixed_concurrency{world.limit_}, options);
    co_await w.serve(world.queue_);
    const cw::batch_metrics seen = w.measured().batches;
    std::uint64_t runs = 0;
    for (const int one : world.runs_) runs += static_cast<std::uint64_t>(one);
    CHECK(seen.jobs == runs);
  }

  static cw::task<> run_all(random_batches& world) {
    const cw::context here = co_await cw::this_coro::context();
    cw::scope serving(here), clients(here);
    serving.spawn(serve(world));
    for (int i = 0; i != jobs; ++i) clients.spawn(client(world, i));
    co_await clients.join();
    world.queue_.close();
    co_await serving.join();
    CHECK(world.ended_ == jobs);
    CHECK(world.running_ == 0);
  }

  static constexpr int jobs = 60;
  cw::random_source random_;
  cw::simulated_loop loop_;
  cw::testing::captured_log output_{cw::log_level::error};
  cw::memory_queue queue_;
  cw::batch_options options_;
  int limit_ = 1;
  int running_ = 0;
  int ended_ = 0;
  std::vector<int> runs_ = std::vector<int>(jobs, 0);
};

}  // namespace

TEST_CASE("in 150 random orders of arrivals, stops and failures, batches neither lose nor repeat a job") {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    CAPTURE(seed);
    random_batches(seed).run();
  }
}

TEST_CASE("batches of jobs on eight threads that others stop neither lose nor repeat a job") {
  tracked::account account;
  {
    cw::memory_queue queue;
    cw::testing::captured_log output(cw::log_level::error);
    cw::thread_pool pool(8);
    cw::worker_options options;
    options.log = &output.log;
    options.pool = pool;
    options.coroutines_on_pool = true;
    std::atomic<int> running{0};
    std::atomic<bool> crowded{false};
    const auto many = [&](std::vector<int> batch) {
      if (++running > 2) crowded = true;
      const tracked::value counted(account, 1);
      std::this_thread::yield();
      --running;
      return batch;
    };
    cw::worker w(cw::batched(many, {.most = 5, .within = 100us, .at_once = 2}), cw::fixed_concurrency{24},
                 options);
    std::thread serving([&] { w.run(queue); });
    std::vector<cw::memory_job> pushed;
    for (int i = 0; i != 3000; ++i) {
      pushed.push_back(queue.push(i));
      if (i % 5 == 0) pushed[static_cast<std::size_t>(i - i % 3)].stop();
    }
    int stopped = 0;
    for (int i = 0; i != 3000; ++i) {
      const cw::outcome ended = pushed[static_cast<std::size_t>(i)].blocking_result();
      if (ended.status == cw::outcome_status::stopped) {
        ++stopped;
      } else {
        CHECK(ended.output == cw::json(i));
      }
    }
    queue.close();
    serving.join();
    CHECK_FALSE(crowded);
    CHECK(stopped < 3000);
    CHECK(w.measured().batches.jobs + static_cast<std::uint64_t>(stopped) == 3000);
  }
  CHECK(account.alive == 0);
}
