// The grammar without values: which calls a handler gets that builds nothing.

#include <doctest/doctest.h>
#include <coworker/json/reader.hpp>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

/// Records the calls that it gets.
struct reader_diary {
  std::string heard;

  void null() { heard += "null "; }
  void boolean(bool value) { heard += value ? "true " : "false "; }
  void integer(std::int64_t value) { heard += "int:" + std::to_string(value) + " "; }
  void natural(std::uint64_t value) { heard += "nat:" + std::to_string(value) + " "; }
  void floating(double value) { heard += "float:" + std::to_string(value) + " "; }
  void string(std::string_view text) { heard.append("'").append(text).append("' "); }
  void key(std::string_view text) { heard.append(text).append(": "); }
  void begin_object() { heard += "{ "; }
  void end_object() { heard += "} "; }
  void begin_array() { heard += "[ "; }
  void end_array() { heard += "] "; }
};
static_assert(coworker::detail::json_handler<reader_diary>);
static_assert(!coworker::detail::json_handler<std::string>);

struct reader_refuser : reader_diary {
  void integer(std::int64_t) { throw std::runtime_error("no integers please"); }
};

}  // namespace

TEST_CASE("a handler is called for each part of the text in order") {
  reader_diary diary;
  coworker::detail::read_json(
      R"( {"a": [1, 18446744073709551615, -2.5, "x\ny"], "b": {}, "c": [null, true, false, []]} )", diary);
  CHECK(
      diary.heard ==
      "{ a: [ int:1 nat:18446744073709551615 float:-2.500000 'x\ny' ] b: { } c: [ null true false [ ] ] } ");
}

TEST_CASE("an exception of a handler ends the reading") {
  reader_refuser refuser;
  CHECK_THROWS_WITH_AS(coworker::detail::read_json("[true, 1, null]", refuser), "no integers please",
                       std::runtime_error);
  CHECK(refuser.heard == "[ true ");
}
