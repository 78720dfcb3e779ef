#pragma once
// Arrays and objects as slots: makes them, grows them, removes parts. Members keep their order. Must not
// know class json.

#include <coworker/json/error.hpp>
#include <coworker/json/member_gaps.hpp>
#include <coworker/json/object_index.hpp>
#include <coworker/json/storage.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <string>
#include <string_view>

namespace coworker::inline v0_1::detail {

template <class Blocks>
array_block* new_array_block(Blocks& blocks, std::size_t capacity) {
  require_block_size(capacity);
  const block_place place = blocks.allocate(sizeof(array_block) + capacity * sizeof(json_slot));
  return ::new (place.memory) array_block{{place.origin, 0}, static_cast<std::uint32_t>(capacity)};
}

template <class Blocks>
object_block* new_object_block(Blocks& blocks, std::size_t capacity) {
  require_block_size(capacity);
  const block_place place = blocks.allocate(sizeof(object_block) + capacity * sizeof(member_slot));
  auto* const object =
      ::new (place.memory) object_block{{place.origin, 0}, static_cast<std::uint32_t>(capacity), 0, nullptr};
  if (capacity > unindexed_members) {
    try {
      object->index = object_index::create(capacity);
    } catch (...) {
      block_release release;
      release(object);
      throw;
    }
  }
  return object;
}

inline array_block* new_array_block(std::size_t capacity) {
  single_blocks blocks;
  return new_array_block(blocks, capacity);
}

inline object_block* new_object_block(std::size_t capacity) {
  single_blocks blocks;
  return new_object_block(blocks, capacity);
}

inline std::size_t grown_capacity(std::size_t capacity, std::size_t needed) noexcept {
  constexpr std::size_t least = 3;  // an object of that size is a small block, see blocks.hpp
  const std::size_t doubled = capacity < least ? least : 2 * capacity;
  return doubled < needed ? needed : doubled;
}

/// Makes room for `capacity` elements in total.
inline void reserve_elements(json_slot& array, std::size_t capacity) {
  array_block* const old = array_of(array);
  if (old != nullptr && old->capacity >= capacity) return;
  array_block* const block = new_array_block(capacity);
  if (old != nullptr) {
    std::memcpy(static_cast<void*>(block->elements()), old->elements(), old->size * sizeof(json_slot));
    block->size = old->size;
    block_release release;
    release(old);
  }
  array.heap.value = block;
}

/// Makes room for `needed` elements in total and for some more, so that growing one by one takes linear time.
inline void grow_elements(json_slot& array, std::size_t needed) {
  const std::size_t capacity = array_of(array) == nullptr ? 0 : array_of(array)->capacity;
  if (capacity < needed) reserve_elements(array, grown_capacity(capacity, needed));
}

/// Appends null and returns it.
inline json_slot& append_element(json_slot& array) {
  grow_elements(array, count_of(array) + 1);
  array_block& block = *array_of(array);
  return *::new (static_cast<void*>(block.elements() + block.size++)) json_slot(null_slot());
}

inline void erase_element(array_block& block, std::size_t index) noexcept {
  json_slot* const elements = block.elements();
  destroy_slot(elements[index]);
  --block.size;
  std::memmove(static_cast<void*>(elements + index), elements + index + 1,
               (block.size - index) * sizeof(json_slot));
}

/// Makes room for `capacity` members in total.
inline void reserve_members(json_slot& object, std::size_t capacity) {
  object_block* const old = object_of(object);
  if (old != nullptr && old->capacity >= capacity) return;
  object_block* const block = new_object_block(capacity);
  if (old != nullptr) {
    move_members(*old, block->members());
    block->size = block->used = old->size;
    block_release release;
    delete_object_block(old, release);
    rebuild_index(*block);
  }
  object.heap.value = block;
}

/// Makes room for one more member. If there are so many gaps that it is worth the time, closes them instead
/// of allocating more memory.
inline void grow_members(json_slot& object) {
  object_block* const block = object_of(object);
  if (block != nullptr && block->used < block->capacity) return;
  const std::size_t size = count_of(object);
  const std::size_t gaps = block == nullptr ? 0 : block->used - size;
  if (gaps == 0 || gaps < block->capacity / 4) {
    return reserve_members(object, grown_capacity(size, size + 1));
  }
  move_members(*block, block->members());
  block->used = block->size;
  rebuild_index(*block);
}

/// Returns the member with that key; appends one with the value null if there is none.
inline member_slot& find_or_append_member(json_slot& object, std::string_view key) {
  if (member_slot* const found = find_member(object_of(object), key_probe(key))) return *found;
  const json_slot owned_key = text_slot(key);
  try {
    grow_members(object);
  } catch (...) {
    delete_text(owned_key);
    throw;
  }
  object_block& block = *object_of(object);
  const std::uint32_t position = block.used++;
  ++block.size;
  auto* const member =
      ::new (static_cast<void*>(block.members() + position)) member_slot{owned_key, null_slot()};
  if (block.index != nullptr) object_index(block).enter(position, block.members());
  return *member;
}

/// Erases a member. Returns the position of the next one.
inline std::size_t erase_member(object_block& block, std::size_t position) noexcept {
  member_slot* const members = block.members();
  if (block.index != nullptr) object_index(block).leave(static_cast<std::uint32_t>(position), members);
  delete_text(members[position].key);
  destroy_slot(members[position].value);
  if (block.index != nullptr) return leave_gap(block, position);
  block.used = --block.size;
  std::memmove(static_cast<void*>(members + position), members + position + 1,
               (block.size - position) * sizeof(member_slot));
  return position;
}

/// Drops the member `later`, whose key appeared before: its value replaces the earlier one's.
inline void replace_duplicate(member_slot& earlier, const member_slot& later) noexcept {
  destroy_slot(earlier.value);
  delete_text(later.key);
  earlier.value = later.value;
}

/// Returns one bit of 64, the same for equal keys and rarely the same for others.
inline std::uint64_t key_bit(const json_slot& key) noexcept {
  std::uint64_t words[2];
  if (key.kind() == slot_kind::short_text) {
    std::memcpy(words, &key, sizeof words);
  } else {
    const std::string_view text = text_of(key);
    words[0] = load_word(text.data());
    words[1] = load_word(text.data() + text.size() - 8);
  }
  const std::uint64_t mixed = (words[0] ^ (words[1] * 0x9e3779b97f4a7c15)) * 0xd6e8feb86659fd93;
  return std::uint64_t{1} << (mixed >> 58);
}

/// Adds the `count` members that were written after the header of a new block. Of several members with the
/// same key, the last value remains, in the place of the first.
inline void adopt_members(object_block& block, std::size_t count) noexcept {
  member_slot* const members = block.members();
  std::uint32_t size = 0;
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < count; ++i) {
    member_slot* earlier = nullptr;
    if (block.index != nullptr) {
      std::uint32_t& place = object_index(block).place_of(key_probe(members[i].key), members);
      if (place == 0) {
        place = size + 1;
      } else {
        earlier = members + (place - 1);
      }
    } else {
      // While there are few members, this bit shows that most keys are new.
      const std::uint64_t bit = key_bit(members[i].key);
      block.used = size;
      if ((seen & bit) != 0) earlier = find_member(&block, key_probe(members[i].key));
      seen |= bit;
    }
    if (earlier != nullptr) {
      replace_duplicate(*earlier, members[i]);
    } else {
      if (size != i) members[size] = members[i];
      ++size;
    }
  }
  block.size = block.used = size;
}

}  // namespace coworker::inline v0_1::detail
