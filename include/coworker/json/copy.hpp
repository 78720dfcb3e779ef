#pragma once
// Copies a JSON value with all its parts, without recursion. Must not know class json.

#include <coworker/json/containers.hpp>
#include <coworker/json/stack.hpp>
#include <coworker/json/storage.hpp>
#include <cstddef>

namespace coworker::inline v0_1::detail {

/// Returns an empty array or object of the kind of `tree`, with exactly the room for its elements.
inline json_slot blank_copy(const json_slot& tree) {
  const std::size_t count = count_of(tree);
  if (tree.kind() == slot_kind::array) return array_slot(count == 0 ? nullptr : new_array_block(count));
  return object_slot(count == 0 ? nullptr : new_object_block(count));
}

/// One array or object on the path from the root to the part that is being copied. Both have their blocks on
/// the heap, so these slots may be copies of those in the tree.
struct copy_step {
  json_slot source;
  json_slot target;
  std::size_t next;  // next place of the source to copy
};

inline json_slot copy_leaf(const json_slot& leaf) {
  return leaf.kind() == slot_kind::long_text ? long_text_slot(text_of(leaf)) : leaf;
}

/// Adds an element or member of the source to the target, and returns the new value; arrays and objects are
/// still empty then. The target can be destroyed at every point where memory may run out.
inline json_slot& copy_child(const copy_step& step, std::size_t place) {
  const json_slot& value = child_of(step.source, place);
  json_slot* target = nullptr;
  if (step.target.kind() == slot_kind::array) {
    array_block& block = *array_of(step.target);
    target = block.elements() + block.size;
    *target = null_slot();
    ++block.size;
  } else {
    object_block& block = *object_of(step.target);
    member_slot& member = block.members()[block.used];
    member.key = copy_leaf(object_of(step.source)->members()[place].key);
    member.value = null_slot();
    target = &member.value;
    if (block.index != nullptr) object_index(block).enter(block.used, block.members());
    ++block.used;
    ++block.size;
  }
  *target = is_container(value.kind()) ? blank_copy(value) : copy_leaf(value);
  return *target;
}

inline void copy_children(inline_stack<copy_step, 16>& steps) {
  while (!steps.empty()) {
    copy_step& step = steps.top();
    const std::size_t end = places_of(step.source);
    bool descended = false;
    while (!descended && step.next != end) {
      const std::size_t place = step.next;
      step.next = place_from(step.source, place + 1);
      const json_slot& source = child_of(step.source, place);
      const json_slot& target = copy_child(step, place);
      descended = is_container(source.kind()) && count_of(source) != 0;
      if (descended) steps.push({source, target, place_from(source, 0)});
    }
    if (!descended) steps.pop();
  }
}

inline json_slot copy_slot(const json_slot& from) {
  if (!is_container(from.kind())) return copy_leaf(from);
  const json_slot root = blank_copy(from);
  if (count_of(from) == 0) return root;
  try {
    inline_stack<copy_step, 16> steps;
    steps.push({from, root, place_from(from, 0)});
    copy_children(steps);
  } catch (...) {
    destroy_slot(root);
    throw;
  }
  return root;
}

}  // namespace coworker::inline v0_1::detail
