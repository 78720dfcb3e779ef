#pragma once
// Finds arguments that are meant to be one of our flags but are spelled differently. Must not know what a
// flag does.

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace coworker::inline v0_1::detail {

/// Returns how many letters must be added, removed, replaced, or swapped with their neighbour to turn one
/// word into the other; a number above `most` if it is more than that.
/// Source: optimal string alignment distance.
inline std::size_t spelling_distance(std::string_view a, std::string_view b, std::size_t most) {
  constexpr std::size_t longest = 32;
  if (a.size() > longest || b.size() > longest) return most + 1;
  std::array<std::array<std::size_t, longest + 1>, longest + 1> cost{};
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        cost[i][j] = i + j;
        continue;
      }
      const bool same = a[i - 1] == b[j - 1];
      cost[i][j] = (std::min)({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + (same ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) cost[i][j] = (std::min)(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

/// Returns the length in bytes of the dashes at the beginning: hyphens, and the longer dashes that editors
/// replace them with.
inline std::size_t leading_dashes(std::string_view text) noexcept {
  std::size_t at = 0;
  for (;;) {
    const std::string_view rest = text.substr(at);
    if (rest.starts_with("-")) {
      at += 1;
    } else if (rest.size() >= 3 && rest.starts_with("\xe2\x80") && rest[2] >= '\x90' && rest[2] <= '\x95') {
      at += 3;  // U+2010 to U+2015
    } else if (rest.starts_with("\xe2\x88\x92")) {
      at += 3;  // U+2212, the minus sign
    } else {
      return at;
    }
  }
}

/// Returns the name in an argument, with its dashes: up to the first character that no name has.
inline std::string_view flag_part(std::string_view argument) noexcept {
  std::size_t end = leading_dashes(argument);
  const auto belongs = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  while (end < argument.size() && belongs(argument[end])) ++end;
  return argument.substr(0, end);
}

/// Returns a flag in lower case, without its dashes, and with one kind of separator between its words.
inline std::string plain_name(std::string_view flag) {
  std::string made(flag.substr(leading_dashes(flag)));
  for (char& c : made) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '-') c = '_';
  }
  return made;
}

inline std::string without_separators(std::string name) {
  name.erase(std::remove(name.begin(), name.end(), '_'), name.end());
  return name;
}

inline constexpr std::size_t no_miss = 3;

/// Returns how near an argument is to a flag that it is not: 0 if only dashes, underscores or capitals
/// differ; 1 if one letter is wrong; 2 if two letters are wrong after the same beginning; otherwise no_miss.
/// 1 and 2 only for names long enough not to be mistaken for another one.
inline std::size_t near_miss(std::string_view argument, std::string_view flag) {
  constexpr std::size_t long_enough = 8;
  const std::string_view given = flag_part(argument);
  if (leading_dashes(argument) == 0 || given == flag) return no_miss;
  const std::string a = plain_name(given);
  const std::string b = plain_name(flag);
  if (without_separators(a) == without_separators(b)) return 0;
  if (b.size() < long_enough || a.starts_with(b + "_"))
    return no_miss;  // an argument that begins with b and "_" has one more word
  const std::size_t distance = spelling_distance(a, b, 2);
  const bool begins_alike = a.substr(0, 3) == b.substr(0, 3);
  return distance == 1 || (distance == 2 && begins_alike) ? distance : no_miss;
}

}  // namespace coworker::inline v0_1::detail
