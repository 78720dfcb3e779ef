#pragma once
// Implements json::parse: builds values from text. Must not know the grammar (reader.hpp) nor the form
// of tokens (scanner.hpp).

#include <coworker/json/containers.hpp>
#include <coworker/json/reader.hpp>
#include <coworker/json/stack.hpp>
#include <coworker/json/storage.hpp>
#include <coworker/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace coworker::inline v0_1 {

namespace detail {

/// Builds a value from what read_json finds. Finished parts are kept on one stack until their array or object
/// ends and takes them into a block of exactly their number. Below the parts of each open array or object is
/// a mark: an integer that says where the parts of the enclosing one begin.
/// An array or object of many small parts gets its block as soon as it is recognised as such. The block is
/// then between mark and parts, and takes the parts batch by batch, so that they are never all in memory
/// twice. If the parts are larger, keeping them costs little compared with the text.
class json_builder {
 public:
  /// `text_size`: the size of the text in bytes. Values usually take 2 to 3 bytes for each of them.
  explicit json_builder(std::size_t text_size) noexcept : blocks_(2 * text_size + text_size / 2) {}
  json_builder(const json_builder&) = delete;
  json_builder& operator=(const json_builder&) = delete;
  ~json_builder() {
    for (std::size_t i = 0; i < parts_.size(); ++i) destroy_slot(parts_[i]);
  }

  void null() {
    parts_.push_made([] { return null_slot(); });
  }
  void boolean(bool value) {
    parts_.push_made([&] { return boolean_slot(value); });
  }
  void integer(std::int64_t value) {
    parts_.push_made([&] { return integer_slot(value); });
  }
  void natural(std::uint64_t value) {
    parts_.push_made([&] { return natural_slot(value); });
  }
  void floating(double value) {
    parts_.push_made([&] { return floating_slot(value); });
  }
  void string(std::string_view text) { push_text(text); }
  void key(std::string_view text) { push_text(text); }
  void begin_object() { begin(); }
  void begin_array() { begin(); }

  void end_array() {
    if (has_block()) [[unlikely]]
      return end_in_block();
    const std::size_t count = parts_.size() - first_;
    array_block* block = nullptr;
    if (count != 0) {
      block = new_array_block(blocks_, count);
      std::memcpy(static_cast<void*>(block->elements()), &parts_[first_], count * sizeof(json_slot));
      block->size = static_cast<std::uint32_t>(count);
      if (count >= smallest_batch) batch_ = smallest_batch;
    }
    end(array_slot(block));
  }

  void end_object() {
    if (has_block()) [[unlikely]]
      return end_in_block();
    const std::size_t count = (parts_.size() - first_) / 2;
    object_block* block = nullptr;
    if (count != 0) {
      block = new_object_block(blocks_, count);
      std::memcpy(static_cast<void*>(block->members()), &parts_[first_], count * sizeof(member_slot));
      adopt_members(*block, count);
      if (count >= smallest_batch / 2) batch_ = smallest_batch;
    }
    end(object_slot(block));
  }

  bool has_batch() const noexcept { return parts_.size() - first_ >= batch_; }

  template <class LookAhead>
  void store_batch(bool object, const LookAhead& look) {
    if (has_block()) return move_parts_to(parts_[first_ - 1]);
    const std::size_t count = parts_.size() - first_;
    const std::size_t parts_a_value = object ? 2 : 1;
    const values_ahead sample = look(sample_size);
    const bool small_parts = sample.count * parts_a_value * largest_small_part >= sample_size;
    const values_ahead rest = small_parts ? look(static_cast<std::size_t>(-1)) : sample;
    if (!small_parts || !rest.all) {
      batch_ = 2 * count;
      return;
    }
    const json_slot container = object ? object_slot(new_object_block(blocks_, count / 2 + rest.count))
                                       : array_slot(new_array_block(blocks_, count + rest.count));
    move_parts_to(container);
    parts_.push(container);  // cannot throw: there is room
    ++first_;
    batch_ = smallest_batch;
  }

  /// Returns the value. Call it after reading.
  json take() noexcept {
    const json_slot result = parts_.top();
    parts_.pop();
    return json_gate::adopt(result);
  }

 private:
  static constexpr std::size_t smallest_batch = 480;
  static constexpr std::size_t sample_size = 1024;      // bytes of text
  static constexpr std::size_t largest_small_part = 6;  // on average, in bytes of text

  void push_text(std::string_view text) {
    parts_.push_made([&] { return padded_text_slot(blocks_, text); });
  }

  void begin() {
    integer(static_cast<std::int64_t>(first_));
    first_ = parts_.size();
  }

  bool has_block() const noexcept { return first_ != 0 && is_container(parts_[first_ - 1].kind()); }

  /// Moves the parts of the innermost array or object into its block, after those that are there already.
  void move_parts_to(const json_slot& container) noexcept {
    const std::size_t count = parts_.size() - first_;
    const std::size_t bytes = count * sizeof(json_slot);
    if (container.kind() == slot_kind::array) {
      array_block& block = *array_of(container);
      std::memcpy(static_cast<void*>(block.elements() + block.size), &parts_[first_], bytes);
      block.size += static_cast<std::uint32_t>(count);
    } else {
      object_block& block = *object_of(container);
      std::memcpy(static_cast<void*>(block.members() + block.used), &parts_[first_], bytes);
      block.size = block.used += static_cast<std::uint32_t>(count / 2);
    }
    parts_.truncate(first_);
  }

  void end_in_block() noexcept {
    const json_slot container = parts_[first_ - 1];
    move_parts_to(container);
    if (container.kind() == slot_kind::object)
      adopt_members(*object_of(container), object_of(container)->used);
    --first_;
    end(container);
    batch_ = smallest_batch;
  }

  /// Replaces the mark and the parts by the finished container.
  void end(const json_slot& container) noexcept {
    json_slot& mark = parts_[first_ - 1];
    parts_.truncate(first_);
    first_ = static_cast<std::size_t>(mark.integer.value);
    mark = container;
  }

  chunked_blocks blocks_;
  inline_stack<json_slot, 64> parts_;
  std::size_t first_ = 0;
  std::size_t batch_ = smallest_batch;
};
static_assert(json_batch_handler<json_builder>);

}  // namespace detail

inline json json::parse(std::string_view text, const parse_options& options) {
  detail::json_builder builder(text.size());
  detail::read_json(text, builder, options);
  return builder.take();
}

inline json json::parse(const char* text, const parse_options& options) {
  if (text == nullptr) throw json_parse_error(1, 1, 0, "expected a text, found a null pointer");
  return parse(std::string_view(text), options);
}

}  // namespace coworker::inline v0_1
