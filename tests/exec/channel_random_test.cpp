// Random orders of send, receive, close, failure, stop and the destruction of either side: no value is lost,
// duplicated or leaked, and nobody waits forever. In virtual time from a seed; then on eight real threads.
#include <doctest/doctest.h>
#include <atomic>
#include <chrono>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/channel.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/random.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <support/tracked.hpp>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace cw = coworker;
using namespace std::chrono_literals;
using channel_value = tracked::value;

struct channel_ending : std::runtime_error {
  channel_ending() : std::runtime_error("a chosen end") {}
};

// One random history of a channel, drawn from the seed.
class channel_history {
 public:
  explicit channel_history(std::uint64_t seed) : random_(seed), loop_(seed) {}

  void run() {
    cw::sync_wait(loop_, live());
    check();
  }

 private:
  enum class end { none, sender_closes, receiver_closes, fails, channel_goes };

  static constexpr std::size_t capacities[] = {0, 1, 2, 5, cw::channel<channel_value>::unbounded};

  cw::duration pause() { return std::chrono::milliseconds(random_.below(4u)); }

  cw::task<> live() {
    const cw::context here = co_await cw::this_coro::context();
    values_.emplace(capacities[random_.below(5u)]);
    cw::scope patient_senders(here), stopped_senders(here), patient_receivers(here), stopped_receivers(here);
    const int senders = 1 + static_cast<int>(random_.below(4u));
    for (int i = 0; i < senders; ++i) {
      (random_.below(3u) == 0 ? stopped_senders : patient_senders).spawn(send(i, values_->sender()));
    }
    const int receivers = 1 + static_cast<int>(random_.below(3u));
    for (int i = 0; i < receivers; ++i) {
      const bool stops = random_.below(3u) == 0;
      patient_receivers_ += stops ? 0 : 1;
      (stops ? stopped_receivers : patient_receivers).spawn(receive());
    }
    one_receiver_ = receivers == 1;
    end_ = static_cast<end>(random_.below(5u));
    patient_senders.spawn(end_it(values_->sender()));
    co_await cw::sleep_for(pause() * 5);
    stopped_senders.request_stop();
    co_await cw::sleep_for(pause() * 5);
    stopped_receivers.request_stop();
    co_await stopped_receivers.join();
    co_await stopped_senders.join();
    // Otherwise senders would wait for room forever.
    if (patient_receivers_ == 0 && values_) values_->close();
    co_await patient_senders.join();
    co_await patient_receivers.join();
  }

  cw::task<> send(int sender, cw::channel_sender<channel_value> out) {
    for (int i = 0; i < 12; ++i) {
      const int number = sender * 100 + i;
      bool sent = false;
      if (random_.below(2u) == 0) {
        sent = co_await send_waiting(out, number);
      } else {
        sent = try_to_send(out, number);
      }
      if (sent) accepted_.push_back(number);
      const cw::duration rest = pause();
      if (rest != 0s) co_await cw::sleep_for(rest);
    }
  }

  cw::task<bool> send_waiting(cw::channel_sender<channel_value>& out, int number) {
    channel_value value(account_, number);
    const bool sent = co_await out.send(std::move(value));
    co_return sent;
  }

  bool try_to_send(cw::channel_sender<channel_value>& out, int number) {
    channel_value value(account_, number);
    const cw::send_result became = out.try_send(std::move(value));
    kept_what_was_not_sent_ =
        kept_what_was_not_sent_ && value.moved_from() == (became == cw::send_result::sent);
    return became == cw::send_result::sent;
  }

  cw::task<> receive() {
    try {
      for (;;) {
        if (!values_) co_return;
        if (random_.below(2u) == 0) {
          const std::optional<channel_value> one = co_await values_->next();
          if (!one) co_return;
          received_.push_back(one->number());
        } else {
          const std::vector<channel_value> all = co_await values_->next_all();
          if (all.empty()) co_return;
          for (const channel_value& one : all) received_.push_back(one.number());
        }
        const cw::duration rest = pause();
        if (rest != 0s) co_await cw::sleep_for(rest);
      }
    } catch (const channel_ending&) {
      ++failures_seen_;
    }
  }

  cw::task<> end_it(cw::channel_sender<channel_value> out) {
    co_await cw::sleep_for(pause() * 7);
    switch (end_) {
      case end::none:
        break;
      case end::sender_closes:
        out.close();
        break;
      case end::receiver_closes:
        values_->close();
        break;
      case end::fails:
        out.fail(channel_ending());
        break;
      case end::channel_goes:
        values_.reset();
        break;
    }
  }

  void check() {
    std::map<int, int> times;
    for (const int number : accepted_) ++times[number];
    bool only_accepted = true, none_twice = true;
    for (const int number : received_) {
      const auto found = times.find(number);
      if (found == times.end()) {
        only_accepted = false;
      } else if (--found->second < 0) {
        none_twice = false;
      }
    }
    CHECK(only_accepted);
    CHECK(none_twice);
    CHECK(kept_what_was_not_sent_);
    if (values_) {
      std::size_t left = 0;
      while (values_->try_next()) ++left;
      CHECK(received_.size() + left == accepted_.size());
      if (patient_receivers_ > 0) CHECK(left == 0);
      if (end_ == end::fails) CHECK(failures_seen_ >= patient_receivers_);
      values_.reset();
    }
    if (one_receiver_) {
      std::map<int, int> last;
      bool in_order = true;
      for (const int number : received_) {
        int& before = last.try_emplace(number / 100, -1).first->second;
        in_order = in_order && before < number;
        before = number;
      }
      CHECK(in_order);
    }
    CHECK(account_.alive == 0);
  }

  cw::random_source random_;
  cw::simulated_loop loop_;
  tracked::account account_;
  std::optional<cw::channel<channel_value>> values_;
  end end_ = end::none;
  bool one_receiver_ = false;
  bool kept_what_was_not_sent_ = true;
  int patient_receivers_ = 0;
  int failures_seen_ = 0;
  std::vector<int> accepted_;
  std::vector<int> received_;
};

}  // namespace

TEST_CASE("in random orders of sends, receives, stops and closes, no value is lost, duplicated or leaked") {
  for (std::uint64_t seed = 0; seed < 1500; ++seed) {
    CAPTURE(seed);
    channel_history(seed).run();
  }
}

namespace {

// Four threads and two coroutines send; coroutines on a pool of two and on a loop receive, and so does a
// thread that only uses try_next().
class channel_crowd {
 public:
  explicit channel_crowd(std::uint64_t seed)
      : seed_(seed), values_(std::in_place, capacities[seed % 4]), ends_by_itself_(seed % 3 == 0) {}

  void run() {
    cw::thread_pool pool(2);
    cw::event_loop loop;
    cw::sync_wait(loop, live(pool, loop));
    std::size_t left = 0;
    while (values_->try_next()) ++left;
    values_.reset();
    CHECK(received_ + static_cast<int>(left) == accepted_);
    CHECK(sum_ <= sum_sent_);
    if (left == 0) CHECK(sum_ == sum_sent_);
    CHECK(account_.alive == 0);
  }

 private:
  static constexpr std::size_t capacities[] = {0, 1, 16, cw::channel<channel_value>::unbounded};

  cw::task<> live(cw::thread_pool& pool, cw::event_loop& loop) {
    const cw::context here = co_await cw::this_coro::context();
    cw::scope patient(here), impatient(here);
    cw::stop_source blocking_stop;
    std::vector<std::thread> threads;
    {
      const auto out = values_->sender();
      patient.spawn(send(pool, out));
      impatient.spawn(send(pool, out));
      for (unsigned i = 0; i < 4; ++i) {
        threads.emplace_back(
            [this, i, out, &blocking_stop] { send_from_thread(i, out, blocking_stop.get_token()); });
      }
    }
    threads.emplace_back([this] {
      while (!values_->closed()) {
        count(values_->try_next());
        std::this_thread::yield();
      }
    });
    patient.spawn(receive(loop, false));
    patient.spawn(receive(pool, true));
    impatient.spawn(receive(pool, false));
    impatient.spawn(receive(loop, true));
    co_await cw::sleep_for(1ms);
    impatient.request_stop();
    blocking_stop.request_stop();
    if (!ends_by_itself_) {
      co_await cw::sleep_for(1ms);
      values_->close();
    }
    co_await impatient.join();
    co_await patient.join();
    for (std::thread& one : threads) one.join();
  }

  void send_from_thread(unsigned number, const cw::channel_sender<channel_value>& out, cw::stop_token stop) {
    cw::random_source random(seed_ * 16 + number);
    try {
      for (int i = 1; i <= 300; ++i) {
        channel_value value(account_, i);
        bool sent = false;
        if (random.below(3u) == 0) {
          sent = out.try_send(std::move(value)) == cw::send_result::sent;
        } else {
          // The senders with high numbers ignore the stop, so that some still send when the channel is
          // closed.
          sent = out.blocking_send(std::move(value), number < 2 ? stop : cw::stop_token());
        }
        if (sent) {
          ++accepted_;
          sum_sent_ += i;
        }
      }
    } catch (const cw::cancelled&) {
    }
  }

  cw::task<> send(cw::executor_ref place, cw::channel_sender<channel_value> out) {
    co_await cw::resume_on(place);
    for (int i = 1; i <= 300; ++i) {
      channel_value value(account_, i);
      const bool sent = co_await out.send(std::move(value));
      if (sent) {
        ++accepted_;
        sum_sent_ += i;
      }
    }
  }

  cw::task<> receive(cw::executor_ref place, bool all_at_once) {
    co_await cw::resume_on(place);
    for (;;) {
      if (all_at_once) {
        const std::vector<channel_value> all = co_await values_->next_all();
        if (all.empty()) co_return;
        for (const channel_value& one : all) count(one.number());
      } else {
        const std::optional<channel_value> one = co_await values_->next();
        if (!one) co_return;
        count(one->number());
      }
    }
  }

  void count(const std::optional<channel_value>& one) {
    if (one) count(one->number());
  }

  void count(int number) {
    ++received_;
    sum_ += number;
  }

  const std::uint64_t seed_;
  tracked::account account_;
  std::optional<cw::channel<channel_value>> values_;
  const bool ends_by_itself_;
  std::atomic<int> accepted_{0};
  std::atomic<int> received_{0};
  std::atomic<long> sum_{0};
  std::atomic<long> sum_sent_{0};
};

}  // namespace

TEST_CASE("on eight threads, with stops, closes and blocked senders, every value is received once or left") {
  for (std::uint64_t seed = 0; seed < 24; ++seed) {
    CAPTURE(seed);
    channel_crowd(seed).run();
  }
}

namespace {

// Waits for a short time that differs from round to round, so that two threads meet in many different orders.
void channel_dither(int round) {
  std::atomic<int> passed{0};
  while (passed.fetch_add(1) < round % 31) {
  }
}

}  // namespace

TEST_CASE(
    "no wake-up is lost between a thread that sends single values and a coroutine that waits for each") {
  cw::event_loop loop;
  cw::channel<int> back;
  std::atomic<int> asked{-1};
  const int rounds = 20'000;
  std::thread echo([&, out = back.sender()] {
    for (int i = 0; i < rounds; ++i) {
      while (asked.load(std::memory_order_acquire) < i) {
      }
      channel_dither(i);
      out.blocking_send(i);
    }
  });
  const auto ask = [](std::atomic<int>& question, cw::channel<int>& answers, int times) -> cw::task<int> {
    int right = 0;
    for (int i = 0; i < times; ++i) {
      question.store(i, std::memory_order_release);
      const std::optional<int> answer = co_await answers.next();
      right += answer == i ? 1 : 0;
    }
    co_return right;
  };
  CHECK(cw::sync_wait(loop, ask(asked, back, rounds)) == rounds);
  echo.join();
}

TEST_CASE("a stop that comes just as a wait begins is not missed") {
  cw::thread_pool pool(2);
  const auto receive = [](cw::channel<int>& from) -> cw::task<> {
    const std::optional<int> one = co_await from.next();
    CHECK(one.has_value());  // never reached: the wait is cancelled
  };
  const auto send = [](cw::channel_sender<int> to) -> cw::task<> {
    const bool sent = co_await to.send(1);
    CHECK(sent);  // never reached either
  };
  const auto rounds = [&](int count) -> cw::task<> {
    const cw::context here = co_await cw::this_coro::context();
    cw::channel<int> empty;
    cw::channel<int> full(0);
    const auto keeps_open = empty.sender();
    const auto to_full = full.sender();
    for (int i = 0; i < count; ++i) {
      cw::scope stopped(here);
      stopped.spawn(receive(empty));
      stopped.spawn(send(to_full));
      channel_dither(i);
      if (i % 2 == 0) std::this_thread::yield();
      stopped.request_stop();
      co_await stopped.join();
    }
  };
  cw::sync_wait(pool, rounds(3000));
}

TEST_CASE("a wake-up that comes just as a wait begins is not missed") {
  cw::thread_pool pool(2);
  cw::event_loop loop;
  const auto send = [](cw::executor_ref place, cw::channel_sender<int> to, int count) -> cw::task<> {
    co_await cw::resume_on(place);
    for (int i = 0; i < count; ++i) {
      channel_dither(i);
      const bool sent = co_await to.send(i);
      if (!sent) co_return;
    }
  };
  const auto receive = [](cw::channel<int>& from) -> cw::task<int> {
    int next = 0;
    for (std::optional<int> one = co_await from.next(); one; one = co_await from.next())
      next += one == next ? 1 : 0;
    co_return next;
  };
  for (const std::size_t capacity : {0u, 1u}) {
    const auto run = [&](std::size_t room) -> cw::task<int> {
      cw::channel<int> values(room);
      cw::scope senders(co_await cw::this_coro::context());
      senders.spawn(send(pool, values.sender(), 10'000));
      const int received = co_await receive(values);
      co_await senders.join();
      co_return received;
    };
    CHECK(cw::sync_wait(loop, run(capacity)) == 10'000);
  }
}
