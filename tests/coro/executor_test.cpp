#include <doctest/doctest.h>
#include <coroutine>
#include <coworker/coro/executor.hpp>
#include <string>
#include <type_traits>
#include <vector>

namespace {

namespace cw = coworker;

struct executor_log {
  std::vector<std::string> calls;
  void post(std::coroutine_handle<>) { calls.push_back("post"); }
  void arm(cw::timer&) { calls.push_back("arm"); }
  void cancel(cw::timer&) { calls.push_back("cancel"); }
  cw::time_point now() {
    calls.push_back("now");
    return cw::time_point(cw::duration(42));
  }
};

struct executor_that_watches : executor_log {
  void watch(cw::descriptor_watch& watch) { calls.push_back("watch " + std::to_string(watch.descriptor)); }
  void unwatch(cw::descriptor_watch& watch) noexcept {
    calls.push_back("unwatch " + std::to_string(watch.descriptor));
  }
};

struct executor_without_cancel {
  void post(std::coroutine_handle<>);
  void arm(cw::timer&);
  cw::time_point now();
};

struct executor_with_other_time {
  void post(std::coroutine_handle<>);
  void arm(cw::timer&);
  void cancel(cw::timer&);
  double now();
};

}  // namespace

static_assert(cw::executor<executor_log>);
static_assert(cw::executor<cw::executor_ref> && cw::thread_aware_executor<cw::executor_ref>);
static_assert(!cw::thread_aware_executor<executor_log>);
static_assert(cw::watching_executor<executor_that_watches>);
static_assert(!cw::watching_executor<executor_log>);
static_assert(!cw::executor<executor_without_cancel>);
static_assert(!cw::executor<executor_with_other_time>);
static_assert(!cw::executor<const executor_log>);
static_assert(!cw::executor<int>);
static_assert(!std::is_convertible_v<executor_without_cancel&, cw::executor_ref>);
static_assert(std::is_trivially_copyable_v<cw::executor_ref>);

TEST_CASE("an executor_ref passes every call on to its executor") {
  executor_log log;
  cw::timer alarm;
  const cw::executor_ref place = log;
  place.post(std::noop_coroutine());
  place.arm(alarm);
  place.cancel(alarm);
  CHECK(place.now() == cw::time_point(cw::duration(42)));
  CHECK(log.calls == std::vector<std::string>{"post", "arm", "cancel", "now"});
}

TEST_CASE("executor_refs are equal if they refer to the same executor; an empty one is false") {
  executor_log first;
  executor_log second;
  const cw::executor_ref to_first = first;
  const cw::executor_ref copy = to_first;
  CHECK(copy == to_first);
  CHECK(to_first == cw::executor_ref(first));
  CHECK_FALSE(to_first == cw::executor_ref(second));
  CHECK(static_cast<bool>(to_first));
  CHECK_FALSE(static_cast<bool>(cw::executor_ref()));
  CHECK(cw::executor_ref() == cw::executor_ref());
}

TEST_CASE(
    "executor_ref::runs_on_this_thread() passes on the executor's answer, and is false if the executor has "
    "none") {
  struct elsewhere_or_here : executor_log {
    bool here = false;
    bool runs_on_this_thread() const { return here; }
  };
  executor_log cannot_tell;
  CHECK_FALSE(cw::executor_ref(cannot_tell).runs_on_this_thread());
  elsewhere_or_here tells;
  CHECK_FALSE(cw::executor_ref(tells).runs_on_this_thread());
  tells.here = true;
  CHECK(cw::executor_ref(tells).runs_on_this_thread());
}

TEST_CASE("an executor_ref watches descriptors if its executor does, and reports whether it does") {
  executor_log watches_none;
  CHECK_FALSE(cw::executor_ref(watches_none).watches_descriptors());
  CHECK_FALSE(cw::executor_ref().watches_descriptors());
  executor_that_watches log;
  const cw::executor_ref place = log;
  CHECK(place.watches_descriptors());
  cw::descriptor_watch watch;
  watch.descriptor = 7;
  place.watch(watch);
  place.unwatch(watch);
  CHECK(log.calls == std::vector<std::string>{"watch 7", "unwatch 7"});
}
