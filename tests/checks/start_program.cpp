// The program that start_test.py runs. The input of each job says how the job runs and ends. Afterwards the
// program prints its remaining arguments.

#include <unistd.h>

#include <chrono>
#include <clocale>
#include <coworker.hpp>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>

namespace cw = coworker;

namespace {

cw::task<cw::json> run_as_input_says(cw::job<> job) {
  if (!job.input.is_object()) co_return job.input;
  co_await cw::sleep_for(std::chrono::milliseconds(job.input.value("ms", 0)));
  if (job.input.contains("throw")) throw std::runtime_error(job.input.at("throw").get<std::string>());
  if (job.input.contains("nan")) co_return std::numeric_limits<double>::quiet_NaN();
  co_return job.input.value("answer", cw::json());
}

struct order {
  std::string fruit;
  int count = 1;
};

int count(cw::job<order> job) { return job.input.count; }

int all_at_once(int) { return 1000; }

// Fails if the variable LOAD is "fails", hangs if it is "hangs", and otherwise loads.
std::string load() {
  const char* const how = std::getenv("LOAD");
  std::puts("loading");
  std::fflush(stdout);
  if (how != nullptr && std::string_view(how) == "fails") throw std::runtime_error("no such model");
  while (how != nullptr && std::string_view(how) == "hangs") ::pause();
  return "model";
}

std::string use_model(const std::string& model, cw::job<order> job) {
  return job.input.fruit + " of the " + model;
}

}  // namespace

int main(int argc, char** argv) {
  std::setlocale(LC_ALL, "");  // the user's locale
  if (argc > 1 && std::string_view(argv[1]) == "--typed") return cw::start(argc, argv, count);
  if (argc > 1 && std::string_view(argv[1]) == "--prepared")
    return cw::start(argc, argv, cw::prepared(load, use_model));
  if (argc > 1 && std::string_view(argv[1]) == "--plain_members")
    return cw::start(argc, argv, run_as_input_says, {}, {.magic_members = false});
  const bool one_at_a_time = argc > 1 && std::string_view(argv[1]) == "--one_at_a_time";
  const int status = one_at_a_time ? cw::start(argc, argv, run_as_input_says)
                                   : cw::start(argc, argv, run_as_input_says, all_at_once);
  for (int i = 1; i < argc; ++i) std::printf("argument %d: %s\n", i, argv[i]);
  return status;
}
