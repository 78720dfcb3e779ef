#include <doctest/doctest.h>
#include <coro/foreign.hpp>
#include <coworker/coro/async_generator.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace cw = coworker;
using namespace std::chrono_literals;

struct generator_note {
  std::vector<std::string>& log;
  std::string text;
  generator_note(std::vector<std::string>& to, std::string what) : log(to), text(std::move(what)) {}
  generator_note(const generator_note&) = delete;
  generator_note& operator=(const generator_note&) = delete;
  ~generator_note() { log.push_back(text); }
};

struct generator_throws_when_destroyed {
  generator_throws_when_destroyed() {}
  ~generator_throws_when_destroyed() noexcept(false) { throw std::runtime_error("from a destructor"); }
};

cw::async_generator<int> generator_count(int end) {
  for (int i = 0; i < end; ++i) co_yield i;
}

template <class T>
cw::task<std::vector<T>> generator_collect(cw::async_generator<T> stream) {
  std::vector<T> values;
  for (T* value = co_await stream.next(); value != nullptr; value = co_await stream.next()) {
    values.push_back(std::move(*value));
  }
  co_return values;
}

cw::task<> generator_take(cw::async_generator<int>& stream, int count, std::vector<int>& into) {
  for (int i = 0; i < count; ++i) {
    const int* const value = co_await stream.next();
    into.push_back(value != nullptr ? *value : -1);
  }
}

cw::async_generator<int> generator_with_parking(foreign::parking_lot& lot) {
  co_yield 1;
  co_await lot.park();
  co_yield 2;
}

// Each level passes on the values of the level below; the lowest suspends in the parking lot between its two
// values.
cw::async_generator<int> generator_nested(foreign::parking_lot& lot, int depth) {
  if (depth == 0) {
    co_yield 1;
    co_await lot.park();
    co_yield 2;
    co_return;
  }
  auto below = generator_nested(lot, depth - 1);
  for (int* value = co_await below.next(); value != nullptr; value = co_await below.next()) co_yield *value;
}

cw::async_generator<int> generator_sleeping() {
  for (int i = 0;; ++i) {
    co_await cw::sleep_for(1s);
    co_yield i;
  }
}

}  // namespace

TEST_CASE("a generator returns its values in order, and then null on every further call") {
  auto stream = generator_count(3);
  std::vector<int> seen;
  foreign::run(generator_take(stream, 5, seen));
  CHECK(seen == std::vector<int>{0, 1, 2, -1, -1});
}

TEST_CASE("a generator does not start before its first next(), and never without one") {
  std::vector<std::string> log;
  const auto work = [](std::vector<std::string>& to, std::shared_ptr<int>) -> cw::async_generator<int> {
    to.push_back("started");
    co_yield 1;
  };
  const auto argument = std::make_shared<int>();
  {
    const auto unasked = work(log, argument);
    CHECK(argument.use_count() == 2);
  }
  CHECK(log.empty());
  CHECK(argument.use_count() == 1);
}

TEST_CASE("a yielded value is converted to the value type") {
  const auto texts = [](const std::string& kept) -> cw::async_generator<std::string> {
    co_yield "literal";
    co_yield kept;
    co_yield std::string("temporary");
    std::string local = "local";
    co_yield local;
  };
  const std::string kept = "const reference";
  const std::vector<std::string> seen = foreign::run(generator_collect(texts(kept)));
  CHECK(seen == std::vector<std::string>{"literal", "const reference", "temporary", "local"});
}

TEST_CASE("the consumer may move from a move-only value") {
  const auto make = []() -> cw::async_generator<std::unique_ptr<int>> {
    co_yield std::make_unique<int>(1);
    auto local = std::make_unique<int>(2);
    co_yield local;
    co_yield std::make_unique<int>(local == nullptr ? 3 : 0);
  };
  int sum = 0;
  for (const auto& value : foreign::run(generator_collect(make()))) sum += *value;
  CHECK(sum == 6);
}

TEST_CASE("a conversion that throws ends the generator like an exception of its body") {
  struct picky {
    explicit(false) picky(int n) {
      if (n < 0) throw std::invalid_argument("negative");
    }
  };
  const auto make = []() -> cw::async_generator<picky> { co_yield -1; };
  CHECK_THROWS_WITH_AS(foreign::run(generator_collect(make())), "negative", std::invalid_argument);
}

TEST_CASE("a generator may suspend between values and continue wherever it is resumed") {
  foreign::parking_lot lot;
  auto stream = generator_with_parking(lot);
  std::vector<int> seen;
  const foreign::eager_task chain = foreign::start(generator_take(stream, 3, seen));
  CHECK(seen == std::vector<int>{1});

  SUBCASE("by an executor") { cw::resume(lot.take()); }
  SUBCASE("by other code, with handle.resume()") { lot.take().resume(); }
  SUBCASE("on another thread") {
    std::thread([&lot] { cw::resume(lot.take()); }).join();
  }

  CHECK(chain.done());
  CHECK(seen == std::vector<int>{1, 2, -1});
}

TEST_CASE("a generator's exception is rethrown once, after the values before it; then the stream has ended") {
  const auto failing = []() -> cw::async_generator<int> {
    co_yield 1;
    throw std::runtime_error("broken stream");
  };
  auto stream = failing();
  std::vector<int> seen;
  CHECK_THROWS_WITH_AS(foreign::run(generator_take(stream, 3, seen)), "broken stream", std::runtime_error);
  CHECK(seen == std::vector<int>{1});
  foreign::run(generator_take(stream, 1, seen));
  CHECK(seen == std::vector<int>{1, -1});
}

TEST_CASE("a local whose destructor throws at the end of a generator fails it like any exception") {
  const auto failing = []() -> cw::async_generator<int> {
    const generator_throws_when_destroyed local;
    co_yield 1;
  };
  auto stream = failing();
  std::vector<int> seen;
  CHECK_THROWS_WITH_AS(foreign::run(generator_take(stream, 3, seen)), "from a destructor",
                       std::runtime_error);
  CHECK(seen == std::vector<int>{1});
}

TEST_CASE("a generator destroyed early destroys its locals at its suspension point, and catches nothing") {
  std::vector<std::string> log;
  const auto work = [](std::vector<std::string>& to) -> cw::async_generator<int> {
    const generator_note outer(to, "outer");
    try {
      const generator_note inner(to, "inner");
      co_yield 1;
      to.push_back("went on");
    } catch (...) {
      to.push_back("caught");
    }
  };
  std::vector<int> seen;
  {
    auto stream = work(log);
    foreign::run(generator_take(stream, 1, seen));
    CHECK(log.empty());
  }
  CHECK(seen == std::vector<int>{1});
  CHECK(log == std::vector<std::string>{"inner", "outer"});
}

TEST_CASE(
    "a destructor that throws when a generator is destroyed early neither ends the program nor skips other "
    "locals") {
  std::vector<std::string> log;
  const auto body = [](std::vector<std::string>& to, bool catches) -> cw::async_generator<int> {
    const generator_note first(to, "first");
    try {
      const generator_throws_when_destroyed second;
      const generator_note third(to, "third");
      co_yield 1;
    } catch (...) {
      to.push_back("caught");
      if (!catches) throw;
    }
    co_yield 2;  // a body that caught it continues to this point
    to.push_back("never");
  };
  for (const bool catches : {false, true}) {
    log.clear();
    const auto take_one = [&]() -> cw::task<int> {
      auto stream = body(log, catches);
      const int* const value = co_await stream.next();
      co_return *value;
    };
    CHECK(cw::sync_wait(take_one()) == 1);
    CHECK(log == std::vector<std::string>{"third", "caught", "first"});
  }
}

TEST_CASE("a generator can be moved between two values; a moved-from one has ended") {
  auto first = generator_count(3);
  std::vector<int> seen;
  foreign::run(generator_take(first, 1, seen));
  auto second = std::move(first);
  foreign::run(generator_take(second, 1, seen));
  foreign::run(generator_take(first, 1, seen));
  CHECK(seen == std::vector<int>{0, 1, -1});
  second = generator_count(1);
  foreign::run(generator_take(second, 2, seen));
  CHECK(seen == std::vector<int>{0, 1, -1, 0, -1});
}

TEST_CASE("a million values do not grow the stack") {
  const auto sum = [](cw::async_generator<int> stream) -> cw::task<long> {
    long total = 0;
    for (int* value = co_await stream.next(); value != nullptr; value = co_await stream.next())
      total += *value;
    co_return total;
  };
  CHECK(foreign::run(sum(generator_count(1'000'000))) == 499'999'500'000);
}

TEST_CASE("a value passes through 100,000 nested generators, also when the lowest had suspended") {
  foreign::parking_lot lot;
  auto stream = generator_nested(lot, 100'000);
  std::vector<int> seen;
  const foreign::eager_task chain = foreign::start(generator_take(stream, 3, seen));
  CHECK(seen == std::vector<int>{1});
  cw::resume(lot.take());
  CHECK(chain.done());
  CHECK(seen == std::vector<int>{1, 2, -1});
}

TEST_CASE("a generator shares the executor and the stop token of the coroutine that calls next()") {
  cw::simulated_loop loop;
  const auto consume = [](cw::stop_source& source) -> cw::task<int> {
    int values = 0;
    auto stream = generator_sleeping();
    const auto in_chain = [](cw::async_generator<int>& from, int& count,
                             cw::stop_source& stops) -> cw::task<> {
      while (co_await from.next() != nullptr) {
        if (++count == 3) stops.request_stop();
      }
    };
    cw::context stoppable = co_await cw::this_coro::context();
    stoppable.stop = source.get_token();
    cw::scope children(stoppable);
    children.spawn(in_chain(stream, values, source));
    co_await children.join();
    co_return values;
  };
  cw::stop_source source;
  CHECK(cw::sync_wait(loop, consume(source)) == 3);
  CHECK(loop.elapsed() == 3s);
}
