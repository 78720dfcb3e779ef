// The benchmark of typed input: reads a job's text of 200 bytes into a struct and writes the struct as text,
// compared with nlohmann/json and its struct macros. Debian: apt-get install nlohmann-json3-dev; without it,
// only coworker is measured.
//
//   g++ -std=c++20 -O2 -DNDEBUG -Iinclude tests/bench/typed_bench.cpp -o typed_bench && ./typed_bench
//
// Usage: typed_bench [--quick]; --quick shows only that the benchmark works. Each repetition runs both
// libraries in turn, so that a machine that slows down slows both. Each figure is the median, and the ratio
// is nlohmann's figure divided by coworker's.

#include "bench.hpp"

#include <coworker/json/json.hpp>
#include <coworker/typed/read.hpp>
#include <coworker/typed/write.hpp>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#if __has_include(<nlohmann/json.hpp>)
#include <nlohmann/json.hpp>
#define TYPED_BENCH_NLOHMANN
#endif

namespace app {

enum class sampler { ddim, euler };

struct request {
  std::string prompt;
  std::string negative;
  int width = 512;
  int height = 512;
  int steps = 20;
  double guidance = 7;
  long seed = 0;
  bool hires = false;
  sampler how = sampler::ddim;
  std::vector<std::string> styles;
};

#ifdef TYPED_BENCH_NLOHMANN
NLOHMANN_JSON_SERIALIZE_ENUM(sampler, {{sampler::ddim, "ddim"}, {sampler::euler, "euler"}})
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(request, prompt, negative, width, height, steps, guidance, seed, hires,
                                   how, styles)
#endif

}  // namespace app

namespace {

using namespace coworker::bench;

const std::string job_text =
    R"({"prompt":"a lighthouse in the fog, oil on canvas","negative":"people, text","width":768,"height":512,)"
    R"("steps":28,"guidance":7.5,"seed":123456789,"hires":true,"how":"euler","styles":["oil","fog"]})";

std::size_t telling_number(const app::request& made) {
  return made.prompt.size() + static_cast<std::size_t>(made.width + made.steps) + made.styles.size() +
         static_cast<std::size_t>(made.how == app::sampler::euler);
}

std::size_t coworker_read(std::string_view text) {
  app::request made;
  coworker::detail::read_input(coworker::json::parse(text), made, "input");
  return telling_number(made);
}
std::size_t coworker_write(const app::request& made) { return coworker::json(made).dump().size(); }

#ifdef TYPED_BENCH_NLOHMANN
std::size_t nlohmann_read(std::string_view text) {
  return telling_number(nlohmann::json::parse(text).get<app::request>());
}
std::size_t nlohmann_write(const app::request& made) { return nlohmann::json(made).dump().size(); }
#endif

template <class Work>
double nanoseconds_each(nanoseconds slice, std::size_t expected, Work work) {
  std::size_t runs = 0;
  std::size_t batch = 1;
  const stopwatch watch;
  while (watch.elapsed() < slice) {
    for (std::size_t i = 0; i < batch; ++i) require(work() == expected, "the libraries disagree");
    runs += batch;
    batch = runs;  // so that the cost of reading the clock is negligible
  }
  return per_operation(watch.elapsed(), runs);
}

template <class Ours, class Theirs>
void compare(const char* title, bool quick, Ours ours, Theirs theirs) {
  const nanoseconds slice = quick ? std::chrono::milliseconds(1) : std::chrono::milliseconds(60);
  const int rounds = quick ? 1 : 15;
  const std::size_t expected = ours();
  figures of_ours;
  figures of_theirs;
  for (int round = 0; round < rounds; ++round) {
    of_ours.add(nanoseconds_each(slice, expected, ours));
    of_theirs.add(nanoseconds_each(slice, expected, theirs));
  }
  std::printf("%s\n  coworker %8.0f ns\n", title, of_ours.median());
#ifdef TYPED_BENCH_NLOHMANN
  std::printf("  nlohmann %8.0f ns   ratio %.2f\n", of_theirs.median(),
              of_theirs.median() / of_ours.median());
#endif
}

}  // namespace

int main(int argc, char** argv) {
  const bool quick = argc > 1 && std::string_view(argv[1]) == "--quick";
#ifdef TYPED_BENCH_NLOHMANN
  constexpr auto their_read = nlohmann_read;
  constexpr auto their_write = nlohmann_write;
#else
  constexpr auto their_read = coworker_read;
  constexpr auto their_write = coworker_write;
#endif
  std::printf("a job of %zu bytes\n", job_text.size());
  compare(
      "text into a struct", quick, [] { return coworker_read(job_text); },
      [=] { return their_read(job_text); });
  app::request made;
  coworker::detail::read_input(coworker::json::parse(job_text), made, "input");
  compare(
      "a struct into text", quick, [&] { return coworker_write(made); }, [&] { return their_write(made); });
}
