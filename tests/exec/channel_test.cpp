#include <doctest/doctest.h>
#include <atomic>
#include <chrono>
#include <coro/foreign.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/channel.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <memory>
#include <new>
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

template <class T>
cw::task<std::vector<T>> channel_drain(cw::channel<T>& from) {
  std::vector<T> all;
  for (std::optional<T> one = co_await from.next(); one; one = co_await from.next()) {
    all.push_back(std::move(*one));
  }
  co_return all;
}

cw::task<> channel_drain_into(cw::channel<int>& from, std::vector<int>& into) {
  for (std::optional<int> one = co_await from.next(); one; one = co_await from.next()) into.push_back(*one);
}

cw::task<> channel_send_range(cw::channel_sender<int> out, int first, int last, cw::duration pause) {
  for (int i = first; i <= last; ++i) {
    const bool sent = co_await out.send(i);
    CHECK(sent);
    if (pause != 0s) co_await cw::sleep_for(pause);
  }
}

// Returns what awaiting `next()` throws.
template <class Channel>
cw::task<std::string> channel_failure(Channel& from) {
  std::string message = "nothing";
  try {
    const auto got = co_await from.next();
    if (got) message = "a value";
  } catch (const std::exception& error) {
    message = error.what();
  }
  co_return message;
}

template <class Call>
std::string channel_logic_error(Call call) {
  try {
    call();
  } catch (const std::logic_error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a channel passes the values on in the order in which they were sent, and ends when it is closed") {
  cw::simulated_loop loop;
  const auto run = []() -> cw::task<> {
    cw::channel<int> numbers;
    cw::scope senders(co_await cw::this_coro::context());
    senders.spawn(channel_send_range(numbers.sender(), 1, 5, 1s));
    std::vector<int> all = co_await channel_drain(numbers);
    CHECK(all == std::vector<int>{1, 2, 3, 4, 5});
    CHECK(numbers.closed());
    const std::optional<int> after = co_await numbers.next();
    CHECK_FALSE(after);
    co_await senders.join();
  };
  cw::sync_wait(loop, run());
  CHECK(loop.elapsed() == 5s);
}

TEST_CASE("what was sent before a close is received after it, and nothing is sent later") {
  cw::simulated_loop loop;
  const auto run = []() -> cw::task<> {
    cw::channel<int> numbers;
    const cw::channel_sender<int> out = numbers.sender();
    CHECK(out.try_send(1) == cw::send_result::sent);
    CHECK(out.try_send(2) == cw::send_result::sent);
    CHECK(numbers.size() == 2);
    SUBCASE("closed by the sender") { out.close(); }
    SUBCASE("closed by the receiver") { numbers.close(); }
    CHECK(out.closed());
    CHECK(out.try_send(3) == cw::send_result::closed);
    CHECK_FALSE(out.blocking_send(3));
    cw::channel_sender<int> copy = out;
    const bool sent = co_await copy.send(3);
    CHECK_FALSE(sent);
    const std::vector<int> all = co_await channel_drain(numbers);
    CHECK(all == std::vector<int>{1, 2});
  };
  cw::sync_wait(loop, run());
}

TEST_CASE("next_all returns all values, waits for the first, and is empty once the channel is closed") {
  cw::simulated_loop loop;
  const auto run = [](cw::simulated_loop& place) -> cw::task<> {
    cw::channel<std::unique_ptr<int>> numbers;
    cw::scope senders(co_await cw::this_coro::context());
    const auto send = [](cw::channel_sender<std::unique_ptr<int>> out) -> cw::task<> {
      co_await cw::sleep_for(1s);
      for (int i = 0; i < 3; ++i) out.blocking_send(std::make_unique<int>(i));
      co_await cw::sleep_for(1s);
      for (int i = 3; i < 5; ++i) out.blocking_send(std::make_unique<int>(i));
    };
    senders.spawn(send(numbers.sender()));
    std::vector<std::unique_ptr<int>> all = co_await numbers.next_all();
    CHECK(place.elapsed() == 1s);
    CHECK(all.size() == 3);
    CHECK(*all.back() == 2);
    co_await cw::sleep_for(2s);
    all = co_await numbers.next_all();
    CHECK(all.size() == 2);
    CHECK(*all.front() == 3);
    all = co_await numbers.next_all();
    CHECK(all.empty());
    co_await senders.join();
  };
  cw::sync_wait(loop, run(loop));
}

TEST_CASE("senders wait for a full channel, in the order in which they began to wait, and no value is lost") {
  cw::simulated_loop loop;
  for (const std::size_t capacity : {0u, 1u, 3u}) {
    const auto run = [](std::size_t room) -> cw::task<> {
      cw::channel<int> numbers(room);
      std::vector<int> sent;
      cw::scope senders(co_await cw::this_coro::context());
      const auto send = [](cw::channel_sender<int> out, int number, std::vector<int>& to) -> cw::task<> {
        const bool accepted = co_await out.send(number);
        if (accepted) to.push_back(number);
      };
      for (int i = 0; i < 6; ++i) senders.spawn(send(numbers.sender(), i, sent));
      co_await cw::sleep_for(1s);
      CHECK(sent.size() == room);
      CHECK(numbers.size() == room);
      for (int i = 0; i < 6; ++i) {
        const std::optional<int> one = co_await numbers.next();
        CHECK(one == i);
        co_await cw::sleep_for(1s);
        CHECK(sent.size() ==
              (room + 1 + static_cast<std::size_t>(i) < 6 ? room + 1 + static_cast<std::size_t>(i) : 6));
      }
      CHECK(sent == std::vector<int>{0, 1, 2, 3, 4, 5});
      co_await senders.join();
      CHECK(numbers.closed());
    };
    cw::sync_wait(loop, run(capacity));
  }
}

TEST_CASE("next_all on a full channel admits the senders that wait for room") {
  cw::simulated_loop loop;
  const auto run = []() -> cw::task<> {
    cw::channel<int> numbers(2);
    cw::scope senders(co_await cw::this_coro::context());
    for (int i = 0; i < 6; ++i) senders.spawn(channel_send_range(numbers.sender(), i, i, 0s));
    std::vector<int> sizes;
    for (std::vector<int> all = co_await numbers.next_all(); !all.empty();
         all = co_await numbers.next_all()) {
      sizes.push_back(static_cast<int>(all.size()));
      co_await cw::sleep_for(1s);
    }
    CHECK(sizes == std::vector<int>{3, 3});
    co_await senders.join();
  };
  cw::sync_wait(loop, run());
}

TEST_CASE("try_send distinguishes sent, full and closed, and does not change a value that it did not send") {
  cw::channel<std::unique_ptr<int>> numbers(1);
  const auto out = numbers.sender();
  auto one = std::make_unique<int>(1);
  CHECK(out.try_send(std::move(one)) == cw::send_result::sent);
  CHECK(one == nullptr);
  auto two = std::make_unique<int>(2);
  CHECK(out.try_send(std::move(two)) == cw::send_result::full);
  CHECK(two != nullptr);
  std::optional<std::unique_ptr<int>> got = numbers.try_next();
  CHECK(**got == 1);
  CHECK_FALSE(numbers.try_next());
  out.close();
  CHECK(out.try_send(std::move(two)) == cw::send_result::closed);
  CHECK(two != nullptr);

  cw::channel<std::string> words;
  const std::string kept = "kept";
  CHECK(words.sender().try_send(kept) == cw::send_result::sent);
  CHECK(words.try_next() == kept);

  cw::channel<int> rendezvous(0);
  CHECK(rendezvous.sender().try_send(1) == cw::send_result::full);
}

TEST_CASE("several receivers take turns, and all end on close") {
  cw::simulated_loop loop;
  const auto run = []() -> cw::task<> {
    cw::channel<int> numbers;
    std::vector<std::vector<int>> got(3);
    cw::scope receivers(co_await cw::this_coro::context());
    for (std::vector<int>& into : got) receivers.spawn(channel_drain_into(numbers, into));
    co_await cw::sleep_for(1s);
    co_await channel_send_range(numbers.sender(), 0, 8, 1s);
    co_await receivers.join();
    CHECK(got == std::vector<std::vector<int>>{{0, 3, 6}, {1, 4, 7}, {2, 5, 8}});
  };
  cw::sync_wait(loop, run());
}

TEST_CASE(
    "a failure reaches every receiver after the values, every time; the first close() or fail() counts") {
  cw::simulated_loop loop;
  const auto run = []() -> cw::task<> {
    cw::channel<int> numbers;
    const auto out = numbers.sender();
    out.try_send(1);
    out.fail(std::runtime_error("the engine broke"));
    out.fail(std::make_exception_ptr(std::runtime_error("too late")));
    out.close();
    numbers.close();
    CHECK(out.closed());
    CHECK(out.try_send(2) == cw::send_result::closed);
    std::string seen = co_await channel_failure(numbers);
    CHECK(seen == "a value");
    for (int i = 0; i < 2; ++i) {
      seen = co_await channel_failure(numbers);
      CHECK(seen == "the engine broke");
    }
    bool threw = false;
    try {
      co_await numbers.next_all();
    } catch (const std::runtime_error&) {
      threw = true;
    }
    CHECK(threw);

    cw::channel<int> waited;
    cw::scope receivers(co_await cw::this_coro::context());
    std::vector<std::string> ends(2);
    const auto note = [](cw::channel<int>& from, std::string& into) -> cw::task<> {
      into = co_await channel_failure(from);
    };
    for (std::string& into : ends) receivers.spawn(note(waited, into));
    co_await cw::sleep_for(1s);
    waited.sender().fail(std::runtime_error("no more"));
    co_await receivers.join();
    CHECK(ends == std::vector<std::string>{"no more", "no more"});
  };
  cw::sync_wait(loop, run());
}

TEST_CASE("a stop ends next() with cancelled at once, and the values stay for others") {
  cw::simulated_loop loop;
  const auto run = [](cw::simulated_loop& place) -> cw::task<> {
    cw::channel<int> numbers;
    const auto out = numbers.sender();
    std::vector<std::string> ends;
    cw::scope stopped(co_await cw::this_coro::context());
    const auto receive = [](cw::channel<int>& from, std::vector<std::string>& to) -> cw::task<> {
      to.push_back(co_await channel_failure(from));
    };
    stopped.spawn(receive(numbers, ends));
    co_await cw::sleep_for(1s);
    stopped.request_stop();
    co_await cw::sleep_for(0s);
    CHECK(place.elapsed() == 1s);
    out.try_send(7);
    stopped.spawn(receive(numbers, ends));
    co_await stopped.join();
    CHECK(ends == std::vector<std::string>(2, "cancelled: a stop was requested"));
    const std::optional<int> kept = co_await numbers.next();
    CHECK(kept == 7);
  };
  cw::sync_wait(loop, run(loop));
}

TEST_CASE("a value that was handed over before the stop is received") {
  cw::simulated_loop loop;
  const auto run = []() -> cw::task<> {
    cw::channel<int> numbers;
    const auto out = numbers.sender();
    std::vector<int> got;
    cw::scope stopped(co_await cw::this_coro::context());
    const auto receive = [](cw::channel<int>& from, std::vector<int>& to) -> cw::task<> {
      const std::optional<int> one = co_await from.next();
      if (one) to.push_back(*one);
    };
    stopped.spawn(receive(numbers, got));
    co_await cw::sleep_for(1s);
    out.try_send(7);
    stopped.request_stop();
    co_await stopped.join();
    CHECK(got == std::vector<int>{7});
  };
  cw::sync_wait(loop, run());
}

TEST_CASE("a stop ends a waiting send with cancelled, and its value is destroyed and never received") {
  cw::simulated_loop loop;
  tracked::account account;
  const auto run = [](tracked::account& of) -> cw::task<> {
    cw::channel<tracked::value> values(1);
    int cancelled = 0;
    cw::scope stopped(co_await cw::this_coro::context());
    const auto send = [](cw::channel_sender<tracked::value> out, tracked::account& to, int number,
                         int& count) -> cw::task<> {
      try {
        co_await out.send(tracked::value(to, number));
      } catch (const cw::cancelled&) {
        ++count;
        throw;
      }
    };
    const auto keeps_open = values.sender();
    for (int i = 1; i <= 3; ++i) stopped.spawn(send(keeps_open, of, i, cancelled));
    co_await cw::sleep_for(1s);
    CHECK(of.alive == 3);
    stopped.request_stop();
    co_await stopped.join();
    stopped.spawn(send(keeps_open, of, 4, cancelled));
    co_await stopped.join();
    CHECK(cancelled == 3);
    CHECK(of.alive == 1);
    const std::optional<tracked::value> first = co_await values.next();
    CHECK(first->number() == 1);
    CHECK(values.size() == 0);
  };
  cw::sync_wait(loop, run(account));
  CHECK(account.alive == 0);
}

TEST_CASE("the channel is closed when the last sender is destroyed, however handles were copied and moved") {
  cw::channel<int> numbers;
  {
    cw::channel_sender<int> first = numbers.sender();
    cw::channel_sender<int> second = first;
    cw::channel_sender<int> third = std::move(first);
    CHECK(first.closed());
    CHECK(first.try_send(1) == cw::send_result::closed);
    CHECK_FALSE(first.blocking_send(1));
    first.close();
    second = third;
    third = std::move(second);
    CHECK_FALSE(numbers.closed());
    third.try_send(1);
  }
  CHECK(numbers.closed());
  CHECK(numbers.try_next() == 1);
  CHECK(numbers.sender().try_send(1) == cw::send_result::closed);
}

TEST_CASE("when the channel is destroyed, its values are destroyed, and waiting senders see it closed") {
  cw::simulated_loop loop;
  tracked::account account;
  const auto run = [](tracked::account& of) -> cw::task<> {
    std::optional<cw::channel<tracked::value>> values(2);
    const auto out = values->sender();
    int refused = 0;
    cw::scope senders(co_await cw::this_coro::context());
    const auto send = [](cw::channel_sender<tracked::value> to, tracked::account& made,
                         int& count) -> cw::task<> {
      const bool sent = co_await to.send(tracked::value(made, 1));
      if (!sent) ++count;
    };
    for (int i = 0; i < 5; ++i) senders.spawn(send(out, of, refused));
    co_await cw::sleep_for(1s);
    CHECK(of.alive == 5);
    SUBCASE("by its destructor") { values.reset(); }
    SUBCASE("by move assignment of another channel") { *values = cw::channel<tracked::value>(); }
    CHECK(out.closed());
    co_await senders.join();
    CHECK(refused == 3);
    CHECK(of.alive == 0);
    CHECK(out.try_send(tracked::value(of, 2)) == cw::send_result::closed);
    CHECK(of.alive == 0);
  };
  cw::sync_wait(loop, run(account));
}

TEST_CASE("a coroutine that waits in a channel that is destroyed sees it closed") {
  cw::simulated_loop loop;
  const auto run = []() -> cw::task<> {
    std::optional<cw::channel<int>> numbers(std::in_place);
    const auto keeps_open = numbers->sender();
    std::vector<std::string> ends;
    cw::scope receivers(co_await cw::this_coro::context());
    const auto receive = [](cw::channel<int>& from, std::vector<std::string>& to) -> cw::task<> {
      to.push_back(co_await channel_failure(from));
    };
    const auto receive_all = [](cw::channel<int>& from, std::vector<std::string>& to) -> cw::task<> {
      const std::vector<int> all = co_await from.next_all();
      to.push_back(all.empty() ? "empty" : "values");
    };
    receivers.spawn(receive(*numbers, ends));
    receivers.spawn(receive_all(*numbers, ends));
    co_await cw::sleep_for(1s);
    numbers.reset();
    co_await receivers.join();
    CHECK(ends == std::vector<std::string>{"nothing", "empty"});
  };
  cw::sync_wait(loop, run());
}

TEST_CASE("a channel may hold values that hold its own senders") {
  struct knot {
    cw::channel_sender<std::unique_ptr<knot>> back;
  };
  std::optional<cw::channel<std::unique_ptr<knot>>> channel(std::in_place);
  for (int i = 0; i < 3; ++i) {
    channel->sender().try_send(std::make_unique<knot>(knot{channel->sender()}));
  }
  CHECK_FALSE(channel->closed());
  channel.reset();
}

TEST_CASE(
    "blocking_send waits for room on a thread of its own, and ends on close, stop and the channel's "
    "destruction") {
  cw::event_loop loop;
  const auto run = [](cw::executor_ref here) -> cw::task<> {
    std::optional<cw::channel<int>> numbers(1);
    cw::channel_sender<int> out = numbers->sender();
    std::atomic<int> sent{0};
    std::thread sender([&] {
      for (int i = 0; i < 100; ++i) sent += out.blocking_send(i) ? 1 : 0;
    });
    for (int i = 0; i < 100; ++i) {
      const std::optional<int> one = co_await numbers->next();
      CHECK(one == i);
    }
    sender.join();
    CHECK(sent == 100);

    const auto blocked = [&](auto end) {
      std::string seen;
      CHECK(out.try_send(1) != cw::send_result::closed);
      cw::stop_source source;
      std::atomic<bool> begun{false};
      std::thread waiting([&] {
        begun = true;
        try {
          seen = out.blocking_send(2, source.get_token()) ? "sent" : "closed";
        } catch (const cw::cancelled&) {
          seen = "cancelled";
        }
      });
      while (!begun) std::this_thread::yield();
      end(source);
      waiting.join();
      return seen;
    };
    CHECK(blocked([](cw::stop_source& source) { source.request_stop(); }) == "cancelled");
    CHECK(numbers->size() == 1);
    CHECK(blocked([&](cw::stop_source&) { numbers->try_next(); }) == "sent");
    CHECK(blocked([&](cw::stop_source&) { out.close(); }) == "closed");

    *numbers = cw::channel<int>(1);
    out = numbers->sender();
    CHECK(blocked([&](cw::stop_source&) { numbers.reset(); }) == "closed");
    co_await cw::resume_on(here);
  };
  cw::sync_wait(loop, run(loop));
}

TEST_CASE("a stop that was requested before ends blocking_send at once, even if there is room") {
  cw::channel<int> numbers;
  cw::stop_source source;
  source.request_stop();
  CHECK_THROWS_AS(numbers.sender().blocking_send(1, source.get_token()), cw::cancelled);
  CHECK(numbers.size() == 0);
}

TEST_CASE(
    "blocking_send on the thread of a loop throws an error instead of blocking; if there is room it sends") {
  const std::string expected =
      "channel_sender::blocking_send: the channel is full, and this thread runs an event loop, which must "
      "not block: what it would wait for may need this very thread; co_await send() instead, or use "
      "try_send()";
  const auto run = []() -> cw::task<std::string> {
    cw::channel<int> numbers(1);
    const auto out = numbers.sender();
    CHECK(out.blocking_send(1));
    const std::string message = channel_logic_error([&] { out.blocking_send(2); });
    const std::optional<int> one = co_await numbers.next();
    CHECK(one == 1);
    CHECK(numbers.size() == 0);
    co_return message;
  };
  cw::simulated_loop simulated;
  CHECK(cw::sync_wait(simulated, run()) == expected);
  cw::event_loop real;
  CHECK(cw::sync_wait(real, run()) == expected);
  const auto nested = [&run]() -> cw::task<std::string> { co_return cw::sync_wait(run()); };
  cw::thread_pool pool(1);
  CHECK(cw::sync_wait(pool, nested()) == expected);
  cw::channel<int> numbers(1);  // after the loops have ended, this thread may block again
  const auto out = numbers.sender();
  out.blocking_send(1);
  std::thread receiver([&] {
    while (!numbers.try_next()) std::this_thread::yield();
  });
  CHECK(out.blocking_send(2));
  receiver.join();
}

TEST_CASE(
    "blocking_send on the only thread of the pool where the receiver runs throws an error that says so") {
  cw::thread_pool pool(1);
  const auto run = []() -> cw::task<std::string> {
    cw::channel<int> numbers(1);
    const auto out = numbers.sender();
    cw::scope receivers(co_await cw::this_coro::context());
    std::vector<int> got;
    receivers.spawn(channel_drain_into(numbers, got));
    const cw::executor_ref here = co_await cw::this_coro::executor();
    while (got.empty()) {
      out.try_send(1);
      co_await cw::resume_on(here);
    }
    out.try_send(2);
    std::string message = channel_logic_error([&] {
      for (int i = 0; i < 10; ++i) out.blocking_send(i);
    });
    out.close();
    co_await receivers.join();
    co_return message;
  };
  CHECK(cw::sync_wait(pool, run())
            .find("channel_sender::blocking_send: the channel is full, and what it would wait for needs the "
                  "only thread of a thread_pool, which is this one; co_await send() instead") !=
        std::string::npos);
}

TEST_CASE(
    "a thread that sends to a coroutine on a simulated loop gets an error at once, and keeps the value") {
  cw::simulated_loop loop;
  const auto run = []() -> cw::task<> {
    cw::channel<std::unique_ptr<int>> numbers;
    const auto out = numbers.sender();
    std::optional<std::unique_ptr<int>> got;
    cw::scope receivers(co_await cw::this_coro::context());
    const auto receive = [](auto& from, auto& into) -> cw::task<> { into = co_await from.next(); };
    receivers.spawn(receive(numbers, got));
    co_await cw::sleep_for(1s);
    std::vector<std::string> messages;
    auto kept = std::make_unique<int>(5);
    std::thread([&] {
      messages.push_back(channel_logic_error([&] { out.try_send(std::move(kept)); }));
      messages.push_back(channel_logic_error([&] { out.blocking_send(std::make_unique<int>(6)); }));
      messages.push_back(channel_logic_error([&] { out.close(); }));
    }).join();
    for (const std::string& message : messages) {
      CHECK(message.find(": called on another thread than that of the simulated_loop") != std::string::npos);
    }
    CHECK(messages.size() == 3);
    CHECK(kept != nullptr);
    CHECK(numbers.size() == 0);
    out.try_send(std::make_unique<int>(7));
    co_await receivers.join();
    CHECK(**got == 7);
    std::string message;  // nobody waits now, and real threads are still refused in a simulation
    std::thread([&] { message = channel_logic_error([&] { out.try_send(std::move(kept)); }); }).join();
    CHECK(message.find("channel_sender::send: called on another thread") == 0);
    CHECK(kept != nullptr);
    numbers.close();
    std::thread([last = numbers.sender()]() mutable {
      last.close();
      CHECK(last.try_send(nullptr) == cw::send_result::closed);
    }).join();
  };
  cw::sync_wait(loop, run());
}

#ifdef COWORKER_TESTS_CAN_FORK
TEST_CASE(
    "destroying the last sender on another thread while the receiver is on a simulated loop ends the "
    "program with a message") {
  const auto seen = cw::testing::end_of_child([] {
    cw::simulated_loop loop;
    const auto run = []() -> cw::task<> {
      cw::channel<int> numbers;
      std::optional<cw::channel_sender<int>> out(numbers.sender());
      cw::scope receivers(co_await cw::this_coro::context());
      std::vector<int> got;
      receivers.spawn(channel_drain_into(numbers, got));
      co_await cw::sleep_for(1s);
      std::thread([&] { out.reset(); }).join();
      co_await receivers.join();
    };
    cw::sync_wait(loop, run());
  });
  CHECK(seen.signal == SIGABRT);
  CHECK(seen.words.find("channel::close: called on another thread than that of the simulated_loop") !=
        std::string::npos);
}
#endif

namespace {

// Refuses a given number of posts, like an executor that is out of memory.
struct channel_refusing {
  cw::simulated_loop& loop;
  int refusals = 0;

  void post(std::coroutine_handle<> handle) {
    if (refusals > 0) {
      --refusals;
      throw std::bad_alloc();
    }
    loop.post(handle);
  }
  void arm(cw::timer& alarm) { loop.arm(alarm); }
  void cancel(cw::timer& alarm) { loop.cancel(alarm); }
  cw::time_point now() const { return loop.now(); }
};

}  // namespace

TEST_CASE("a receiver or sender that cannot be woken is not forgotten, and no value is lost or duplicated") {
  cw::simulated_loop loop;
  channel_refusing place{loop};
  tracked::account account;
  const auto run = [](channel_refusing& away, tracked::account& of) -> cw::task<> {
    cw::channel<tracked::value> values(1);
    auto out = values.sender();
    std::vector<int> got;
    const auto receive = [](cw::channel<tracked::value>& from, std::vector<int>& to) -> cw::task<> {
      for (auto one = co_await from.next(); one; one = co_await from.next()) to.push_back(one->number());
    };
    cw::scope elsewhere{cw::context(away)};
    elsewhere.spawn(receive(values, got));
    co_await cw::sleep_for(1s);
    away.refusals = 2;
    tracked::value first(of, 1);
    CHECK_THROWS_AS(out.try_send(std::move(first)), std::bad_alloc);
    CHECK_FALSE(first.moved_from());
    bool threw = false;
    try {
      co_await out.send(tracked::value(of, 2));
    } catch (const std::bad_alloc&) {
      threw = true;
    }
    CHECK(threw);
    CHECK(out.try_send(std::move(first)) == cw::send_result::sent);
    co_await cw::sleep_for(1s);
    CHECK(got == std::vector<int>{1});
    away.refusals = 1;
    CHECK_THROWS_AS(out.close(), std::bad_alloc);
    out.close();
    co_await elsewhere.join();
    CHECK(got == std::vector<int>{1});

    cw::channel<tracked::value> full(1);
    out = full.sender();
    const auto send = [](cw::channel_sender<tracked::value> to, tracked::account& made,
                         int number) -> cw::task<> { co_await to.send(tracked::value(made, number)); };
    for (int i = 1; i <= 3; ++i) elsewhere.spawn(send(out, of, i));
    co_await cw::sleep_for(1s);
    away.refusals = 1;
    for (int i = 1; i <= 3; ++i) {
      const std::optional<tracked::value> one = co_await full.next();
      CHECK(one->number() == i);
    }
    co_await elsewhere.join();
  };
  cw::sync_wait(loop, run(place, account));
  CHECK(account.alive == 0);
}

TEST_CASE(
    "a channel as a generator returns its values, ends on close, rethrows a failure, and closes when "
    "destroyed") {
  cw::simulated_loop loop;
  const auto run = []() -> cw::task<> {
    cw::channel<std::string> words;
    auto out = words.sender();
    cw::async_generator<std::string> stream = cw::as_generator(std::move(words));
    CHECK(words.closed());
    const std::optional<std::string> of_moved = co_await words.next();
    CHECK_FALSE(of_moved);
    out.try_send("one");
    out.try_send("two");
    std::string* word = co_await stream.next();
    REQUIRE(word != nullptr);
    CHECK(*word == "one");
    word = co_await stream.next();
    REQUIRE(word != nullptr);
    CHECK(*word == "two");
    SUBCASE("closed") {
      out.close();
      word = co_await stream.next();
      CHECK(word == nullptr);
    }
    SUBCASE("failed") {
      out.fail(std::runtime_error("broken"));
      std::string message;
      try {
        co_await stream.next();
      } catch (const std::runtime_error& error) {
        message = error.what();
      }
      CHECK(message == "broken");
    }
    SUBCASE("generator destroyed") {
      CHECK(out.try_send("three") == cw::send_result::sent);
      { const cw::async_generator<std::string> gone = std::move(stream); }
      CHECK(out.closed());
    }
  };
  cw::sync_wait(loop, run());
}

TEST_CASE("a coroutine without an executor cannot use a channel, and gets an error that says so") {
  cw::channel<int> numbers(1);
  std::string message;
  const auto receive = [](cw::channel<int>& from, std::string& into) -> foreign::eager_task {
    try {
      co_await from.next();
    } catch (const std::logic_error& error) {
      into = error.what();
    }
  };
  const foreign::eager_task received = receive(numbers, message);
  CHECK(message.find("channel::next: the awaiting coroutine runs on no executor") == 0);
  const auto send = [](cw::channel_sender<int> out, std::string& into) -> foreign::eager_task {
    try {
      co_await out.send(1);
    } catch (const std::logic_error& error) {
      into = error.what();
    }
  };
  const foreign::eager_task sent = send(numbers.sender(), message);
  CHECK(message.find("channel_sender::send: the awaiting coroutine runs on no executor") == 0);
}
