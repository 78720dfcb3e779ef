#include <doctest/doctest.h>
#include <coworker/exec/hash_table.hpp>
#include <coworker/exec/random.hpp>
#include <cstdint>
#include <map>
#include <new>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

#include "support/counted_memory.hpp"

namespace {

struct table_entry {
  int key = 0;  // 0: free
  int value = 0;
};

// Spreads keys badly, as keys chosen by a user may.
struct table_keys {
  using key = int;
  std::uint64_t different_hashes = UINT64_MAX;
  std::uint64_t* calls = nullptr;

  std::uint64_t hash(int wanted) const noexcept {
    if (calls != nullptr) ++*calls;
    return static_cast<std::uint64_t>(wanted) * 0x9e3779b97f4a7c15 >> 20 & (different_hashes - 1);
  }
  int key_of(const table_entry& entry) const noexcept {
    if (calls != nullptr) ++*calls;
    return entry.key;
  }
  bool in_use(const table_entry& entry) const noexcept { return entry.key != 0; }
};

using counted_table = coworker::detail::hash_table<table_entry, table_keys>;

std::map<int, int> table_contents(const counted_table& all) {
  std::map<int, int> contents;
  all.for_each(
      [&contents](const table_entry& entry) { CHECK(contents.emplace(entry.key, entry.value).second); });
  return contents;
}

}  // namespace

TEST_CASE("a hash table holds what was inserted and not erased, also if many keys share a hash") {
  for (const std::uint64_t hashes : {1U, 2U, 8U, 1U << 30}) {
    for (const int range : {4, 12, 40, 700}) {
      coworker::random_source random(static_cast<std::uint64_t>(range) + hashes);
      counted_table all(table_keys{hashes, nullptr});
      std::map<int, int> expected;
      int differences = 0;
      for (int step = 0; step < 2000; ++step) {
        const int key = 1 + static_cast<int>(random.below(static_cast<std::uint64_t>(range)));
        if (random.below(2u) == 0) {
          const auto made = all.insert(key, [&] { return table_entry{key, step}; });
          if (made.inserted != expected.emplace(key, step).second) ++differences;
          if (made.entry.value != expected.at(key)) ++differences;
        } else {
          if (all.erase(key) != (expected.erase(key) == 1)) ++differences;
        }
        if (all.size() != expected.size() || all.empty() != expected.empty()) ++differences;
        const table_entry* const found = all.find(key);
        if ((found != nullptr) != expected.contains(key)) ++differences;
      }
      CHECK(differences == 0);
      CHECK(table_contents(all) == expected);
      all.erase_if([](const table_entry& entry) { return entry.key % 3 == 0; });
      std::erase_if(expected, [](const auto& entry) { return entry.first % 3 == 0; });
      CHECK(table_contents(all) == expected);
      for (const auto& [key, value] : expected) CHECK(all.find(key)->value == value);
      all.clear();
      CHECK(all.empty());
      CHECK(all.find(1) == nullptr);
      CHECK_FALSE(all.erase(1));
    }
  }
}

TEST_CASE("inserting, finding and erasing look at a few entries each, however large the table is") {
  std::uint64_t calls = 0;
  double most_per_call = 0;
  for (const int count : {1'000, 10'000, 100'000}) {
    calls = 0;
    counted_table all(table_keys{UINT64_C(1) << 40, &calls});
    for (int key = 1; key <= count; ++key) all.insert(key, [key] { return table_entry{key, 0}; });
    for (int key = 1; key <= 2 * count; ++key) (void)all.find(key);
    for (int key = 1; key <= 2 * count; ++key) all.erase(key);
    most_per_call = std::max(most_per_call, static_cast<double>(calls) / (5.0 * count));
  }
  CHECK(most_per_call < 10);
}

TEST_CASE("an insertion that fails changes nothing") {
  if (!coworker::testing::memory_is_counted()) return;
  counted_table all;
  for (int key = 1; key <= 12; ++key) all.insert(key, [key] { return table_entry{key, key}; });
  const auto before = table_contents(all);
  bool failed = false;
  {
    const coworker::testing::scarce_memory none(0);
    try {
      all.insert(13, [] { return table_entry{13, 13}; });
    } catch (const std::bad_alloc&) {
      failed = true;
    }
  }
  CHECK(failed);
  CHECK(table_contents(all) == before);
  const auto throws = []() -> table_entry { throw std::runtime_error("cannot be made"); };
  CHECK_THROWS_AS(all.insert(14, throws), std::runtime_error);
  CHECK(table_contents(all) == before);
  CHECK(all.find(13) == nullptr);
}

namespace {

// An entry whose assignment takes its argument by value, as handles do.
struct handle_like {
  int key = 0;
  handle_like() = default;
  explicit handle_like(int of) : key(of) {}
  handle_like(const handle_like& other) = default;
  handle_like(handle_like&& other) noexcept : key(std::exchange(other.key, 0)) {}
  handle_like& operator=(handle_like other) noexcept {
    key = other.key;
    return *this;
  }
};

struct handle_keys {
  using key = int;
  std::uint64_t hash(int wanted) const noexcept { return static_cast<std::uint64_t>(wanted); }
  int key_of(const handle_like& entry) const noexcept { return entry.key; }
  bool in_use(const handle_like& entry) const noexcept { return entry.key != 0; }
};

}  // namespace

TEST_CASE("a hash table that grows keeps entries whose assignment takes its argument by value") {
  coworker::detail::hash_table<handle_like, handle_keys> all;
  for (int key = 1; key <= 1000; ++key) all.insert(key, [key] { return handle_like(key); });
  CHECK(all.size() == 1000);
  for (int key = 1; key <= 1000; ++key) CHECK(all.find(key) != nullptr);
  for (int key = 1; key <= 1000; key += 2) CHECK(all.erase(key));
  for (int key = 1; key <= 1000; ++key) CHECK((all.find(key) != nullptr) == (key % 2 == 0));
}
