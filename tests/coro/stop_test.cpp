#include <doctest/doctest.h>
#include <atomic>
#include <coworker/coro/stop.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

namespace {

namespace cw = coworker;

struct stop_count_up {
  std::atomic<int>* count;
  explicit stop_count_up(std::atomic<int>& to_count) noexcept : count(&to_count) {}
  void operator()() const noexcept { count->fetch_add(1); }
};

using stop_counting_callback = cw::stop_callback<stop_count_up>;

void stop_wait_for(const std::atomic<bool>& flag) {
  while (!flag.load()) std::this_thread::yield();
}

// A callback that runs another callable, so that the test can write it in place.
template <class Body>
class stop_run_body {
 public:
  explicit stop_run_body(Body& body) noexcept : body_(&body) {}
  void operator()() const { (*body_)(); }

 private:
  Body* body_;
};

}  // namespace

TEST_CASE("a default-constructed token never reports a stop") {
  const cw::stop_token token;
  CHECK_FALSE(token.stop_possible());
  CHECK_FALSE(token.stop_requested());
  CHECK_NOTHROW(token.throw_if_stopped());
  std::atomic<int> runs = 0;
  { const stop_counting_callback never(token, stop_count_up(runs)); }
  CHECK(runs == 0);
}

TEST_CASE("a stop is requested once, and its tokens report it") {
  cw::stop_source source;
  const cw::stop_token token = source.get_token();
  CHECK(token == source.get_token());
  CHECK(token.stop_possible());
  CHECK_FALSE(token.stop_requested());
  CHECK(source.request_stop());
  CHECK_FALSE(source.request_stop());
  CHECK(token.stop_requested());
  CHECK(source.stop_requested());
  CHECK_THROWS_AS(token.throw_if_stopped(), cw::cancelled);
}

TEST_CASE("callbacks run once, on the thread that requests the stop") {
  cw::stop_source source;
  std::atomic<int> runs = 0;
  std::thread::id where;
  auto note = [&] {
    ++runs;
    where = std::this_thread::get_id();
  };
  const cw::stop_callback first(source.get_token(), stop_run_body(note));
  const cw::stop_callback second(source.get_token(), stop_run_body(note));
  std::thread requester([&] { source.request_stop(); });
  const std::thread::id expected = requester.get_id();
  requester.join();
  source.request_stop();
  CHECK(runs == 2);
  CHECK(where == expected);
}

TEST_CASE("a callback registered after the request runs in its constructor") {
  cw::stop_source source;
  source.request_stop();
  std::atomic<int> runs = 0;
  {
    const stop_counting_callback late(source.get_token(), stop_count_up(runs));
    CHECK(runs == 1);
  }
  CHECK(runs == 1);
}

TEST_CASE("a destroyed callback does not run; the others do") {
  cw::stop_source source;
  std::atomic<int> runs = 0;
  std::vector<std::unique_ptr<stop_counting_callback>> callbacks;
  for (int i = 0; i < 5; ++i) {
    callbacks.push_back(std::make_unique<stop_counting_callback>(source.get_token(), stop_count_up(runs)));
  }
  callbacks.erase(callbacks.begin() + 4);
  callbacks.erase(callbacks.begin() + 2);
  callbacks.erase(callbacks.begin());
  source.request_stop();
  CHECK(runs == 2);
}

TEST_CASE("destroying a callback waits while it runs on another thread") {
  cw::stop_source source;
  std::atomic<bool> running = false;
  std::atomic<bool> destroying = false;
  std::atomic<bool> finished = false;
  auto body = [&] {
    running = true;
    stop_wait_for(destroying);
    for (int i = 0; i < 50; ++i) std::this_thread::yield();
    finished = true;
  };
  std::optional<cw::stop_callback<stop_run_body<decltype(body)>>> callback;
  callback.emplace(source.get_token(), stop_run_body(body));
  std::thread requester([&] { source.request_stop(); });
  stop_wait_for(running);
  destroying = true;
  callback.reset();
  CHECK(finished);
  requester.join();
}

TEST_CASE("a callback may destroy itself") {
  cw::stop_source source;
  int runs = 0;
  std::optional<cw::stop_callback<stop_run_body<std::function<void()>>>> callback;
  std::function<void()> body = [&] {
    callback.reset();
    ++runs;
  };
  callback.emplace(source.get_token(), stop_run_body(body));
  source.request_stop();
  CHECK(runs == 1);
  CHECK_FALSE(callback.has_value());
}

TEST_CASE(
    "another thread need not wait for a callback that destroyed itself, even if a new one has the same "
    "address") {
  cw::stop_source source;
  int late_runs = 0;
  std::optional<cw::stop_callback<stop_run_body<std::function<void()>>>> callback;
  std::function<void()> late = [&] { ++late_runs; };
  std::function<void()> body = [&] {
    callback.reset();
    std::thread([&] {
      callback.emplace(source.get_token(), stop_run_body(late));
      callback.reset();
    }).join();
  };
  callback.emplace(source.get_token(), stop_run_body(body));
  source.request_stop();
  CHECK(late_runs == 1);
}

TEST_CASE(
    "a callback may destroy another one, which then does not run, and register a new one, which runs at "
    "once") {
  cw::stop_source source;
  std::atomic<int> runs = 0;
  std::optional<stop_counting_callback> other;
  std::optional<stop_counting_callback> made;
  auto body = [&] {
    other.reset();
    made.emplace(source.get_token(), stop_count_up(runs));
  };
  other.emplace(source.get_token(), stop_count_up(runs));
  const cw::stop_callback first(source.get_token(), stop_run_body(body));  // the latest runs first
  source.request_stop();
  CHECK(runs == 1);
}

TEST_CASE("a source with a parent is stopped with its parent, or by itself without stopping the parent") {
  cw::stop_source parent;
  cw::linked_stop_source child(parent.get_token());
  cw::linked_stop_source grandchild(child.get_token());
  cw::linked_stop_source other_child(parent.get_token());

  CHECK(child.request_stop());
  CHECK(grandchild.stop_requested());
  CHECK_FALSE(parent.stop_requested());
  CHECK_FALSE(other_child.stop_requested());

  CHECK(parent.request_stop());
  CHECK(other_child.stop_requested());
  const cw::linked_stop_source late(parent.get_token());
  CHECK(late.stop_requested());
}

TEST_CASE("threads may create and destroy callbacks and child sources while another requests the stop") {
  constexpr int rounds = 40;
  constexpr int threads = 3;
  int wrong = 0;
  for (int round = 0; round < rounds; ++round) {
    cw::stop_source source;
    std::atomic<int> ready = 0;
    std::atomic<int> odd = 0;
    std::vector<std::thread> workers;
    for (int t = 0; t < threads; ++t) {
      workers.emplace_back([&, t] {
        std::atomic<int> kept_runs = 0;
        const stop_counting_callback kept(source.get_token(), stop_count_up(kept_runs));
        ++ready;
        bool stopped = false;
        while (!stopped) {
          stopped = source.stop_requested();
          std::atomic<int> runs = 0;
          {
            const cw::linked_stop_source child(source.get_token());
            const stop_counting_callback direct(source.get_token(), stop_count_up(runs));
            const stop_counting_callback through_child(child.get_token(), stop_count_up(runs));
            if (t == 0) std::this_thread::yield();
          }
          // Callbacks made after the request ran exactly once each; the others at most once.
          if (stopped ? runs != 2 : runs > 2) ++odd;
        }
        while (kept_runs == 0) std::this_thread::yield();
        if (kept_runs != 1) ++odd;
      });
    }
    while (ready < threads) std::this_thread::yield();
    source.request_stop();
    for (std::thread& worker : workers) worker.join();
    wrong += odd;
  }
  CHECK(wrong == 0);
}

TEST_CASE("if several threads request a stop, one is the first, and callbacks run once") {
  for (int round = 0; round < 100; ++round) {
    cw::stop_source source;
    std::atomic<int> runs = 0;
    std::atomic<int> firsts = 0;
    const stop_counting_callback callback(source.get_token(), stop_count_up(runs));
    std::vector<std::thread> requesters;
    for (int t = 0; t < 3; ++t) {
      requesters.emplace_back([&] { firsts += source.request_stop() ? 1 : 0; });
    }
    for (std::thread& requester : requesters) requester.join();
    REQUIRE(firsts == 1);
    REQUIRE(runs == 1);
  }
}
