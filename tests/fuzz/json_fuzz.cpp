// Fuzzes JSON. A value that is read must be written, read back as an equal value, and be written the same
// again. A refusal must name a position inside the text.
//
//   clang++ -std=c++20 -O1 -g -fsanitize=fuzzer,address,undefined -Iinclude tests/fuzz/json_fuzz.cpp -o
//   json_fuzz
//   ./json_fuzz -max_total_time=600 CORPUS tests/fuzz/corpus/json        (new inputs go to CORPUS)

#include <coworker/json/json.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using coworker::json;

void require(bool fact) {
  if (!fact) std::abort();
}

void check_round_trip(const json& value) {
  const std::string text = value.dump();
  const json again = json::parse(text);
  require(again == value);
  require(again.dump() == text);
  require(json::parse(value.dump(2)) == value);
  const json copy = value;
  require(copy == value);
}

/// Checks that each member is found by its key, also after others are erased, and that erasing all leaves
/// none.
void check_members(json value) {
  if (!value.is_object()) return;
  for (const auto& [key, member] : value.items()) require(&value.at(key) == &member);
  std::size_t place = 0;
  for (auto at = value.begin(); at != value.end(); ++place) {
    if (place % 3 == 1) {
      at = value.erase(at);
    } else {
      ++at;
    }
  }
  for (const auto& [key, member] : value.items()) require(&value.at(key) == &member);
  check_round_trip(value);
  while (!value.empty()) {
    const std::string key(value.items().begin()->key());
    require(value.erase(key) == 1);
    require(!value.contains(key));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const json value = json::parse(text);
    check_round_trip(value);
    check_members(value);
  } catch (const json::parse_error& error) {
    require(error.offset() <= size && error.line() >= 1 && error.column() >= 1);
  }
  return 0;
}
