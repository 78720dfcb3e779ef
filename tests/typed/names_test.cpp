#include <doctest/doctest.h>
#include <coworker/typed/enum_names.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace names_case {
struct request {
  std::string prompt;
  int width_2 = 0;
  std::vector<std::map<std::string, request>> Nested;
};
enum class color : unsigned char { red, green, blue = 7, late = 143, too_late };
enum unscoped : int { minus = -16, zero = 0 };
enum unfixed { first, second };
enum class truth : bool { no, yes };
enum class bytes : signed char { least = -16, most = 127 };
enum class past_range { within, beyond = 144 };
enum class status { fine = 200, missing = 404 };
enum class wide_flags : unsigned { none = 0, first = 1, last = 0x80000000u };
enum class large { one = 1, million = 1'000'000 };
enum class below { zero, lowest = -17 };
enum class all_bits : unsigned long long { none, all = ~0ull };
enum class smallest { zero, least = -2147483647 - 1 };
enum class all_of_byte : unsigned char { none, all = 255 };
enum class edges { first = -16, last = 143 };
template <class A, class B>
struct box {
  enum class mode { fast, slow };
  A a;
  B b;
};
namespace {

using coworker::detail::member_name;
using coworker::detail::names_of_enum;
using coworker::detail::plain_enum;
using coworker::detail::type_name;

struct names_hidden {
  int inside = 0;
};

template <class Enum>
std::string names_listed() {
  std::string list;
  for (std::size_t i = 0; i < names_of_enum<Enum>::count; ++i) {
    list.append(names_of_enum<Enum>::name(i)).append("=");
    list.append(std::to_string(static_cast<int>(names_of_enum<Enum>::value(i)))).append(" ");
  }
  return list;
}

static_assert(member_name<request, 0> == "prompt" && member_name<request, 1> == "width_2");
static_assert(member_name<request, 2> == "Nested" && member_name<names_hidden, 0> == "inside");
static_assert(plain_enum<color> && plain_enum<unscoped> && !plain_enum<unfixed> && !plain_enum<int>);

using coworker::detail::has_far_values;
static_assert(has_far_values<color>() && has_far_values<past_range>() && has_far_values<status>());
static_assert(has_far_values<wide_flags>() && has_far_values<large>() && has_far_values<below>());
static_assert(has_far_values<all_bits>() && has_far_values<smallest>() && has_far_values<all_of_byte>());
static_assert(!has_far_values<unscoped>() && !has_far_values<truth>() && !has_far_values<bytes>());
static_assert(!has_far_values<edges>() && !has_far_values<box<std::map<int, std::string>, int>::mode>());

}  // namespace

TEST_CASE("members have the names of the struct's source, also in a struct local to a function") {
  struct local {
    int first = 0;
    std::string second;
  };
  CHECK(member_name<local, 0> == "first");
  CHECK(member_name<local, 1> == "second");
  using instance = box<std::map<int, int>, std::vector<char>>;
  CHECK(member_name<instance, 1> == "b");
}

TEST_CASE("the values of an enum have their names, from -16 to 143") {
  CHECK(names_listed<color>() == "red=0 green=1 blue=7 late=143 ");
  CHECK(names_listed<unscoped>() == "minus=-16 zero=0 ");
  CHECK(names_listed<truth>() == "no=0 yes=1 ");
  CHECK(names_listed<bytes>() == "least=-16 most=127 ");
  using inside_template = box<std::map<int, std::string>, int>::mode;
  static_assert(inside_template::fast !=
                inside_template::slow);  // clang instantiates the enum only when it is used
  CHECK(names_listed<inside_template>() == "fast=0 slow=1 ");
  enum class local { a, b = 5 };
  CHECK(names_listed<local>() == "a=0 b=5 ");
  static_assert(!has_far_values<local>());
  enum class far_local { a, abc = 500 };  // the name is as long as the number
  static_assert(has_far_values<far_local>());
}

TEST_CASE("a type's name has no namespaces and arguments") {
  CHECK(type_name<request>() == "request");
  CHECK(type_name<names_hidden>() == "names_hidden");
  CHECK(type_name<box<std::map<int, int>, char>>() == "box");
  CHECK(type_name<box<std::map<int, int>, char>::mode>() == "mode");
}

}  // namespace names_case
