#include <doctest/doctest.h>
#include <coro/foreign.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/task.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

namespace cw = coworker;

struct task_no_default {
  int number;
  explicit task_no_default(int n) : number(n) {}
};

struct task_base {
  int number = 1;
};
struct task_derived : task_base {
  int more = 2;
};

// Records when it is destroyed.
struct task_note {
  std::vector<std::string>* log;
  std::string text;
  task_note(std::vector<std::string>& to, std::string what) : log(&to), text(std::move(what)) {}
  task_note(task_note&& other) noexcept
      : log(std::exchange(other.log, nullptr)), text(std::move(other.text)) {}
  task_note& operator=(task_note&&) = delete;
  ~task_note() {
    if (log != nullptr) log->push_back(text);
  }
};

struct task_throws_when_destroyed {
  task_throws_when_destroyed() {}
  ~task_throws_when_destroyed() noexcept(false) { throw std::runtime_error("from a destructor"); }
};

cw::task<int> task_number(int n) { co_return n; }
cw::task<int> task_failing(const char* why) {
  throw std::runtime_error(why);
  co_return 0;
}

cw::task<long> task_sum_of(int count) {
  long sum = 0;
  for (int i = 0; i < count; ++i) sum += co_await task_number(i % 10);
  co_return sum;
}

cw::task<int> task_nested(int depth) {
  if (depth == 0) co_return 0;
  const int below = co_await task_nested(depth - 1);
  co_return below + 1;
}

cw::task<int> task_nested_above(foreign::parking_lot& lot, int depth) {
  if (depth == 0) {
    co_await lot.park();
    co_return 0;
  }
  const int below = co_await task_nested_above(lot, depth - 1);
  co_return below + 1;
}

cw::task<> task_nested_failing(foreign::parking_lot& lot, int depth) {
  if (depth == 0) {
    co_await lot.park();
    throw std::runtime_error("from the bottom");
  }
  co_await task_nested_failing(lot, depth - 1);
}

cw::task<> task_keep(cw::task<int> work, int& into) { into = co_await std::move(work); }

cw::task<> task_park_with(foreign::parking_lot& lot, std::vector<std::string>& log, int depth) {
  const task_note note(log, "level " + std::to_string(depth));
  if (depth == 0) {
    co_await lot.park();
  } else {
    co_await task_park_with(lot, log, depth - 1);
  }
}

std::string task_logic_error_of(cw::task<> work) {
  try {
    foreign::run(std::move(work));
  } catch (const std::logic_error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

static_assert(!std::is_copy_constructible_v<cw::task<int>>);
static_assert(std::is_nothrow_move_constructible_v<cw::task<int>>);
static_assert(std::is_nothrow_move_assignable_v<cw::task<int>>);
static_assert(std::is_same_v<cw::task<int&>::value_type, int&>);

TEST_CASE("a task returns the value that its coroutine returns") {
  CHECK(foreign::run(task_number(7)) == 7);

  const auto text = []() -> cw::task<std::string> { co_return "converted"; };
  CHECK(foreign::run(text()) == "converted");

  const auto pair = []() -> cw::task<std::pair<int, int>> { co_return {1, 2}; };
  CHECK(foreign::run(pair()) == std::pair(1, 2));

  const auto no_default = []() -> cw::task<task_no_default> { co_return task_no_default(3); };
  CHECK(foreign::run(no_default()).number == 3);
}

TEST_CASE("a task returns a move-only value") {
  const auto make = []() -> cw::task<std::unique_ptr<int>> {
    auto local = std::make_unique<int>(5);
    co_return local;
  };
  const std::unique_ptr<int> made = foreign::run(make());
  REQUIRE(made != nullptr);
  CHECK(*made == 5);
}

TEST_CASE("a task of a reference returns the same object") {
  int number = 1;
  const auto refer = [](int& n) -> cw::task<int&> { co_return n; };
  CHECK(&foreign::run(refer(number)) == &number);

  const auto refer_const = [](const int& n) -> cw::task<const int&> { co_return n; };
  CHECK(&foreign::run(refer_const(number)) == &number);

  task_derived derived;
  const auto refer_base = [](task_derived& d) -> cw::task<task_base&> { co_return d; };
  CHECK(&foreign::run(refer_base(derived)) == &derived);
}

TEST_CASE("a task of void runs to its end") {
  int steps = 0;
  const auto step = [](int& n) -> cw::task<> {
    ++n;
    co_return;
  };
  const auto twice = [&step](int& n) -> cw::task<> {
    co_await step(n);
    co_await step(n);
  };
  foreign::run(twice(steps));
  CHECK(steps == 2);
}

TEST_CASE("awaiting a task rethrows what its coroutine threw") {
  CHECK_THROWS_WITH_AS(foreign::run(task_failing("at once")), "at once", std::runtime_error);

  const auto catcher = []() -> cw::task<std::string> {
    std::string caught;
    try {
      co_await task_failing("below");
    } catch (const std::runtime_error& error) {
      caught = error.what();
    }
    co_return caught;
  };
  CHECK(foreign::run(catcher()) == "below");
}

TEST_CASE("an exception thrown after a suspension reaches the awaiter") {
  foreign::parking_lot lot;
  const foreign::eager_task chain = foreign::start(task_nested_failing(lot, 3));
  REQUIRE_FALSE(chain.done());
  cw::resume(lot.take());
  REQUIRE(chain.done());
  CHECK_THROWS_WITH_AS(chain.check(), "from the bottom", std::runtime_error);
}

TEST_CASE("a value that was returned is destroyed when a local's destructor throws afterwards") {
  std::vector<std::string> log;
  const auto work = [](std::vector<std::string>& to) -> cw::task<task_note> {
    const task_throws_when_destroyed local;
    co_return task_note(to, "the value is gone");
  };
  CHECK_THROWS_WITH_AS(foreign::run(work(log)), "from a destructor", std::runtime_error);
  CHECK(log == std::vector<std::string>{"the value is gone"});
}

TEST_CASE("a task does nothing before it is awaited, and never runs without that") {
  std::vector<std::string> log;
  const auto work = [](std::vector<std::string>& to, task_note) -> cw::task<> {
    to.push_back("ran");
    co_return;
  };
  {
    const cw::task<> unawaited = work(log, task_note(log, "argument gone"));
    CHECK(log.empty());
  }
  CHECK(log == std::vector<std::string>{"argument gone"});
}

TEST_CASE("awaiting a task a second time throws an error that says so") {
  const auto again = []() -> cw::task<> {
    cw::task<int> once = task_number(1);
    co_await std::move(once);
    co_await std::move(once);
  };
  CHECK(task_logic_error_of(again()) ==
        "task: awaited a second time, or after it was moved from; a task runs once, so call the coroutine "
        "again");
}

TEST_CASE("awaiting a moved-from task throws an error that says so, and the new owner has the result") {
  const auto moved_from = [](int& given) -> cw::task<> {
    cw::task<int> first = task_number(4);
    cw::task<int> second = std::move(first);
    given = co_await std::move(second);
    co_await std::move(first);
  };
  int given = 0;
  CHECK(task_logic_error_of(moved_from(given)) != "");
  CHECK(given == 4);
}

TEST_CASE("assigning to a task destroys what it owned") {
  std::vector<std::string> log;
  const auto work = [](task_note note) -> cw::task<std::string> { co_return note.text; };
  cw::task<std::string> owner = work(task_note(log, "first"));
  owner = work(task_note(log, "second"));
  CHECK(log == std::vector<std::string>{"first"});
  auto& same = owner;
  owner = std::move(same);
  CHECK(foreign::run(std::move(owner)) == "second");
}

TEST_CASE("destroying a suspended chain destroys the locals of all its coroutines, innermost first") {
  foreign::parking_lot lot;
  std::vector<std::string> log;
  {
    const foreign::eager_task chain = foreign::start(task_park_with(lot, log, 2));
    REQUIRE(log.empty());
  }
  CHECK(log == std::vector<std::string>{"level 0", "level 1", "level 2"});
}

TEST_CASE("a task ends with its arguments and locals before its awaiter continues") {
  foreign::parking_lot lot;
  std::vector<std::string> log;
  auto work = [](foreign::parking_lot& place, bool suspends, task_note argument) -> cw::task<std::string> {
    const task_note local(*argument.log, "local gone");
    if (suspends) co_await place.park();
    co_return "given";
  };
  auto awaits = [](cw::task<std::string> awaited, std::vector<std::string>& to) -> cw::task<> {
    const std::string given = co_await std::move(awaited);
    to.push_back(given);
  };
  const auto start = [&](bool suspends) {
    return foreign::start(awaits(work(lot, suspends, task_note(log, "argument gone")), log));
  };

  SUBCASE("without suspending") { CHECK(start(false).done()); }
  SUBCASE("resumed by an executor") {
    const foreign::eager_task chain = start(true);
    cw::resume(lot.take());
    CHECK(chain.done());
  }
  SUBCASE("resumed by other code, with handle.resume()") {
    const foreign::eager_task chain = start(true);
    lot.take().resume();
    CHECK(chain.done());
  }
  SUBCASE("resumed on another thread") {
    const foreign::eager_task chain = start(true);
    std::thread([&lot] { cw::resume(lot.take()); }).join();
    CHECK(chain.done());
  }
  CHECK(log == std::vector<std::string>{"local gone", "argument gone", "given"});
}

TEST_CASE("a task that was awaited but did not end is destroyed with its awaiter, and returns nothing") {
  foreign::parking_lot lot;
  std::vector<std::string> log;
  auto work = [](foreign::parking_lot& place, task_note argument) -> cw::task<std::unique_ptr<int>> {
    co_await place.park();
    argument.text = "went on";
    co_return std::make_unique<int>(1);
  };
  auto awaits = [](cw::task<std::unique_ptr<int>> awaited) -> cw::task<> { co_await std::move(awaited); };
  {
    const foreign::eager_task chain = foreign::start(awaits(work(lot, task_note(log, "argument gone"))));
    REQUIRE(log.empty());
  }
  CHECK(log == std::vector<std::string>{"argument gone"});
}

TEST_CASE("the task object may be moved or destroyed while its task runs") {
  foreign::parking_lot lot;
  std::vector<cw::task<int>> owners;
  owners.push_back(task_nested_above(lot, 2));
  int value = 0;
  auto awaits = [](std::vector<cw::task<int>>& from, int& into) -> cw::task<> {
    into = co_await std::move(from.front());
  };
  const foreign::eager_task chain = foreign::start(awaits(owners, value));
  owners.clear();
  cw::resume(lot.take());
  CHECK(chain.done());
  CHECK(value == 2);
}

TEST_CASE("a chain continues and ends on whatever thread resumes it") {
  foreign::parking_lot lot;
  int value = 0;
  const foreign::eager_task chain = foreign::start(task_keep(task_nested_above(lot, 10), value));
  std::thread([&lot] { cw::resume(lot.take()); }).join();
  CHECK(chain.done());
  CHECK(value == 10);
}

TEST_CASE("a million awaits in a loop do not grow the stack") {
  CHECK(foreign::run(task_sum_of(1'000'000)) == 4'500'000);
}

TEST_CASE("a million awaits in a loop do not grow the stack if each really suspends") {
  foreign::parking_lot lot;
  const auto loop = [](foreign::parking_lot& place, int count) -> cw::task<int> {
    int sum = 0;
    for (int i = 0; i < count; ++i) sum += co_await task_nested_above(place, 1);
    co_return sum;
  };
  int value = 0;
  const foreign::eager_task chain = foreign::start(task_keep(loop(lot, 1'000'000), value));
  while (!lot.empty()) cw::resume(lot.take());
  CHECK(chain.done());
  CHECK(value == 1'000'000);
}

TEST_CASE("100,000 nested awaits do not overflow the stack") {
  CHECK(foreign::run(task_nested(100'000)) == 100'000);
}

TEST_CASE(
    "100,000 nested awaits do not overflow the stack if the innermost suspends and all end afterwards") {
  foreign::parking_lot lot;
  int value = 0;
  const foreign::eager_task chain = foreign::start(task_keep(task_nested_above(lot, 100'000), value));
  REQUIRE_FALSE(lot.empty());

  SUBCASE("resumed by an executor") { cw::resume(lot.take()); }
  SUBCASE("resumed by other code, with handle.resume()") { lot.take().resume(); }

  CHECK(chain.done());
  CHECK(value == 100'000);
}

TEST_CASE("an exception passes through 10,000 coroutines that had suspended") {
  foreign::parking_lot lot;
  const foreign::eager_task chain = foreign::start(task_nested_failing(lot, 10'000));
  cw::resume(lot.take());
  REQUIRE(chain.done());
  CHECK_THROWS_WITH_AS(chain.check(), "from the bottom", std::runtime_error);
}
