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
struct most {
  int a0, b0, c0, d0, e0, f0, g0, h0, a1, b1, c1, d1, e1, f1, g1, h1;
  int a2, b2, c2, d2, e2, f2, g2, h2, a3, b3, c3, d3, e3, f3, g3, h3;
  int a4, b4, c4, d4, e4, f4, g4, h4, a5, b5, c5, d5, e5, f5, g5, h5;
  int a6, b6, c6, d6, e6, f6, g6, h6, a7, b7, c7, d7, e7, f7, g7, h7;
};
struct too_many {
  int a0, b0, c0, d0, e0, f0, g0, h0, a1, b1, c1, d1, e1, f1, g1, h1;
  int a2, b2, c2, d2, e2, f2, g2, h2, a3, b3, c3, d3, e3, f3, g3, h3;
  int a4, b4, c4, d4, e4, f4, g4, h4, a5, b5, c5, d5, e5, f5, g5, h5;
  int a6, b6, c6, d6, e6, f6, g6, h6, a7, b7, c7, d7, e7, f7, g7, h7, one_more;
};
struct with_bit_field {
  int before;
  unsigned narrow : 3;
  std::map<std::string, int> after;
};
struct with_nameless_union {
  int before;
  union {
    int whole;
    float real;
  };
  std::string after;
};
union named_union {
  int whole;
  float real;
};
struct with_union {
  named_union either;
};
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
static_assert(plain_struct<most> && !plain_struct<too_many> && !plain_struct<with_bit_field> &&
              !plain_struct<with_nameless_union> && !plain_struct<with_union>);

static_assert(member_count<one> == 1 && member_count<mixed> == 11 && member_count<tree> == 2);
static_assert(member_count<many> == 40 && member_count<most> == 64 && member_count<more> == 3);

// A struct with internal linkage, about which clang must not warn.
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

template <class Struct>
int members_order_of(Struct& value) {
  int next = 0;
  coworker::detail::with_members(value, [&next](auto&... member) { ((member = next++), ...); });
  int wrong = 0;
  const auto* const first = reinterpret_cast<const int*>(&value);
  for (int i = 0; i < next; ++i) wrong += first[i] == i ? 0 : 1;
  return wrong;
}

TEST_CASE("structs of up to 64 members are visited, each member in its place") {
  most largest{};
  CHECK(members_order_of(largest) == 0);
  CHECK(largest.h7 == 63);
  many middle{};
  CHECK(members_order_of(middle) == 0);
}

}  // namespace members_case
