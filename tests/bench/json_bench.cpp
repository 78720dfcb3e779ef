// The JSON benchmark: parsing (including the destruction of the document) and writing, in MB/s, compared with
// other libraries. Debian: apt-get install rapidjson-dev nlohmann-json3-dev. Libraries that are not installed
// are left out.
//
//   g++ -std=c++20 -O2 -DNDEBUG -Iinclude tests/bench/json_*.cpp -o json_bench && ./json_bench
//
// Usage: json_bench [--quick]; --quick shows only that the benchmark works. Each repetition runs all
// libraries in turn, so that a machine that slows down slows all of them. Each figure is the median, and the
// ratio is coworker's figure divided by that library's.

#include "json_bench.hpp"

#include "bench.hpp"

#include <coworker/json/json.hpp>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

using coworker::json;
using namespace coworker::bench;

std::size_t coworker_parse(std::string_view text) { return json::parse(text).size(); }

std::function<std::size_t()> coworker_writer(std::string_view text) {
  auto value = std::make_shared<json>(json::parse(text));
  return [value] { return value->dump().size(); };
}

/// Pseudo-random numbers, the same in each run.
class fixed_numbers {
 public:
  std::uint32_t below(std::uint32_t limit) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::uint32_t>(state_ >> 33) % limit;
  }

 private:
  std::uint64_t state_ = 2024;
};

/// Records like those that services exchange: short and long texts, some escapes and non-Latin scripts,
/// integers, doubles with few digits and with all digits, nested arrays and objects.
std::string mixed_document(std::size_t bytes) {
  constexpr const char* words[] = {"river", "stone", "a",     "quick", "observation", "of",     "light",
                                   "and",   "shade", "under", "the",   "old",         "bridge", "tomorrow"};
  constexpr const char* tags[] = {"new", "seen", "priority", "eu-west", "checked-by-hand", "v2"};
  fixed_numbers numbers;
  const auto sentence = [&](std::uint32_t count) {
    std::string text;
    for (std::uint32_t i = 0; i < count; ++i) text.append(i == 0 ? "" : " ").append(words[numbers.below(14)]);
    return text;
  };
  std::string text = R"({"version":3,"generated":"2024-05-01T12:00:00Z","records":[)";
  for (std::uint32_t id = 0; text.size() < bytes; ++id) {
    // Drawn one by one, because the order in which arguments are evaluated is unspecified.
    const std::string name = sentence(2);
    const std::string note = sentence(4 + numbers.below(12));
    constexpr std::uint32_t limits[] = {2,         100, 100, 90, 1000000, 180,    1000000,    900000000,
                                        100000000, 6,   6,   10, 1000,    100000, 1000000000, 4};
    std::uint32_t n[std::size(limits)];
    for (std::size_t i = 0; i < std::size(limits); ++i) n[i] = numbers.below(limits[i]);
    char record[1024];
    std::snprintf(
        record, sizeof record,
        R"(%s{"id":%u,"name":"%s","email":"user%u@example.org","active":%s,"parent":null,"score":%u.%02u,)"
        R"("position":{"lat":%u.%06u,"lon":-%u.%06u},"weight":0.%09u%08u,"tags":["%s","%s"],)"
        R"("counts":[%u,%u,%u,-%u],"note":"%s%s"})",
        id == 0 ? "" : ",", 100000 + id, name.c_str(), id, n[0] == 0 ? "true" : "false", n[1], n[2], n[3],
        n[4], n[5], n[6], 100000000 + n[7], n[8], tags[n[9]], tags[n[10]], n[11], n[12], n[13], n[14],
        note.c_str(), n[15] == 0 ? " \\\"quoted\\\"\\n caf\\u00e9 \u65e5\u672c" : "");
    text += record;
  }
  return text + "]}";
}

std::string job_document() {
  return R"({"id":"8f14e45f-ceea-467f-a1d5-0b2f1c9d7e3a-u1","input":{)"
         R"("prompt":"a lighthouse in the fog, oil on canvas",)"
         R"("width":768,"height":512,"steps":28,"guidance":7.5,"seed":123456789,)"
         R"("hires":false,"styles":["oil","fog"]}})";
}

struct measured {
  const json_library* library;
  std::function<std::size_t()> work;
  figures nanoseconds_each;
};

void compare(const char* title, std::size_t bytes, std::vector<measured>& all, bool quick) {
  const nanoseconds slice = quick ? std::chrono::milliseconds(1) : std::chrono::milliseconds(60);
  const int rounds = quick ? 1 : 15;
  for (int round = 0; round < rounds; ++round) {
    for (measured& one : all) {
      std::size_t runs = 0;
      std::size_t batch = 1;
      std::size_t sum = 0;
      const stopwatch watch;
      while (watch.elapsed() < slice) {
        for (std::size_t i = 0; i < batch; ++i) sum += one.work();
        runs += batch;
        batch = runs;  // so that the cost of reading the clock is negligible
      }
      one.nanoseconds_each.add(per_operation(watch.elapsed(), runs));
      require(sum != 0, one.library->name);
    }
  }
  std::printf("\n%s, %zu bytes\n", title, bytes);
  const double ours = all.front().nanoseconds_each.median();
  for (const measured& one : all) {
    const double each = one.nanoseconds_each.median();
    std::printf("  %-24s %9.1f MB/s %12.0f ns", one.library->name, static_cast<double>(bytes) * 1e3 / each,
                each);
    if (one.library == all.front().library) {
      std::printf("\n");
    } else {
      std::printf("   ratio %.2f\n", each / ours);
    }
  }
}

void compare_libraries(const char* name, const std::string& text, bool quick) {
  std::vector<measured> parsing;
  std::vector<measured> writing;
  for (const json_library& library : json_libraries()) {
    parsing.push_back({&library, [&text, &library] { return library.parse(text); }, {}});
    writing.push_back({&library, library.writer(text), {}});
  }
  compare((std::string("parse and destroy ") + name).c_str(), text.size(), parsing, quick);
  compare((std::string("write ") + name).c_str(), writing.front().work(), writing, quick);
}

}  // namespace

int main(int argc, char** argv) {
  const bool quick = argc > 1 && std::string_view(argv[1]) == "--quick";
  auto& libraries = json_libraries();
  libraries.insert(libraries.begin(), json_library{"coworker", coworker_parse, coworker_writer});
  compare_libraries("a mixed document", mixed_document(1'000'000), quick);
  compare_libraries("a job", job_document(), quick);
}
