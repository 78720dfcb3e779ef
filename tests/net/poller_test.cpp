#include <doctest/doctest.h>
#include <unistd.h>
#include <atomic>
#include <coworker/net/descriptor.hpp>
#include <coworker/net/poller.hpp>
#include <thread>

namespace {

namespace cw = coworker;
using poller_system_set = cw::detail::descriptor_set;
using poller_poll_set = cw::detail::poll_set;

}  // namespace

TEST_CASE_TEMPLATE("a wake-up that comes before a wait ends that wait, and only that one", Set,
                   poller_system_set, poller_poll_set) {
  cw::basic_poller<Set> poller;
  poller.wake();
  poller.wake();
  poller.wait(cw::time_point::max());
  const cw::time_point due = cw::clock_type::now() + std::chrono::milliseconds(5);
  while (cw::clock_type::now() < due) poller.wait(due);  // may return early, but not always
}

TEST_CASE_TEMPLATE("a check without waiting neither blocks nor consumes a wake-up", Set, poller_system_set,
                   poller_poll_set) {
  cw::basic_poller<Set> poller;
  poller.wait(cw::time_point::min());
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const cw::unique_fd never_ready(ends[0]);
  const cw::unique_fd kept_open(ends[1]);
  cw::descriptor_watch watch;  // so that there is something to check
  watch.descriptor = never_ready.get();
  poller.watch(watch);
  poller.wake();
  poller.wait(cw::time_point::min());
  poller.wait(cw::time_point::max());
  CHECK(!watch.ready);
  poller.unwatch(watch);
}

TEST_CASE_TEMPLATE("a poller is woken from other threads", Set, poller_system_set, poller_poll_set) {
  cw::basic_poller<Set> poller;
  std::atomic<int> turns = 0;
  std::thread waker([&] {
    for (int i = 0; i < 1000; ++i) {
      while (turns != i) std::this_thread::yield();
      poller.wake();
    }
  });
  for (int i = 0; i < 1000; ++i) {
    poller.wait(cw::time_point::max());
    turns = i + 1;
  }
  waker.join();
  CHECK(turns == 1000);
}

TEST_CASE("a deadline becomes a timeout that is never shorter, nor negative") {
  using namespace std::chrono_literals;
  CHECK(cw::detail::poll_timeout(cw::time_point::max()) == -1);
  CHECK(cw::detail::poll_timeout(cw::time_point::min()) == 0);
  CHECK(cw::detail::poll_timeout(cw::clock_type::now() - 1h) == 0);
  CHECK(cw::detail::poll_timeout(cw::clock_type::now() + 1ns) <= 1);
  CHECK(cw::detail::poll_timeout(cw::clock_type::now() + 10s) <= 10'000);
  CHECK(cw::detail::poll_timeout(cw::clock_type::now() + 10s) > 9'000);
  CHECK(cw::detail::poll_timeout(cw::clock_type::now() + 24h * 365 * 100) == 2'147'483'647);
}
