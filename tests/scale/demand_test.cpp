#include <doctest/doctest.h>
#include <chrono>
#include <coworker/scale/demand.hpp>
#include <coworker/scale/recorder.hpp>
#include <cstddef>

namespace {

using namespace std::chrono_literals;
using coworker::demand_level;
using coworker::duration;
using coworker::metrics;
using coworker::metrics_recorder;
using coworker::outcome;
using coworker::outcome_status;
using coworker::time_point;

// One slot at a queue: takes of one job each, which return after `wait`, and jobs of 300 ms.
struct one_slot {
  metrics_recorder recorder;
  time_point now{};

  metrics seen(int limit = 1) { return recorder.snapshot(now, limit); }

  void job_after(duration wait) {
    take(wait, 1, 1);
    now += 300ms;
    recorder.handler_ended(now, 300ms);
    now += 1ms;
    recorder.job_ended(now, outcome_status::succeeded, 301ms, 1ms);
  }

  void take(duration wait, std::size_t asked, std::size_t brought) {
    const time_point sent = now;
    recorder.take_sent(sent, asked);
    now += wait;
    recorder.take_answered(now, sent, asked, brought);
  }
};

}  // namespace

TEST_CASE("before the first take the demand is unknown, and steady") {
  one_slot slot;
  CHECK(slot.seen().demand == demand_level::steady);
  CHECK(slot.seen().slots_waiting == 0);
}

TEST_CASE("demand is high when a take returns full and at once, even if it asked for one job only") {
  one_slot slot;
  slot.job_after(2ms);
  CHECK(slot.seen().demand == demand_level::high);
  CHECK(slot.seen().arrivals_per_second == 1);
  slot.job_after(2ms);
  CHECK(slot.seen().demand == demand_level::high);
}

TEST_CASE("demand is not high when a take is full only because the queue held it until a job came") {
  one_slot slot;
  for (int i = 0; i < 5; ++i) {
    slot.job_after(700ms);
    CHECK(slot.seen().demand != demand_level::high);
  }
}

TEST_CASE("demand becomes low while a take is held, and not before half a second") {
  one_slot slot;
  slot.job_after(2ms);
  slot.recorder.take_sent(slot.now, 1);
  slot.now += 100ms;
  CHECK(slot.seen().demand == demand_level::high);
  slot.now += 250ms;
  CHECK(slot.seen().demand == demand_level::steady);
  slot.now += 300ms;
  CHECK(slot.seen().demand == demand_level::low);
  CHECK(slot.seen().slots_waiting == doctest::Approx(1));
  slot.now += 1h;
  CHECK(slot.seen().demand == demand_level::low);
}

TEST_CASE("demand is high again soon after a burst ends an idle hour") {
  one_slot slot;
  slot.job_after(1h);
  slot.job_after(2ms);
  CHECK(slot.seen().demand == demand_level::high);
}

TEST_CASE("with a long round trip to the queue, \"at once\" is relative to it") {
  one_slot slot;
  for (int i = 0; i < 5; ++i) slot.job_after(150ms);
  // The delivery of a result takes a millisecond here, so a take of 150 ms has waited for jobs.
  CHECK(slot.seen().demand != demand_level::high);

  one_slot far;
  for (int i = 0; i < 5; ++i) {
    far.take(150ms, 1, 1);
    far.now += 300ms;
    far.recorder.handler_ended(far.now, 300ms);
    far.now += 140ms;
    far.recorder.job_ended(far.now, outcome_status::succeeded, 440ms, 140ms);
    // Until a result has been delivered, the length of a round trip is unknown.
    if (i > 0) CHECK(far.seen().demand == demand_level::high);
  }
}

TEST_CASE("a take that returns at once with no job, or with some of them, shows that slots wait") {
  one_slot slot;
  slot.take(2ms, 4, 1);
  CHECK(slot.seen().demand == demand_level::steady);
  for (int i = 0; i < 20; ++i) slot.take(50ms, 4, 0);
  CHECK(slot.seen(4).demand == demand_level::low);
  CHECK(slot.seen(4).slots_waiting == doctest::Approx(4).epsilon(0.1));
}

TEST_CASE("slots asked for at a higher limit do not count when the limit has fallen to those in use") {
  one_slot slot;
  slot.recorder.in_progress(slot.now, 5);
  slot.recorder.take_sent(slot.now, 5);
  slot.now += 2s;
  CHECK(slot.seen(10).demand == demand_level::low);
  CHECK(slot.seen(6).demand == demand_level::low);
  CHECK(slot.seen(5).demand == demand_level::steady);
}

TEST_CASE("a slot that was empty half of the time is not one slot too many") {
  one_slot slot;
  for (int i = 0; i < 6; ++i) slot.job_after(300ms);
  CHECK(slot.seen().demand == demand_level::steady);
}

TEST_CASE("jobs that are known to wait make demand high, however takes return") {
  one_slot slot;
  slot.take(5s, 1, 1);
  slot.recorder.jobs_waiting(slot.now, 2, 0);
  CHECK(slot.seen().demand == demand_level::high);
  CHECK(slot.seen().jobs_waiting == 2);
  slot.recorder.jobs_waiting(slot.now, 0, 0);
  CHECK(slot.seen().demand != demand_level::high);
}

TEST_CASE("jobs that a queue counts are counted as arrived when they are seen in it, and once") {
  one_slot slot;
  slot.recorder.jobs_waiting(slot.now, 0, 40);
  CHECK(slot.seen().arrivals_per_second == 40);
  slot.take(1ms, 10, 10);
  slot.recorder.jobs_waiting(slot.now, 0, 30);
  CHECK(slot.seen().arrivals_per_second == 40);
  slot.recorder.jobs_waiting(slot.now, 0, 35);
  CHECK(slot.seen().arrivals_per_second == 45);
}
