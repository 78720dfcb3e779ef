#pragma once
// Text into values: json::parse.
// Must not know the grammar (reader.hpp) nor how a token looks (scanner.hpp).

#include <coworker/json/containers.hpp>
#include <coworker/json/reader.hpp>
#include <coworker/json/stack.hpp>
#include <coworker/json/storage.hpp>
#include <coworker/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace coworker {

namespace detail {

/// Builds a value from what read_json finds. Finished parts wait on one stack until their array or object
/// ends and takes them into a block of exactly their number. Under the parts of each open one lies a mark: an
/// integer that says where the parts of the one around it begin.
class json_builder {
 public:
  /// For a text of `text_size` bytes: values commonly take 2 to 3 bytes for each.
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
    const std::size_t count = parts_.size() - first_;
    array_block* block = nullptr;
    if (count != 0) {
      block = new_array_block(blocks_, count);
      std::memcpy(static_cast<void*>(block->elements()), &parts_[first_], count * sizeof(json_slot));
      block->size = static_cast<std::uint32_t>(count);
    }
    end(array_slot(block));
  }

  void end_object() {
    const std::size_t count = (parts_.size() - first_) / 2;
    object_block* block = nullptr;
    if (count != 0) {
      block = new_object_block(blocks_, count);
      std::memcpy(static_cast<void*>(block->members()), &parts_[first_], count * sizeof(member_slot));
      adopt_members(*block, count);
    }
    end(object_slot(block));
  }

  /// The value, once reading is through.
  json take() noexcept {
    const json_slot result = parts_.top();
    parts_.pop();
    return json_gate::adopt(result);
  }

 private:
  void push_text(std::string_view text) {
    parts_.push_made([&] { return padded_text_slot(blocks_, text); });
  }

  void begin() {
    integer(static_cast<std::int64_t>(first_));
    first_ = parts_.size();
  }

  /// Puts the finished container in the place of its mark and parts.
  void end(const json_slot& container) noexcept {
    json_slot& mark = parts_[first_ - 1];
    parts_.truncate(first_);
    first_ = static_cast<std::size_t>(mark.integer.value);
    mark = container;
  }

  chunked_blocks blocks_;
  inline_stack<json_slot, 64> parts_;
  std::size_t first_ = 0;
};
static_assert(json_handler<json_builder>);

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

}  // namespace coworker
