#pragma once
// json: a JSON value that owns its contents. This header declares its whole interface; the other headers of
// this folder implement it, and <coworker/json/json.hpp> includes them all. Must not know jobs, files or
// queues.

#include <concepts>
#include <coworker/json/error.hpp>
#include <coworker/json/iterator.hpp>
#include <coworker/json/key.hpp>
#include <coworker/json/shape.hpp>
#include <coworker/json/storage.hpp>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1 {

class json_element;

namespace detail {
struct json_gate;
}

/// The type of a value. Integers are distinct from floating-point numbers, because both are kept exactly.
enum class json_type : unsigned char { null, boolean, integer, floating, string, array, object };

/// How strictly json::parse reads.
struct json_parse_options {
  /// The maximum nesting depth of arrays and objects; deeper text is refused. 0 or more; 0 allows
  /// none. Default: 512.
  std::size_t max_depth = 512;
};

/// A JSON value: null, boolean, number, string, array or object. It takes 16 bytes, and contains short
/// strings itself. Objects keep the order of their members. int64 and uint64 are exact; a floating-point
/// number stays one (1.0 is written as 1.0).
/// Thread safety: one thread at a time may use a value; any number of threads may read it while none writes.
class json {
 public:
  using exception = json_exception;
  using parse_error = json_parse_error;
  using type_error = json_type_error;
  using out_of_range = json_out_of_range;
  using write_error = json_write_error;
  using parse_options = json_parse_options;

  using value_type = json;
  using iterator = json_iterator<false>;
  using const_iterator = json_iterator<true>;
  using initializer_list = std::initializer_list<json_element>;

  /// Makes null.
  json() noexcept : slot_(detail::null_slot()) {}
  json(std::nullptr_t) noexcept : json() {}
  /// Converts a value: see json_source. A null `const char*`, such as std::getenv may return, becomes null.
  template <json_source T>
  requires(!std::same_as<std::remove_cvref_t<T>, json>) json(T&& value);
  /// Makes a text of the characters before the first '\0', or of all of them.
  template <std::size_t Size>
  json(const char (&text)[Size]) : slot_(detail::slot_of_chars(text, Size)) {}
  template <detail::multimap_like T>
  json(const T&) = delete;  // it may hold a key several times, which an object cannot: make it a map of lists
  /// Makes an object if every part is a pair that begins with a string, as in `json{{"k", 1}, {"l", 2}}`,
  /// else an array. Use json::array or json::object where that guess is wrong. A single json in braces is
  /// that json: `json{value}` and `return {value};` copy or move it, and `json::array({value})` makes an
  /// array of it.
  json(initializer_list parts);

  json(const json& other);
  json(json&& other) noexcept : slot_(std::exchange(other.slot_, detail::null_slot())) {}
  json& operator=(json other) noexcept {
    std::swap(slot_, other.slot_);
    return *this;
  }
  ~json() { detail::destroy_slot(slot_); }

  static json array(initializer_list parts = {});
  /// Throws: type_error if a part is not a pair that begins with a string.
  static json object(initializer_list members = {});

  /// Reads one JSON text (RFC 8259, UTF-8; a byte order mark at the start is skipped). Of several members
  /// with the same key, the last value remains, in the place of the first. Small parts share memory: one
  /// that is moved out and kept may keep up to 8 KiB of other parts allocated. Throws: parse_error with
  /// line and column.
  static json parse(std::string_view text, const parse_options& options = {});
  /// As above. Throws: also parse_error for a null pointer.
  static json parse(const char* text, const parse_options& options = {});

  /// Returns the value as JSON text: on one line, or with `indent` spaces per level if that is not negative.
  /// Throws: write_error with the path to a NaN, an infinity or text that is not UTF-8.
  std::string dump(int indent = -1) const;
  /// Appends to `out` what dump returns. If it throws, `out` is unchanged.
  void dump_to(std::string& out, int indent = -1) const;
  /// Returns the text on one line with a space after each comma and colon, for people: `{"a": [1, 2]}`.
  /// Throws: as dump.
  std::string dump_spaced() const;

  json_type type() const noexcept;
  /// Returns "null", "boolean", "number", "string", "array" or "object".
  const char* type_name() const noexcept;
  bool is_null() const noexcept { return slot_.kind() == detail::slot_kind::null; }
  bool is_boolean() const noexcept { return slot_.kind() == detail::slot_kind::boolean; }
  bool is_number() const noexcept { return is_number_integer() || is_number_float(); }
  bool is_number_integer() const noexcept {
    return slot_.kind() == detail::slot_kind::integer || slot_.kind() == detail::slot_kind::natural;
  }
  /// Returns whether it is an integer that is not negative, whatever it was made from.
  bool is_number_unsigned() const noexcept {
    return is_number_integer() && (slot_.kind() == detail::slot_kind::natural || slot_.integer.value >= 0);
  }
  bool is_number_float() const noexcept { return slot_.kind() == detail::slot_kind::floating; }
  bool is_string() const noexcept {
    return slot_.kind() == detail::slot_kind::short_text || slot_.kind() == detail::slot_kind::long_text;
  }
  bool is_array() const noexcept { return slot_.kind() == detail::slot_kind::array; }
  bool is_object() const noexcept { return slot_.kind() == detail::slot_kind::object; }

  /// Converts to a T: bool, a number, std::string, a std::string_view into this value (valid as long as it
  /// lives unchanged), a char (a string of one ASCII character), optionals (null becomes empty), containers,
  /// pairs (arrays of two elements), maps with string keys, json, and types with a `from_json(const json&,
  /// T&)` in their namespace. Numbers are range-checked; a floating-point number without a fraction counts
  /// as an integer.
  /// Throws: type_error, out_of_range; their path leads to the part that caused it.
  template <class T>
  T get() const;
  template <class T>
  T& get_to(T& target) const;

  /// Returns the number of elements or members; 0 for null, 1 for any other simple value.
  std::size_t size() const noexcept;
  bool empty() const noexcept { return size() == 0; }

  /// Returns the member; adds it as null if there is none. null becomes an object. Throws: type_error for
  /// any other value.
  ///
  /// On a temporary, this function and at(), front() and back() move the part out and return it by value, so
  /// that `for (json& part : make()["list"])` and `json&& part = make()[0];` are safe.
  json& operator[](json_key key) &;
  json operator[](json_key key) && { return std::move((*this)[key]); }
  /// Returns the member. Throws: out_of_range if there is none; type_error if this is not an object.
  const json& operator[](json_key key) const& { return at(key); }
  json operator[](json_key key) const&& { return at(key); }
  /// Returns the element. The array grows with nulls up to it, and null becomes an array. Throws: type_error
  /// for any other value.
  template <std::integral Index>
  json& operator[](Index index) & {
    return element_or_new(index);
  }
  template <std::integral Index>
  json operator[](Index index) && {
    return std::move(element_or_new(index));
  }
  template <std::integral Index>
  const json& operator[](Index index) const& {
    return element(index);
  }
  template <std::integral Index>
  json operator[](Index index) const&& {
    return element(index);
  }
  /// Returns the member or the element. Throws: out_of_range if there is none; type_error if this is not an
  /// object or array.
  json& at(json_key key) & { return const_cast<json&>(std::as_const(*this).at(key)); }
  json at(json_key key) && { return std::move(at(key)); }
  const json& at(json_key key) const&;
  json at(json_key key) const&& { return at(key); }
  template <std::integral Index>
  json& at(Index index) & {
    return const_cast<json&>(element(index));
  }
  template <std::integral Index>
  json at(Index index) && {
    return std::move(at(index));
  }
  template <std::integral Index>
  const json& at(Index index) const& {
    return element(index);
  }
  template <std::integral Index>
  json at(Index index) const&& {
    return element(index);
  }

  /// Returns the member, converted to the fallback's type (std::string for texts); the fallback if there is
  /// no such member. Throws: type_error and out_of_range, which name the key, what was expected and what was
  /// found; type_error if the fallback is needed and is a null pointer.
  template <class T>
  auto value(json_key key, T&& fallback) const;

  /// Returns whether there is such a member; false if this is not an object.
  bool contains(json_key key) const noexcept { return member(key.text()) != nullptr; }
  /// Returns the member; end() if there is none, or if this is not an object.
  iterator find(json_key key) noexcept;
  const_iterator find(json_key key) const noexcept;

  /// Returns the first element. Throws: out_of_range on an empty array; type_error if this is not an array.
  json& front() & { return at(0); }
  json front() && { return std::move(at(0)); }
  const json& front() const& { return at(0); }
  json front() const&& { return at(0); }
  json& back() & { return const_cast<json&>(std::as_const(*this).back()); }
  json back() && { return std::move(back()); }
  const json& back() const&;
  json back() const&& { return back(); }

  /// The elements of an array or the values of an object, in order; any other value has none.
  iterator begin() noexcept;
  iterator end() noexcept;
  const_iterator begin() const noexcept;
  const_iterator end() const noexcept;
  /// Returns the members of an object, as pairs of key and value; null has none. Throws: type_error for
  /// any other value.
  json_items<false> items() &;
  json_items<true> items() const&;
  json_items<true> items() const&& = delete;  // would outlive this temporary: store it in a variable first

  /// Appends to an array; null becomes an array. Throws: type_error for any other value.
  void push_back(json element);
  /// Like push_back; returns the new element.
  template <class... Args>
  json& emplace_back(Args&&... args);
  /// Makes room for `count` elements or members in total. Throws: type_error if this is not an array or
  /// object.
  void reserve(std::size_t count);

  /// Removes a member. Returns how many were removed (0 or 1). Takes the same short time however many members
  /// there are. Throws: type_error if this is not an object.
  std::size_t erase(json_key key);
  /// Removes an element. Throws: out_of_range, type_error.
  template <std::integral Index>
  void erase(Index index) {
    erase_element(index);
  }
  /// Removes the part at `position` and returns the next one. Throws: out_of_range if that is not a part of
  /// this value, such as the end() that find() returns for a missing key.
  iterator erase(const_iterator position);
  /// Empties an array, object or string; sets a number to 0 and a boolean to false.
  void clear() noexcept;

  /// Compares values: numbers by their value (1 == 1.0), objects whatever the order of their members.
  friend bool operator==(const json& a, const json& b) { return equal(a, b); }

  /// Writes dump() to any stream with the `write` of an output stream.
  template <class Stream>
  requires requires(Stream& stream, const std::string& text, typename Stream::traits_type::off_type size) {
    stream.write(text.data(), size);
  }
  friend Stream& operator<<(Stream& stream, const json& value) {
    const std::string text = value.dump();
    stream.write(text.data(), static_cast<typename Stream::traits_type::off_type>(text.size()));
    return stream;
  }

 private:
  friend struct detail::json_gate;
  friend class json_element;

  // Makes an object or an array, depending on the parts.
  static json list(initializer_list parts);

  // An index from any integer type; `negative` keeps -1 from being taken for a large index.
  struct element_position {
    std::size_t index;
    bool negative;
    template <class Index>
    element_position(Index given) noexcept
        : index(static_cast<std::size_t>(given)), negative(given < Index{}) {}
    std::string text() const {
      return std::string(negative ? "-" : "").append(std::to_string(negative ? 0 - index : index));
    }
  };

  static bool equal(const json& a, const json& b);
  const json_member* member(std::string_view key) const noexcept;
  std::size_t place_of(const json_member* found) const noexcept;
  const_iterator iterator_at(std::size_t place) const noexcept;
  iterator iterator_at(std::size_t place) noexcept;
  const json& element(element_position at) const;
  json& element_or_new(element_position at);
  void erase_element(element_position at);

  detail::json_slot slot_;
};

/// One part of a braced list of JSON. Allows the list's values to be moved out, which
/// std::initializer_list<json> would not.
class json_element {
 public:
  json_element() noexcept = default;
  json_element(std::initializer_list<json_element> parts) : value_(json::list(parts)) {}
  template <json_source T>
  json_element(T&& value)
      : value_(std::forward<T>(value)), is_json_(std::derived_from<std::remove_cvref_t<T>, json>) {}

  const json& peek() const noexcept { return value_; }
  /// Returns whether it was a json before it was put into the list.
  bool is_json() const noexcept { return is_json_; }
  json take() const noexcept { return std::move(value_); }

 private:
  mutable json value_;
  bool is_json_ = false;
};

namespace detail {

/// Converts between json and its slot, for the headers of this folder. A json consists of its slot only, so a
/// slot in a block is also the json that users see.
struct json_gate {
  static json_slot& slot(json& value) noexcept { return value.slot_; }
  static const json_slot& slot(const json& value) noexcept { return value.slot_; }
  static json& as_json(json_slot& slot) noexcept { return reinterpret_cast<json&>(slot); }
  static const json& as_json(const json_slot& slot) noexcept { return reinterpret_cast<const json&>(slot); }
  /// Takes ownership of what the slot owns.
  static json adopt(const json_slot& slot) noexcept {
    json value;
    value.slot_ = slot;
    return value;
  }
};
static_assert(sizeof(json) == sizeof(json_slot) && std::is_standard_layout_v<json>);
static_assert(sizeof(json_member) == sizeof(member_slot) && std::is_standard_layout_v<json_member>);

}  // namespace detail

template <bool Const>
json_iterator<Const>& json_iterator<Const>::operator++() noexcept {
  if (member_ == nullptr) {
    ++element_;
  } else {
    member_ = detail::member_from(member_ + 1, static_cast<const json_member*>(past_));
  }
  return *this;
}

template <bool Const>
json_iterator<Const>& json_iterator<Const>::operator--() noexcept {
  if (member_ == nullptr) {
    --element_;
  } else {
    const auto* const place = reinterpret_cast<const detail::member_slot*>(member_);
    member_ -= place - detail::previous_member(place);
  }
  return *this;
}

}  // namespace coworker::inline v0_1
