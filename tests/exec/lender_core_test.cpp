// What happens between the first look at a lender and the wait for a value, step by step.
#include <doctest/doctest.h>
#include <coworker/exec/lender_core.hpp>

TEST_CASE("one who has found nothing to borrow sees what comes before it is in the list") {
  using core_of_int = coworker::detail::lender_core<int>;
  core_of_int core(1);
  core_of_int::slot* lent = core.take();
  REQUIRE(lent != nullptr);
  core_of_int::waiter one;
  REQUIRE(core.take() == nullptr);
  SUBCASE("a value") {
    core.give_back(*lent);
    CHECK_FALSE(core.wait(one));
    REQUIRE(one.given == lent);
    core.give_back(*lent);
  }
  SUBCASE("a stop, which leaves the value to others") {
    core.give_back(*lent);
    coworker::detail::leave_on_stop(core.mutex(), one)();
    CHECK_FALSE(core.wait(one));
    CHECK(one.given == nullptr);
  }
  CHECK_FALSE(one.listed());
  CHECK(core.available() == 1);
}
