// Tests, step by step, what happens between a first attempt to take a slot and the wait for one.
#include <doctest/doctest.h>
#include <coworker/exec/lender_board.hpp>
#include <coworker/exec/waiting_line.hpp>
#include <cstddef>

TEST_CASE("a user that found no free slot notices what comes before it is in the list") {
  using line_of_int = coworker::detail::waiting_line<coworker::detail::lender_board<int>>;
  line_of_int line(std::size_t{1});
  line_of_int::slot* taken = line.take();
  REQUIRE(taken != nullptr);
  line_of_int::waiter one;
  REQUIRE(line.take() == nullptr);
  SUBCASE("a slot") {
    line.give_back(*taken);
    CHECK_FALSE(line.wait(one));
    REQUIRE(one.given == taken);
    line.give_back(*taken);
  }
  SUBCASE("a stop, which leaves the slot to others") {
    line.give_back(*taken);
    coworker::detail::leave_on_stop(line.mutex(), one)();
    CHECK_FALSE(line.wait(one));
    CHECK(one.given == nullptr);
  }
  CHECK_FALSE(one.listed());
  CHECK(line.board().available() == 1);
}
