#pragma once
// The grammar of JSON text: calls a handler for each value, key and bracket, in order. Iterative, so that
// deep text needs no stack. Must not know what the handler does with it: parse.hpp builds values.

#include <coworker/json/lookahead.hpp>
#include <coworker/json/number.hpp>
#include <coworker/json/scanner.hpp>
#include <coworker/json/stack.hpp>
#include <coworker/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace coworker::inline v0_1::detail {

/// The calls that read_json makes. Keys come before their values. Views are valid until the call returns, and
/// at least 16 bytes from their start may be read. An exception from the handler ends the reading.
template <class T>
concept json_handler = requires(T& handler, std::string_view text) {
  handler.null();
  handler.boolean(true);
  handler.integer(std::int64_t{});
  handler.natural(std::uint64_t{});  // an integer that only uint64 holds
  handler.floating(double{});
  handler.string(text);
  handler.begin_object();
  handler.key(text);
  handler.end_object();
  handler.begin_array();
  handler.end_array();
};

/// A handler that stores the parts of a large array or object in batches. Between two values, if has_batch()
/// is true, the reader calls store_batch(). To reserve memory for what follows, store_batch() may call
/// `look(most)`, which counts the values in up to `most` bytes of the rest.
template <class T>
concept json_batch_handler = json_handler<T> && requires(T& handler, values_ahead (*look)(std::size_t)) {
  { handler.has_batch() } -> std::same_as<bool>;
  handler.store_batch(true, look);  // true: an object, false: an array
};

/// The arrays and objects that are open, one bit each, the innermost in the lowest bit.
class open_containers {
 public:
  std::size_t depth() const noexcept { return depth_; }
  bool in_object() const noexcept { return (innermost_ & 1) != 0; }

  void enter(bool object) {
    if (depth_ % 64 == 0 && depth_ != 0) outer_.push(innermost_);
    innermost_ = (innermost_ << 1) | (object ? 1u : 0u);
    ++depth_;
  }
  void leave() noexcept {
    --depth_;
    innermost_ >>= 1;
    if (depth_ % 64 == 0 && depth_ != 0) {
      innermost_ = outer_.top();
      outer_.pop();
    }
  }

 private:
  std::uint64_t innermost_ = 0;
  std::size_t depth_ = 0;
  inline_stack<std::uint64_t, 8> outer_;
};

template <json_handler Handler>
class json_reader {
 public:
  json_reader(std::string_view text, Handler& handler, const json_parse_options& options) noexcept
      : scanner_(text),
        handler_(handler),
        max_depth_(options.max_depth),
        lookahead_(most_lookahead * text.size()) {}

  void read() {
    const char* at = scanner_.start();
    do {
      at = read_value(at);
    } while (close_and_go_on(at));
    if (!scanner_.at_end(at)) scanner_.fail_at(at, "the end of the text after the value");
  }

 private:
  /// Reads a simple value, or an empty array or object. Otherwise enters the array or object, and those that
  /// begin in it, up to and including the first such value.
  const char* read_value(const char* at) {
    const char* expected = "a value";
    for (;;) {
      at = scanner_.skip_space(at);
      switch (scanner_.peek(at)) {
        case '{':
          enter(at, true);
          handler_.begin_object();
          at = scanner_.skip_space(at + 1);
          if (scanner_.peek(at) != '}') {
            at = read_key(at, "a string as key, or '}'");
            expected = "a value";
            continue;
          }
          open_.leave();
          handler_.end_object();
          return at + 1;
        case '[':
          enter(at, false);
          handler_.begin_array();
          at = scanner_.skip_space(at + 1);
          if (scanner_.peek(at) != ']') {
            expected = "a value or ']'";
            continue;
          }
          open_.leave();
          handler_.end_array();
          return at + 1;
        case '"': {
          std::string_view text;
          at = scanner_.take_string(at, text);
          handler_.string(text);
          return at;
        }
        case 't':
          at = scanner_.take_literal(at, "true");
          handler_.boolean(true);
          return at;
        case 'f':
          at = scanner_.take_literal(at, "false");
          handler_.boolean(false);
          return at;
        case 'n':
          at = scanner_.take_literal(at, "null");
          handler_.null();
          return at;
        case '-':
        case '0':
        case '1':
        case '2':
        case '3':
        case '4':
        case '5':
        case '6':
        case '7':
        case '8':
        case '9':
          return read_number(at);
        default:
          scanner_.fail_at(at, expected);
      }
    }
  }

  /// Called after a value: goes to the next token and closes the arrays and objects that end there. Returns
  /// true if another value follows, false if the outermost one has ended.
  bool close_and_go_on(const char*& at) {
    for (;; open_.leave(), ++at) {
      at = scanner_.skip_space(at);
      if (open_.depth() == 0) return false;
      const char c = scanner_.peek(at);
      if (open_.in_object()) {
        if (c == ',') {
          offer_batch(at + 1, true);
          at = read_key(scanner_.skip_space(at + 1), "a string as key after ','");
          return true;
        }
        if (c != '}') scanner_.fail_at(at, "',' or '}' after a member");
        handler_.end_object();
      } else {
        if (c == ',') {
          offer_batch(++at, false);
          return true;
        }
        if (c != ']') scanner_.fail_at(at, "',' or ']' after an element");
        handler_.end_array();
      }
    }
  }

  void enter(const char* at, bool object) {
    if (open_.depth() >= max_depth_) [[unlikely]] {
      std::string problem("arrays and objects are nested deeper than the limit of ");
      scanner_.fail_with(at, problem.append(std::to_string(max_depth_)));
    }
    open_.enter(object);
  }

  void offer_batch(const char* at, bool object) {
    if constexpr (json_batch_handler<Handler>) {
      if (!handler_.has_batch()) [[likely]]
        return;
      handler_.store_batch(object, [&](std::size_t most) {
        const values_ahead seen = scanner_.look_ahead(at, most < lookahead_ ? most : lookahead_);
        lookahead_ -= seen.bytes;
        return seen;
      });
    }
  }

  const char* read_key(const char* at, const char* expected) {
    if (scanner_.peek(at) != '"') scanner_.fail_at(at, expected);
    std::string_view text;
    at = scanner_.take_string(at, text);
    handler_.key(text);
    at = scanner_.skip_space(at);
    if (scanner_.peek(at) != ':') scanner_.fail_at(at, "':' after a key");
    return at + 1;
  }

  const char* read_number(const char* at) {
    parsed_number number;
    at = scanner_.take_number(at, number);
    if (number.is == parsed_number::form::integer) {
      handler_.integer(number.integer);
    } else if (number.is == parsed_number::form::floating) {
      handler_.floating(number.floating);
    } else {
      handler_.natural(number.natural);
    }
    return at;
  }

  json_scanner scanner_;
  Handler& handler_;
  open_containers open_;
  std::size_t max_depth_;
  // All look-ahead together covers at most this many times the length of the text, so that reading takes
  // linear time even if large arrays are nested.
  static constexpr std::size_t most_lookahead = 4;
  std::size_t lookahead_;  // number of bytes of look-ahead that are left
};

/// Reads one JSON text and calls `handler` for its contents. Throws: json_parse_error, and what the handler
/// throws.
template <json_handler Handler>
void read_json(std::string_view text, Handler& handler, const json_parse_options& options = {}) {
  json_reader<Handler>(text, handler, options).read();
}

}  // namespace coworker::inline v0_1::detail
