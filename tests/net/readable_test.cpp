// Coroutines that wait for descriptors: what ends a wait, and which descriptors cannot be awaited.

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <atomic>
#include <chrono>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/when_all.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <coworker/net/readable.hpp>
#include <cstddef>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <support/no_descriptors.hpp>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace cw = coworker;
using namespace std::chrono_literals;

struct net_pipe {
  net_pipe() {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    read.reset(ends[0]);
    write.reset(ends[1]);
  }
  void send(std::size_t bytes = 1) const {
    const std::string text(bytes, 'x');
    CHECK(::write(write.get(), text.data(), text.size()) == static_cast<ssize_t>(bytes));
  }
  char receive() const {
    char byte = 0;
    CHECK(::read(read.get(), &byte, 1) == 1);
    return byte;
  }
  cw::unique_fd read;
  cw::unique_fd write;
};

struct net_socket_pair {
  net_socket_pair() {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    left.reset(ends[0]);
    right.reset(ends[1]);
  }
  // Writes to the left end until it is full.
  void fill_left() const {
    const std::string block(4096, 'x');
    while (::write(left.get(), block.data(), block.size()) > 0) {
    }
  }
  cw::unique_fd left;
  cw::unique_fd right;
};

// A loop that blocks in a poller over the set under test, and counts how many times it does.
template <class Set>
struct net_world {
  class counting_poller final : public cw::waiter {
   public:
    void wait(cw::time_point deadline) override {
      if (deadline != cw::time_point::min()) ++waits;
      inner.wait(deadline);
    }
    void wake() noexcept override { inner.wake(); }
    void watch(cw::descriptor_watch& watch) override { inner.watch(watch); }
    void unwatch(cw::descriptor_watch& watch) noexcept override { inner.unwatch(watch); }

    int waits = 0;
    cw::basic_poller<Set> inner;
  };

  counting_poller poller;
  cw::event_loop loop{poller};

  template <class T>
  T run(cw::task<T> work) {
    return cw::sync_wait(loop, std::move(work));
  }
};

cw::task<void> net_await(int descriptor, int& ended) {
  co_await cw::readable(descriptor);
  ++ended;
}

// Runs a coroutine that must throw the expected exception.
template <class Error>
cw::task<std::string> net_error_of(cw::task<void> work) {
  std::string text = "nothing was thrown";
  try {
    co_await std::move(work);
  } catch (const Error& error) {
    text = error.what();
  }
  co_return text;
}

cw::task<void> net_read_wait(int descriptor) { co_await cw::readable(descriptor); }
cw::task<void> net_write_wait(int descriptor) { co_await cw::writable(descriptor); }

using net_system_set = cw::detail::descriptor_set;
using net_poll_set = cw::detail::poll_set;

}  // namespace

TEST_CASE_TEMPLATE("a coroutine waits until its descriptor can be read", Set, net_system_set, net_poll_set) {
  net_world<Set> world;
  net_pipe pipe;
  int ended = 0;
  world.run([](net_pipe& pair, int& count) -> cw::task<void> {
    cw::scope children(co_await cw::this_coro::context());
    children.spawn(net_await(pair.read.get(), count));
    co_await cw::sleep_for(1ms);
    CHECK(count == 0);
    pair.send();
    co_await children.join();
  }(pipe, ended));
  CHECK(ended == 1);
  CHECK(pipe.receive() == 'x');
}

TEST_CASE_TEMPLATE("a wait can be repeated any number of times, by number or by owner", Set, net_system_set,
                   net_poll_set) {
  net_world<Set> world;
  net_pipe there;
  net_pipe back;
  const auto echo = [](net_pipe& in, net_pipe& out) -> cw::task<void> {
    for (int i = 0; i < 100; ++i) {
      co_await cw::readable(in.read.get());
      in.receive();
      out.send();
    }
  };
  const auto ask = [](net_pipe& out, net_pipe& in) -> cw::task<void> {
    for (int i = 0; i < 100; ++i) {
      out.send();
      co_await cw::readable(in.read);
      in.receive();
    }
  };
  world.run([](auto answer, auto question, net_pipe& first, net_pipe& second) -> cw::task<void> {
    cw::scope children(co_await cw::this_coro::context());
    children.spawn(answer(first, second));
    children.spawn(question(first, second));
    co_await children.join();
  }(echo, ask, there, back));
}

TEST_CASE_TEMPLATE("a reader and a writer can wait for the same descriptor", Set, net_system_set,
                   net_poll_set) {
  net_world<Set> world;
  net_socket_pair pair;
  pair.fill_left();
  std::string order;
  world.run([](net_socket_pair& sockets, std::string& ended) -> cw::task<void> {
    cw::scope children(co_await cw::this_coro::context());
    children.spawn(
        [](int descriptor, std::string& to) -> cw::task<void> {
          co_await cw::readable(descriptor);
          to += "read ";
        },
        sockets.left.get(), std::ref(ended));
    children.spawn(
        [](int descriptor, std::string& to) -> cw::task<void> {
          co_await cw::writable(descriptor);
          to += "write ";
        },
        sockets.left.get(), std::ref(ended));
    co_await cw::sleep_for(1ms);
    CHECK(ended.empty());
    CHECK(::write(sockets.right.get(), "x", 1) == 1);
    while (ended.empty()) co_await cw::sleep_for(1ms);
    CHECK(ended == "read ");
    std::vector<char> drained(1 << 20);
    while (::read(sockets.right.get(), drained.data(), drained.size()) > 0) {
    }
    co_await children.join();
  }(pair, order));
  CHECK(order == "read write ");
}

TEST_CASE_TEMPLATE("a second wait in the same direction is refused, and the first one continues", Set,
                   net_system_set, net_poll_set) {
  net_world<Set> world;
  net_pipe pipe;
  int ended = 0;
  world.run([](net_pipe& pair, int& count) -> cw::task<void> {
    cw::scope children(co_await cw::this_coro::context());
    children.spawn(net_await(pair.read.get(), count));
    co_await cw::sleep_for(1ms);
    const std::string problem = co_await net_error_of<std::logic_error>(net_read_wait(pair.read.get()));
    CHECK(problem == "descriptor " + std::to_string(pair.read.get()) +
                         " is already awaited by another coroutine that waits to read from it; let one "
                         "coroutine do so, or guard it with a semaphore of 1");
    pair.send();
    co_await children.join();
  }(pipe, ended));
  CHECK(ended == 1);
}

TEST_CASE_TEMPLATE("a stop ends the wait as cancelled, and the descriptor is no longer watched", Set,
                   net_system_set, net_poll_set) {
  net_world<Set> world;
  net_pipe pipe;
  int ended = 0;
  world.run([](net_world<Set>& in, net_pipe& pair, int& count) -> cw::task<void> {
    cw::scope stopped(co_await cw::this_coro::context());
    stopped.spawn(net_await(pair.read.get(), count));
    co_await cw::sleep_for(1ms);
    stopped.request_stop();
    co_await stopped.join();
    CHECK(count == 0);
    pair.send();
    const int before = in.poller.waits;
    co_await cw::sleep_for(20ms);  // a descriptor that is still watched would wake the loop repeatedly
    CHECK(in.poller.waits <= before + 3);
    co_await net_await(pair.read.get(), count);
  }(world, pipe, ended));
  CHECK(ended == 1);
}

TEST_CASE_TEMPLATE("a wait in a chain that is already stopped throws at once, ready or not", Set,
                   net_system_set, net_poll_set) {
  net_world<Set> world;
  net_pipe pipe;
  pipe.send();
  int ended = 0;
  world.run([](net_pipe& pair, int& count) -> cw::task<void> {
    cw::scope stopped(co_await cw::this_coro::context());
    stopped.request_stop();
    stopped.spawn(net_await(pair.read.get(), count));
    co_await stopped.join();
  }(pipe, ended));
  CHECK(ended == 0);
}

TEST_CASE_TEMPLATE("a deadline ends the wait unless the descriptor is ready", Set, net_system_set,
                   net_poll_set) {
  net_world<Set> world;
  net_pipe pipe;
  world.run([](net_pipe& pair) -> cw::task<void> {
    const cw::executor_ref here = co_await cw::this_coro::executor();
    bool ready = co_await cw::readable_until(pair.read.get(), here.now() + 2ms);
    CHECK(!ready);
    ready = co_await cw::readable_until(pair.read, here.now());
    CHECK(!ready);
    ready = co_await cw::writable_until(pair.write.get(), here.now() + 1h);
    CHECK(ready);
    pair.send();
    ready = co_await cw::readable_until(pair.read, here.now() - 1h);  // readiness is checked before the clock
    CHECK(ready);
    ready = co_await cw::readable_until(pair.read.get(), cw::time_point::max());
    CHECK(ready);
  }(pipe));
}

TEST_CASE_TEMPLATE("a descriptor that can always be read, as of a file or /dev/null, is ready", Set,
                   net_system_set, net_poll_set) {
  net_world<Set> world;
  for (const char* const path : {COWORKER_SOURCE_DIR "/LICENSE", COWORKER_SOURCE_DIR, "/dev/null"}) {
    CAPTURE(path);
    const cw::unique_fd opened(::open(path, O_RDONLY));
    REQUIRE(opened);
    int ended = 0;
    for (int i = 0; i < 3; ++i) world.run(net_await(opened.get(), ended));
    CHECK(ended == 3);
    world.run(net_write_wait(opened.get()));
  }
}

TEST_CASE_TEMPLATE("hang-ups and errors count as ready, for readers and writers", Set, net_system_set,
                   net_poll_set) {
  net_world<Set> world;
  net_pipe to_read;
  to_read.write.reset();
  world.run(net_read_wait(to_read.read.get()));
  net_pipe to_write;
  to_write.read.reset();
  world.run(net_write_wait(to_write.write.get()));
  net_socket_pair sockets;
  sockets.fill_left();
  sockets.right.reset();
  world.run(net_read_wait(sockets.left.get()));
  world.run(net_write_wait(sockets.left.get()));
}

TEST_CASE_TEMPLATE("a hang-up that nobody reads does not keep the loop awake", Set, net_system_set,
                   net_poll_set) {
  net_world<Set> world;
  net_socket_pair sockets;
  world.run([](net_world<Set>& in, net_socket_pair& pair) -> cw::task<void> {
    co_await cw::writable(pair.left);  // it stays registered
    pair.right.reset();
    net_pipe other;
    cw::scope children(co_await cw::this_coro::context());
    int ended = 0;
    children.spawn(net_await(other.read.get(), ended));
    co_await cw::sleep_for(1ms);
    const int before = in.poller.waits;
    co_await cw::sleep_for(20ms);
    CHECK(in.poller.waits <= before + 4);
    other.send();
    co_await children.join();
  }(world, sockets));
}

TEST_CASE_TEMPLATE("a descriptor that is not open is an error that names it", Set, net_system_set,
                   net_poll_set) {
  net_world<Set> world;
  net_pipe pipe;
  const int number = pipe.read.get();
  pipe.read.reset();
  for (const int wrong : {-1, number, 1'000'000}) {
    CAPTURE(wrong);
    const std::string problem = world.run(net_error_of<std::system_error>(net_read_wait(wrong)));
    CHECK(problem.find("descriptor " + std::to_string(wrong) + " cannot be awaited (it is not open): ") == 0);
  }
  cw::unique_fd none;
  const auto await_none = [](cw::unique_fd& of) -> cw::task<void> { co_await cw::readable(of); };
  CHECK(world.run(net_error_of<std::system_error>(await_none(none))).find("descriptor -1 ") == 0);
}

TEST_CASE_TEMPLATE("a closed descriptor whose number another file has got is that file", Set, net_system_set,
                   net_poll_set) {
  net_world<Set> world;
  world.run([]() -> cw::task<void> {
    for (int i = 0; i < 3; ++i) {
      auto first = std::make_unique<net_pipe>();
      const int number = first->read.get();
      first->send();
      co_await cw::readable(number);
      first.reset();  // closed while it is still registered
      net_pipe second;
      CHECK(second.read.get() == number);
      cw::scope children(co_await cw::this_coro::context());
      int ended = 0;
      children.spawn(net_await(number, ended));
      co_await cw::sleep_for(1ms);
      CHECK(ended == 0);
      second.send();
      co_await children.join();
    }
  }());
}

TEST_CASE_TEMPLATE("a descriptor closed while a copy of it is open elsewhere does not keep the loop awake",
                   Set, net_system_set, net_poll_set) {
  net_world<Set> world;
  world.run([](net_world<Set>& in) -> cw::task<void> {
    net_pipe kept;
    cw::scope children(co_await cw::this_coro::context());
    int ended = 0;
    children.spawn(net_await(kept.read.get(), ended));
    net_pipe pair;
    pair.send();
    co_await cw::readable(pair.read);
    const cw::unique_fd copy(::dup(pair.read.get()));
    pair.read.reset();
    const int before = in.poller.waits;
    co_await cw::sleep_for(20ms);
    CHECK(in.poller.waits <= before + 4);
    CHECK(ended == 0);
    kept.send();  // it is still being awaited
    co_await children.join();
  }(world));
}

TEST_CASE_TEMPLATE("one poll resumes all coroutines that are ready, and examines no idle descriptors", Set,
                   net_system_set, net_poll_set) {
  net_world<Set> world;
  world.run([](net_world<Set>& in) -> cw::task<void> {
    std::vector<std::unique_ptr<net_pipe>> pipes;
    cw::scope children(co_await cw::this_coro::context());
    int ended = 0;
    for (int i = 0; i < 300; ++i) {
      pipes.push_back(std::make_unique<net_pipe>());
      children.spawn(net_await(pipes.back()->read.get(), ended));
    }
    co_await cw::sleep_for(1ms);
    for (int i = 0; i < 200; ++i) pipes[static_cast<std::size_t>(i)]->send();
    const int before = in.poller.waits;
    net_pipe ready;
    ready.send();
    co_await cw::readable(ready.read);
    CHECK(in.poller.waits <= before + 1);
    co_await cw::resume_on(in.loop);  // after those that were posted together with this one
    CHECK(ended == 200);
    for (std::size_t i = 200; i < 300; ++i) pipes[i]->send();
    co_await children.join();
  }(world));
}

TEST_CASE_TEMPLATE("a coroutine that yields repeatedly lets descriptors be handled in between", Set,
                   net_system_set, net_poll_set) {
  net_world<Set> world;
  net_pipe pipe;
  int ended = 0;
  world.run([](net_world<Set>& in, net_pipe& pair, int& count) -> cw::task<void> {
    cw::scope children(co_await cw::this_coro::context());
    children.spawn(net_await(pair.read.get(), count));
    co_await cw::resume_on(in.loop);
    pair.send();
    while (count == 0) co_await cw::sleep_for(0ms);
    co_await children.join();
  }(world, pipe, ended));
  CHECK(ended == 1);
}

TEST_CASE_TEMPLATE("a loop that watches descriptors is still woken by other threads", Set, net_system_set,
                   net_poll_set) {
  net_world<Set> world;
  net_pipe pipe;
  world.run([](net_world<Set>& in, net_pipe& pair) -> cw::task<void> {
    cw::scope children(co_await cw::this_coro::context());
    int ended = 0;
    children.spawn(net_await(pair.read.get(), ended));
    cw::thread_pool pool(1);
    for (int i = 0; i < 1000; ++i) {
      co_await cw::resume_on(pool);
      co_await cw::resume_on(in.loop);
    }
    pair.send();
    co_await children.join();
  }(world, pipe));
}

TEST_CASE_TEMPLATE("stops from another thread race with descriptors that become ready", Set, net_system_set,
                   net_poll_set) {
  net_world<Set> world;
  net_pipe pipe;
  int ended = 0;
  world.run([](net_world<Set>& in, net_pipe& pair, int& count) -> cw::task<void> {
    cw::thread_pool pool(1);
    for (int i = 0; i < 300; ++i) {
      cw::scope raced(co_await cw::this_coro::context());
      raced.spawn(net_await(pair.read.get(), count));
      co_await cw::resume_on(pool);
      if (i % 2 == 0) pair.send();
      raced.request_stop();
      co_await cw::resume_on(in.loop);
      co_await raced.join();
      if (i % 2 == 0) pair.receive();
    }
  }(world, pipe, ended));
  CHECK(ended <= 150);
}

TEST_CASE("a loop without a waiter gets a poller when a descriptor is first awaited") {
  net_pipe pipe;
  cw::event_loop loop;
  for (int i = 0; i < 2; ++i) {
    cw::sync_wait(loop, [](cw::event_loop& here, net_pipe& pair) -> cw::task<void> {
      cw::thread_pool pool(1);
      cw::scope children(co_await cw::this_coro::context());
      int ended = 0;
      children.spawn(net_await(pair.read.get(), ended));
      co_await cw::sleep_for(1ms);
      CHECK(ended == 0);
      co_await cw::resume_on(pool);
      co_await cw::resume_on(here);
      pair.send();
      co_await children.join();
      CHECK(ended == 1);
      pair.receive();
    }(loop, pipe));
  }
}

TEST_CASE("an awaited descriptor keeps its flags: an inherited one is shared with other programs") {
  net_pipe pipe;
  const int before = ::fcntl(pipe.read.get(), F_GETFL);
  REQUIRE((before & O_NONBLOCK) == 0);
  pipe.send();
  cw::sync_wait(net_read_wait(pipe.read.get()));
  CHECK(::fcntl(pipe.read.get(), F_GETFL) == before);
  CHECK(::fcntl(pipe.read.get(), F_GETFD) == 0);
}

TEST_CASE("an executor that watches no descriptors is an error that says where to await them") {
  const std::string sentence =
      "readable, writable: the executor of this coroutine watches no descriptors; await them on an "
      "event_loop, "
      "or, on a thread_pool, call read() or poll() and block";
  cw::thread_pool pool(1);
  CHECK(cw::sync_wait(pool, net_error_of<std::logic_error>(net_read_wait(0))) == sentence);
  cw::simulated_loop simulated;
  CHECK(cw::sync_wait(simulated, net_error_of<std::logic_error>(net_write_wait(0))) == sentence);
}

TEST_CASE("a loop with a waiter that watches no descriptors is an error") {
  cw::condition_waiter none;
  cw::event_loop loop(none);
  CHECK(
      cw::sync_wait(loop, net_error_of<std::logic_error>(net_read_wait(0))) ==
      "waiter::watch: the waiter that this event loop was made with watches no descriptors; override watch() "
      "and unwatch() in it, or make the loop without a waiter");
}

TEST_CASE("awaiting a descriptor on another thread than the loop's is an error") {
  cw::event_loop loop;
  cw::thread_pool pool(1);
  cw::context elsewhere(loop);
  const auto await_there = [](cw::context& of) -> cw::task<std::string> {
    co_return co_await net_error_of<std::logic_error>(net_read_wait(0)).in(of);
  };
  CHECK(cw::sync_wait(pool, await_there(elsewhere)) ==
        "event_loop::watch: called on another thread than the loop's; co_await resume_on(the loop) before "
        "awaiting "
        "a descriptor there");
}

TEST_CASE("a process without free descriptors for a poller gets an error with the remedy") {
  net_pipe pipe;
  cw::event_loop loop;
  std::string problem;
  {
    const cw::testing::no_descriptors held;
    problem = cw::sync_wait(loop, net_error_of<std::system_error>(net_read_wait(pipe.read.get())));
  }
  CHECK(problem.find("raise that limit, ulimit -n, or lower the concurrency): ") != std::string::npos);
  pipe.send();
  cw::sync_wait(loop, net_read_wait(pipe.read.get()));
}

#if defined(__linux__)
namespace {

// Returns what the kernel has registered for a descriptor with any epoll of this process; empty: nothing.
std::string net_registered(int descriptor) {
  for (int number = 0; number < 100; ++number) {
    std::ifstream info("/proc/self/fdinfo/" + std::to_string(number));
    for (std::string line; std::getline(info, line);) {
      std::string compact;
      for (const char c : line) {
        if (c != ' ') compact += c;
      }
      if (compact.starts_with("tfd:" + std::to_string(descriptor) + "events:")) return compact;
    }
  }
  return {};
}

}  // namespace

TEST_CASE(
    "an owned descriptor keeps one registration from wait to wait, and none once it is closed or stopped") {
  net_pipe pipe;
  cw::sync_wait([](net_pipe& pair) -> cw::task<void> {
    std::string first;
    for (int i = 0; i < 3; ++i) {
      pair.send();
      co_await cw::readable(pair.read);
      pair.receive();
      if (i == 0) first = net_registered(pair.read.get());
      CHECK(net_registered(pair.read.get()) == first);
    }
    CHECK(!first.empty());
    const cw::executor_ref here = co_await cw::this_coro::executor();
    const bool ready = co_await cw::readable_until(pair.read, here.now());
    CHECK(!ready);
    CHECK(net_registered(pair.read.get()).empty());
  }(pipe));
}
#endif
