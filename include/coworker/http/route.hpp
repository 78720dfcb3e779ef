#pragma once
// Matches a request to one of many routes, by method and path pattern. A route is identified by its index in
// a list. Must not know handlers.

#include <array>
#include <coworker/http/url.hpp>
#include <cstddef>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace coworker::inline v0_1 {

namespace detail {

inline constexpr std::size_t most_route_parameters = 8;

// Each reports one fault of a pattern. For a constant pattern, the compiler's error shows
// the function's name.
[[noreturn]] inline void fail_route_pattern(std::string_view pattern, const char* why) {
  throw std::invalid_argument("route \"" + std::string(pattern) + "\": " + why);
}
[[noreturn]] inline void a_route_must_begin_with_a_slash(std::string_view pattern) {
  fail_route_pattern(pattern, "a route must begin with a '/'");
}
[[noreturn]] inline void a_route_must_not_hold_blanks_or_percent_or_query(std::string_view pattern) {
  fail_route_pattern(pattern,
                     "a route is written decoded, without blanks, control characters or any of % ? # \\");
}
[[noreturn]] inline void a_route_parameter_must_be_a_whole_segment_like_this_in_braces(
    std::string_view pattern) {
  fail_route_pattern(pattern, "a parameter is a whole segment such as {name}, of letters, digits and _");
}
[[noreturn]] inline void a_route_parameter_with_dots_must_be_the_last(std::string_view pattern) {
  fail_route_pattern(pattern,
                     "a parameter for the rest of the path, such as {rest...}, must be the last segment");
}
[[noreturn]] inline void a_route_must_not_name_two_parameters_alike(std::string_view pattern) {
  fail_route_pattern(pattern, "two parameters have the same name");
}
[[noreturn]] inline void a_route_must_not_have_more_than_eight_parameters(std::string_view pattern) {
  fail_route_pattern(pattern, "there are more than eight parameters");
}
[[noreturn]] inline void a_route_must_not_have_dot_segments(std::string_view pattern) {
  fail_route_pattern(pattern, "no request has the segment . or .., so none would match");
}

enum class segment_kind : unsigned char { rest, parameter, literal };  // by increasing precedence

constexpr segment_kind kind_of(std::string_view segment) noexcept {
  if (!segment.starts_with('{')) return segment_kind::literal;
  return segment.ends_with("...}") ? segment_kind::rest : segment_kind::parameter;
}

// The name in "{name}" or "{name...}".
constexpr std::string_view parameter_name(std::string_view segment) noexcept {
  const std::size_t around = kind_of(segment) == segment_kind::rest ? 4 : 1;
  return segment.substr(1, segment.size() - 1 - around);
}

// How well a route's method matches a request's; 0: it does not match.
constexpr int method_rank(std::string_view of_route, std::string_view of_request) noexcept {
  if (of_route == of_request) return 3;
  if (of_route == "GET" && of_request == "HEAD") return 2;
  return of_route.empty() ? 1 : 0;
}

constexpr bool is_literal_match(std::string_view literal, std::string_view encoded) noexcept {
  for (const char c : literal) {
    if (encoded.empty() || take_character(encoded) != static_cast<unsigned char>(c)) return false;
  }
  return encoded.empty();
}

}  // namespace detail

/// The values of a pattern's parameters in one path. Holds views into pattern and path.
class route_parameters {
 public:
  constexpr std::size_t size() const noexcept { return size_; }

  /// Returns the value as written in the path, percent-encoded, or nothing if the pattern
  /// has no such parameter.
  constexpr std::optional<std::string_view> encoded(std::string_view name) const noexcept {
    for (std::size_t i = 0; i < size_; ++i) {
      if (names_[i] == name) return values_[i];
    }
    return std::nullopt;
  }

  /// Returns the decoded value, or nothing if the pattern has no such parameter.
  std::optional<std::string> value(std::string_view name) const {
    const std::optional<std::string_view> found = encoded(name);
    return found ? url_decode(*found) : std::nullopt;
  }

 private:
  friend class route_pattern;
  constexpr void add(std::string_view name, std::string_view value) noexcept {
    names_[size_] = name;
    values_[size_++] = value;
  }

  std::array<std::string_view, detail::most_route_parameters> names_{};
  std::array<std::string_view, detail::most_route_parameters> values_{};
  std::size_t size_ = 0;
};

/// A pattern for paths. "/jobs" matches only that path. In "/jobs/{id}" the parameter matches one non-empty
/// segment. In "/files/{path...}" it matches the rest of the path, slashes included. All other segments must
/// equal the decoded segments of the path.
class route_pattern {
 public:
  /// A pattern as a string literal. The compiler refuses a malformed one.
  consteval route_pattern(const char* text) : text_(text) { check_pattern(text_); }

  /// Makes a pattern at run time. `text` must outlive it. Throws: std::invalid_argument if it is malformed.
  static route_pattern from(std::string_view text) {
    check_pattern(text);
    return route_pattern(text, 0);
  }

  constexpr std::string_view text() const noexcept { return text_; }

  /// Returns the parameters' values in `path`, still percent-encoded, or nothing if the path does not match.
  constexpr std::optional<route_parameters> match(std::string_view path) const noexcept {
    route_parameters found;
    std::string_view pattern = text_;
    if (!path.starts_with('/')) return std::nullopt;
    while (!pattern.empty() && !path.empty()) {
      const std::string_view wanted = take_segment(pattern);
      const detail::segment_kind kind = detail::kind_of(wanted);
      if (kind == detail::segment_kind::rest) {
        found.add(detail::parameter_name(wanted), path.substr(1));
        return found;
      }
      const std::string_view segment = take_segment(path);
      if (kind == detail::segment_kind::parameter) {
        if (segment.empty()) return std::nullopt;
        found.add(detail::parameter_name(wanted), segment);
      } else if (!detail::is_literal_match(wanted, segment)) {
        return std::nullopt;
      }
    }
    return pattern.empty() && path.empty() ? std::optional<route_parameters>(found) : std::nullopt;
  }

  /// Whether this pattern has precedence over another one that matches the same path. The first segment of
  /// different kinds decides: text goes before a parameter, and a parameter before the rest of a path.
  constexpr bool more_specific_than(const route_pattern& other) const noexcept {
    std::string_view left = text_;
    std::string_view right = other.text_;
    while (!left.empty() && !right.empty()) {
      const detail::segment_kind one = detail::kind_of(take_segment(left));
      const detail::segment_kind two = detail::kind_of(take_segment(right));
      if (one != two) return one > two;
    }
    return false;
  }

 private:
  constexpr route_pattern(std::string_view text, int) noexcept : text_(text) {}

  static constexpr void check_pattern(std::string_view text) {
    if (!text.starts_with('/')) detail::a_route_must_begin_with_a_slash(text);
    std::array<std::string_view, detail::most_route_parameters> names{};
    std::size_t count = 0;
    for (std::string_view rest = text; !rest.empty();) {
      const std::string_view segment = take_segment(rest);
      if (segment == "." || segment == "..") detail::a_route_must_not_have_dot_segments(text);
      const bool is_parameter = segment.starts_with('{') && segment.ends_with('}');
      if (!is_parameter) {
        check_literal(text, segment);
        continue;
      }
      if (detail::kind_of(segment) == detail::segment_kind::rest && !rest.empty())
        detail::a_route_parameter_with_dots_must_be_the_last(text);
      const std::string_view name = detail::parameter_name(segment);
      check_name(text, name);
      for (std::size_t i = 0; i < count; ++i) {
        if (names[i] == name) detail::a_route_must_not_name_two_parameters_alike(text);
      }
      if (count == names.size()) detail::a_route_must_not_have_more_than_eight_parameters(text);
      names[count++] = name;
    }
  }

  static constexpr void check_literal(std::string_view text, std::string_view segment) {
    for (const char c : segment) {
      if (c == '{' || c == '}') detail::a_route_parameter_must_be_a_whole_segment_like_this_in_braces(text);
      if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f || c == '%' || c == '?' || c == '#' || c == '\\')
        detail::a_route_must_not_hold_blanks_or_percent_or_query(text);
    }
  }

  static constexpr void check_name(std::string_view text, std::string_view name) {
    bool valid = !name.empty();
    for (const char c : name)
      valid = valid && (detail::is_ascii_letter(c) || detail::is_ascii_digit(c) || c == '_');
    if (!valid) detail::a_route_parameter_must_be_a_whole_segment_like_this_in_braces(text);
  }

  std::string_view text_;
};

/// A method and a path pattern. A route for GET also serves HEAD, unless HEAD has its own.
struct route {
  std::string_view method;  ///< such as "GET"; empty: every method
  route_pattern pattern;
};

/// The result of find_route().
struct route_match {
  /// 200: a route matches. 204: no route matches, but the request is OPTIONS. 400: the path contains dot
  /// segments or cannot be decoded. 404: no route matches the path. 405: routes match the path, but not the
  /// method. For 204 and 405, allowed_methods() returns the value of the Allow header.
  int status = 404;
  std::size_t index = 0;  ///< of the route in the list; valid for status 200
  route_parameters parameters;
};

/// Finds the route for a request: the most specific of those that match method and path. Among equally
/// specific routes, one with the exact method wins, then the first. `path` is percent-encoded, as received.
constexpr route_match find_route(std::span<const route> routes, std::string_view method,
                                 std::string_view path) noexcept {
  route_match best;
  if (path == "*" && method == "OPTIONS") {
    best.status = 204;
    return best;
  }
  if (!is_plain_path(path, encoded_slash::is_data)) {
    best.status = 400;
    return best;
  }
  int best_rank = 0;
  for (std::size_t i = 0; i < routes.size(); ++i) {
    const route& one = routes[i];
    const std::optional<route_parameters> found = one.pattern.match(path);
    if (!found) continue;
    const int rank = detail::method_rank(one.method, method);
    if (rank == 0) {
      if (best.status == 404) best.status = method == "OPTIONS" ? 204 : 405;
      continue;
    }
    if (best.status == 200) {
      const route_pattern& other = routes[best.index].pattern;
      const bool equal = !one.pattern.more_specific_than(other) && !other.more_specific_than(one.pattern);
      if (equal ? rank <= best_rank : other.more_specific_than(one.pattern)) continue;
    }
    best.status = 200;
    best.index = i;
    best.parameters = *found;
    best_rank = rank;
  }
  return best;
}
/// Returns the methods of the routes that match a path, such as "GET, HEAD, POST, OPTIONS". For the path "*",
/// returns those of all routes.
/// routes for the path "*".
inline std::string allowed_methods(std::span<const route> routes, std::string_view path) {
  std::string allowed;
  const auto add = [&allowed](std::string_view method) {
    if (list_contains(allowed, method)) return;
    if (!allowed.empty()) allowed += ", ";
    allowed += method;
  };
  for (const route& one : routes) {
    if (one.method.empty() || (path != "*" && !one.pattern.match(path))) continue;
    add(one.method);
    if (one.method == "GET") add("HEAD");
  }
  add("OPTIONS");
  return allowed;
}

}  // namespace coworker::inline v0_1
