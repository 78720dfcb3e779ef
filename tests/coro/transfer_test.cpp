#include <doctest/doctest.h>
#include <algorithm>
#include <coro/foreign.hpp>
#include <coworker/coro/async_generator.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/coro/transfer.hpp>
#include <cstddef>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace cw = coworker;

cw::task<int> transfer_parked(foreign::parking_lot& lot, int value) {
  co_await lot.park();
  co_return value;
}

cw::task<> transfer_record(cw::task<int> work, std::vector<int>& seen) {
  seen.push_back(co_await std::move(work));
}

cw::task<int> transfer_nested(foreign::parking_lot& lot, int depth) {
  if (depth == 0) {
    co_await lot.park();
    co_return 0;
  }
  const int below = co_await transfer_nested(lot, depth - 1);
  co_return below + 1;
}

cw::task<> transfer_record_nested(foreign::parking_lot& lot, int depth, std::vector<int>& seen) {
  seen.push_back(co_await transfer_nested(lot, depth));
}

// Calls `action` with that many more bytes on the stack.
template <class Action>
void transfer_deeper(int bytes, const Action& action) {
  volatile char* const room = static_cast<volatile char*>(__builtin_alloca(static_cast<std::size_t>(bytes)));
  room[0] = 0;
  action();
}

}  // namespace

TEST_CASE("a chain runs to its end if other code resumes it with handle.resume()") {
  foreign::parking_lot lot;
  std::vector<int> seen;
  const foreign::eager_task chain = foreign::start(transfer_record_nested(lot, 3, seen));
  REQUIRE(seen.empty());
  lot.take().resume();
  CHECK(seen == std::vector<int>{3});
  CHECK(chain.done());
}

TEST_CASE("resume() runs what the coroutine passes control to, before it returns") {
  foreign::parking_lot lot;
  std::vector<int> seen;
  const foreign::eager_task chain = foreign::start(transfer_record_nested(lot, 3, seen));
  cw::resume(lot.take());
  CHECK(seen == std::vector<int>{3});
}

TEST_CASE("an awaiter of another library may resume several of our coroutines in a row, inline") {
  foreign::parking_lot lot;
  std::vector<int> seen;
  const foreign::eager_task first = foreign::start(transfer_record(transfer_parked(lot, 1), seen));
  const foreign::eager_task second = foreign::start(transfer_record(transfer_parked(lot, 2), seen));
  const foreign::eager_task third = foreign::start(transfer_record_nested(lot, 5, seen));
  auto resume_all = [&lot](std::coroutine_handle<> self) {
    for (const std::coroutine_handle<> parked : lot.take_all()) parked.resume();
    self.resume();
  };
  auto waker = [](auto& wake, std::vector<int>& into) -> cw::task<> {
    co_await foreign::suspend_and(wake);
    into.push_back(0);
  };

  SUBCASE("below resume()") {
    auto below_resume = [](foreign::parking_lot& place, cw::task<> work) -> cw::task<> {
      co_await place.park();
      co_await std::move(work);
    };
    foreign::parking_lot bottom;
    const foreign::eager_task wakes = foreign::start(below_resume(bottom, waker(resume_all, seen)));
    cw::resume(bottom.take());
    CHECK(wakes.done());
  }
  SUBCASE("below a handle.resume() of other code") {
    const foreign::eager_task wakes = foreign::start(waker(resume_all, seen));
    CHECK(wakes.done());
  }

  CHECK(first.done());
  CHECK(second.done());
  CHECK(third.done());
  std::sort(seen.begin(), seen.end());
  CHECK(seen == std::vector<int>{0, 1, 2, 5});
}

TEST_CASE("a chain resumed inline below another is not confused with it, wherever both began on the stack") {
  std::vector<int> seen;
  auto waker = [](foreign::parking_lot& place, auto& wake, auto& asleep) -> cw::task<> {
    co_await place.park();
    co_await asleep(wake);
  };
  auto asleep = [](auto& wake) -> cw::task<> { co_await foreign::suspend_and(wake); };
  constexpr int places = 4096;
  for (int place = 0; place < places; ++place) {
    foreign::parking_lot lot;
    foreign::parking_lot bottom;
    std::vector<foreign::eager_task> chains;
    for (int i = 0; i < 16; ++i) {
      chains.push_back(foreign::start(transfer_record(transfer_parked(lot, 1), seen)));
    }
    auto resume_all = [&lot](std::coroutine_handle<> self) {
      for (const std::coroutine_handle<> parked : lot.take_all()) parked.resume();
      self.resume();
    };
    chains.push_back(foreign::start(waker(bottom, resume_all, asleep)));
    transfer_deeper(16 + 16 * place, [&bottom] { cw::resume(bottom.take()); });
    for (const foreign::eager_task& chain : chains) REQUIRE(chain.done());
  }
  CHECK(seen.size() == places * 16);
}

TEST_CASE("calls of resume() nest: the outer one continues with what it was doing") {
  foreign::parking_lot lot;
  std::vector<int> seen;
  const foreign::eager_task inner = foreign::start(transfer_record_nested(lot, 2, seen));
  const std::coroutine_handle<> parked = lot.take();
  auto resume_inner = [parked](std::coroutine_handle<> self) {
    cw::resume(parked);
    cw::resume(self);
  };
  auto middle = [](auto& nested) -> cw::task<int> {
    co_await foreign::suspend_and(nested);
    co_return 7;
  };
  const foreign::eager_task outer = foreign::start(transfer_record(middle(resume_inner), seen));
  CHECK(outer.done());
  CHECK(seen == std::vector<int>{2, 7});
}

// While the first callee's await_suspend still runs, another thread ends that callee and lets its caller
// start a second callee, whose frame has the same address as the first. Then await_suspend resumes the
// second.
TEST_CASE("a coroutine whose frame has the address of an earlier one returns to its own caller") {
  foreign::parking_lot lot;
  auto help = [&lot](std::coroutine_handle<> self) {
    std::thread([self] { cw::resume(self); }).join();
    lot.take().resume();
  };
  auto first = [](auto& helping) -> cw::task<int> {
    co_await foreign::suspend_and(helping);
    co_return 1;
  };
  auto caller = [](foreign::parking_lot& place, auto& make, auto& helping,
                   std::vector<int>& into) -> cw::task<> {
    into.push_back(co_await make(helping));
    into.push_back(co_await transfer_parked(place, 2));
    into.push_back(3);
  };
  std::vector<int> seen;
  const foreign::eager_task chain = foreign::start(caller(lot, first, help, seen));
  CHECK(chain.done());
  CHECK(seen == std::vector<int>{1, 2, 3});
}

TEST_CASE("a generator that is resumed below an earlier next() passes its value to the latest one") {
  foreign::parking_lot lot;
  auto help = [&lot](std::coroutine_handle<> self) {
    std::thread([self] { cw::resume(self); }).join();
    lot.take().resume();
  };
  auto numbers = [](foreign::parking_lot& place, auto& helping) -> cw::async_generator<int> {
    co_await foreign::suspend_and(helping);
    co_yield 1;
    co_await place.park();
    co_yield 2;
  };
  auto consumer = [](foreign::parking_lot& place, auto& make, auto& helping,
                     std::vector<int>& into) -> cw::task<> {
    auto stream = make(place, helping);
    into.push_back(*co_await stream.next());
    into.push_back(*co_await stream.next());
    into.push_back(3);
  };
  std::vector<int> seen;
  const foreign::eager_task chain = foreign::start(consumer(lot, numbers, help, seen));
  CHECK(chain.done());
  CHECK(seen == std::vector<int>{1, 2, 3});
}
