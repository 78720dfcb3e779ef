// Measures the cost of waiting for descriptors (Linux): a short wait, by owner and by number, compared with
// the system calls that it needs; and a wait while thousands of other descriptors are watched and idle.
//
//   g++ -std=c++20 -O2 -DNDEBUG -pthread -Iinclude tests/bench/net_bench.cpp -o net_bench
//
// Usage: net_bench [--quick]; --quick does a hundredth of the work once: shows only that the benchmark works

#if defined(__linux__)

#include "bench.hpp"

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <coworker/coro/scope.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/net/epoll.hpp>
#include <coworker/net/readable.hpp>
#include <cstddef>
#include <cstdio>
#include <string_view>
#include <vector>

namespace coworker::bench {
namespace {

struct ends {
  ends() {
    int made[2];
    require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, made) == 0,
            "there are no more descriptors");
    left.reset(made[0]);
    right.reset(made[1]);
  }
  unique_fd left;
  unique_fd right;
};

void send(const unique_fd& to) { require(::write(to.get(), "x", 1) == 1, "nothing was written"); }

void return_byte(const unique_fd& side) {
  char byte = 0;
  require(::read(side.get(), &byte, 1) == 1, "nothing was read");
  send(side);
}

// Sends a byte back and forth; each side waits for it.
task<void> bounce(unique_fd& side, std::size_t times, bool by_owner) {
  for (std::size_t i = 0; i != times; ++i) {
    if (by_owner) {
      co_await readable(side);
    } else {
      co_await readable(side.get());
    }
    return_byte(side);
  }
}

// Returns nanoseconds per wait.
task<double> bounce_both(std::size_t times, bool by_owner) {
  ends pair;
  scope both(co_await this_coro::context());
  const stopwatch watch;
  both.spawn(bounce(pair.left, times, by_owner));
  both.spawn(bounce(pair.right, times, by_owner));
  send(pair.left);
  co_await both.join();
  co_return per_operation(watch.elapsed(), 2 * times);
}

task<void> wait_for(int descriptor) { co_await readable(descriptor); }

task<double> bounce_among(std::size_t others, std::size_t times) {
  const std::vector<ends> watched(others);
  scope idle(co_await this_coro::context());
  for (const ends& one : watched) idle.spawn(wait_for(one.left.get()));
  const double result = co_await bounce_both(times, true);
  idle.request_stop();
  co_await idle.join();
  co_return result;
}

double calls_alone(std::size_t times) {
  const ends pair;
  detail::epoll set;
  set.add(pair.left.get(), EPOLLIN, 1);
  set.add(pair.right.get(), EPOLLIN, 2);
  const stopwatch watch;
  send(pair.left);
  for (std::size_t i = 0; i != 2 * times; ++i) {
    return_byte(set.wait(-1)[0].data.u64 == 1 ? pair.left : pair.right);
  }
  return per_operation(watch.elapsed(), 2 * times);
}

void print(const char* what, double nanoseconds, double baseline) {
  std::printf("%-28s %8.0f ns %6.2f\n", what, nanoseconds, nanoseconds / baseline);
}

void measure(bool quick) {
  const std::size_t times = quick ? 500 : 50'000;
  figures calls;
  figures by_owner;
  figures by_number;
  figures among[2];
  for (int round = 0; round != (quick ? 1 : 7); ++round) {
    calls.add(calls_alone(times));
    by_owner.add(sync_wait(bounce_both(times, true)));
    by_number.add(sync_wait(bounce_both(times, false)));
    among[0].add(sync_wait(bounce_among(100, times)));
    among[1].add(sync_wait(bounce_among(9'900, times)));
  }
  std::puts("a byte read and written after each wait; the best of several rounds");
  print("epoll_wait, read, write", calls.minimum(), calls.minimum());
  print("readable(owner)", by_owner.minimum(), calls.minimum());
  print("readable(number)", by_number.minimum(), calls.minimum());
  print("  beside 100 idle ones", among[0].minimum(), calls.minimum());
  print("  beside 9,900 idle ones", among[1].minimum(), calls.minimum());
}

}  // namespace
}  // namespace coworker::bench

int main(int argc, char** argv) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  coworker::bench::measure(argc > 1 && std::string_view(argv[1]) == "--quick");
}

#else

int main() {}

#endif
