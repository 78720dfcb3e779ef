#pragma once
// The memory of a JSON value: a slot of 16 bytes, and the heap blocks of long texts, arrays and objects.
// Destroys and copies values without recursion, because a value may be a million levels deep. Must not know
// types, conversion or text formats: class json wraps it, the parser builds it.

#include <bit>
#include <coworker/json/blocks.hpp>
#include <coworker/json/bytes.hpp>
#include <coworker/json/error.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <string>
#include <string_view>

namespace coworker::inline v0_1::detail {

/// The kind of a slot's value. From `long_text` on, a slot owns a block; an array or object without elements
/// may have none (nullptr).
enum class slot_kind : unsigned char {
  null,
  boolean,
  integer,   // int64
  natural,   // uint64 above the largest int64, so that every integer has exactly one form
  floating,  // any double, also NaN
  short_text,
  long_text,
  array,
  object,
};

constexpr bool owns_block(slot_kind kind) noexcept { return kind >= slot_kind::long_text; }
constexpr bool is_container(slot_kind kind) noexcept { return kind >= slot_kind::array; }

/// Followed in memory by `size` characters.
struct text_block : block {
  char* chars() noexcept { return reinterpret_cast<char*>(this + 1); }
};

template <class T>
struct tagged {
  slot_kind kind;
  T value;
};

/// A text of up to 14 bytes. The bytes after its end are zero, so that two such slots can be compared
/// as two words.
struct short_text {
  static constexpr std::size_t capacity = 14;
  slot_kind kind;
  unsigned char size;
  char chars[capacity];
};

/// Every alternative begins with the kind, which may therefore be read through any of them.
union json_slot {
  short_text text;
  tagged<bool> boolean;
  tagged<std::int64_t> integer;
  tagged<std::uint64_t> natural;
  tagged<double> floating;
  tagged<block*> heap;  // a text_block, array_block or object_block

  slot_kind kind() const noexcept { return text.kind; }
};
static_assert(sizeof(json_slot) == 16, "a slot is two words");

struct member_slot {
  json_slot key;  // short_text or long_text
  json_slot value;
};

/// Followed in memory by room for `capacity` slots.
struct alignas(json_slot) array_block : block {
  std::uint32_t capacity;
  json_slot* elements() noexcept { return reinterpret_cast<json_slot*>(this + 1); }
};

/// Followed in memory by room for `capacity` members. If there are many, `index` finds them by key
/// (object_index.hpp), and some of the first `used` places may be free (member_gaps.hpp).
struct alignas(json_slot) object_block : block {
  std::uint32_t capacity;
  std::uint32_t used;
  std::uint32_t* index;
  member_slot* members() noexcept { return reinterpret_cast<member_slot*>(this + 1); }
};

inline text_block* long_text_of(const json_slot& slot) noexcept {
  return static_cast<text_block*>(slot.heap.value);
}
inline array_block* array_of(const json_slot& slot) noexcept {
  return static_cast<array_block*>(slot.heap.value);
}
inline object_block* object_of(const json_slot& slot) noexcept {
  return static_cast<object_block*>(slot.heap.value);
}

inline json_slot null_slot() noexcept { return json_slot{.text = {slot_kind::null, 0, {}}}; }
inline json_slot boolean_slot(bool value) noexcept {
  return json_slot{.boolean = {slot_kind::boolean, value}};
}
inline json_slot integer_slot(std::int64_t value) noexcept {
  return json_slot{.integer = {slot_kind::integer, value}};
}
inline json_slot natural_slot(std::uint64_t value) noexcept {
  if (value >> 63 == 0) return integer_slot(static_cast<std::int64_t>(value));
  return json_slot{.natural = {slot_kind::natural, value}};
}
inline json_slot floating_slot(const double& value) noexcept {
  return json_slot{.floating = {slot_kind::floating, value}};
}
inline json_slot array_slot(array_block* block) noexcept {
  return json_slot{.heap = {slot_kind::array, block}};
}
inline json_slot object_slot(object_block* block) noexcept {
  return json_slot{.heap = {slot_kind::object, block}};
}

inline void require_block_size(std::size_t size) {
  constexpr std::size_t most = 0xffff'ffff;
  if (size <= most) [[likely]]
    return;
  std::string problem(std::to_string(size));
  throw json_out_of_range(problem.append(" elements, members or bytes in one value; the most is 4294967295"));
}

template <class Blocks>
json_slot long_text_slot(Blocks& blocks, std::string_view text) {
  require_block_size(text.size());
  const block_place place = blocks.allocate(sizeof(text_block) + text.size());
  auto* const made = ::new (place.memory) text_block{{place.origin, static_cast<std::uint32_t>(text.size())}};
  std::memcpy(made->chars(), text.data(), text.size());
  return json_slot{.heap = {slot_kind::long_text, made}};
}

inline json_slot long_text_slot(std::string_view text) {
  single_blocks blocks;
  return long_text_slot(blocks, text);
}

inline json_slot text_slot(std::string_view text) {
  if (text.size() > short_text::capacity) return long_text_slot(text);
  json_slot slot = null_slot();
  slot.text.kind = slot_kind::short_text;
  slot.text.size = static_cast<unsigned char>(text.size());
  if (!text.empty()) std::memcpy(slot.text.chars, text.data(), text.size());
  return slot;
}

/// The text in a char array ends at its '\0', or at the end of the array.
inline json_slot slot_of_chars(const char* chars, std::size_t size) {
  const void* const zero = std::memchr(chars, 0, size);
  return detail::text_slot(
      {chars, zero == nullptr ? size : static_cast<std::size_t>(static_cast<const char*>(zero) - chars)});
}

/// How many bytes padded_text_slot may read from the start of a text, whatever its size.
inline constexpr std::size_t text_padding = 16;

/// Like text_slot, for a text from whose start 16 bytes may be read even if it is shorter: needs no loop and
/// no branch on its length.
template <class Blocks>
json_slot padded_text_slot(Blocks& blocks, std::string_view text) {
  if (text.size() > short_text::capacity) return detail::long_text_slot(blocks, text);
  if constexpr (std::endian::native == std::endian::little) {
    alignas(8) static constexpr unsigned char keep[32] = {255, 255, 255, 255, 255, 255, 255, 255,
                                                          255, 255, 255, 255, 255, 255, 255, 255};
    const auto* const mask = reinterpret_cast<const char*>(keep) + text_padding - text.size();
    const std::uint64_t first_six = (load_word(text.data()) & load_word(mask)) << 16;
    const std::uint64_t head =
        first_six | (text.size() << 8) | static_cast<std::uint64_t>(slot_kind::short_text);
    const std::uint64_t tail = load_word(text.data() + 6) & load_word(mask + 6);
    json_slot slot;
    // One word at a time: a wider copy would wait until both are in memory.
    std::memcpy(&slot, &head, sizeof head);
    std::memcpy(&slot.text.chars[6], &tail, sizeof tail);
    return slot;
  } else {
    return text_slot(text);
  }
}

inline std::string_view text_of(const json_slot& slot) noexcept {
  if (slot.kind() == slot_kind::short_text) return {slot.text.chars, slot.text.size};
  return {long_text_of(slot)->chars(), long_text_of(slot)->size};
}

/// Returns the number of elements or members of an array or object.
inline std::size_t count_of(const json_slot& slot) noexcept {
  return slot.heap.value == nullptr ? 0 : slot.heap.value->size;
}

/// Returns the element, or the value of the member, at `index` of an array or object.
inline json_slot& child_of(const json_slot& slot, std::size_t index) noexcept {
  if (slot.kind() == slot_kind::array) return array_of(slot)->elements()[index];
  return object_of(slot)->members()[index].value;
}

inline void delete_text(const json_slot& slot, block_release& release) noexcept {
  if (slot.kind() == slot_kind::long_text) release(long_text_of(slot));
}

inline void delete_text(const json_slot& slot) noexcept {
  block_release release;
  delete_text(slot, release);
}

inline void delete_object_block(object_block* object, block_release& release) noexcept {
  ::operator delete(object->index);
  release(object);
}

/// Frees the values after the last array or object in `array`, removes that one and returns it, as the next
/// to destroy. If there is none, frees the array too and returns nullptr.
inline json_slot* take_last_child(array_block* array, block_release& release) noexcept {
  json_slot* const elements = array->elements();
  for (std::uint32_t remaining = array->size; remaining != 0;) {
    json_slot& element = elements[--remaining];
    if (!owns_block(element.kind()) || element.heap.value == nullptr) continue;
    if (is_container(element.kind())) {
      array->size = remaining;
      return &element;
    }
    release(element.heap.value);
  }
  release(array);
  return nullptr;
}

inline json_slot* take_last_child(object_block* object, block_release& release) noexcept {
  member_slot* const members = object->members();
  for (std::uint32_t remaining = object->used; remaining != 0;) {
    member_slot& member = members[--remaining];
    delete_text(member.key, release);
    if (!owns_block(member.value.kind()) || member.value.heap.value == nullptr) continue;
    if (is_container(member.value.kind())) {
      object->used = remaining;
      return &member.value;
    }
    release(member.value.heap.value);
  }
  delete_object_block(object, release);
  return nullptr;
}

/// Destroys an array or object that has a block, and all its parts, in constant space. The slot that refers
/// to a child is no longer needed once the child is being destroyed, so it stores the way back to the parent;
/// the sizes count the parts that remain.
inline void destroy_tree(const json_slot& root) noexcept {
  block_release release;
  // Each slot is kept in two variables, which stay in registers.
  slot_kind kind = root.kind();
  block* current = root.heap.value;
  slot_kind parent_kind = slot_kind::null;
  block* parent = nullptr;
  for (;;) {
    json_slot* const way_down = kind == slot_kind::array
                                    ? take_last_child(static_cast<array_block*>(current), release)
                                    : take_last_child(static_cast<object_block*>(current), release);
    if (way_down != nullptr) {
      const tagged<block*> child = way_down->heap;
      way_down->heap = {parent_kind, parent};
      parent_kind = kind;
      parent = current;
      kind = child.kind;
      current = child.value;
    } else if (parent == nullptr) {
      return;
    } else {
      kind = parent_kind;
      current = parent;
      const json_slot& way_up = kind == slot_kind::array
                                    ? static_cast<array_block*>(current)->elements()[current->size]
                                    : static_cast<object_block*>(current)
                                          ->members()[static_cast<object_block*>(current)->used]
                                          .value;
      parent_kind = way_up.heap.kind;
      parent = way_up.heap.value;
    }
  }
}

inline void destroy_slot(const json_slot& slot) noexcept {
  if (!owns_block(slot.kind()) || slot.heap.value == nullptr) return;
  if (is_container(slot.kind())) {
    destroy_tree(slot);
  } else {
    delete_text(slot);
  }
}

}  // namespace coworker::inline v0_1::detail
