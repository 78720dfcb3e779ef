#pragma once
// Collects everything that is wrong with a job's input, each problem with its path. Must not know
// structs or rules.

#include <coworker/json/describe.hpp>
#include <coworker/json/error.hpp>
#include <coworker/json/value.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::inline v0_1 {

/// Thrown for an input that does not fit what a handler takes. `what()` lists every problem, separated
/// by "; ", as in `input.size[1]: expected an integer, found string "big"; input.prompt: missing;
/// expected a string`.
class input_error : public json_value_error {
 public:
  /// The maximum number of problems that are listed, and their approximate maximum size together, in bytes.
  /// If there are more, the last entry states how many.
  static constexpr std::size_t most_listed = 100;
  static constexpr std::size_t most_bytes = 64'000;

  explicit input_error(std::vector<std::string> problems, std::size_t not_listed = 0)
      : json_value_error(joined(problems, not_listed)), problems_(std::move(problems)) {}

  /// Returns the problems; each begins with its path.
  const std::vector<std::string>& problems() const noexcept { return problems_; }

 private:
  static std::string joined(const std::vector<std::string>& problems, std::size_t not_listed) {
    std::string text;
    for (const std::string& problem : problems) text.append(text.empty() ? "" : "; ").append(problem);
    if (not_listed != 0) text.append("; and ").append(std::to_string(not_listed)).append(" more");
    return text;
  }

  std::vector<std::string> problems_;
};

namespace detail {

/// The place of a value within the input: a chain of steps on the stack, from the innermost outwards.
struct input_place {
  const input_place* outer = nullptr;
  std::string_view key = {};
  std::size_t index = 0;
  bool in_array = false;

  input_place member(std::string_view name) const noexcept { return {this, name, 0, false}; }
  input_place element(std::size_t at) const noexcept { return {this, {}, at, true}; }
};

/// Appends the steps of a place to a path. A place may be as deep as values may be nested.
inline void add_steps(json_path& path, const input_place& place) {
  if (place.outer != nullptr) add_steps(path, *place.outer);
  if (place.in_array) {
    path.add_element(place.index);
  } else if (place.outer != nullptr || !place.key.empty()) {
    path.add_member(place.key);
  }
}

/// Collects problems. It stores only those that will be listed, to bound the cost of a hostile input.
class input_problems {
 public:
  bool none() const noexcept { return count_ == 0; }
  std::size_t count() const noexcept { return count_; }

  void add(const input_place& place, std::string_view problem) {
    if (is_listed()) list(place, {}, problem);
  }
  /// Adds a problem that already has a part of its path.
  void add(const input_place& place, const json_value_error& problem) {
    if (is_listed()) list(place, problem.path(), problem.problem());
  }
  /// Adds a problem such as "expected an integer, found string "big"".
  void expected(const input_place& place, std::string_view what, const json& found) {
    if (!is_listed()) return;
    std::string problem("expected ");
    problem.append(what).append(", found ").append(describe(json_gate::slot(found)));
    list(place, {}, problem);
  }

  /// Throws: input_error with all problems, if there are any.
  void throw_if_any() {
    const std::size_t not_listed = count_ - listed_.size();
    if (!none()) throw input_error(std::move(listed_), not_listed);
  }

  /// Returns the listed problems, and one that states how many are not listed.
  std::vector<std::string> take() && {
    if (count_ > listed_.size())
      listed_.push_back("and " + std::to_string(count_ - listed_.size()) + " more");
    return std::move(listed_);
  }

 private:
  // Text from an author's own conversion may contain any part of the input.
  static constexpr std::size_t longest_problem = 4000;

  // Counts a problem. Returns whether it is to be listed.
  bool is_listed() noexcept {
    ++count_;
    return listed_.size() < input_error::most_listed && bytes_ < input_error::most_bytes;
  }

  void list(const input_place& place, std::string_view inner_path, std::string_view problem) {
    json_path path;
    add_steps(path, place);
    std::string text = path.add(inner_path).text();
    const std::size_t shown = whole_characters(problem, longest_problem);
    text.append(text.empty() ? "" : ": ").append(problem.substr(0, shown));
    if (shown < problem.size()) text.append("...");
    bytes_ += text.size();
    listed_.push_back(std::move(text));
  }

  std::vector<std::string> listed_;
  std::size_t bytes_ = 0;
  std::size_t count_ = 0;
};

inline std::string known_keys(const std::string_view* keys, std::size_t count) {
  constexpr std::size_t most_named = 8;
  std::string text;
  for (std::size_t i = 0; i < count && i < most_named; ++i) {
    text.append(i == 0 ? "" : ", ").append(quoted_excerpt(keys[i]));
  }
  if (count > most_named) text.append(" and ").append(std::to_string(count - most_named)).append(" more");
  return text;
}

inline void refuse_unknown(const json& object, const std::string_view* keys, std::size_t count,
                           const input_place& place, input_problems& problems) {
  const std::string problem = "unknown member; there are " + known_keys(keys, count);
  for (const auto& [key, value] : object.items()) {
    bool known = false;
    for (std::size_t i = 0; i < count; ++i) known = known || keys[i] == key;
    if (!known) problems.add(place.member(key), problem);
  }
}

}  // namespace detail
}  // namespace coworker::inline v0_1
