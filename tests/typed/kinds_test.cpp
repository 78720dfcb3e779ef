#include <doctest/doctest.h>
#include <array>
#include <chrono>
#include <coworker/json/json.hpp>
#include <coworker/typed/kinds.hpp>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace kinds_case {
struct plain {
  int x = 0;
};
struct bad {
  void* pointer = nullptr;
};
struct holds_bad {
  std::vector<std::optional<bad>> all;
};
struct views {
  std::string_view text;
};
struct even;
struct odd {
  std::vector<even> next;
};
struct even {
  std::vector<odd> next;
  std::map<std::string, even> named;
};
struct own {
  void* pointer = nullptr;
};
void from_json(const coworker::json&, own&) {}
void to_json(coworker::json&, const own&) {}
enum class fixed { a, b };
enum class far { ok = 200, not_found = 404 };
enum class partly_far { fine, not_found = 404 };
struct key_of_own {
  std::string text;
  explicit key_of_own(std::string_view given) : text(given) {}
  friend bool operator<(const key_of_own& a, const key_of_own& b) { return a.text < b.text; }
};
struct key_that_views {
  std::string_view text;
  explicit key_that_views(std::string_view given) : text(given) {}
  friend bool operator<(const key_that_views& a, const key_that_views& b) { return a.text < b.text; }
};
struct constant {
  const int x = 1;
};
enum unfixed { c, d };
namespace {

using coworker::json;
using coworker::typed_input;
using coworker::typed_output;
using coworker::detail::input_kind;
using coworker::detail::kind;

static_assert(kind<json> == input_kind::anything && kind<own> == input_kind::own &&
              kind<bool> == input_kind::boolean);
static_assert(kind<unsigned char> == input_kind::integer && kind<float> == input_kind::floating);
static_assert(kind<std::string> == input_kind::text && kind<fixed> == input_kind::enumeration);
static_assert(kind<std::chrono::duration<float>> == input_kind::duration);
static_assert(kind<std::optional<int>> == input_kind::optional &&
              kind<std::set<int>> == input_kind::sequence);
static_assert(kind<std::map<std::string, int>> == input_kind::map);
static_assert(kind<std::unordered_map<std::string, plain>> == input_kind::map);
static_assert(kind<std::vector<plain>> == input_kind::sequence &&
              kind<std::array<int, 2>> == input_kind::fixed_array);
static_assert(kind<plain> == input_kind::structure && kind<bad> == input_kind::structure);
static_assert(kind<char> == input_kind::character && kind<std::pair<int, plain>> == input_kind::pair);
static_assert(kind<std::map<std::string_view, int>> == input_kind::none &&
              kind<std::unordered_map<std::string_view, plain>> == input_kind::none &&
              kind<std::map<key_that_views, int>> == input_kind::none);
static_assert(kind<std::map<key_of_own, int>> == input_kind::map);
static_assert(kind<std::multimap<std::string, int>> == input_kind::none && kind<wchar_t> == input_kind::none);
static_assert(kind<std::string_view> == input_kind::none && kind<const char*> == input_kind::none);
static_assert(kind<void*> == input_kind::none && kind<unfixed> == input_kind::none);
static_assert(kind<std::map<int, int>> == input_kind::none && kind<int[3]> == input_kind::none);

static_assert(typed_input<plain> && typed_input<even> && typed_input<odd> && typed_input<own>);
static_assert(!typed_input<partly_far> && typed_output<partly_far>);
static_assert(typed_input<std::vector<std::pair<std::string, plain>>> && !typed_input<std::pair<int, bad>>);
static_assert(!typed_input<std::vector<std::map<std::string_view, int>>>);
static_assert(!typed_input<far> && !typed_input<constant> && typed_output<constant>);
static_assert(!typed_input<bad> && !typed_input<holds_bad> && !typed_input<views> && !typed_input<unfixed>);

static_assert(typed_output<plain> && typed_output<even> && typed_output<views> && typed_output<fixed>);
static_assert(typed_output<std::chrono::seconds> && !typed_output<bad> && !typed_output<holds_bad>);
static_assert(!typed_output<std::array<int, 2>> && !typed_output<std::string> && !typed_output<int>);

}  // namespace

}  // namespace kinds_case
