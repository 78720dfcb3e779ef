// Runs the public JSONTestSuite if its cases are available: in $COWORKER_JSON_TEST_SUITE, or
// beside the repository.

#include <doctest/doctest.h>
#include <coworker/json/json.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace {

using coworker::json;

std::filesystem::path json_test_suite_folder() {
  if (const char* const given = std::getenv("COWORKER_JSON_TEST_SUITE")) return given;
  return std::filesystem::path(COWORKER_SOURCE_DIR) / ".." / "shared" / "json-test-suite";
}

std::string json_test_suite_case(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Returns the message of the parse_error; empty if the text is accepted.
std::string json_test_suite_refusal(std::string_view text) {
  try {
    const json value = json::parse(text);
    CHECK(json::parse(value.dump()) == value);
    return {};
  } catch (const json::parse_error& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("the JSONTestSuite's y_ cases are accepted, its n_ cases refused, its i_ cases either") {
  const std::filesystem::path folder = json_test_suite_folder();
  if (!std::filesystem::is_directory(folder)) {
    MESSAGE("no JSONTestSuite at " << folder.string() << ": set COWORKER_JSON_TEST_SUITE to run its cases");
    return;
  }
  int accepted = 0;
  int refused = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    const std::string name = entry.path().filename().string();
    CAPTURE(name);
    const std::string refusal = json_test_suite_refusal(json_test_suite_case(entry.path()));
    CAPTURE(refusal);
    if (name.starts_with("y_")) {
      CHECK(refusal.empty());
      ++accepted;
    } else if (name.starts_with("n_")) {
      CHECK(refusal.starts_with("line "));
      ++refused;
    }
  }
  CHECK(accepted >= 95);
  CHECK(refused >= 187);
}
