#include <doctest/doctest.h>
#include <algorithm>
#include <chrono>
#include <coworker/exec/auto_reset_event.hpp>
#include <coworker/exec/random.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/worker.hpp>
#include <cstddef>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/simulated_queue.hpp"

namespace {

using namespace std::chrono_literals;
using coworker::delivery;
using coworker::duration;
using coworker::job;
using coworker::json;
using coworker::random_source;
using coworker::task;
using coworker::worker;
using coworker::worker_options;
using coworker::worker_summary;

// A worker, a queue, jobs and a modifier that all behave as a seed decides, in an order that it decides too.
class erratic_world {
 public:
  explicit erratic_world(std::uint64_t seed) : loop_(seed), random_(seed) {
    options_.log = &silence_.log;
    options_.grace_period = some_ms(3000);
    options_.modifier_interval = some_ms(500) + 1ms;
    limits_.takes = 1 + static_cast<int>(random_.below(3U));
    options_.overlap_delivery = chance(30);
    options_.prefetch = chance(30);
    jobs_left_ = static_cast<int>(random_.below(25U));
    if (chance(50)) steady_limit_ = 1 + static_cast<int>(random_.below(5U));
    ends_ = chance(50);
  }

  // One sentence on what went wrong; empty if nothing did.
  std::string run() {
    const auto handle = [this](job<> work) { return run_job(std::move(work)); };
    const auto modify = [this](int current) { return modified(current); };
    worker w(handle, modify, options_);
    const worker_summary done = coworker::sync_wait(loop_, run_and_stop(w));
    check(takes_ == 0, "a take was still under way at the end");
    check(running_ == 0, "a handler was still running at the end");
    check(done.jobs == handed_over_.size(), "the summary counts other jobs than were handed over");
    for (const auto& [id, answers] : handed_over_)
      check(answers == 1, "job " + id + " was not answered once");
    check(done.failed + done.stopped <= done.jobs, "more jobs failed than there were");
    check(done.undelivered == refused_, "the summary counts other refusals than there were");
    check(!ends_ || stopped_ || jobs_left_ == 0, "jobs were left in a queue that nobody stopped");
    return problem_;
  }

  // What the queue does.

  task<coworker::take_result> take(coworker::take_request request) {
    ++takes_;
    check(request.capacity >= 1, "a take asked for nothing");
    coworker::take_result taken;
    bool stopped = false;
    try {
      co_await coworker::sleep_for(some_ms(400));
    } catch (const coworker::cancelled&) {
      stopped = true;
    }
    if (stopped && chance(30)) {
      coworker::auto_reset_event never_set;
      co_await never_set.wait_until(loop_.now() + some_ms(5000));
    }
    const std::uint64_t most = request.capacity + (chance(2) ? 3 : 0);
    if (!stopped || chance(30)) taken.jobs = hand_over(random_.below(most + 1));
    taken.closed = ends_ && jobs_left_ == 0;
    --takes_;
    if (stopped && taken.jobs.empty()) throw coworker::cancelled();
    co_return taken;
  }

  coworker::transport_limits limits() const { return limits_; }

  // Names jobs that must stop.
  task<void> attend(coworker::worker_control control) {
    for (bool over = false; !over; over = chance(20)) {
      co_await coworker::sleep_for(some_ms(2000) + 1ms);
      for (const auto& [id, answers] : handed_over_) {
        if (chance(10)) control.stop_job(id);
      }
    }
  }

  task<delivery> complete(coworker::job_result result) {
    const std::string id(result.job_id);
    check(result.outcome.succeeded() == (result.outcome.error() == nullptr),
          "an error without a failure, or none with one");
    const duration needed = some_ms(300);
    if (chance(50)) co_await coworker::sleep_for(needed);
    const auto known = handed_over_.find(id);
    check(known != handed_over_.end(), "an answer to a job that was never handed over");
    if (known != handed_over_.end()) ++known->second;
    const bool fails = chance(5);
    if (fails) ++refused_;
    if (fails && chance(50)) throw std::runtime_error("the line broke");
    co_return fails ? delivery::refused : delivery::accepted;
  }

 private:
  bool chance(unsigned percent) { return random_.below(100U) < percent; }
  duration some_ms(std::uint64_t most) { return std::chrono::milliseconds(random_.below(most + 1)); }

  void check(bool holds, const std::string& problem) {
    if (!holds && problem_.empty()) problem_ = problem;
  }

  std::vector<coworker::job_envelope> hand_over(std::uint64_t count) {
    std::vector<coworker::job_envelope> jobs;
    for (; count > 0 && jobs_left_ > 0; --count, --jobs_left_) {
      coworker::job_envelope envelope;
      envelope.id = std::to_string(handed_over_.size());
      handed_over_.emplace(envelope.id, 0);
      if (chance(3)) envelope.problem = "it cannot be run";
      jobs.push_back(std::move(envelope));
    }
    return jobs;
  }

  task<json> run_job(job<> work) {
    check(++running_ <= highest_limit_, "more jobs ran than the limit allows");
    const duration length = some_ms(1000);
    const unsigned way = static_cast<unsigned>(random_.below(10U));
    bool was_stopped = false;
    try {
      if (way == 0) {
        coworker::auto_reset_event never_set;
        co_await never_set.wait_until(loop_.now() + length);
      } else if (way != 1) {
        co_await coworker::sleep_for(length);
      }
    } catch (const coworker::cancelled&) {
      was_stopped = true;
    }
    --running_;
    if (was_stopped && chance(70)) throw coworker::cancelled();
    if (way == 2) throw std::runtime_error("as the seed says");
    if (way == 3) throw 3;
    co_return json{{"id", work.id}};
  }

  int modified(int current) {
    if (steady_limit_ > 0) return highest_limit_ = steady_limit_;
    if (chance(10)) throw std::runtime_error("no idea");
    const int wanted = current + static_cast<int>(random_.below(7U)) - 3;
    highest_limit_ = std::max(highest_limit_, wanted);
    return wanted;
  }

  template <class Worker>
  task<void> stop_later(Worker& w) {
    co_await coworker::sleep_for(some_ms(4000));
    stopped_ = true;
    w.stop();
  }

  template <class Worker>
  task<worker_summary> run_and_stop(Worker& w) {
    const coworker::context surrounding = co_await coworker::this_coro::context();
    coworker::scope beside(surrounding);
    if (!ends_ || chance(50)) beside.spawn(stop_later(w));
    const worker_summary summary = co_await w.serve(*this);
    beside.request_stop();
    co_await beside.join();
    co_return summary;
  }

  coworker::simulated_loop loop_;
  random_source random_;
  coworker::testing::captured_log silence_{coworker::log_level::error};
  coworker::transport_limits limits_;
  worker_options options_;
  std::map<std::string, int> handed_over_;  // and how many results each has
  std::string problem_;
  std::uint64_t refused_ = 0;
  int jobs_left_ = 0;
  int takes_ = 0;
  int running_ = 0;
  int steady_limit_ = 0;  // 0: the limit changes all the time
  int highest_limit_ = 1;
  bool ends_ = false;
  bool stopped_ = false;
};

static_assert(coworker::transport<erratic_world> && coworker::attended_transport<erratic_world>);

}  // namespace

TEST_CASE(
    "no job is lost and no limit exceeded, whatever queue, jobs and modifier do and in whatever order") {
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    CAPTURE(seed);
    erratic_world world(seed);
    REQUIRE(world.run() == "");
  }
}
