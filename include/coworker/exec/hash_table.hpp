#pragma once
// hash_table: entries found by a key, in one block of memory. std::unordered_map would serve, but costs
// several times as much to include, and an allocation per entry.
// Must not know what entries and keys mean.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::inline v0_1::detail {

/// Returns a hash of the text alone. Without a seed, texts that collide can be prepared.
inline std::uint64_t hash_unseeded(std::string_view text) noexcept {
  std::uint64_t mixed = 0xcbf29ce484222325;  // like FNV-1a, eight bytes at a time
  for (; text.size() >= 8; text.remove_prefix(8)) {
    std::uint64_t word;
    std::memcpy(&word, text.data(), sizeof word);
    mixed = (mixed ^ word) * 0x9e3779b97f4a7c15;
    mixed ^= mixed >> 29;
  }
  for (const char c : text) mixed = (mixed ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return mixed ^ (mixed >> 32);
}

/// What a hash_table requires of `Keys`. A default-constructed entry is free.
///
///   hash(key)      returns the same for equal keys
///   key_of(entry)  returns the key of an entry that is in use
///   in_use(entry)  returns false for Entry()
template <class Keys, class Entry>
concept hash_keys = requires(const Keys& keys, const Entry& entry, const typename Keys::key& key) {
  { keys.hash(key) } -> std::same_as<std::uint64_t>;
  { keys.key_of(entry) == key } -> std::convertible_to<bool>;
  { keys.in_use(entry) } -> std::convertible_to<bool>;
};

/// A hash table with open addressing. Finding, inserting and erasing take constant time on average. Pointers
/// to entries are valid until the next insertion or erasure.
/// Thread safety: not thread-safe.
template <class Entry, class Keys>
requires hash_keys<Keys, Entry>
class hash_table {
 public:
  using key = typename Keys::key;

  struct insertion {
    Entry& entry;
    bool inserted;  // false: there was an entry with that key already
  };

  explicit hash_table(Keys keys = Keys()) noexcept : keys_(keys) {}

  bool empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }

  /// Returns the entry with that key, or null.
  const Entry* find(const key& wanted) const noexcept {
    if (places_.empty()) return nullptr;
    const Entry& place = places_[place_of(wanted)];
    return keys_.in_use(place) ? &place : nullptr;
  }
  Entry* find(const key& wanted) noexcept { return const_cast<Entry*>(std::as_const(*this).find(wanted)); }

  /// Finds the entry with that key, or inserts what `make` returns.
  /// Throws: std::bad_alloc and what `make` throws; nothing has then changed.
  template <class Make>
  insertion insert(const key& wanted, const Make& make) {
    if ((size_ + 1) * 4 > places_.size() * 3) grow();
    Entry& place = places_[place_of(wanted)];
    if (keys_.in_use(place)) return {place, false};
    place = make();
    ++size_;
    return {place, true};
  }

  /// Erases the entry with that key. Returns false if there was none.
  bool erase(const key& wanted) noexcept {
    if (places_.empty()) return false;
    const std::size_t place = place_of(wanted);
    if (!keys_.in_use(places_[place])) return false;
    erase_at(place);
    return true;
  }

  /// Erases the entries for which `wanted` returns true.
  template <class Predicate>
  void erase_if(const Predicate& wanted) noexcept {
    for (std::size_t place = 0; place < places_.size();) {
      if (keys_.in_use(places_[place]) && wanted(std::as_const(places_[place]))) {
        erase_at(place);  // another entry may move into this place
      } else {
        ++place;
      }
    }
  }

  /// Calls `visit` with every entry, in an order that depends only on the keys and on the history of
  /// insertions and erasures.
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (const Entry& place : places_) {
      if (keys_.in_use(place)) visit(place);
    }
  }

  /// Erases all entries and frees their memory.
  void clear() noexcept {
    std::vector<Entry>().swap(places_);
    size_ = 0;
  }

 private:
  std::size_t first_choice(const key& wanted) const noexcept {
    return static_cast<std::size_t>(keys_.hash(wanted)) & (places_.size() - 1);
  }
  std::size_t next(std::size_t place) const noexcept { return (place + 1) & (places_.size() - 1); }

  // Returns the index of the entry, or else of a free place for it.
  std::size_t place_of(const key& wanted) const noexcept {
    std::size_t place = first_choice(wanted);
    while (keys_.in_use(places_[place]) && !(keys_.key_of(places_[place]) == wanted)) place = next(place);
    return place;
  }

  void erase_at(std::size_t gap) noexcept {
    places_[gap] = Entry();
    --size_;
    // Entries behind the gap, up to the next free place, may be there because the gap was occupied.
    for (std::size_t i = next(gap); keys_.in_use(places_[i]); i = next(i)) {
      const std::size_t home = first_choice(keys_.key_of(places_[i]));
      const bool reachable_past_gap = gap <= i ? gap < home && home <= i : gap < home || home <= i;
      if (reachable_past_gap) continue;
      std::swap(places_[gap], places_[i]);
      gap = i;
    }
  }

  void grow() {
    std::vector<Entry> old(places_.empty() ? 16 : places_.size() * 2);
    old.swap(places_);
    for (Entry& entry : old) {
      if (!keys_.in_use(entry)) continue;
      Entry& place = places_[place_of(keys_.key_of(entry))];
      // Not in one expression with the line above, which reads the key of `entry`.
      place = std::move(entry);
    }
  }

  std::vector<Entry> places_;  // a power of two; at least a quarter of them are free
  std::size_t size_ = 0;
  [[no_unique_address]] Keys keys_;
};

}  // namespace coworker::inline v0_1::detail
