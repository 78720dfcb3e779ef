#pragma once
// Which jobs a worker has been handed and has not yet answered: what a heartbeat names, on whatever thread it
// beats.

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace coworker {

/// A set of job ids. Thread-safe.
class jobs_in_progress {
 public:
  /// False: it is in progress already.
  bool add(std::string_view id) {
    const std::lock_guard lock(mutex_);
    const auto place = place_of(id);
    if (place != ids_.end() && *place == id) return false;
    ids_.insert(place, std::string(id));
    return true;
  }

  void remove(std::string_view id) {
    const std::lock_guard lock(mutex_);
    const auto place = place_of(id);
    if (place != ids_.end() && *place == id) ids_.erase(place);
  }

  /// "a,b,c", in the order of the ids; empty when idle.
  std::string joined() const {
    const std::lock_guard lock(mutex_);
    std::string all;
    for (const std::string& id : ids_) {
      if (!all.empty()) all += ',';
      all += id;
    }
    return all;
  }

 private:
  // Where the id is, or belongs.
  std::vector<std::string>::iterator place_of(std::string_view id) noexcept {
    std::size_t before = 0;
    std::size_t after = ids_.size();
    while (before < after) {
      const std::size_t middle = before + (after - before) / 2;
      if (ids_[middle] < id) {
        before = middle + 1;
      } else {
        after = middle;
      }
    }
    return ids_.begin() + static_cast<std::ptrdiff_t>(before);
  }

  mutable std::mutex mutex_;
  std::vector<std::string> ids_;  // sorted; a tree would cost more, to include and for as few as these are
};

}  // namespace coworker
