#include <doctest/doctest.h>
#include <coworker/exec/fifo.hpp>
#include <deque>
#include <memory>
#include <random>
#include <utility>

TEST_CASE("a fifo returns its elements in the order of insertion, also move-only ones") {
  coworker::detail::fifo<std::unique_ptr<int>> queue;
  CHECK(queue.empty());
  for (int i = 0; i < 3; ++i) queue.push(std::make_unique<int>(i));
  CHECK(queue.size() == 3);
  CHECK(*queue[2] == 2);
  for (int i = 0; i < 3; ++i) {
    const std::unique_ptr<int> first = queue.pop();
    CHECK(*first == i);
  }
  CHECK(queue.empty());
}

TEST_CASE("a fifo can remove an element from the middle and keeps the order of the others") {
  coworker::detail::fifo<int> queue;
  for (int i = 0; i < 5; ++i) queue.push(i);
  CHECK(queue.take(3) == 3);
  CHECK(queue.take(0) == 0);
  for (const int expected : {1, 2, 4}) CHECK(queue.pop() == expected);
}

TEST_CASE("a fifo behaves like std::deque, also if it is never empty") {
  std::mt19937 random(3);
  coworker::detail::fifo<int> queue;
  std::deque<int> model;
  int differences = 0;
  for (int step = 0; step < 50'000; ++step) {
    if (model.size() < 2 || random() % 2 == 0) {
      queue.push(step);
      model.push_back(step);
    } else if (random() % 8 == 0) {
      const std::size_t index = random() % model.size();
      if (queue.take(index) != model[index]) ++differences;
      model.erase(model.begin() + static_cast<std::ptrdiff_t>(index));
    } else {
      if (queue.pop() != model.front()) ++differences;
      model.pop_front();
    }
    if (queue.size() != model.size() || queue[0] != model.front()) ++differences;
  }
  CHECK(differences == 0);
}
