#include <doctest/doctest.h>
#include <atomic>
#include <chrono>
#include <coro/foreign.hpp>
#include <coroutine>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <csignal>
#include <deque>
#include <memory>
#include <stdexcept>
#include <string>
#include <support/child_process.hpp>
#include <thread>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#endif

namespace {

namespace cw = coworker;
using namespace std::chrono_literals;

// A coroutine that calls `body` each time it is resumed.
template <class Body>
foreign::eager_task loop_call(Body body) {
  for (;;) {
    co_await std::suspend_always();
    body();
  }
}

template <class Body>
std::coroutine_handle<> loop_handle_of(std::deque<foreign::eager_task>& owner, Body body) {
  owner.push_back(loop_call(std::move(body)));
  return owner.back().handle();
}

// A coroutine of another library that throws out of its resumption.
class loop_thrower {
 public:
  struct promise_type {
    loop_thrower get_return_object() {
      return loop_thrower(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_always final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() { throw; }
  };

  explicit loop_thrower(std::coroutine_handle<promise_type> coroutine) : handle(coroutine) {}
  loop_thrower(const loop_thrower&) = delete;
  loop_thrower& operator=(const loop_thrower&) = delete;
  ~loop_thrower() { handle.destroy(); }
  std::coroutine_handle<promise_type> handle;
};

// A waiter that records every real wait and calls the test in it, without blocking.
template <class Answer>
class loop_scripted_waiter final : public cw::waiter {
 public:
  explicit loop_scripted_waiter(Answer answer) : answer_(answer) {}
  void wait(cw::time_point deadline) override {
    if (deadline == cw::time_point::min()) {
      ++looks;
    } else {
      waits.push_back(deadline);
      answer_(waits.size());
    }
  }
  void wake() noexcept override { ++wakes; }

  int looks = 0;
  std::atomic<int> wakes = 0;
  std::vector<cw::time_point> waits;

 private:
  Answer answer_;
};

// Blocks on a condition variable and counts its waits.
class loop_counting_waiter final : public cw::waiter {
 public:
  void wait(cw::time_point deadline) override {
    if (deadline != cw::time_point::min()) ++waits;
    inner_.wait(deadline);
  }
  void wake() noexcept override { inner_.wake(); }

  std::atomic<int> waits = 0;

 private:
  cw::condition_waiter inner_;
};

#if defined(__linux__)
// Blocks in poll() on a pipe that coroutines wait to read from, and on an eventfd that wakes it.
class loop_pipe_waiter final : public cw::waiter {
 public:
  loop_pipe_waiter() : wake_(eventfd(0, EFD_NONBLOCK)) { REQUIRE(pipe(pipe_) == 0); }
  loop_pipe_waiter(const loop_pipe_waiter&) = delete;
  loop_pipe_waiter& operator=(const loop_pipe_waiter&) = delete;
  ~loop_pipe_waiter() {
    close(wake_);
    close(pipe_[0]);
    close(pipe_[1]);
  }

  void post_to(cw::event_loop& loop) { loop_ = &loop; }
  void send(char letter) const { CHECK(write(pipe_[1], &letter, 1) == 1); }

  void wait(cw::time_point deadline) override {
    pollfd watched[] = {{wake_, POLLIN, 0}, {pipe_[0], static_cast<short>(lot_.empty() ? 0 : POLLIN), 0}};
    poll(watched, 2, milliseconds_to(deadline));
    std::uint64_t count = 0;
    if ((watched[0].revents & POLLIN) != 0) CHECK(read(wake_, &count, sizeof count) == sizeof count);
    if ((watched[1].revents & POLLIN) != 0) {
      for (const std::coroutine_handle<> ready : lot_.take_all()) loop_->post(ready);
    }
  }

  void wake() noexcept override {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(wake_, &one, sizeof one);
  }

  cw::task<char> receive() {
    co_await lot_.park();
    char letter = 0;
    const ssize_t count = read(pipe_[0], &letter, 1);
    co_return count == 1 ? letter : '?';
  }

 private:
  static int milliseconds_to(cw::time_point deadline) {
    if (deadline == cw::time_point::min()) return 0;
    if (deadline == cw::time_point::max()) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - cw::clock_type::now()).count();
    return left > 0 ? static_cast<int>(left) : 0;
  }

  int wake_;
  int pipe_[2] = {-1, -1};
  foreign::parking_lot lot_;
  cw::event_loop* loop_ = nullptr;
};
#endif

}  // namespace

TEST_CASE("handles are resumed in the order in which they were posted, from outside and from inside") {
  cw::event_loop loop;
  std::deque<foreign::eager_task> owner;
  std::string order;
  const auto stop = loop_handle_of(owner, [&] { loop.stop(); });
  const auto d = loop_handle_of(owner, [&] { order += 'd'; });
  const auto c = loop_handle_of(owner, [&] { order += 'c'; });
  const auto a = loop_handle_of(owner, [&] {
    order += 'a';
    loop.post(c);
    loop.post(d);
    loop.post(stop);
  });
  const auto b = loop_handle_of(owner, [&] { order += 'b'; });
  loop.post(a);
  loop.post(b);
  loop.run();
  CHECK(order == "abcd");
}

TEST_CASE("what a cancelled timer posts keeps its place among other posted handles") {
  cw::event_loop loop;
  std::deque<foreign::eager_task> owner;
  std::string order;
  cw::timer sleeping(cw::time_point::max(), loop_handle_of(owner, [&] { order += 's'; }));
  cw::timer late(cw::time_point::max(), loop_handle_of(owner, [&] { order += 'l'; }));
  const auto last = loop_handle_of(owner, [&] {
    order += 'z';
    loop.stop();
  });
  loop.arm(sleeping);
  loop.post(loop_handle_of(owner, [&] {
    loop.cancel(sleeping);
    loop.cancel(late);
    loop.arm(late);
    loop.post(last);
  }));
  loop.run();
  CHECK(order == "slz");
}

TEST_CASE("timers fire in the order of their deadlines, never early, equal ones in the order of arming") {
  cw::event_loop loop;
  std::deque<foreign::eager_task> owner;
  std::deque<cw::timer> timers;
  std::vector<int> order;
  int early = 0;
  const cw::time_point start = loop.now();
  for (const int milliseconds : {3, 1, 2, 1, 3, 0}) {
    const int index = static_cast<int>(timers.size());
    const cw::time_point due = start + std::chrono::milliseconds(milliseconds);
    cw::timer& alarm = timers.emplace_back(due, loop_handle_of(owner, [&, index, due] {
                                             order.push_back(index);
                                             if (loop.now() < due) ++early;
                                             if (order.size() == 6) loop.stop();
                                           }));
    loop.arm(alarm);
  }
  loop.run();
  CHECK(order == std::vector<int>{5, 1, 3, 2, 0, 4});
  CHECK(early == 0);
}

TEST_CASE("cancelling an armed timer posts its handle at once; cancelling one that has fired posts nothing") {
  cw::event_loop loop;
  std::deque<foreign::eager_task> owner;
  int resumed = 0;
  cw::timer alarm(cw::time_point::max(), loop_handle_of(owner, [&] {
                    ++resumed;
                    loop.stop();
                  }));
  loop.arm(alarm);
  loop.cancel(alarm);
  CHECK(alarm.status == cw::timer::state::cancelled);
  loop.cancel(alarm);
  loop.run();
  CHECK(resumed == 1);

  cw::timer due(loop.now(), alarm.handle);
  loop.arm(due);
  loop.run();
  CHECK(due.status == cw::timer::state::fired);
  loop.cancel(due);
  loop.stop();
  loop.run();
  CHECK(resumed == 2);
}

TEST_CASE("many threads post to one loop; the handles of each thread keep their order") {
  constexpr int threads = 4;
  constexpr int posts = 500;
  cw::event_loop loop;
  std::deque<foreign::eager_task> owner;
  std::vector<std::coroutine_handle<>> handles;
  std::vector<int> next(threads, 0);
  int out_of_order = 0;
  int resumed = 0;
  for (int i = 0; i < threads * posts; ++i) {
    handles.push_back(loop_handle_of(owner, [&, i] {
      if (next[static_cast<std::size_t>(i / posts)]++ != i % posts) ++out_of_order;
      if (++resumed == threads * posts) loop.stop();
    }));
  }
  std::vector<std::thread> posters;
  for (int t = 0; t < threads; ++t) {
    posters.emplace_back([&, t] {
      for (int i = 0; i < posts; ++i) loop.post(handles[static_cast<std::size_t>(t * posts + i)]);
    });
  }
  loop.run();
  for (std::thread& poster : posters) poster.join();
  CHECK(resumed == threads * posts);
  CHECK(out_of_order == 0);
}

TEST_CASE("a loop runs again after a stop, with what was left; a stop before run() ends that run() at once") {
  cw::event_loop loop;
  std::deque<foreign::eager_task> owner;
  int resumed = 0;
  const auto count = loop_handle_of(owner, [&] { ++resumed; });
  loop.post(count);
  loop.stop();
  loop.run();
  CHECK(resumed == 0);
  for (int round = 1; round <= 3; ++round) {
    loop.post(loop_handle_of(owner, [&] {
      loop.stop();
      loop.post(count);
    }));
    loop.run();
    CHECK(resumed == round);
  }
}

TEST_CASE("a loop is stopped from another thread while it is idle") {
  for (int round = 0; round < 100; ++round) {
    cw::event_loop loop;
    std::thread stopper([&] { loop.stop(); });
    loop.run();
    stopper.join();
    REQUIRE_FALSE(loop.running());
  }
}

TEST_CASE(
    "running a loop that runs already throws an error: inside itself, below another loop, on another "
    "thread") {
  cw::event_loop loop;
  std::deque<foreign::eager_task> owner;
  std::string message;
  const auto try_run = [&] {
    CHECK(loop.running());
    try {
      loop.run();
    } catch (const std::logic_error& error) {
      message = error.what();
    }
  };
  SUBCASE("inside itself") {
    loop.post(loop_handle_of(owner, [&] {
      try_run();
      loop.stop();
    }));
  }
  SUBCASE("below another loop") {
    loop.post(loop_handle_of(owner, [&] {
      cw::event_loop inner;
      inner.post(loop_handle_of(owner, [&] {
        try_run();
        inner.stop();
      }));
      inner.run();
      loop.stop();
    }));
  }
  SUBCASE("on another thread") {
    loop.post(loop_handle_of(owner, [&] {
      std::thread(try_run).join();
      loop.stop();
    }));
  }
  loop.run();
  CHECK(message ==
        "event_loop::run: the loop runs already, on another thread or below this call; in a coroutine, "
        "co_await "
        "instead of blocking");
}

TEST_CASE(
    "a turn_watcher is called before and after each turn of a loop, also one that ends with an exception") {
  struct turn_diary final : cw::turn_watcher {
    std::vector<void*> begun;
    std::size_t ended = 0;
    void turn_begins(std::coroutine_handle<> coroutine) noexcept override {
      begun.push_back(coroutine.address());
    }
    void turn_ends() noexcept override { ++ended; }
  };
  cw::event_loop loop;
  turn_diary diary;
  loop.watch_turns(&diary);
  std::deque<foreign::eager_task> owner;
  bool inside = false;
  const auto first = loop_handle_of(owner, [&] { inside = diary.begun.size() == diary.ended + 1; });
  const auto last = loop_handle_of(owner, [&] { loop.stop(); });
  loop.post(first);
  loop.post(last);
  loop.run();
  CHECK(inside);
  CHECK(diary.begun == std::vector<void*>{first.address(), last.address()});
  CHECK(diary.ended == 2);
  const auto throws = []() -> loop_thrower {
    co_await std::suspend_never();
    throw std::runtime_error("out");
  };
  const loop_thrower thrower = throws();
  loop.post(thrower.handle);
  CHECK_THROWS_WITH_AS(loop.run(), "out", std::runtime_error);
  CHECK(diary.begun.size() == 3);
  CHECK(diary.ended == 3);
  loop.watch_turns(nullptr);
  loop.post(last);
  loop.run();
  CHECK(diary.begun.size() == 3);
}

TEST_CASE(
    "an exception that leaves a coroutine's resumption leaves run(), which can be called again afterwards") {
  cw::event_loop loop;
  std::deque<foreign::eager_task> owner;
  std::string order;
  const auto throwing = []() -> loop_thrower {
    throw std::runtime_error("let out");
    co_return;
  };
  const loop_thrower thrower = throwing();
  loop.post(loop_handle_of(owner, [&] { order += 'a'; }));
  loop.post(thrower.handle);
  loop.post(loop_handle_of(owner, [&] {
    order += 'b';
    loop.stop();
  }));
  CHECK_THROWS_WITH_AS(loop.run(), "let out", std::runtime_error);
  CHECK(order == "a");
  CHECK_FALSE(loop.running());
  loop.run();
  CHECK(order == "ab");
}

TEST_CASE(
    "an idle loop waits for the soonest timer, or without a deadline, and later timers do not wake it") {
  cw::event_loop* running = nullptr;
  std::deque<foreign::eager_task> owner;
  std::deque<cw::timer> timers;
  const cw::time_point far = cw::clock_type::now() + 24h;
  const auto arm_at = [&](cw::time_point due) {
    running->arm(timers.emplace_back(due, loop_handle_of(owner, [] {})));
  };
  // Other threads than the loop's act in each wait.
  loop_scripted_waiter waiter([&](std::size_t wait) {
    std::thread([&] {
      if (wait == 1) arm_at(far);
      if (wait == 2) arm_at(far + 1h);
      if (wait == 3) arm_at(far - 1h);
      if (wait == 4) running->cancel(timers[2]);
      if (wait == 5) running->stop();
    }).join();
  });
  cw::event_loop loop(waiter);
  running = &loop;
  loop.run();
  CHECK(waiter.waits == std::vector<cw::time_point>{cw::time_point::max(), far, far, far - 1h, far});
  CHECK(waiter.wakes == 4);  // not for the timer after the soonest one
  CHECK(waiter.looks >= 2);
  for (cw::timer& alarm : timers) loop.cancel(alarm);
}

TEST_CASE("a loop wakes once for what comes while it is idle, and not otherwise") {
  constexpr int posts = 50;
  loop_counting_waiter waiter;
  cw::event_loop loop(waiter);
  std::deque<foreign::eager_task> owner;
  std::atomic<int> resumed = 0;
  const auto count = loop_handle_of(owner, [&] { ++resumed; });
  std::thread poster([&] {
    for (int i = 0; i < posts; ++i) {
      loop.post(count);
      while (resumed <= i) std::this_thread::yield();
    }
    loop.stop();
  });
  loop.run();
  poster.join();
  CHECK(resumed == posts);
  CHECK(waiter.waits <= posts + 1);
}

#if defined(__linux__)
TEST_CASE("with a user's waiter, what it watches is posted, timers fire, and other threads can wake it") {
  loop_pipe_waiter waiter;
  cw::event_loop loop(waiter);
  waiter.post_to(loop);
  const auto body = [](loop_pipe_waiter& pipe, cw::event_loop& here) -> cw::task<std::string> {
    std::string text;
    std::thread sender([&pipe] {
      for (const char letter : {'a', 'b', 'c'}) pipe.send(letter);
    });
    for (int i = 0; i < 3; ++i) text += co_await pipe.receive();
    sender.join();
    co_await cw::sleep_for(1ms);
    text += 't';
    std::thread poster;
    auto post_from_thread = [&here, &poster](std::coroutine_handle<> self) {
      poster = std::thread([&here, self] { here.post(self); });
    };
    co_await foreign::suspend_and(post_from_thread);
    poster.join();
    text += 'w';
    co_return text;
  };
  CHECK(cw::sync_wait(loop, body(waiter, loop)) == "abctw");
}
#endif

#ifdef COWORKER_TESTS_CAN_FORK
TEST_CASE("destroying a loop while it runs ends the program with a message") {
  const auto end = coworker::testing::end_of_child([] {
    auto loop = std::make_unique<cw::event_loop>();
    const auto owner = [](std::unique_ptr<cw::event_loop>& owned) -> foreign::eager_task {
      auto post = [&owned](std::coroutine_handle<> self) { owned->post(self); };
      co_await foreign::suspend_and(post);
      owned.reset();
    };
    const foreign::eager_task started = owner(loop);
    loop->run();
  });
  CHECK(end.signal == SIGABRT);
  CHECK(
      end.words.find("coworker: an event_loop was destroyed while it runs; let its owner outlive the call of "
                     "run()") != std::string::npos);
}
#endif
