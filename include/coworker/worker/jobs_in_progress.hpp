#pragma once
// jobs_in_progress: the ids of the jobs that a worker has been handed and whose outcomes it has not delivered
// yet, as a heartbeat names them on its own thread. Must not know the worker.

#include <coworker/exec/hash_table.hpp>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace coworker::inline v0_1 {

namespace detail {

// Without a seed, so that the order in which the ids are listed depends on the ids only.
struct plain_id_keys {
  using key = std::string_view;

  std::uint64_t hash(std::string_view id) const noexcept { return hash_unseeded(id); }
  std::string_view key_of(const std::string* id) const noexcept { return *id; }
  bool in_use(const std::string* id) const noexcept { return id != nullptr; }
};

}  // namespace detail

/// A set of job ids. It refers to them where their owners keep them. Adding and removing take the same short
/// time, however many there are.
/// Thread safety: any thread.
class jobs_in_progress {
 public:
  /// Returns false if the id is already in progress. Otherwise the text must exist, unchanged, until it is
  /// removed.
  /// Throws: std::bad_alloc; nothing has then changed.
  bool add(const std::string& id) {
    const std::lock_guard lock(mutex_);
    return ids_.insert(id, [&id] { return &id; }).inserted;
  }
  bool add(std::string&&) = delete;

  /// Ignores an id that is not in progress.
  void remove(std::string_view id) {
    const std::lock_guard lock(mutex_);
    ids_.erase(id);
  }

  /// Returns all ids, in no particular order.
  std::vector<std::string> ids() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> all;
    all.reserve(ids_.size());
    ids_.for_each([&all](const std::string* id) { all.push_back(*id); });
    return all;
  }

  /// Returns all ids as "a,b,c", in no particular order; empty when idle.
  std::string joined() const {
    std::string all;
    for (const std::string& id : ids()) {
      if (!all.empty()) all += ',';
      all += id;
    }
    return all;
  }

 private:
  mutable std::mutex mutex_;
  detail::hash_table<const std::string*, detail::plain_id_keys> ids_;
};

}  // namespace coworker::inline v0_1
