#include <doctest/doctest.h>
#include <algorithm>
#include <coworker/coro/frame_memory.hpp>
#include <coworker/coro/task.hpp>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace cw = coworker;
using cw::detail::allocate_frame;
using cw::detail::free_frame_memory;

// Runs `body` on a new thread, whose cache is empty.
template <class Body>
void frame_on_new_thread(Body body) {
  std::thread(body).join();
}

std::size_t frame_blocks_kept() {
  std::size_t count = 0;
  for (const auto& list : cw::detail::this_thread_frames().free) {
    for (const auto* block = list.head; block->next != nullptr; block = block->next) ++count;
  }
  return count;
}

// Constructed first on its thread, so that it is destroyed after the cache was closed.
struct frame_last_look {
  std::size_t* kept = nullptr;
  std::size_t* kept_after_late_free = nullptr;

  frame_last_look() {}
  frame_last_look(const frame_last_look&) = delete;
  frame_last_look& operator=(const frame_last_look&) = delete;
  ~frame_last_look() {
    *kept = frame_blocks_kept();
    free_frame_memory(allocate_frame(64), 64);
    *kept_after_late_free = frame_blocks_kept();
  }
};

cw::task<> frame_holding(std::shared_ptr<int>) { co_return; }

}  // namespace

TEST_CASE("a freed frame is reused for one of the same size class") {
  frame_on_new_thread([] {
    void* const block = allocate_frame(100);
    free_frame_memory(block, 100);
    void* const other_class = allocate_frame(129);
    CHECK(other_class != block);
    void* const same_class = allocate_frame(128);
    CHECK(same_class == block);
    free_frame_memory(other_class, 129);
    free_frame_memory(same_class, 128);
  });
}

TEST_CASE("frames of every size have the alignment of operator new") {
  for (std::size_t size = 1; size <= 1200; ++size) {
    void* const frame = allocate_frame(size);
    CHECK(reinterpret_cast<std::uintptr_t>(frame) % cw::detail::frame_alignment == 0);
    free_frame_memory(frame, size);
  }
}

TEST_CASE("a thread keeps a bounded number of frames") {
  frame_on_new_thread([] {
    std::vector<void*> frames;
    for (int i = 0; i < 3000; ++i) frames.push_back(allocate_frame(1024));
    for (void* const frame : frames) free_frame_memory(frame, 1024);
    CHECK(frame_blocks_kept() * 1024 == cw::detail::kept_per_class);
  });
}

TEST_CASE("frames of more than 1 KiB are not kept") {
  frame_on_new_thread([] {
    free_frame_memory(allocate_frame(1025), 1025);
    CHECK(frame_blocks_kept() == 0);
    free_frame_memory(allocate_frame(1024), 1024);
    CHECK(frame_blocks_kept() == 1);
  });
}

TEST_CASE("a thread that ends frees the frames it kept, even if it allocated none itself") {
  std::vector<void*> made_elsewhere;
  for (int i = 0; i < 10; ++i) made_elsewhere.push_back(allocate_frame(64));
  std::size_t kept = 1;
  std::size_t kept_after_late_free = 1;
  frame_on_new_thread([&] {
    static thread_local frame_last_look last_look;
    last_look.kept = &kept;
    last_look.kept_after_late_free = &kept_after_late_free;
    for (void* const frame : made_elsewhere) free_frame_memory(frame, 64);
    CHECK(frame_blocks_kept() == 10);
  });
  CHECK(kept == 0);
  CHECK(kept_after_late_free == 0);
}

TEST_CASE("frames do not overlap and keep their bytes, in any order of use") {
  struct held {
    void* frame;
    std::size_t size;
    unsigned char filling;
  };
  std::mt19937 random(1);
  std::vector<held> frames;
  int damaged = 0;
  const auto free_one = [&](std::size_t index) {
    const held given = frames[index];
    const auto* const bytes = static_cast<const unsigned char*>(given.frame);
    if (!std::all_of(bytes, bytes + given.size, [&](unsigned char b) { return b == given.filling; }))
      ++damaged;
    free_frame_memory(given.frame, given.size);
    frames[index] = frames.back();
    frames.pop_back();
  };
  for (int step = 0; step < 20'000; ++step) {
    if (frames.empty() || random() % 2 == 0) {
      const std::size_t size = 1 + random() % 1100;
      const auto filling = static_cast<unsigned char>(random());
      frames.push_back({allocate_frame(size), size, filling});
      std::memset(frames.back().frame, filling, size);
    } else {
      free_one(random() % frames.size());
    }
  }
  while (!frames.empty()) free_one(0);
  CHECK(damaged == 0);
}

TEST_CASE("tasks may be destroyed on another thread than the one that created them") {
  const auto shared = std::make_shared<int>();
  for (int round = 0; round < 3; ++round) {
    std::vector<cw::task<>> tasks;
    std::thread([&] {
      for (int i = 0; i < 2000; ++i) tasks.push_back(frame_holding(shared));
    }).join();
    std::thread([&] { tasks.erase(tasks.begin() + 1000, tasks.end()); }).join();
    CHECK(shared.use_count() == 1001);
  }
  CHECK(shared.use_count() == 1);
}
