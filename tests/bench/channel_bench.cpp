// Measures the cost of passing values from threads to coroutines: the throughput, and the latency of one
// value.
//
//   g++ -std=c++20 -O2 -DNDEBUG -pthread -Iinclude tests/bench/channel_bench.cpp -o channel_bench
//
// Usage: channel_bench [--quick]
//
// Throughput is in nanoseconds per value: 1,000 ns are a million values per second. Latency is the time from
// before the send on one thread until the coroutine resumes on another. A busy loop has other coroutines to
// resume and never sleeps. A loop that sleeps must first be woken by the kernel. The rows with a bare mutex
// and condition variable, without a channel, loop or coroutine, show how much of the latency that costs. The
// sending thread sends at random moments. Each of the two threads needs a core of its own: on a machine with
// other work, only the minimum of many short runs ("least p50") is meaningful.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/channel.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/random.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread.hpp>
#include <cstddef>
#include <cstdio>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "bench.hpp"

namespace {

using namespace coworker::bench;
namespace cw = coworker;

// --- throughput --------------------------------------------------------------------------------------------

cw::task<std::size_t> receive_one_by_one(cw::channel<std::size_t>& from) {
  std::size_t count = 0;
  for (std::optional<std::size_t> one = co_await from.next(); one; one = co_await from.next()) ++count;
  co_return count;
}

cw::task<std::size_t> receive_all_at_once(cw::channel<std::size_t>& from) {
  std::size_t count = 0;
  for (std::vector<std::size_t> all = co_await from.next_all(); !all.empty();
       all = co_await from.next_all()) {
    count += all.size();
  }
  co_return count;
}

using receive_function = cw::task<std::size_t> (*)(cw::channel<std::size_t>&);

double from_threads(std::size_t values, unsigned senders, std::size_t capacity, receive_function receive) {
  cw::event_loop loop;
  cw::channel<std::size_t> channel(capacity);
  std::vector<std::thread> threads;
  const stopwatch watch;
  {
    const auto out = channel.sender();
    for (unsigned i = 0; i < senders; ++i) {
      threads.emplace_back([out, count = values / senders] {
        for (std::size_t value = 0; value < count; ++value) out.blocking_send(value);
      });
    }
  }
  const std::size_t received = cw::sync_wait(loop, receive(channel));
  const nanoseconds elapsed = watch.elapsed();
  for (std::thread& one : threads) one.join();
  require(received == values / senders * senders, "not all values were received");
  return per_operation(elapsed, received);
}

cw::task<> send_all(cw::channel_sender<std::size_t> out, std::size_t count) {
  for (std::size_t value = 0; value < count; ++value) co_await out.send(value);
}

cw::task<std::size_t> pass_on(std::size_t values, std::size_t capacity) {
  cw::channel<std::size_t> channel(capacity);
  cw::scope senders(co_await cw::this_coro::context());
  senders.spawn(send_all(channel.sender(), values));
  const std::size_t received = co_await receive_one_by_one(channel);
  co_await senders.join();
  co_return received;
}

double between_coroutines(std::size_t values, std::size_t capacity) {
  cw::event_loop loop;
  const stopwatch watch;
  require(cw::sync_wait(loop, pass_on(values, capacity)) == values, "not all values were received");
  return per_operation(watch.elapsed(), values);
}

// --- latency -----------------------------------------------------------------------------------------------

void spin_for(nanoseconds span) {
  const stopwatch watch;
  while (watch.elapsed() < span) {
  }
}

// Returns a random duration between half of `distance` and one and a half times `distance`.
nanoseconds around(nanoseconds distance, cw::random_source& random) {
  return distance / 2 + nanoseconds(random.below(static_cast<std::uint64_t>(distance.count())));
}

cw::task<> turn_round(cw::executor_ref here, const bool& done) {
  while (!done) co_await cw::resume_on(here);
}

cw::task<figures> note_delays(cw::channel<clock::time_point>& from, bool busy) {
  figures delays;
  bool done = false;
  cw::scope others(co_await cw::this_coro::context());
  const cw::executor_ref here = co_await cw::this_coro::executor();
  for (int i = 0; busy && i < 4; ++i) others.spawn(turn_round(here, done));
  for (auto sent = co_await from.next(); sent; sent = co_await from.next()) {
    delays.add(static_cast<double>(nanoseconds(clock::now() - *sent).count()));
  }
  done = true;
  co_await others.join();
  co_return delays;
}

figures hand_over_delays(std::size_t values, bool busy, nanoseconds distance) {
  cw::event_loop loop;
  cw::channel<clock::time_point> channel;
  std::thread sender([out = channel.sender(), values, distance] {
    cw::random_source random(1);
    for (std::size_t i = 0; i < values; ++i) {
      spin_for(around(distance, random));
      out.blocking_send(clock::now());
    }
  });
  figures delays = cw::sync_wait(loop, note_delays(channel, busy));
  sender.join();
  return delays;
}

// Measures the same with only a mutex and a condition variable.
figures bare_delays(std::size_t values, nanoseconds distance) {
  std::mutex mutex;
  cw::detail::condition condition;
  std::optional<clock::time_point> sent;
  bool done = false;
  std::thread sender([&] {
    cw::random_source random(1);
    for (std::size_t i = 0; i <= values; ++i) {
      spin_for(around(distance, random));
      {
        const std::lock_guard lock(mutex);
        sent = clock::now();
        done = i == values;
      }
      condition.notify_one();
    }
  });
  figures delays;
  for (bool last = false; !last;) {
    std::unique_lock lock(mutex);
    while (!sent) condition.wait(lock);
    delays.add(static_cast<double>(nanoseconds(clock::now() - *sent).count()));
    sent.reset();
    last = done;
  }
  sender.join();
  return delays;
}

}  // namespace

int main(int argc, char** argv) {
  const bool quick = argc > 1 && std::string_view(argv[1]) == "--quick";
  const std::size_t values = quick ? 20'000 : 4'000'000;
  const int repetitions = quick ? 1 : 5;

  struct measure {
    const char* name;
    double (*run)(std::size_t values);
  };
  static constexpr std::size_t any = cw::channel<std::size_t>::unbounded;
  const measure measures[] = {
      {"1 thread, unbounded, next()",
       [](std::size_t n) { return from_threads(n, 1, any, receive_one_by_one); }},
      {"1 thread, unbounded, next_all()",
       [](std::size_t n) { return from_threads(n, 1, any, receive_all_at_once); }},
      {"1 thread, room for 1024, next()",
       [](std::size_t n) { return from_threads(n, 1, 1024, receive_one_by_one); }},
      {"1 thread, room for 1024, next_all()",
       [](std::size_t n) { return from_threads(n, 1, 1024, receive_all_at_once); }},
      {"1 thread, room for 16, next()",
       [](std::size_t n) { return from_threads(n / 8, 1, 16, receive_one_by_one); }},
      {"8 threads, unbounded, next()",
       [](std::size_t n) { return from_threads(n, 8, any, receive_one_by_one); }},
      {"8 threads, room for 1024, next()",
       [](std::size_t n) { return from_threads(n, 8, 1024, receive_one_by_one); }},
      {"coroutines of one loop, room for 16", [](std::size_t n) { return between_coroutines(n, 16); }},
      {"coroutines of one loop, no queue", [](std::size_t n) { return between_coroutines(n, 0); }},
  };
  std::printf("%-40s %10s %10s\n", "nanoseconds a value", "least", "median");
  for (const measure& one : measures) {
    figures taken;
    for (int i = 0; i < repetitions; ++i) taken.add(one.run(values));
    std::printf("%-40s %10.0f %10.0f\n", one.name, taken.minimum(), taken.median());
  }
  std::printf("\n%-40s %10s %10s %10s\n", "nanoseconds from send to resumption", "least p50", "p50", "p99");
  using namespace std::chrono_literals;
  struct delay_measure {
    const char* name;
    figures (*run)();
  };
  static constexpr std::size_t at_once = 250;
  const delay_measure delay_measures[] = {
      {"busy loop, a value every 20 us", [] { return hand_over_delays(at_once, true, 20us); }},
      {"loop without other work, every 5 us", [] { return hand_over_delays(at_once, false, 5us); }},
      {"loop without other work, every 20 us", [] { return hand_over_delays(at_once, false, 20us); }},
      {"loop without other work, every 200 us", [] { return hand_over_delays(at_once, false, 200us); }},
      {"bare condition variable, every 20 us", [] { return bare_delays(at_once, 20us); }},
      {"bare condition variable, every 200 us", [] { return bare_delays(at_once, 200us); }},
  };
  for (const delay_measure& one : delay_measures) {
    figures all, medians;
    for (int i = 0; i < (quick ? 1 : 40); ++i) {
      const figures taken = one.run();
      medians.add(taken.median());
      all.add(taken);
    }
    std::printf("%-40s %10.0f %10.0f %10.0f\n", one.name, medians.minimum(), all.median(),
                all.quantile(0.99));
  }
}
