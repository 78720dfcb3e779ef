#include <doctest/doctest.h>
#include <atomic>
#include <chrono>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/lanes.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <support/child_process.hpp>
#include <support/tracked.hpp>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace cw = coworker;
using namespace std::chrono_literals;

// Records the thread on which it is made, used and destroyed, like a value that is bound to a thread.
struct lanes_threads {
  std::mutex mutex;
  std::map<std::size_t, std::vector<std::thread::id>> seen;

  void note(std::size_t lane) {
    const std::lock_guard lock(mutex);
    seen[lane].push_back(std::this_thread::get_id());
  }
};

class lanes_bound {
 public:
  lanes_bound(lanes_threads& to, std::size_t lane) : to_(to), lane_(lane) { to_.note(lane_); }
  lanes_bound(const lanes_bound&) = delete;
  lanes_bound& operator=(const lanes_bound&) = delete;
  ~lanes_bound() { to_.note(lane_); }

  std::size_t use() {
    to_.note(lane_);
    return lane_;
  }

 private:
  lanes_threads& to_;
  const std::size_t lane_;
};

int lanes_add(int& value, int more) { return value += more; }

void lanes_fail(int&, const std::string& why) { throw std::runtime_error(why); }

}  // namespace

TEST_CASE("each lane makes, uses and destroys its value on its own thread") {
  lanes_threads threads;
  const std::thread::id here = std::this_thread::get_id();
  {
    cw::lanes gpus(3, [&threads](std::size_t lane) { return lanes_bound(threads, lane); });
    CHECK(gpus.size() == 3);
    CHECK(gpus.concurrency() == 3);
    CHECK(threads.seen.size() == 3);
    const auto use_all = [](auto& from) -> cw::task<> {
      cw::scope users(co_await cw::this_coro::context());
      const auto use = [](auto& lanes) -> cw::task<> {
        const auto lane = co_await lanes.enter();
        for (int i = 0; i < 5; ++i) {
          const std::size_t used = co_await lane.run([](lanes_bound& value) { return value.use(); });
          CHECK(used == lane.index());
        }
      };
      for (int i = 0; i < 9; ++i) users.spawn(use(from));
      co_await users.join();
    };
    cw::sync_wait(use_all(gpus));
    CHECK(gpus.users() == 0);
  }
  std::vector<std::thread::id> first_of;
  for (const auto& [lane, ids] : threads.seen) {
    CHECK(ids.size() >= 2 + 5);
    bool same = true;
    for (const std::thread::id id : ids) same = same && id == ids.front();
    CHECK(same);
    CHECK(ids.front() != here);
    for (const std::thread::id other : first_of) CHECK(ids.front() != other);
    first_of.push_back(ids.front());
  }
}

TEST_CASE("the values of all lanes are made side by side") {
  std::atomic<int> making{0};
  const auto make = [&making](std::size_t lane) {
    ++making;
    while (making < 2) std::this_thread::yield();  // ends only when the other value is being made too
    return lane;
  };
  cw::lanes both(2, make);
  CHECK(making == 2);
}

TEST_CASE(
    "a call on a lane returns or throws what its function does, and the coroutine continues where it was") {
  const auto run = []() -> cw::task<> {
    cw::lanes numbers(1, [] { return 40; });
    const std::thread::id home = std::this_thread::get_id();
    const int sum = co_await numbers.run(lanes_add, 2);
    CHECK(sum == 42);
    CHECK(std::this_thread::get_id() == home);
    const auto lane = co_await numbers.enter();
    const auto owner = [held = std::make_shared<int>(1)](int& value) { return value + *held; };
    const int more = co_await lane.run(owner);
    CHECK(more == 43);
    int& same = co_await lane.run([](int& value) -> int& { return value; });
    CHECK(same == 42);
    co_await lane.run([](int& value) { value = 7; });
    CHECK(same == 7);
    std::string message;
    try {
      co_await lane.run(lanes_fail, "no luck");
    } catch (const std::runtime_error& error) {
      message = error.what();
    }
    CHECK(message == "no luck");
    CHECK(std::this_thread::get_id() == home);
  };
  cw::sync_wait(run());
  cw::lanes numbers(2, [] { return 1; });
  CHECK(cw::sync_wait(numbers.run(lanes_add, 1)) == 2);  // from ordinary code
}

TEST_CASE(
    "a user gets the lane with the fewest users, of those the one left longest ago, and otherwise waits") {
  cw::simulated_loop loop;
  const auto run = [](cw::simulated_loop& place) -> cw::task<> {
    cw::lanes four(
        2, [](std::size_t lane) { return lane; }, cw::lanes_options{.per_lane = 2, .run_on = place});
    CHECK(four.concurrency() == 4);
    auto a = co_await four.enter();
    auto b = co_await four.enter();
    auto c = co_await four.enter();
    auto d = co_await four.enter();
    CHECK(a.index() == 0);
    CHECK(b.index() == 1);
    CHECK(c.index() == 0);
    CHECK(d.index() == 1);
    CHECK(four.users() == 4);
    std::vector<std::string> order;
    const auto enter = [](auto& lanes, std::string name, std::vector<std::string>& to) -> cw::task<> {
      try {
        const auto lane = co_await lanes.enter();
        to.push_back(name + std::to_string(lane.index()));
      } catch (const cw::cancelled&) {
        to.push_back(name + " stopped");
        throw;
      }
    };
    const cw::context here = co_await cw::this_coro::context();
    cw::scope patient(here), impatient(here);
    patient.spawn(enter(four, "e", order));
    impatient.spawn(enter(four, "f", order));
    patient.spawn(enter(four, "g", order));
    co_await cw::sleep_for(1s);
    impatient.request_stop();
    co_await impatient.join();
    {
      const auto gone = std::move(d);  // e enters lane 1 and leaves it to g
    }
    co_await patient.join();
    CHECK(order == std::vector<std::string>{"f stopped", "e1", "g1"});
    a = std::move(c);  // leaves lane 0 after lane 1 was left
    CHECK(four.users() == 2);
    const auto next = co_await four.enter();
    CHECK(next.index() == 1);
    const auto last = co_await four.enter();
    CHECK(last.index() == 0);
  };
  cw::sync_wait(loop, run(loop));
}

TEST_CASE("a stop while a lane is busy keeps the function from being called") {
  cw::event_loop loop;
  const auto run = []() -> cw::task<> {
    cw::lanes busy(
        1, [] { return 0; }, cw::lanes_options{.per_lane = 2});
    std::atomic<bool> go_on{false};
    const cw::context here = co_await cw::this_coro::context();
    cw::scope first(here), stopped(here);
    const auto occupy = [](auto& lanes, std::atomic<bool>& until) -> cw::task<> {
      co_await lanes.run([&until](int&) {
        while (!until) std::this_thread::yield();
      });
    };
    int cancelled = 0;
    const auto call = [](auto& lanes, int& count) -> cw::task<> {
      try {
        co_await lanes.run([](int& value) { ++value; });
      } catch (const cw::cancelled&) {
        ++count;
        throw;
      }
    };
    first.spawn(occupy(busy, go_on));
    stopped.spawn(call(busy, cancelled));
    co_await cw::resume_on(here.executor);
    CHECK(busy.users() == 2);
    stopped.request_stop();
    go_on = true;
    co_await stopped.join();
    co_await first.join();
    CHECK(cancelled == 1);
    const int value = co_await busy.run([](int& current) { return current; });
    CHECK(value == 0);
  };
  cw::sync_wait(loop, run());
}

TEST_CASE("a value marked as broken is made again on its lane's thread, before the next call there") {
  lanes_threads threads;
  {
    cw::lanes gpus(2, [&threads](std::size_t lane) { return std::make_unique<lanes_bound>(threads, lane); });
    const auto run = [](auto& from) -> cw::task<> {
      const auto lane = co_await from.enter();
      lane.mark_broken();
      for (int i = 0; i < 2; ++i) {
        const std::size_t used = co_await lane.run([](auto& value) { return value->use(); });
        CHECK(used == lane.index());
      }
    };
    cw::sync_wait(run(gpus));
  }
  CHECK(threads.seen[0].size() == 6);  // made, destroyed, made, used twice, destroyed
  CHECK(threads.seen[1].size() == 2);
  for (const std::thread::id id : threads.seen[0]) CHECK(id == threads.seen[0].front());
}

TEST_CASE(
    "if a value cannot be made, the constructor throws and leaves nothing; later, the caller gets the "
    "exception") {
  tracked::account account;
  const auto make = [&account](std::size_t lane) {
    if (lane == 1) throw std::runtime_error("no such GPU");
    return tracked::value(account, static_cast<int>(lane));
  };
  CHECK_THROWS_WITH_AS(cw::lanes(3, make), "no such GPU", std::runtime_error);
  CHECK(account.made == 2);
  CHECK(account.alive == 0);

  int tries = 0;
  const auto make_at_second = [&tries] {
    if (++tries == 2) throw std::runtime_error("out of memory");
    return tries;
  };
  cw::lanes one(1, make_at_second);
  const auto run = [](auto& from) -> cw::task<std::string> {
    const auto lane = co_await from.enter();
    lane.mark_broken();
    std::string seen;
    for (int i = 0; i < 2; ++i) {
      try {
        seen += std::to_string(co_await lane.run([](int& value) { return value; }));
      } catch (const std::runtime_error& error) {
        seen += error.what();
        seen += ' ';
      }
    }
    co_return seen;
  };
  CHECK(cw::sync_wait(run(one)) == "out of memory 3");
  CHECK_THROWS_WITH_AS(cw::lanes(0, [] { return 1; }),
                       "lanes: count is 0, so there is no lane to use; give 1 or more",
                       std::invalid_argument);
}

TEST_CASE("under a simulated loop lanes run on it, and lanes with real threads are refused") {
  cw::simulated_loop loop;
  const auto run = [](cw::simulated_loop& place) -> cw::task<std::string> {
    int made = 0;
    cw::lanes simulated(
        2, [&made] { return ++made; }, cw::lanes_options{.run_on = place});
    CHECK(made == 0);
    const int value = co_await simulated.run([](int& current) { return current; });
    CHECK(value == 1);
    cw::lanes real(1, [] { return 1; });
    std::string message;
    try {
      co_await real.run([](int& current) { return current; });
    } catch (const std::logic_error& error) {
      message = error.what();
    }
    CHECK(real.users() == 0);
    co_return message;
  };
  CHECK(cw::sync_wait(loop, run(loop)).find("resume_on: a coroutine on a simulated_loop cannot move") == 0);
}

TEST_CASE("eight threads of users share lanes, one call at a time on each, with stops and broken values") {
  cw::thread_pool pool(8);
  tracked::account account;
  std::atomic<bool> shared{false};
  std::atomic<int> called{0}, cancelled{0};
  struct guarded {
    tracked::value counted;
    std::atomic<int> inside{0};
    explicit guarded(tracked::account& of) : counted(of, 1) {}
  };
  {
    cw::lanes gpus(
        3, [&account] { return std::make_unique<guarded>(account); }, cw::lanes_options{.per_lane = 2});
    const auto use = [&](int number) -> cw::task<> {
      for (int i = 0; i < 40; ++i) {
        try {
          const auto lane = co_await gpus.enter();
          co_await lane.run([&shared](std::unique_ptr<guarded>& value) {
            if (++value->inside != 1) shared = true;
            std::this_thread::yield();
            if (--value->inside != 0) shared = true;
          });
          ++called;
          if ((number + i) % 9 == 0) lane.mark_broken();
        } catch (const cw::cancelled&) {
          ++cancelled;
        }
      }
    };
    const auto run = [&]() -> cw::task<> {
      const cw::context here = co_await cw::this_coro::context();
      cw::scope patient(here), impatient(here);
      for (int i = 0; i < 8; ++i) patient.spawn(use(i));
      for (int i = 0; i < 8; ++i) impatient.spawn(use(i));
      co_await cw::sleep_for(500us);
      impatient.request_stop();
      co_await impatient.join();
      co_await patient.join();
    };
    cw::sync_wait(pool, run());
    CHECK(gpus.users() == 0);
    CHECK(account.alive == 3);
  }
  CHECK_FALSE(shared);
  CHECK(called + cancelled == 16 * 40);
  CHECK(called >= 8 * 40);
  CHECK(account.alive == 0);
}

#ifdef COWORKER_TESTS_CAN_FORK
TEST_CASE("destroying lanes while they have a user ends the program with a message") {
  const auto seen = cw::testing::end_of_child([] {
    cw::simulated_loop loop;
    const auto run = [](cw::simulated_loop& place) -> cw::task<> {
      std::optional<cw::lanes<int>> lanes;
      lanes.emplace(
          1, [] { return 1; }, cw::lanes_options{.run_on = place});
      const auto lane = co_await lanes->enter();
      lanes.reset();
    };
    cw::sync_wait(loop, run(loop));
  });
  CHECK(seen.signal == SIGABRT);
  CHECK(seen.words.find("coworker: lanes were destroyed while they have users") != std::string::npos);
}
#endif
