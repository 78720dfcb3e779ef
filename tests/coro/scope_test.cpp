#include <doctest/doctest.h>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <coro/foreign.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <csignal>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <support/child_process.hpp>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace cw = coworker;
using namespace std::chrono_literals;

cw::task<> scope_note(std::vector<int>& seen, int number) {
  seen.push_back(number);
  co_return;
}

cw::task<> scope_sleep(cw::duration span) { co_await cw::sleep_for(span); }

cw::task<> scope_sleep_and_note(cw::duration span, std::vector<std::string>& log, std::string name) {
  try {
    co_await cw::sleep_for(span);
    log.push_back(name + " slept");
  } catch (const cw::cancelled&) {
    log.push_back(name + " cancelled");
    throw;
  }
}

cw::task<> scope_sleep_and_fail(cw::duration span, const char* why) {
  co_await cw::sleep_for(span);
  throw std::runtime_error(why);
}

cw::task<> scope_count_on(cw::executor_ref place, std::atomic<int>& count) {
  co_await cw::resume_on(place);
  ++count;
}

// An object whose coroutines a scope runs directly, without a task.
struct scope_counter {
  int ended = 0;

  cw::detail::child count(cw::scope&, std::shared_ptr<int> argument) {
    const std::shared_ptr<int> owned = std::move(argument);
    co_await cw::sleep_for(1s);
    ++ended;
  }
  cw::detail::child fail(cw::scope&) {
    co_await cw::sleep_for(2s);
    throw std::runtime_error("failed there");
  }
};

// An executor that refuses a chosen post, like one that is out of memory or threads.
class scope_refusing_loop {
 public:
  explicit scope_refusing_loop(int posts_before) : posts_left_(posts_before) {}

  void post(std::coroutine_handle<> handle) {
    if (posts_left_-- == 0) throw std::bad_alloc();
    loop_.post(handle);
  }
  void arm(cw::timer& alarm) { loop_.arm(alarm); }
  void cancel(cw::timer& alarm) { loop_.cancel(alarm); }
  cw::time_point now() const { return loop_.now(); }
  bool run() { return loop_.run(); }
  void stop() { loop_.stop(); }
  bool running() const { return loop_.running(); }
  cw::duration elapsed() const { return loop_.elapsed(); }

 private:
  cw::simulated_loop loop_;
  int posts_left_;
};

}  // namespace

TEST_CASE("a scope starts its tasks in order and join() waits for all of them") {
  cw::simulated_loop loop;
  const auto body = []() -> cw::task<std::vector<int>> {
    std::vector<int> seen;
    cw::scope children(co_await cw::this_coro::context());
    for (int i = 0; i < 3; ++i) children.spawn(scope_note(seen, i));
    CHECK(seen.empty());
    CHECK(children.running() == 3);
    co_await children.join();
    CHECK(children.running() == 0);
    co_return seen;
  };
  CHECK(cw::sync_wait(loop, body()) == std::vector<int>{0, 1, 2});
}

TEST_CASE("joining a scope without tasks returns at once") {
  cw::simulated_loop loop;
  const auto body = []() -> cw::task<> {
    cw::scope children(co_await cw::this_coro::context());
    co_await children.join();
    co_await children.join();
  };
  cw::sync_wait(loop, body());
  CHECK(loop.elapsed() == 0s);
}

TEST_CASE("children run side by side") {
  cw::simulated_loop loop;
  const auto body = []() -> cw::task<> {
    cw::scope children(co_await cw::this_coro::context());
    for (int i = 1; i <= 10; ++i) children.spawn(scope_sleep(std::chrono::seconds(i)));
    co_await children.join();
  };
  cw::sync_wait(loop, body());
  CHECK(loop.elapsed() == 10s);
}

TEST_CASE("running() counts the children that have not ended, also during join()") {
  cw::simulated_loop loop;
  const auto body = []() -> cw::task<std::vector<std::size_t>> {
    std::vector<std::size_t> counts;
    cw::scope children(co_await cw::this_coro::context());
    const auto count = [](cw::scope& owner, int seconds, std::vector<std::size_t>& into) -> cw::task<> {
      co_await cw::sleep_for(std::chrono::seconds(seconds));
      into.push_back(owner.running());
    };
    for (int i = 1; i <= 3; ++i) children.spawn(count(children, i, counts));
    co_await children.join();
    co_return counts;
  };
  CHECK(cw::sync_wait(loop, body()) == std::vector<std::size_t>{3, 2, 1});
}

TEST_CASE("the first child that fails stops the others, and join() rethrows what it threw") {
  cw::simulated_loop loop;
  std::vector<std::string> log;
  const auto body = [](std::vector<std::string>& to) -> cw::task<std::string> {
    cw::scope children(co_await cw::this_coro::context());
    children.spawn(scope_sleep_and_note(1s, to, "short"));
    children.spawn(scope_sleep_and_note(1h, to, "long"));
    children.spawn(scope_sleep_and_fail(2s, "first failure"));
    children.spawn(scope_sleep_and_fail(3s, "never comes to it"));
    std::string caught;
    try {
      co_await children.join();
    } catch (const std::runtime_error& error) {
      caught = error.what();
    }
    co_return caught;
  };
  CHECK(cw::sync_wait(loop, body(log)) == "first failure");
  CHECK(log == std::vector<std::string>{"short slept", "long cancelled"});
  CHECK(loop.elapsed() == 2s);
}

TEST_CASE("if two children fail, the exception of the first is rethrown") {
  cw::simulated_loop loop;
  const auto body = []() -> cw::task<> {
    cw::scope children(co_await cw::this_coro::context());
    const auto fail_when_stopped = []() -> cw::task<> {
      try {
        co_await cw::sleep_for(1h);
      } catch (const cw::cancelled&) {
        throw std::runtime_error("second");
      }
    };
    children.spawn(fail_when_stopped());
    children.spawn(scope_sleep_and_fail(1s, "first"));
    co_await children.join();
  };
  CHECK_THROWS_WITH_AS(cw::sync_wait(loop, body()), "first", std::runtime_error);
}

TEST_CASE("children that end as cancelled do not count as failed") {
  cw::simulated_loop loop;
  std::vector<std::string> log;
  const auto body = [](std::vector<std::string>& to) -> cw::task<> {
    cw::scope children(co_await cw::this_coro::context());
    children.spawn(scope_sleep_and_note(1h, to, "a"));
    children.spawn(scope_sleep_and_note(2h, to, "b"));
    co_await cw::sleep_for(1s);
    children.request_stop();
    children.spawn(scope_sleep_and_note(3h, to, "late"));
    co_await children.join();
  };
  cw::sync_wait(loop, body(log));
  std::sort(log.begin(), log.end());
  CHECK(log == std::vector<std::string>{"a cancelled", "b cancelled", "late cancelled"});
  CHECK(loop.elapsed() == 1s);
}

TEST_CASE("a stop of the surrounding chain reaches all children, and their children") {
  cw::simulated_loop loop;
  cw::stop_source source;
  std::vector<std::string> log;
  const auto nested = [](std::vector<std::string>& to, int depth, auto& self) -> cw::task<> {
    cw::scope children(co_await cw::this_coro::context());
    children.spawn(scope_sleep_and_note(1h, to, "level " + std::to_string(depth)));
    if (depth > 0) children.spawn(self(to, depth - 1, self));
    co_await children.join();
  };
  const auto body = [](auto& make, std::vector<std::string>& to, cw::stop_source& stops) -> cw::task<> {
    cw::context stoppable = co_await cw::this_coro::context();
    stoppable.stop = stops.get_token();
    cw::scope top(stoppable);
    top.spawn(make(to, 3, make));
    co_await cw::sleep_for(1min);
    stops.request_stop();
    co_await top.join();
  };
  cw::sync_wait(loop, body(nested, log, source));
  CHECK(log.size() == 4);
  CHECK(loop.elapsed() == 1min);
}

TEST_CASE("a scope may be used again after join()") {
  cw::simulated_loop loop;
  const auto body = []() -> cw::task<std::vector<int>> {
    std::vector<int> seen;
    cw::scope children(co_await cw::this_coro::context());
    for (int round = 0; round < 3; ++round) {
      children.spawn(scope_note(seen, round));
      co_await children.join();
    }
    co_return seen;
  };
  CHECK(cw::sync_wait(loop, body()) == std::vector<int>{0, 1, 2});
}

TEST_CASE("a scope that has failed rethrows once, and stays stopped") {
  cw::simulated_loop loop;
  std::vector<std::string> log;
  const auto body = [](std::vector<std::string>& to) -> cw::task<> {
    cw::scope children(co_await cw::this_coro::context());
    children.spawn(scope_sleep_and_fail(1s, "failed"));
    bool failed = false;
    try {
      co_await children.join();
    } catch (const std::runtime_error&) {
      failed = true;
    }
    CHECK(failed);
    children.spawn(scope_sleep_and_note(1h, to, "afterwards"));
    co_await children.join();
  };
  cw::sync_wait(loop, body(log));
  CHECK(log == std::vector<std::string>{"afterwards cancelled"});
}

TEST_CASE("fail() counts as the failure of a child") {
  cw::simulated_loop loop;
  const auto body = []() -> cw::task<> {
    cw::scope children(co_await cw::this_coro::context());
    children.spawn(scope_sleep(1h));
    children.fail(std::make_exception_ptr(std::runtime_error("from outside")));
    co_await children.join();
  };
  CHECK_THROWS_WITH_AS(cw::sync_wait(loop, body()), "from outside", std::runtime_error);
  CHECK(loop.elapsed() == 0s);
}

TEST_CASE("a spawned callable and its arguments live as long as the coroutine that they create") {
  cw::simulated_loop loop;
  const auto body = []() -> cw::task<int> {
    int sum = 0;
    cw::scope children(co_await cw::this_coro::context());
    const auto kept = std::make_shared<int>(1);
    children.spawn([kept, &sum]() -> cw::task<> {
      co_await cw::sleep_for(1s);
      sum += *kept;
    });
    children.spawn(
        [&sum](std::unique_ptr<int> number, const std::string& text) -> cw::task<> {
          co_await cw::sleep_for(1s);
          sum += *number + static_cast<int>(text.size());
        },
        std::make_unique<int>(10), std::string(100, 'x'));
    CHECK(kept.use_count() == 2);
    co_await children.join();
    CHECK(kept.use_count() == 1);
    co_return sum;
  };
  CHECK(cw::sync_wait(loop, body()) == 111);
}

TEST_CASE("a child may spawn siblings during join()") {
  cw::simulated_loop loop;
  const auto body = []() -> cw::task<int> {
    int ended = 0;
    cw::scope children(co_await cw::this_coro::context());
    const auto grow = [](cw::scope& owner, int more, int& count, auto& self) -> cw::task<> {
      co_await cw::sleep_for(1s);
      if (more > 0) {
        owner.spawn(self(owner, more - 1, count, self));
        owner.spawn(self(owner, more - 1, count, self));
      }
      ++count;
    };
    children.spawn(grow(children, 5, ended, grow));
    co_await children.join();
    co_return ended;
  };
  CHECK(cw::sync_wait(loop, body()) == 63);
}

TEST_CASE("a scope can have 100,000 children") {
  cw::simulated_loop loop;
  const auto body = []() -> cw::task<int> {
    int ended = 0;
    cw::scope children(co_await cw::this_coro::context());
    const auto child = [](int i, int& count) -> cw::task<> {
      co_await cw::sleep_for(std::chrono::milliseconds(i % 100));
      ++count;
    };
    for (int i = 0; i < 100'000; ++i) children.spawn(child(i, ended));
    co_await children.join();
    co_return ended;
  };
  CHECK(cw::sync_wait(loop, body()) == 100'000);
}

TEST_CASE("children may end on the threads of a pool; the joiner continues on its own executor") {
  cw::thread_pool pool(2);
  cw::event_loop loop;
  const auto body = [](cw::executor_ref elsewhere) -> cw::task<int> {
    const std::thread::id home = std::this_thread::get_id();
    std::atomic<int> count = 0;
    int away = 0;
    for (int round = 0; round < 200; ++round) {
      cw::scope children(co_await cw::this_coro::context());
      for (int i = 0; i < 10; ++i) children.spawn(scope_count_on(elsewhere, count));
      co_await children.join();
      if (std::this_thread::get_id() != home) ++away;
    }
    CHECK(away == 0);
    co_return count.load();
  };
  CHECK(cw::sync_wait(loop, body(pool)) == 2000);
}

TEST_CASE("a child's failure on a pool's thread reaches the joiner") {
  cw::thread_pool pool(2);
  const auto body = [](cw::executor_ref elsewhere) -> cw::task<int> {
    int caught = 0;
    for (int round = 0; round < 50; ++round) {
      cw::scope children(co_await cw::this_coro::context());
      const auto fail_on = [](cw::executor_ref place) -> cw::task<> {
        co_await cw::resume_on(place);
        throw std::runtime_error("on the pool");
      };
      for (int i = 0; i < 3; ++i) children.spawn(fail_on(elsewhere));
      children.spawn(scope_sleep(1h));
      try {
        co_await children.join();
      } catch (const std::runtime_error&) {
        ++caught;
      }
    }
    co_return caught;
  };
  CHECK(cw::sync_wait(body(pool)) == 50);
}

TEST_CASE("a joiner without a context continues where the last child ends") {
  cw::simulated_loop loop;
  std::vector<int> seen;
  cw::scope children{cw::context(loop)};
  children.spawn(scope_note(seen, 1));
  const auto join = [](cw::scope& joined, std::vector<int>& into) -> foreign::eager_task {
    co_await joined.join();
    into.push_back(2);
  };
  const foreign::eager_task joiner = join(children, seen);
  CHECK_FALSE(joiner.done());
  loop.run();
  CHECK(joiner.done());
  CHECK(seen == std::vector<int>{1, 2});
}

TEST_CASE("a task that the executor refuses is not started, and the scope does not wait for it") {
  scope_refusing_loop loop(2);  // one post for the task below, one for its first child
  std::vector<int> seen;
  const auto argument = std::make_shared<int>();
  const auto body = [](std::vector<int>& into, std::shared_ptr<int> kept) -> cw::task<bool> {
    cw::scope children(co_await cw::this_coro::context());
    const auto holding = [](std::shared_ptr<int>) -> cw::task<> { co_return; };
    children.spawn(scope_note(into, 1));
    bool refused = false;
    try {
      children.spawn(holding(kept));
    } catch (const std::bad_alloc&) {
      refused = true;
    }
    CHECK(children.running() == 1);
    CHECK(kept.use_count() == 2);
    co_await children.join();
    co_return refused;
  };
  CHECK(cw::sync_wait(loop, body(seen, argument)));
  CHECK(seen == std::vector<int>{1});
}

TEST_CASE("a coroutine may be a child itself, and then ends and fails like a task") {
  cw::simulated_loop loop;
  scope_counter counter;
  const auto argument = std::make_shared<int>();
  const auto body = [](scope_counter& on, std::shared_ptr<int> kept) -> cw::task<std::string> {
    cw::scope children(co_await cw::this_coro::context());
    on.count(children, kept).start();
    on.count(children, kept).start();
    on.fail(children).start();
    CHECK(children.running() == 3);
    CHECK(kept.use_count() == 4);
    co_await cw::sleep_for(1500ms);
    CHECK(children.running() == 1);
    CHECK(kept.use_count() == 2);
    std::string failure;
    try {
      co_await children.join();
    } catch (const std::runtime_error& error) {
      failure = error.what();
    }
    co_return failure;
  };
  CHECK(cw::sync_wait(loop, body(counter, argument)) == "failed there");
  CHECK(counter.ended == 2);
  CHECK(argument.use_count() == 1);
}

TEST_CASE("a child that the executor refuses is destroyed, and the scope does not wait for it") {
  scope_refusing_loop loop(1);  // one post for the task below
  scope_counter counter;
  const auto argument = std::make_shared<int>();
  const auto body = [](scope_counter& on, std::shared_ptr<int> kept) -> cw::task<bool> {
    cw::scope children(co_await cw::this_coro::context());
    bool refused = false;
    try {
      on.count(children, kept).start();
    } catch (const std::bad_alloc&) {
      refused = true;
    }
    CHECK(children.running() == 0);
    CHECK(kept.use_count() == 2);
    co_await children.join();
    co_return refused;
  };
  CHECK(cw::sync_wait(loop, body(counter, argument)));
  CHECK(counter.ended == 0);
}

TEST_CASE("spawn() on a scope whose context has no executor throws an error that says so") {
  cw::scope children{cw::context()};
  CHECK_THROWS_WITH_AS(
      children.spawn(scope_sleep(1s)),
      "scope::spawn: the scope was made with a context that has no executor; make it with co_await "
      "this_coro::context(), or with context(executor)",
      std::logic_error);
  CHECK(children.running() == 0);
}

TEST_CASE("with_scope returns what its body returns, once all that it spawned has ended") {
  cw::simulated_loop loop;
  const auto body = []() -> cw::task<int> {
    int ended = 0;
    const auto work = [&ended](cw::scope& children) -> cw::task<int> {
      const auto child = [](int& count) -> cw::task<> {
        co_await cw::sleep_for(5s);
        ++count;
      };
      children.spawn(child(ended));
      children.spawn(child(ended));
      co_return 7;
    };
    const int given = co_await cw::with_scope(work);
    co_return given * 10 + ended;
  };
  CHECK(cw::sync_wait(loop, body()) == 72);
  CHECK(loop.elapsed() == 5s);
}

TEST_CASE("with_scope keeps a capturing lambda alive, and its body may return void or a reference") {
  cw::simulated_loop loop;
  const auto body = []() -> cw::task<int> {
    int number = 1;
    auto doubled = cw::with_scope([&number, factor = std::make_unique<int>(2)](cw::scope&) -> cw::task<> {
      co_await cw::sleep_for(1s);
      number *= *factor;
    });
    co_await std::move(doubled);
    const auto refer = [&number](cw::scope&) -> cw::task<int&> { co_return number; };
    int& same = co_await cw::with_scope(refer);
    ++same;
    co_return number;
  };
  CHECK(cw::sync_wait(loop, body()) == 3);
}

TEST_CASE("with_scope whose body throws stops the children, waits for them, and rethrows") {
  cw::simulated_loop loop;
  std::vector<std::string> log;
  const auto body = [](std::vector<std::string>& to) -> cw::task<> {
    const auto work = [](std::vector<std::string>& notes) {
      return [&notes](cw::scope& children) -> cw::task<> {
        children.spawn(scope_sleep_and_note(1h, notes, "child"));
        co_await cw::sleep_for(1s);
        throw std::runtime_error("from the body");
      };
    };
    const auto failing = work(to);
    co_await cw::with_scope(failing);
  };
  CHECK_THROWS_WITH_AS(cw::sync_wait(loop, body(log)), "from the body", std::runtime_error);
  CHECK(log == std::vector<std::string>{"child cancelled"});
  CHECK(loop.elapsed() == 1s);
}

TEST_CASE("with_scope rethrows a child's failure if the body has none, and lets the body finish") {
  cw::simulated_loop loop;
  const auto body = []() -> cw::task<> {
    const auto work = [](cw::scope& children) -> cw::task<> {
      children.spawn(scope_sleep_and_fail(1s, "from a child"));
      co_await cw::sleep_for(3s);
      CHECK(children.get_token().stop_requested());
    };
    co_await cw::with_scope(work);
  };
  CHECK_THROWS_WITH_AS(cw::sync_wait(loop, body()), "from a child", std::runtime_error);
  CHECK(loop.elapsed() == 3s);
}

TEST_CASE("a stop of the chain reaches the children of with_scope and its body") {
  cw::simulated_loop loop;
  std::vector<std::string> log;
  const auto body = [](std::vector<std::string>& to) -> cw::task<> {
    cw::scope outer(co_await cw::this_coro::context());
    outer.spawn([&to]() -> cw::task<> {
      const auto work = [&to](cw::scope& children) -> cw::task<> {
        children.spawn(scope_sleep_and_note(1h, to, "child"));
        co_await scope_sleep_and_note(1h, to, "body");
      };
      co_await cw::with_scope(work);
    });
    co_await cw::sleep_for(1s);
    outer.request_stop();
    co_await outer.join();
  };
  cw::sync_wait(loop, body(log));
  std::sort(log.begin(), log.end());
  CHECK(log == std::vector<std::string>{"body cancelled", "child cancelled"});
  CHECK(loop.elapsed() == 1s);
}

#ifdef COWORKER_TESTS_CAN_FORK
TEST_CASE("destroying a scope while its tasks run ends the program with a message") {
  const auto end = coworker::testing::end_of_child([] {
    cw::simulated_loop loop;
    cw::scope children{cw::context(loop)};
    children.spawn(scope_sleep(1s));
  });
  CHECK(end.signal == SIGABRT);
  CHECK(
      end.words.find("coworker: a scope was destroyed while its tasks run; co_await its join() first, or use "
                     "with_scope") != std::string::npos);
}
#endif
