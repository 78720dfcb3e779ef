#pragma once
// The list of the records of a worker's jobs. Must not know the worker.

#include <coworker/exec/hash_table.hpp>
#include <coworker/job/record.hpp>
#include <coworker/json/object_index.hpp>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>

namespace coworker::inline v0_1::detail {

/// The first record with some id, and how many others in the list have the same id.
struct indexed_job {
  job_record* first = nullptr;
  std::size_t others = 0;
};

/// Ids may come from outside: the seed prevents anyone from preparing many ids that collide.
struct job_id_keys {
  using key = std::string_view;
  std::uint64_t seed;

  explicit job_id_keys(std::uint64_t seed_) noexcept : seed(seed_) {}
  std::uint64_t hash(std::string_view id) const noexcept { return hash_text(id, seed); }
  std::string_view key_of(const indexed_job& entry) const noexcept { return entry.first->id; }
  bool in_use(const indexed_job& entry) const noexcept { return entry.first != nullptr; }
};

/// Records of jobs, in order of arrival. Does not own them. find() takes constant time on average: it uses an
/// index, which is built when a long list is searched for the first time. Without searches, there is no index
/// and no cost.
template <class Keys = job_id_keys>
class basic_job_list {
 public:
  basic_job_list() noexcept {}
  basic_job_list(const basic_job_list&) = delete;
  basic_job_list& operator=(const basic_job_list&) = delete;

  bool empty() const noexcept { return first_ == nullptr; }
  std::size_t size() const noexcept { return size_; }
  job_record* front() const noexcept { return first_; }
  job_record* back() const noexcept { return last_; }

  void push_back(job_record& record) noexcept {
    record.previous = last_;
    record.next = nullptr;
    (last_ != nullptr ? last_->next : first_) = &record;
    last_ = &record;
    ++size_;
    if (index_.empty()) return;
    // Drops the index when as many jobs have come since the last search as the list holds: keeping it up to
    // date has then cost as much as building another one.
    if (++since_search_ > size_) {
      drop_index();
    } else {
      try {
        enter(record);
      } catch (const std::bad_alloc&) {
        drop_index();  // find() will try to build it again
      }
    }
  }

  void remove(job_record& record) noexcept {
    if (!index_.empty()) leave(record);
    (record.previous != nullptr ? record.previous->next : first_) = record.next;
    (record.next != nullptr ? record.next->previous : last_) = record.previous;
    if (--size_ == 0) drop_index();
  }

  /// Returns the first record with that id; null if there is none.
  job_record* find(std::string_view id) noexcept {
    since_search_ = 0;
    if (index_.empty() && (size_ <= searched_one_by_one || !build_index())) return find_one_by_one(id);
    const indexed_job* const found = index_.find(id);
    return found == nullptr ? nullptr : found->first;
  }

 private:
  static constexpr std::size_t searched_one_by_one = 16;

  job_record* find_one_by_one(std::string_view id) const noexcept {
    job_record* record = first_;
    while (record != nullptr && record->id != id) record = record->next;
    return record;
  }

  // Returns false if there is not enough memory.
  bool build_index() noexcept {
    try {
      for (job_record* record = first_; record != nullptr; record = record->next) enter(*record);
    } catch (const std::bad_alloc&) {
      drop_index();
      return false;
    }
    return true;
  }

  void drop_index() noexcept { index_.clear(); }

  void enter(job_record& record) {
    const auto made = index_.insert(record.id, [&record] { return indexed_job{&record, 0}; });
    if (!made.inserted) ++made.entry.others;
  }

  // Must be called while the record is still in the list.
  void leave(job_record& record) noexcept {
    indexed_job* const found = index_.find(record.id);
    if (found == nullptr) return;
    indexed_job& entry = *found;
    if (entry.others == 0) {
      index_.erase(record.id);
      return;
    }
    --entry.others;
    if (entry.first != &record) return;
    do entry.first = entry.first->next;
    while (entry.first->id != record.id);
  }

  job_record* first_ = nullptr;
  job_record* last_ = nullptr;
  std::size_t size_ = 0;
  // Contains all records, or is empty. Its seed is an address, which nobody outside can know.
  hash_table<indexed_job, Keys> index_{Keys(reinterpret_cast<std::uintptr_t>(this))};
  std::size_t since_search_ = 0;  // number of jobs that have come since then
};

using job_list = basic_job_list<>;

}  // namespace coworker::inline v0_1::detail
