#include <doctest/doctest.h>

#include <coworker/coro/task_answer.hpp>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>

namespace {

using coworker::detail::task_answer;

// An address as frames have them.
struct frame {
  alignas(coworker::detail::frame_alignment) unsigned char memory[16];
};

template <class Answer>
std::string failure_of(Answer& answer) {
  try {
    static_cast<void>(answer.take());
  } catch (const std::exception& error) {
    return error.what();
  }
  return "none";
}

std::exception_ptr failure(const char* text) { return std::make_exception_ptr(std::runtime_error(text)); }

}  // namespace

TEST_CASE("an answer knows the frame of its task until that is gone") {
  frame place;
  task_answer<int> answer(&place);
  CHECK(answer.frame_to_begin() == &place);
  CHECK(answer.frame() == &place);
  answer.set(7);
  answer.frame_is_gone();
  CHECK(answer.frame() == nullptr);
  CHECK(answer.take() == 7);
}

TEST_CASE("an answer may be taken while its task's frame is still there") {
  frame place;
  SUBCASE("a value") {
    task_answer<int> answer(&place);
    answer.set(7);
    answer.ended_in_its_frame();
    CHECK(answer.take() == 7);
    CHECK(answer.frame() == &place);
  }
  SUBCASE("a value that has a destructor") {
    task_answer<std::unique_ptr<int>> answer(&place);
    answer.set(std::make_unique<int>(7));
    answer.ended_in_its_frame();
    CHECK(*answer.take() == 7);
    CHECK(answer.frame() == &place);
  }
  SUBCASE("an exception") {
    task_answer<int> answer(&place);
    answer.set_exception(failure("broken"));
    answer.ended_in_its_frame();
    CHECK(failure_of(answer) == "broken");
    CHECK(answer.frame() == &place);
  }
}

TEST_CASE("an answer may be a reference, or nothing") {
  frame place;
  int number = 7;
  task_answer<int&> reference(&place);
  reference.set(number);
  reference.frame_is_gone();
  CHECK(&reference.take() == &number);
  task_answer<void> nothing(&place);
  nothing.set();
  nothing.frame_is_gone();
  nothing.take();
  CHECK(nothing.frame() == nullptr);
}

TEST_CASE("an exception takes the place of a value, which is destroyed") {
  frame place;
  const auto shared = std::make_shared<int>(7);
  {
    task_answer<std::shared_ptr<int>> answer(&place);
    answer.set(shared);
    CHECK(shared.use_count() == 2);
    answer.set_exception(failure("thrown by a local's destructor"));
    CHECK(shared.use_count() == 1);
    answer.frame_is_gone();
    CHECK(failure_of(answer) == "thrown by a local's destructor");
    CHECK(answer.frame() == nullptr);
  }
  task_answer<int> trivial(&place);
  trivial.set(7);
  trivial.set_exception(failure("after a number"));
  trivial.frame_is_gone();
  CHECK(failure_of(trivial) == "after a number");
}

TEST_CASE("what is not taken is destroyed with its answer, once") {
  frame place;
  const auto shared = std::make_shared<int>(7);
  {
    task_answer<std::shared_ptr<int>> untaken(&place);
    untaken.set(shared);
    untaken.frame_is_gone();
    task_answer<std::shared_ptr<int>> taken(&place);
    taken.set(shared);
    taken.frame_is_gone();
    const std::shared_ptr<int> value = taken.take();
    CHECK(value == shared);
    task_answer<std::shared_ptr<int>> never_ended(&place);
    CHECK(shared.use_count() == 3);
  }
  CHECK(shared.use_count() == 1);
}
