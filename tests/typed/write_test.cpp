#include <doctest/doctest.h>
#include <chrono>
#include <coworker/job/handler.hpp>
#include <coworker/json/json.hpp>
#include <coworker/typed/rules.hpp>
#include <coworker/typed/write.hpp>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace write_case {
enum class state : int { done, late = 5 };
struct part {
  std::string_view name;
  std::vector<part> parts;
};
struct answer {
  std::string text;
  int tokens = 0;
  std::optional<double> score;
  state ended = state::late;
  std::chrono::milliseconds took{1500};
  std::chrono::minutes left{2};
  std::map<std::string, part> named;
  coworker::json extra;
};
struct renamed {
  int class_ = 1;
};
constexpr auto rules(coworker::type<renamed>) {
  return coworker::rule_list(coworker::member(&renamed::class_).named("class"));
}
enum class letter : char { a = 'a' };
struct others {
  char grade = 'x';
  letter code = letter::a;
  letter nameless = static_cast<letter>(12);
  float share = 0.7f;
  std::vector<std::pair<std::string, int>> weights{{"z", 1}, {"z", 2}};
  std::chrono::duration<float> wait{0.1f};
  std::chrono::duration<float, std::milli> short_wait{0.5f};
  const char* none = nullptr;
};
struct own {
  int x = 3;
};
void to_json(coworker::json& out, const own& value) { out = value.x; }
struct with_bad {
  void* pointer = nullptr;
};
namespace {

using coworker::job;
using coworker::job_handler;
using coworker::json;

static_assert(job_handler<answer (*)(job<>)> && job_handler<coworker::task<std::vector<part>> (*)(job<>)>);
static_assert(job_handler<coworker::async_generator<answer> (*)(job<>)>);
static_assert(!job_handler<with_bad (*)(job<>)>);

}  // namespace

TEST_CASE("a struct is written to json as it is read") {
  answer value;
  value.text = "fog";
  value.named["a"] = part{"p", {part{"q", {}}}};
  value.extra = {1, 2};
  CHECK(json(value).dump() ==
        R"({"text":"fog","tokens":0,"score":null,"ended":"late","took":1.5,"left":120.0,)"
        R"("named":{"a":{"name":"p","parts":[{"name":"q","parts":[]}]}},"extra":[1,2]})");
  CHECK(json(std::vector<renamed>(2)).dump() == R"([{"class":1},{"class":1}])");
}

TEST_CASE("an enum's value without a name is written as its number, whole seconds as an integer") {
  CHECK(json(state::done) == "done");
  CHECK(json(static_cast<state>(77)) == 77);
  CHECK(json(std::chrono::seconds(3)).dump() == "3");
  CHECK(json(std::chrono::duration<double>(0.25)).dump() == "0.25");
}

TEST_CASE("a char becomes a text, a pair a list, a float its shortest text, a null pointer null") {
  CHECK(json(others()).dump() ==
        R"({"grade":"x","code":"a","nameless":12,"share":0.7,"weights":[["z",1],["z",2]],"wait":0.1,)"
        R"("short_wait":0.0005,"none":null})");
}

TEST_CASE("a type's own to_json is called") {
  CHECK(json(own()) == 3);
  CHECK(json(std::map<std::string, own>{{"k", own{4}}}).dump() == R"({"k":4})");
}

TEST_CASE("a value that JSON cannot hold is reported under its member's name") {
  answer value;
  value.score = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH_AS(json(value).dump(), doctest::Contains("score: "), coworker::json_write_error);
}

}  // namespace write_case
