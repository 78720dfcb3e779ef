#pragma once
// hash_table: entries that are found by a key, in one block of memory. std::unordered_map would do, at several
// times the cost of including, and with an allocation for each entry.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace coworker::inline v0_1::detail {

/// What a hash_table asks about its entries. An entry that is made by its default constructor is free.
///
///   hash(key)      the same for equal keys
///   key_of(entry)  of an entry that is in use
///   in_use(entry)  false for Entry()
template <class Keys, class Entry>
concept hash_keys = requires(const Keys& keys, const Entry& entry, const typename Keys::key& key) {
  { keys.hash(key) } -> std::same_as<std::uint64_t>;
  { keys.key_of(entry) == key } -> std::convertible_to<bool>;
  { keys.in_use(entry) } -> std::convertible_to<bool>;
};

/// A hash table with open addressing. Finding, inserting and erasing take the same short time however many
/// entries there are. Pointers to entries last until the next insertion or erasure. Not thread-safe.
template <class Entry, class Keys>
requires hash_keys<Keys, Entry>
class hash_table {
 public:
  using key = typename Keys::key;

  struct insertion {
    Entry& entry;
    bool inserted;  // false: there was one with that key already
  };

  explicit hash_table(Keys keys = Keys()) noexcept : keys_(keys) {}

  bool empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }

  /// Null: there is none.
  const Entry* find(const key& wanted) const noexcept {
    if (places_.empty()) return nullptr;
    const Entry& place = places_[place_of(wanted)];
    return keys_.in_use(place) ? &place : nullptr;
  }
  Entry* find(const key& wanted) noexcept { return const_cast<Entry*>(std::as_const(*this).find(wanted)); }

  /// The entry with that key; if there was none, what `make` returns. Throws std::bad_alloc and what `make`
  /// throws; nothing has changed then.
  template <class Make>
  insertion insert(const key& wanted, const Make& make) {
    if ((size_ + 1) * 4 > places_.size() * 3) grow();
    Entry& place = places_[place_of(wanted)];
    if (keys_.in_use(place)) return {place, false};
    place = make();
    ++size_;
    return {place, true};
  }

  /// False: there is none.
  bool erase(const key& wanted) noexcept {
    if (places_.empty()) return false;
    const std::size_t place = place_of(wanted);
    if (!keys_.in_use(places_[place])) return false;
    erase_at(place);
    return true;
  }

  /// Erases the entries for which `wanted` is true.
  template <class Predicate>
  void erase_if(const Predicate& wanted) noexcept {
    for (std::size_t place = 0; place < places_.size();) {
      if (keys_.in_use(places_[place]) && wanted(std::as_const(places_[place]))) {
        erase_at(place);  // another entry may take the place
      } else {
        ++place;
      }
    }
  }

  /// In an order that follows from the keys and from what was inserted and erased.
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (const Entry& place : places_) {
      if (keys_.in_use(place)) visit(place);
    }
  }

  /// Erases all entries and gives their memory back.
  void clear() noexcept {
    std::vector<Entry>().swap(places_);
    size_ = 0;
  }

 private:
  std::size_t first_choice(const key& wanted) const noexcept {
    return static_cast<std::size_t>(keys_.hash(wanted)) & (places_.size() - 1);
  }
  std::size_t next(std::size_t place) const noexcept { return (place + 1) & (places_.size() - 1); }

  // Where the entry is, or else a free place for it.
  std::size_t place_of(const key& wanted) const noexcept {
    std::size_t place = first_choice(wanted);
    while (keys_.in_use(places_[place]) && !(keys_.key_of(places_[place]) == wanted)) place = next(place);
    return place;
  }

  void erase_at(std::size_t gap) noexcept {
    places_[gap] = Entry();
    --size_;
    // Entries behind the gap, up to the next free place, may stand there because the gap was taken.
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
      place = std::move(entry);  // which may be empty before what stands to its left is evaluated
    }
  }

  std::vector<Entry> places_;  // a power of two of them, at least a quarter of them free
  std::size_t size_ = 0;
  [[no_unique_address]] Keys keys_;
};

}  // namespace coworker::detail
