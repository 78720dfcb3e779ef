#pragma once
// Which jobs a worker has been handed and has not yet answered: what a heartbeat names, on whatever thread it
// beats.

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker {

/// A set of job ids, none of them empty. Thread-safe. Adding and removing take the same short time however
/// many there are.
class jobs_in_progress {
 public:
  /// False: it is in progress already.
  bool add(std::string_view id) {
    const std::lock_guard lock(mutex_);
    if ((count_ + 1) * 4 > places_.size() * 3) grow();
    std::string& place = places_[place_of(id)];
    if (!place.empty()) return false;
    place = id;
    ++count_;
    return true;
  }

  void remove(std::string_view id) {
    const std::lock_guard lock(mutex_);
    if (places_.empty()) return;
    std::size_t gap = place_of(id);
    if (places_[gap].empty()) return;
    places_[gap].clear();
    --count_;
    // Those behind the gap, up to the next free place, may have been driven there by what stood in it.
    for (std::size_t i = next(gap); !places_[i].empty(); i = next(i)) {
      const std::size_t home = first_choice(places_[i]);
      const bool reachable_past_gap = gap <= i ? gap < home && home <= i : gap < home || home <= i;
      if (reachable_past_gap) continue;
      std::swap(places_[gap], places_[i]);
      gap = i;
    }
  }

  /// All of them, in no order.
  std::vector<std::string> ids() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> all;
    all.reserve(count_);
    for (const std::string& id : places_) {
      if (!id.empty()) all.push_back(id);
    }
    return all;
  }

  /// "a,b,c", in no order; empty when idle.
  std::string joined() const {
    std::string all;
    for (const std::string& id : ids()) {
      if (!all.empty()) all += ',';
      all += id;
    }
    return all;
  }

 private:
  // FNV-1a: the order of the places is to depend on nothing but the ids.
  static std::uint64_t hash(std::string_view id) noexcept {
    std::uint64_t mixed = 14695981039346656037U;
    for (const char c : id) mixed = (mixed ^ static_cast<unsigned char>(c)) * 1099511628211U;
    return mixed ^ (mixed >> 32);
  }

  std::size_t first_choice(std::string_view id) const noexcept { return hash(id) & (places_.size() - 1); }
  std::size_t next(std::size_t place) const noexcept { return (place + 1) & (places_.size() - 1); }

  // Where the id is, or else a free place for it.
  std::size_t place_of(std::string_view id) const noexcept {
    std::size_t place = first_choice(id);
    while (!places_[place].empty() && places_[place] != id) place = next(place);
    return place;
  }

  void grow() {
    std::vector<std::string> old(places_.empty() ? 16 : places_.size() * 2);
    old.swap(places_);
    for (std::string& id : old) {
      if (!id.empty()) places_[place_of(id)] = std::move(id);
    }
  }

  mutable std::mutex mutex_;
  std::vector<std::string> places_;  // a hash table: a power of two of them, a quarter empty at least
  std::size_t count_ = 0;
};

}  // namespace coworker
