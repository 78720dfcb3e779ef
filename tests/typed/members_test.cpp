#include <doctest/doctest.h>
#include <chrono>
#include <coworker/json/json.hpp>
#include <coworker/typed/members.hpp>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace members_case {
struct one {
  int x;
};
struct mixed {
  std::string text = "t";
  double number = 1;
  std::optional<std::string> maybe_text;
  std::optional<one> maybe_struct;
  std::vector<one> structs;
  std::vector<bool> bits;
  std::map<std::string, int> map;
  std::chrono::milliseconds span{3};
  coworker::json anything;
  one nested{7};
  bool flag = false;
};
struct tree {
  std::vector<tree> children;
  int value = 0;
};
struct many {
  int a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t;
  int A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P, Q, R, S, T;
};
struct too_many : many {};
struct more {
  many m;
  int a, b;
};
struct with_array {
  int before;
  char name[32];
  int after;
};
struct with_base : one {
  int y;
};
struct empty {};
class hidden {
  int x_ = 0;

 public:
  int x() const { return x_; }
};
namespace {

using coworker::detail::member_count;
using coworker::detail::plain_struct;

static_assert(plain_struct<one> && plain_struct<mixed> && plain_struct<tree> && plain_struct<many>);
static_assert(!plain_struct<empty> && !plain_struct<hidden> && !plain_struct<with_array> &&
              !plain_struct<with_base>);
static_assert(!plain_struct<int> && !plain_struct<std::string> && !plain_struct<std::vector<int>>);

static_assert(member_count<one> == 1 && member_count<mixed> == 11 && member_count<tree> == 2);
static_assert(member_count<many> == 40 && member_count<more> == 3);

// Of internal linkage, which clang must not warn of.
struct of_this_file {
  std::optional<std::string> maybe_text;
  std::vector<std::string> texts;
};
static_assert(member_count<of_this_file> == 2);

}  // namespace

TEST_CASE("the members of a struct can be visited in order, and changed") {
  mixed value;
  coworker::detail::with_members(value, [](auto&... member) {
    CHECK(sizeof...(member) == 11);
    const auto clear_number = [](auto& each) {
      if constexpr (std::is_same_v<decltype(each), double&>) each = 0;
    };
    (clear_number(member), ...);
  });
  CHECK(value.number == 0);
  CHECK(value.text == "t");
  const many numbers{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
                     1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20};
  CHECK(coworker::detail::with_members(numbers, [](const auto&... n) { return (n + ...); }) == 420);
}

}  // namespace members_case
