#include <doctest/doctest.h>
#include <coworker/coro/result.hpp>
#include <exception>
#include <memory>
#include <stdexcept>
#include <utility>

namespace {

using coworker::detail::result;
using coworker::detail::result_state;

struct result_counted {
  static inline int alive = 0;
  int number;
  explicit result_counted(int n) : number(n) {
    if (n < 0) throw std::invalid_argument("negative");
    ++alive;
  }
  result_counted(result_counted&& other) noexcept : number(std::exchange(other.number, 0)) { ++alive; }
  result_counted& operator=(result_counted&&) = delete;
  ~result_counted() { --alive; }
};

std::exception_ptr result_failure() { return std::make_exception_ptr(std::runtime_error("failed")); }

}  // namespace

TEST_CASE("a result is empty until it is set, and its value can be moved out once") {
  result<std::unique_ptr<int>> given;
  CHECK(given.state() == result_state::empty);
  given.set(std::make_unique<int>(3));
  CHECK(given.state() == result_state::value);
  CHECK(*given.take() == 3);
}

TEST_CASE("a result of a reference returns the object, and one of void returns nothing") {
  int number = 0;
  result<int&> reference;
  reference.set(number);
  CHECK(&reference.take() == &number);

  result<void> nothing;
  nothing.set();
  CHECK(nothing.state() == result_state::value);
  CHECK_NOTHROW(nothing.take());
}

TEST_CASE("a result that holds an exception rethrows it each time") {
  result<int> given;
  given.set_exception(result_failure());
  CHECK(given.state() == result_state::exception);
  CHECK_THROWS_WITH_AS(given.take(), "failed", std::runtime_error);
  CHECK_THROWS_WITH_AS(given.take(), "failed", std::runtime_error);
}

TEST_CASE("a result destroys its value exactly once") {
  {
    result<result_counted> given;
    given.set(1);
    CHECK(result_counted::alive == 1);
  }
  CHECK(result_counted::alive == 0);
}

TEST_CASE("an exception replaces a value") {
  {
    result<result_counted> given;
    given.set(1);
    given.set_exception(result_failure());
    CHECK(result_counted::alive == 0);
    CHECK_THROWS_AS(given.take(), std::runtime_error);
  }
  CHECK(result_counted::alive == 0);
}

TEST_CASE("a result whose value cannot be constructed stays empty") {
  result<result_counted> given;
  CHECK_THROWS_AS(given.set(-1), std::invalid_argument);
  CHECK(given.state() == result_state::empty);
  CHECK(result_counted::alive == 0);
}
