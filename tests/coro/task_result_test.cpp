#include <doctest/doctest.h>

#include <coworker/coro/task_result.hpp>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>

namespace {

using coworker::detail::task_result;

// Memory with the address alignment of a coroutine frame.
struct frame {
  alignas(coworker::detail::frame_alignment) unsigned char memory[16];
};

template <class Result>
std::string failure_of(Result& result) {
  try {
    static_cast<void>(result.take());
  } catch (const std::exception& error) {
    return error.what();
  }
  return "none";
}

std::exception_ptr failure(const char* text) { return std::make_exception_ptr(std::runtime_error(text)); }

}  // namespace

TEST_CASE("a task_result knows the frame of its task until the frame is freed") {
  frame place;
  task_result<int> result(&place);
  CHECK(result.frame_to_begin() == &place);
  CHECK(result.frame() == &place);
  result.set(7);
  result.frame_is_freed();
  CHECK(result.frame() == nullptr);
  CHECK(result.take() == 7);
}

TEST_CASE("a task_result may be taken while the frame of its task still exists") {
  frame place;
  SUBCASE("a value") {
    task_result<int> result(&place);
    result.set(7);
    CHECK(result.take() == 7);
    CHECK(result.frame() == &place);
  }
  SUBCASE("a value that has a destructor") {
    task_result<std::unique_ptr<int>> result(&place);
    result.set(std::make_unique<int>(7));
    CHECK(*result.take() == 7);
    CHECK(result.frame() == &place);
  }
  SUBCASE("an exception") {
    task_result<int> result(&place);
    result.set_exception(failure("broken"));
    CHECK(failure_of(result) == "broken");
    CHECK(result.frame() == &place);
  }
}

TEST_CASE("a task_result may hold a reference or nothing") {
  frame place;
  int number = 7;
  task_result<int&> reference(&place);
  reference.set(number);
  reference.frame_is_freed();
  CHECK(&reference.take() == &number);
  task_result<void> nothing(&place);
  nothing.set();
  nothing.frame_is_freed();
  nothing.take();
  CHECK(nothing.frame() == nullptr);
}

TEST_CASE("an exception replaces a value, which is destroyed") {
  frame place;
  const auto shared = std::make_shared<int>(7);
  {
    task_result<std::shared_ptr<int>> result(&place);
    result.set(shared);
    CHECK(shared.use_count() == 2);
    result.set_exception(failure("thrown by a local's destructor"));
    CHECK(shared.use_count() == 1);
    result.frame_is_freed();
    CHECK(failure_of(result) == "thrown by a local's destructor");
    CHECK(result.frame() == nullptr);
  }
  task_result<int> trivial(&place);
  trivial.set(7);
  trivial.set_exception(failure("after a number"));
  trivial.frame_is_freed();
  CHECK(failure_of(trivial) == "after a number");
}

TEST_CASE("a value that is not taken is destroyed once, with its task_result") {
  frame place;
  const auto shared = std::make_shared<int>(7);
  {
    task_result<std::shared_ptr<int>> untaken(&place);
    untaken.set(shared);
    untaken.frame_is_freed();
    task_result<std::shared_ptr<int>> taken(&place);
    taken.set(shared);
    taken.frame_is_freed();
    const std::shared_ptr<int> value = taken.take();
    CHECK(value == shared);
    task_result<std::shared_ptr<int>> never_ended(&place);
    CHECK(shared.use_count() == 3);
  }
  CHECK(shared.use_count() == 1);
}
