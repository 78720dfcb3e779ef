#include <doctest/doctest.h>
#include <coro/foreign.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <stdexcept>
#include <string>
#include <utility>

namespace {

namespace cw = coworker;

template <class Asked>
cw::task<> context_ask() {
  co_await Asked();
}

cw::task<cw::executor_ref> context_executor_below(int depth) {
  if (depth > 0) {
    const cw::executor_ref found = co_await context_executor_below(depth - 1);
    co_return found;
  }
  const cw::executor_ref here = co_await cw::this_coro::executor();
  co_return here;
}

cw::task<> context_hop(cw::executor_ref destination) { co_await cw::resume_on(destination); }

std::string context_logic_error_of(cw::task<> work) {
  try {
    foreign::run(std::move(work));
  } catch (const std::logic_error& error) {
    return error.what();
  }
  return "";
}

// A chain whose first coroutine belongs to another library, but carries one of our contexts.
class context_carrier {
 public:
  struct promise_type {
    cw::context& carried;

    promise_type(cw::context& given, cw::task<>&) noexcept : carried(given) {}
    cw::context* context() noexcept { return &carried; }
    context_carrier get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() { throw; }
  };
};

context_carrier context_run_in(cw::context&, cw::task<> work) { co_await std::move(work); }

}  // namespace

TEST_CASE(
    "the executor and stop token of a chain reach every task below, and a copy of the context has them too") {
  cw::simulated_loop loop;
  const auto body = [](cw::executor_ref expected) -> cw::task<> {
    const cw::executor_ref below = co_await context_executor_below(10);
    CHECK(below == expected);
    const cw::context shared = co_await cw::this_coro::context();
    const cw::stop_token token = co_await cw::this_coro::stop_token();
    CHECK(shared.executor == expected);
    CHECK(shared.stop == token);
    CHECK(token.stop_possible());
    CHECK(shared.job == nullptr);
  };
  cw::sync_wait(loop, body(loop));
}

TEST_CASE("reading the context where there is none throws an error that says what to do") {
  const std::string rest =
      ": the awaiting coroutine runs on no executor; await it from a task that was started by sync_wait, a "
      "scope or "
      "a worker";
  CHECK(context_logic_error_of(context_ask<cw::this_coro::executor>()) == "this_coro::executor" + rest);
  CHECK(context_logic_error_of(context_ask<cw::this_coro::stop_token>()) == "this_coro::stop_token" + rest);
  CHECK(context_logic_error_of(context_ask<cw::this_coro::context>()) == "this_coro::context" + rest);
  const auto sleep = []() -> cw::task<> { co_await cw::sleep_for(std::chrono::seconds(1)); };
  CHECK(context_logic_error_of(sleep()) == "sleep" + rest);
  cw::simulated_loop loop;
  CHECK(context_logic_error_of(context_hop(loop)) == "resume_on" + rest);
}

TEST_CASE("when a task changes its executor, the whole chain moves") {
  cw::simulated_loop loop;
  cw::simulated_loop other;
  const auto body = [](cw::executor_ref destination) -> cw::task<> {
    const cw::executor_ref home = co_await cw::this_coro::executor();
    co_await context_hop(destination);
    const cw::executor_ref here = co_await cw::this_coro::executor();
    CHECK(here == destination);
    co_await context_hop(home);
  };
  cw::context own(loop);
  context_run_in(own, body(other));
  CHECK(own.executor == cw::executor_ref(other));
  other.run();
  loop.run();
  CHECK(own.executor == cw::executor_ref(loop));
}

TEST_CASE("a coroutine of another library whose promise has context() passes its context on") {
  cw::simulated_loop loop;
  cw::stop_source source;
  cw::context own(loop, source.get_token());
  bool checked = false;
  const auto body = [](cw::stop_token expected, bool& reached) -> cw::task<> {
    const cw::stop_token token = co_await cw::this_coro::stop_token();
    CHECK(token == expected);
    reached = true;
  };
  context_run_in(own, body(source.get_token(), checked));
  CHECK(checked);
}

TEST_CASE("a task awaited in() another context runs in that one, and its awaiter keeps its own") {
  cw::simulated_loop loop;
  cw::stop_source source;
  const auto stopped_below = []() -> cw::task<bool> {
    const cw::stop_token token = co_await cw::this_coro::stop_token();
    co_return token.stop_requested();
  };
  const auto body = [](auto make, cw::stop_source& other) -> cw::task<> {
    cw::context own = co_await cw::this_coro::context();
    own.stop = other.get_token();
    other.request_stop();
    const bool in_other = co_await make().in(own);
    const bool in_mine = co_await make();
    CHECK(in_other);
    CHECK_FALSE(in_mine);
  };
  cw::sync_wait(loop, body(stopped_below, source));
}
