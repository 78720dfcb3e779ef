#include <doctest/doctest.h>
#include <algorithm>
#include <chrono>
#include <coroutine>
#include <coworker/exec/timer_queue.hpp>
#include <deque>
#include <random>
#include <vector>

namespace {

namespace cw = coworker;
using namespace std::chrono_literals;

// A handle that is never resumed, only compared.
std::coroutine_handle<> timer_queue_handle(cw::timer& alarm) {
  return std::coroutine_handle<>::from_address(&alarm);
}

// Does what a timer_queue should do, by searching a list.
class timer_queue_model {
 public:
  void arm(cw::timer& alarm) { armed_.push_back(&alarm); }
  bool cancel(cw::timer& alarm) { return std::erase(armed_, &alarm) == 1; }
  bool empty() const { return armed_.empty(); }
  std::size_t size() const { return armed_.size(); }
  cw::time_point next_due() const { return (*soonest())->due; }
  cw::timer& pop() {
    const auto found = soonest();
    cw::timer& alarm = **found;
    armed_.erase(found);
    return alarm;
  }

 private:
  std::vector<cw::timer*>::const_iterator soonest() const {
    return std::min_element(armed_.begin(), armed_.end(),
                            [](const cw::timer* a, const cw::timer* b) { return a->due < b->due; });
  }

  std::vector<cw::timer*> armed_;  // in the order of arming, which min_element keeps among equals
};

}  // namespace

TEST_CASE("an empty timer queue is due at time_point::max()") {
  const cw::timer_queue queue;
  CHECK(queue.empty());
  CHECK(queue.next_due() == cw::time_point::max());
}

TEST_CASE("timers fire in the order of their deadlines; equal ones in the order of arming") {
  cw::timer_queue queue;
  std::deque<cw::timer> timers;
  for (const int seconds : {3, 1, 2, 1, 3, 1}) {
    cw::timer& alarm = timers.emplace_back();
    alarm.due = cw::time_point(std::chrono::seconds(seconds));
    alarm.handle = timer_queue_handle(alarm);
    CHECK(queue.arm(alarm));
    CHECK(alarm.status == cw::timer::state::armed);
  }
  for (const std::size_t expected : {1u, 3u, 5u, 2u, 0u, 4u}) {
    CHECK(queue.next_due() == timers[expected].due);
    CHECK(queue.pop() == timer_queue_handle(timers[expected]));
    CHECK(timers[expected].status == cw::timer::state::fired);
  }
  CHECK(queue.empty());
}

TEST_CASE("arming a timer that was cancelled before returns false, so that its handle is posted at once") {
  cw::timer_queue queue;
  cw::timer alarm;
  CHECK_FALSE(queue.cancel(alarm));
  CHECK(alarm.status == cw::timer::state::cancelled);
  CHECK_FALSE(queue.arm(alarm));
  CHECK(queue.empty());
}

TEST_CASE("cancelling an armed timer removes it, once; one that has fired stays fired") {
  cw::timer_queue queue;
  cw::timer first(cw::time_point(1s), {});
  cw::timer second(cw::time_point(2s), {});
  queue.arm(first);
  queue.arm(second);
  CHECK(queue.cancel(first));
  CHECK_FALSE(queue.cancel(first));
  CHECK(first.status == cw::timer::state::cancelled);
  CHECK(queue.size() == 1);
  queue.pop();
  CHECK_FALSE(queue.cancel(second));
  CHECK(second.status == cw::timer::state::fired);
}

TEST_CASE("a timer queue does the same as a list that is searched") {
  std::mt19937 random(7);
  cw::timer_queue queue;
  timer_queue_model model;
  std::deque<cw::timer> timers;
  int differences = 0;
  for (int step = 0; step < 8'000; ++step) {
    const auto action = random() % 10;
    if (action < 5) {
      cw::timer& alarm = timers.emplace_back();
      alarm.due = cw::time_point(cw::duration(random() % 200));
      alarm.handle = timer_queue_handle(alarm);
      if (!queue.arm(alarm)) ++differences;
      model.arm(alarm);
    } else if (action < 8 && !timers.empty()) {
      cw::timer& alarm = timers[timers.size() - 1 - random() % std::min<std::size_t>(timers.size(), 500)];
      if (queue.cancel(alarm) != model.cancel(alarm)) ++differences;
    } else if (!model.empty()) {
      if (queue.next_due() != model.next_due()) ++differences;
      if (queue.pop() != timer_queue_handle(model.pop())) ++differences;
    }
    if (queue.size() != model.size() || queue.empty() != model.empty()) ++differences;
  }
  while (!model.empty()) {
    if (queue.pop() != timer_queue_handle(model.pop())) ++differences;
  }
  CHECK(queue.empty());
  CHECK(differences == 0);
}
