#pragma once
// The places of an object's members. If a member is erased from a large object, its place remains free, as a
// gap, so that erasing many takes linear time in total. Code that iterates over members skips each gap in one
// step. Must not know how members are found by key.

#include <coworker/json/storage.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace coworker::inline v0_1::detail {

/// A free place has null as its key. The value of the first and of the last place of each gap is the number
/// of places in the gap. The last place in use always holds a member.
inline bool is_gap(const member_slot& place) noexcept { return place.key.kind() == slot_kind::null; }

inline std::size_t gap_length(const member_slot& end_of_gap) noexcept {
  return static_cast<std::size_t>(end_of_gap.value.integer.value);
}

/// Returns `at`, or the end of the gap that begins there.
inline member_slot* step_over_gap(member_slot* at, const member_slot* past) noexcept {
  return at != past && is_gap(*at) ? at + gap_length(*at) : at;
}
inline const member_slot* step_over_gap(const member_slot* at, const member_slot* past) noexcept {
  return at != past && is_gap(*at) ? at + gap_length(*at) : at;
}

/// Returns the member before `at`. There must be one.
inline const member_slot* previous_member(const member_slot* at) noexcept {
  --at;
  return is_gap(*at) ? at - gap_length(*at) : at;
}

/// Returns how many places of an array or object are in use: elements, or members and the gaps between them.
inline std::size_t places_of(const json_slot& slot) noexcept {
  if (slot.heap.value == nullptr) return 0;
  return slot.kind() == slot_kind::array ? slot.heap.value->size : object_of(slot)->used;
}

/// Returns the first place from `at` on that holds an element or member; places_of() if there is none.
inline std::size_t place_from(const json_slot& slot, std::size_t at) noexcept {
  if (slot.kind() == slot_kind::array || slot.heap.value == nullptr) return at;
  object_block& block = *object_of(slot);
  member_slot* const members = block.members();
  return static_cast<std::size_t>(step_over_gap(members + at, members + block.used) - members);
}

/// Frees the place of a member whose key and value have been destroyed. Returns the place of the next member.
inline std::size_t leave_gap(object_block& block, std::size_t position) noexcept {
  member_slot* const members = block.members();
  std::size_t begin = position;
  std::size_t end = position + 1;
  if (begin != 0 && is_gap(members[begin - 1])) begin -= gap_length(members[begin - 1]);
  if (end != block.used && is_gap(members[end])) end += gap_length(members[end]);
  --block.size;
  if (end == block.used) {
    block.used = static_cast<std::uint32_t>(begin);
    return begin;
  }
  const member_slot place{null_slot(), integer_slot(static_cast<std::int64_t>(end - begin))};
  members[position] = members[begin] = members[end - 1] = place;
  return end;
}

/// Copies the members, without the gaps between them, to `target`, which may be the place where they are.
inline void move_members(object_block& from, member_slot* target) noexcept {
  member_slot* const members = from.members();
  for (std::size_t i = 0; i < from.used;) {
    if (is_gap(members[i])) {
      i += gap_length(members[i]);
      continue;
    }
    std::size_t end = i + 1;
    while (end < from.used && !is_gap(members[end])) ++end;
    std::memmove(static_cast<void*>(target), members + i, (end - i) * sizeof(member_slot));
    target += end - i;
    i = end;
  }
}

}  // namespace coworker::inline v0_1::detail
