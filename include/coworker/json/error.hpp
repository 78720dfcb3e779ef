#pragma once
// The exceptions for JSON errors: each names the place, what was expected, and what was found. Must not know
// values; the code that throws describes what it found.

#include <coworker/json/path.hpp>
#include <cstddef>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace coworker::inline v0_1 {

/// Base class of all JSON errors. Also named `json::exception`, as nlohmann's users know it.
class json_exception : public std::exception {
 public:
  const char* what() const noexcept override { return message_.c_str(); }

 protected:
  explicit json_exception(std::string message) : message_(std::move(message)) {}

  std::string message_;
};

/// Thrown for a text that is not JSON. `what()` is, for example, "line 3, column 14: expected ',' or '}'
/// after a member, found 'x'".
class json_parse_error : public json_exception {
 public:
  json_parse_error(std::size_t line, std::size_t column, std::size_t offset, std::string_view problem)
      : json_exception("line " + std::to_string(line) + ", column " + std::to_string(column) + ": " +
                       std::string(problem)),
        line_(line),
        column_(column),
        offset_(offset) {}

  /// Returns the line, counted from 1; a line ends with '\n'.
  std::size_t line() const noexcept { return line_; }
  /// Returns the column, counted from 1 in code points (what an editor shows), not in bytes.
  std::size_t column() const noexcept { return column_; }
  /// Returns the offset in bytes, counted from 0.
  std::size_t offset() const noexcept { return offset_; }

 private:
  std::size_t line_;
  std::size_t column_;
  std::size_t offset_;
};

/// Thrown for an error about a value inside a larger one. `path()` is the path to it, such as "scores[3]" or
/// "input.size", and is empty for the outermost value. Long keys in it are shortened, as in `["the first
/// sixty bytes"...]`; if it is longer than 8,000 bytes, its middle is left out. `what()` is the path, if
/// there is one, and the problem.
class json_value_error : public json_exception {
 public:
  const std::string& path() const noexcept { return path_; }
  const std::string& problem() const noexcept { return problem_; }

  /// Prepends a step to `path()`: the value from which it starts is the member `key` of an object.
  void inside_member(std::string_view key) { inside(detail::json_path().add_member(key)); }

  /// Prepends a step to `path()`: the value from which it starts is the element `index` of an array.
  void inside_element(std::size_t index) { inside(detail::json_path().add_element(index)); }

  /// Prepends several steps to `path()`.
  void inside(detail::json_path outer) {
    path_ = outer.add(path_).text();
    message_ = path_ + ": " + problem_;
  }

 protected:
  explicit json_value_error(std::string problem) : json_exception(problem), problem_(std::move(problem)) {}

 private:
  std::string path_;
  std::string problem_;
};

/// Thrown for a value that does not have the type that was asked for.
class json_type_error : public json_value_error {
 public:
  explicit json_type_error(std::string problem) : json_value_error(std::move(problem)) {}
};

/// Thrown for a key or an index that does not exist, or a number that the target cannot hold.
class json_out_of_range : public json_value_error {
 public:
  explicit json_out_of_range(std::string problem) : json_value_error(std::move(problem)) {}
};

/// Thrown for a value that JSON cannot express: NaN, an infinity, text that is not UTF-8.
class json_write_error : public json_value_error {
 public:
  explicit json_write_error(std::string problem) : json_value_error(std::move(problem)) {}
};

}  // namespace coworker::inline v0_1
