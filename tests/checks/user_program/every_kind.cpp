// A user's program with every kind of handler and modifier, typed input, middleware, streams, and a simulated
// run. With COWORKER_TEST_FEW it has two handlers only. tests/checks/user_flags.sh compiles it with flags
// that users have and coworker's own build does not.

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <list>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#ifdef COWORKER_TEST_MACROS
#include "macros.hpp"
#endif
#include <coworker.hpp>

namespace cw = coworker;
using std::chrono::milliseconds;

namespace app {

enum class quality { draft, fine };

struct size {
  int width = 512;
  int height = 512;
};

struct request {
  std::string prompt;
  size picture;
  quality how = quality::draft;
  std::optional<double> guidance;
  std::vector<std::string> tags;
  std::map<std::string, int> weights;
  std::array<float, 3> colour{};
  milliseconds patience{1};
  bool loud = false;
  unsigned char level = 1;
  std::int64_t seed = -1;
  cw::json rest;
};

struct answer {
  std::string text;
  size picture;
  std::optional<double> score;
};

constexpr auto rules(cw::type<size>) {
  return cw::rule_list(cw::member(&size::width).range(64, 2048), cw::member(&size::height).at_least(64));
}

constexpr auto rules(cw::type<request>) {
  return cw::rule_list(cw::member(&request::prompt).length(1, 1000),
                       cw::member(&request::seed).at_most(1 << 30));
}

cw::task<answer> paint(cw::job<request> job) {
  co_await cw::sleep_for(job.input.patience);
  job.progress(cw::json{{"percent", 50}});
  answer made;
  made.text = "painted " + job.input.prompt;
  made.picture = job.input.picture;
  co_return made;
}

cw::task<void> nothing(cw::job<> job) {
  if (job.input.contains("throw")) throw std::invalid_argument("asked to");
  co_return;
}

cw::task<cw::json> echo(const cw::job<>& job) { co_return job.input; }

cw::json blocking(cw::job<request> job) { return {{"prompt", job.input.prompt}, {"seed", job.input.seed}}; }

int counting(const cw::job<cw::json>& job) { return static_cast<int>(job.input.size()); }

void silent(cw::job<>) {}

cw::async_generator<answer> words(cw::job<request> job) {
  for (int i = 0; i < job.input.picture.width; i += 256) {
    co_await cw::sleep_for(job.input.patience);
    answer one;
    one.text = std::to_string(i);
    co_yield one;
  }
}

cw::async_generator<std::string> letters(cw::job<> job) {
  for (const char c : job.id) co_yield std::string(1, c);
}

cw::streamed<std::list<std::string>> lines(cw::job<>) {
  return cw::streamed{std::list<std::string>{"a", "b"}};
}

struct counting_handler {
  int calls = 0;
  int operator()(cw::job<>) { return ++calls; }
};

bool allowed(const cw::job<request>& job) { return !job.input.loud; }

int by_load(int current, const cw::metrics& measured) {
  return measured.arrivals_per_second > 50 ? current + 1 : current;
}

}  // namespace app

namespace {

template <class... Start>
int run(const char* input, Start&&... start) {
  std::string program = "every_kind", flag = "--test_input", text = input;
  std::array<char*, 4> arguments{program.data(), flag.data(), text.data(), nullptr};
  return cw::start(3, arguments.data(), std::forward<Start>(start)...);
}

constexpr const char* typed =
    R"({"input": {"prompt": "fog", "how": "fine", "tags": ["a"], "weights": {"k": 1}}})";
constexpr const char* plain = R"({"id": "x", "input": {"key": [1, 2.5, null, true, "text"]}})";

int run_all() {
  cw::options options;
  options.stream.gather_for = milliseconds(1);
  int failed = run(typed, app::paint) + run(plain, app::nothing, cw::fixed_concurrency{2});
#ifndef COWORKER_TEST_FEW
  failed += run(plain, app::echo);
  failed += run(typed, app::blocking, app::by_load) + run(plain, app::counting) + run(plain, app::silent);
  failed += run(typed, app::words, cw::clamped{1, 8, cw::hill_climb{}}, options) + run(plain, app::letters);
  failed += run(plain, app::lines) + run(plain, app::counting_handler{}, [](int current) { return current; });
  failed += run(
      plain, [](const auto& job) { return job.id; }, cw::fixed_concurrency{8});
  failed += run(typed, cw::authorised(cw::retried(app::paint, {.times = 2}), app::allowed), cw::aimd{});
#endif
  if (run(R"({"input": {"throw": true}})", app::nothing) != 1)
    ++failed;  // the log names the exception's type
  return failed;
}

#if defined(COWORKER_WITH_SIMULATION) && !defined(COWORKER_TEST_FEW)
int simulate() {
  cw::simulation::options load;
  load.jobs = 10;
  load.inputs = {{{"prompt", "fog"}}};
  return cw::simulation::simulate_seeds(3, app::paint, cw::vegas{}, load).ok() ? 0 : 1;
}
#else
int simulate() { return 0; }
#endif

}  // namespace

int main() {
  const int failed = run_all() + simulate();
  std::printf("%s: %d failed\n", cw::json_schema<app::request>().dump().empty() ? "no schema" : "schema",
              failed);
  return failed;
}
