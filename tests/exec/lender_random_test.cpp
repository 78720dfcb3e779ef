// Random orders of lending, stops, broken values and makers that fail: no value has two users at a time, none
// is leaked, and nobody waits forever. In virtual time from a seed; then on eight real threads.
#include <doctest/doctest.h>
#include <atomic>
#include <chrono>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/lender.hpp>
#include <coworker/exec/random.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <support/tracked.hpp>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace cw = coworker;
using namespace std::chrono_literals;

// A value that detects a second user.
struct lender_lent {
  tracked::value counted;
  std::atomic<int> users{0};
  bool broken = false;

  lender_lent(tracked::account& of, int number) : counted(of, number) {}
  lender_lent(lender_lent&& other) noexcept : counted(std::move(other.counted)) {}
};

class lender_history {
 public:
  explicit lender_history(std::uint64_t seed) : random_(seed), loop_(seed) {}

  void run() {
    cw::sync_wait(loop_, live());
    CHECK(account_.alive == 0);
    CHECK_FALSE(shared_);
    CHECK_FALSE(broken_was_lent_);
    CHECK(most_alive_ <= static_cast<int>(count_));
    CHECK(served_ + cancelled_ + failed_ == users_);
    CHECK(cancelled_ <= impatient_);
  }

 private:
  cw::duration pause() { return std::chrono::milliseconds(random_.below(6u)); }

  lender_lent make() {
    if (random_.below(5u) == 0) throw std::runtime_error("not made");
    return lender_lent(account_, account_.made);
  }

  cw::task<lender_lent> make_slowly() {
    const cw::duration span = pause();
    if (span != 0s) co_await cw::sleep_for(span);
    lender_lent made = make();
    co_return made;
  }

  cw::task<> live() {
    count_ = 1 + random_.below(std::size_t{3});
    const bool slowly = random_.below(2u) == 0;
    if (slowly) {
      const auto make_one = [this] { return make_slowly(); };
      cw::lender<lender_lent> values(make_one, count_);
      co_await use_up(values);
    } else {
      const auto make_one = [this] { return make(); };
      cw::lender<lender_lent> values(make_one, count_);
      co_await use_up(values);
    }
  }

  cw::task<> use_up(cw::lender<lender_lent>& values) {
    const cw::context here = co_await cw::this_coro::context();
    cw::scope patient(here), impatient(here);
    users_ = 1 + static_cast<int>(random_.below(12u));
    for (int i = 0; i < users_; ++i) {
      const bool stops = random_.below(3u) == 0;
      impatient_ += stops ? 1 : 0;
      (stops ? impatient : patient).spawn(use(values));
      const cw::duration rest = pause();
      if (random_.below(2u) == 0) co_await cw::sleep_for(rest);
    }
    const cw::duration rest = pause();
    co_await cw::sleep_for(rest);
    impatient.request_stop();
    co_await impatient.join();
    co_await patient.join();
    CHECK(values.available() == count_);
  }

  cw::task<> use(cw::lender<lender_lent>& values) {
    try {
      auto value = co_await values.lend();
      ++served_;
      if (++value->users != 1) shared_ = true;
      if (value->broken) broken_was_lent_ = true;
      if (account_.alive > most_alive_) most_alive_ = account_.alive;
      const cw::duration span = pause();
      if (random_.below(4u) == 0) {
        value->broken = true;
        value.mark_broken();
      }
      if (random_.below(4u) == 0) {
        const auto moved = std::move(value);
        if (--moved->users != 0) shared_ = true;
      } else {
        try {
          if (span != 0s) co_await cw::sleep_for(span);
        } catch (const cw::cancelled&) {
        }
        if (--value->users != 0) shared_ = true;
      }
    } catch (const cw::cancelled&) {
      ++cancelled_;
    } catch (const std::runtime_error&) {
      ++failed_;
    }
  }

  cw::random_source random_;
  cw::simulated_loop loop_;
  tracked::account account_;
  std::size_t count_ = 0;
  int users_ = 0, impatient_ = 0, served_ = 0, cancelled_ = 0, failed_ = 0, most_alive_ = 0;
  bool shared_ = false, broken_was_lent_ = false;
};

}  // namespace

TEST_CASE(
    "in random orders of loans, stops and failures, a value has one user at a time and none is leaked") {
  for (std::uint64_t seed = 0; seed < 1500; ++seed) {
    CAPTURE(seed);
    lender_history(seed).run();
  }
}

TEST_CASE(
    "eight threads and coroutines on a loop and a pool borrow three values, with stops and broken ones") {
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    cw::thread_pool pool(2);
    cw::event_loop loop;
    tracked::account account;
    std::atomic<bool> shared{false};
    std::atomic<int> served{0}, cancelled{0}, failed{0}, tries{0};
    {
      const auto make = [&] {
        if (tries.fetch_add(1) % 7 == 6) throw std::runtime_error("not made");
        return lender_lent(account, 1);
      };
      cw::lender<lender_lent> values(make, 3);
      const auto use = [&](const cw::lender<lender_lent>::loan& value, int round) {
        ++served;
        if (++value->users != 1) shared = true;
        if (round % 11 == 0) value.mark_broken();
        std::this_thread::yield();
        if (--value->users != 0) shared = true;
      };
      const auto use_blocking = [&](cw::stop_token stop) {
        for (int i = 0; i < 100; ++i) {
          try {
            const auto value = values.blocking_lend(stop);
            use(value, i);
          } catch (const cw::cancelled&) {
            ++cancelled;
          } catch (const std::runtime_error&) {
            ++failed;
          }
        }
      };
      const auto use_awaiting = [&](cw::executor_ref place) -> cw::task<> {
        co_await cw::resume_on(place);
        for (int i = 0; i < 100; ++i) {
          try {
            const auto value = co_await values.lend();
            use(value, i);
            if (i % 3 == 0) co_await cw::resume_on(pool);
          } catch (const cw::cancelled&) {
            ++cancelled;
          } catch (const std::runtime_error&) {
            ++failed;
          }
        }
      };
      const auto run = [&]() -> cw::task<> {
        const cw::context here = co_await cw::this_coro::context();
        cw::scope patient(here), impatient(here);
        cw::stop_source source;
        std::vector<std::thread> threads;
        for (int i = 0; i < 8; ++i) {
          threads.emplace_back([&, i] { use_blocking(i < 4 ? source.get_token() : cw::stop_token()); });
        }
        for (int i = 0; i < 2; ++i) {
          patient.spawn(use_awaiting(pool));
          patient.spawn(use_awaiting(loop));
          impatient.spawn(use_awaiting(pool));
          impatient.spawn(use_awaiting(loop));
        }
        co_await cw::sleep_for(std::chrono::microseconds(200 * seed));
        impatient.request_stop();
        source.request_stop();
        co_await impatient.join();
        co_await patient.join();
        for (std::thread& one : threads) one.join();
      };
      cw::sync_wait(loop, run());
      CHECK(values.available() == 3);
    }
    CHECK_FALSE(shared);
    CHECK(served + cancelled + failed == 16 * 100);
    CHECK(account.alive == 0);
  }
}
