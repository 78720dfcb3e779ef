#pragma once
// Finds the members of an object by key. A few members are compared one by one; many have a hash table of
// positions, so that no object, however large or malicious, takes quadratic time. Must not know class json:
// works on slots.

#include <bit>
#include <coworker/json/storage.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <string_view>

namespace coworker::inline v0_1::detail {

/// Objects with room for more members than this have an index.
inline constexpr std::size_t unindexed_members = 16;

/// A key to look for. A short one is compared as two words.
class key_probe {
 public:
  explicit key_probe(std::string_view text) noexcept : text_(text), short_form_(null_slot()) {
    if (text.size() <= short_text::capacity) short_form_ = text_slot(text);
  }
  /// Uses the key of another member, which must not be moved meanwhile.
  explicit key_probe(const json_slot& key) noexcept : text_(text_of(key)), short_form_(null_slot()) {
    if (key.kind() == slot_kind::short_text) short_form_ = key;
  }

  std::string_view text() const noexcept { return text_; }

  bool matches(const json_slot& key) const noexcept {
    if (short_form_.kind() == slot_kind::short_text) return std::memcmp(&key, &short_form_, sizeof key) == 0;
    return key.kind() == slot_kind::long_text && text_of(key) == text_;
  }

 private:
  std::string_view text_;
  json_slot short_form_;
};

/// Folds both halves of the 128-bit product together: the mixing step of the hash.
constexpr std::uint64_t fold_product(std::uint64_t a, std::uint64_t b) noexcept {
  const std::uint64_t a_low = a & 0xffff'ffff, a_high = a >> 32;
  const std::uint64_t b_low = b & 0xffff'ffff, b_high = b >> 32;
  const std::uint64_t low = a_low * b_low, high = a_high * b_high;
  const std::uint64_t cross = a_high * b_low + (low >> 32);
  const std::uint64_t middle = a_low * b_high + (cross & 0xffff'ffff);
  return (high + (cross >> 32) + (middle >> 32)) ^ ((middle << 32) | (low & 0xffff'ffff));
}

/// Returns a hash that depends on the seed at every step, so that nobody can prepare keys that collide.
inline std::uint64_t hash_text(std::string_view text, std::uint64_t seed) noexcept {
  constexpr std::uint64_t odd_constant = 0x9e3779b97f4a7c15;
  seed = fold_product(seed ^ odd_constant, odd_constant);
  std::uint64_t hash = seed ^ text.size();
  const char* at = text.data();
  std::size_t left = text.size();
  for (; left >= 8; at += 8, left -= 8) hash = fold_product(hash ^ load_word(at), seed | 1);
  char tail[8] = {};
  if (left != 0) std::memcpy(tail, at, left);
  hash = fold_product(hash ^ load_word(tail), seed | 1);
  return hash ^ (hash >> 32);
}

/// The index of an object: open addressing over positions + 1, at most half full; 0 is an empty place. Its
/// length follows from the object's capacity. Its seed is its own address, which nobody outside can know.
class object_index {
 public:
  explicit object_index(const object_block& block) noexcept
      : places_(block.index),
        mask_(length_for(block.capacity) - 1),
        seed_(reinterpret_cast<std::uintptr_t>(block.index)) {}

  static std::size_t length_for(std::size_t capacity) noexcept { return std::bit_ceil(2 * capacity); }

  static std::uint32_t* create(std::size_t capacity) {
    const std::size_t bytes = length_for(capacity) * sizeof(std::uint32_t);
    return static_cast<std::uint32_t*>(std::memset(::operator new(bytes), 0, bytes));
  }

  static void clear(const object_block& block) noexcept {
    std::memset(block.index, 0, length_for(block.capacity) * sizeof(std::uint32_t));
  }

  /// Returns the place that holds the position of `key`, or the empty place where it belongs.
  std::uint32_t& place_of(const key_probe& key, const member_slot* members) const noexcept {
    std::size_t at = hash_text(key.text(), seed_) & mask_;
    while (places_[at] != 0 && !key.matches(members[places_[at] - 1].key)) at = (at + 1) & mask_;
    return places_[at];
  }

  /// Adds the member at `position`, whose key is not in the index yet.
  void enter(std::uint32_t position, const member_slot* members) const noexcept {
    std::size_t at = home_of(position, members);
    while (places_[at] != 0) at = (at + 1) & mask_;
    places_[at] = position + 1;
  }

  /// Removes the member at `position`. All keys, its own included, must still be there.
  void leave(std::uint32_t position, const member_slot* members) const noexcept {
    const auto next = [this](std::size_t at) { return (at + 1) & mask_; };
    std::size_t gap = home_of(position, members);
    while (places_[gap] != position + 1) gap = next(gap);
    places_[gap] = 0;
    // Entries after the gap, up to the next empty place, may be where they are because the gap was occupied.
    for (std::size_t i = next(gap); places_[i] != 0; i = next(i)) {
      const std::size_t home = home_of(places_[i] - 1, members);
      const bool reachable_past_gap = gap <= i ? gap < home && home <= i : gap < home || home <= i;
      if (reachable_past_gap) continue;
      places_[gap] = places_[i];
      places_[i] = 0;
      gap = i;
    }
  }

 private:
  std::size_t home_of(std::uint32_t position, const member_slot* members) const noexcept {
    return hash_text(text_of(members[position].key), seed_) & mask_;
  }

  std::uint32_t* places_;
  std::size_t mask_;
  std::uint64_t seed_;
};

/// Returns the member with that key, or nullptr.
inline member_slot* find_member(object_block* block, const key_probe& key) noexcept {
  if (block == nullptr) return nullptr;
  member_slot* const members = block->members();
  if (block->index != nullptr) {
    const std::uint32_t position = object_index(*block).place_of(key, members);
    return position == 0 ? nullptr : members + (position - 1);
  }
  for (member_slot* member = members; member != members + block->used; ++member) {
    if (key.matches(member->key)) return member;
  }
  return nullptr;
}

/// Adds all members again after their positions have changed. There must be no gaps between them.
inline void rebuild_index(object_block& block) noexcept {
  if (block.index == nullptr) return;
  object_index::clear(block);
  const object_index index(block);
  for (std::uint32_t i = 0; i < block.size; ++i) index.enter(i, block.members());
}

}  // namespace coworker::inline v0_1::detail
