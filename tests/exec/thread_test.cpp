// Tests the replacements for the standard's threads and condition variables.
#include <doctest/doctest.h>
#include <atomic>
#include <chrono>
#include <coworker/exec/thread.hpp>
#include <mutex>

namespace {

using coworker::clock_type;
using coworker::time_point;
using coworker::detail::condition;
using coworker::detail::thread;

struct thread_note {
  std::mutex mutex;
  condition changed;
  bool written = false;
};

void* write_note(void* given) {
  auto& note = *static_cast<thread_note*>(given);
  const std::lock_guard lock(note.mutex);
  note.written = true;
  note.changed.notify_all();
  return nullptr;
}

TEST_CASE("a thread runs its body with its argument, and a waiter that it notifies goes on") {
  thread_note note;
  thread writer(&write_note, &note);
  {
    std::unique_lock lock(note.mutex);
    while (!note.written) note.changed.wait(lock);
    CHECK(lock.owns_lock());
  }
  writer.join();
  CHECK(note.written);
}

TEST_CASE("a wait with a far deadline ends when it is notified") {
  thread_note note;
  thread writer(&write_note, &note);
  {
    std::unique_lock lock(note.mutex);
    while (!note.written) note.changed.wait_until(lock, clock_type::now() + std::chrono::hours(24));
  }
  writer.join();
  CHECK(note.written);
}

TEST_CASE("a wait ends at its deadline; at once if that has passed") {
  thread_note note;
  std::unique_lock lock(note.mutex);
  for (const time_point due : {time_point(), time_point() - std::chrono::seconds(1), clock_type::now(),
                               clock_type::now() + std::chrono::milliseconds(2)}) {
    while (clock_type::now() < due) note.changed.wait_until(lock, due);
    note.changed.wait_until(lock, due);
    CHECK(lock.owns_lock());
    CHECK(clock_type::now() >= due);
  }
}

}  // namespace
