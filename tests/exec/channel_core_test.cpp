// Tests, step by step, what happens between a first attempt on a channel and the wait for it.
#include <doctest/doctest.h>
#include <coworker/exec/channel_core.hpp>
#include <exception>
#include <stdexcept>

namespace {

using channel_core = coworker::detail::channel_core<int>;
using channel_core_handle = coworker::detail::shared_handle<channel_core>;
using coworker::send_result;

channel_core_handle new_channel_core(std::size_t capacity) {
  return channel_core_handle(new channel_core(capacity));
}

}  // namespace

TEST_CASE("a receiver that found nothing notices what comes before it is in the list") {
  const channel_core_handle core = new_channel_core(2);
  channel_core::receiver one;
  REQUIRE_FALSE(core->receive(one));
  SUBCASE("a value") {
    int value = 5;
    CHECK(core->send(value) == send_result::sent);
    CHECK_FALSE(core->wait_to_receive(one));
    CHECK(one.value == 5);
  }
  SUBCASE("a close") {
    core->close(nullptr);
    CHECK_FALSE(core->wait_to_receive(one));
    CHECK_FALSE(one.value);
    CHECK_NOTHROW(core->throw_failure());
  }
  SUBCASE("a failure") {
    core->close(std::make_exception_ptr(std::runtime_error("broken")));
    CHECK_FALSE(core->wait_to_receive(one));
    CHECK_THROWS_AS(core->throw_failure(), std::runtime_error);
  }
  SUBCASE("a stop, which leaves the value in the channel") {
    int value = 5;
    CHECK(core->send(value) == send_result::sent);
    coworker::detail::leave_on_stop(core->mutex(), one)();
    CHECK_FALSE(core->wait_to_receive(one));
    CHECK(one.stopped);
    CHECK_FALSE(one.value);
    CHECK(core->size() == 1);
  }
  CHECK_FALSE(one.listed());
}

TEST_CASE("a sender that found no room notices what comes before it is in the list") {
  const channel_core_handle core = new_channel_core(1);
  int first = 1;
  CHECK(core->send(first) == send_result::sent);
  int second = 2;
  REQUIRE(core->send(second) == send_result::full);
  channel_core::sender one(second);
  channel_core::receiver other;
  SUBCASE("room") {
    CHECK(core->receive(other));
    CHECK_FALSE(core->wait_for_room(one));
    CHECK(core->was_sent(one));
    CHECK(core->size() == 1);
  }
  SUBCASE("a close") {
    core->close(nullptr);
    CHECK_FALSE(core->wait_for_room(one));
    CHECK_FALSE(core->was_sent(one));
  }
  SUBCASE("a stop, which leaves the room for others") {
    CHECK(core->receive(other));
    coworker::detail::leave_on_stop(core->mutex(), one)();
    CHECK_FALSE(core->wait_for_room(one));
    CHECK_FALSE(core->was_sent(one));
    CHECK(core->size() == 0);
  }
  CHECK_FALSE(one.listed());
}
