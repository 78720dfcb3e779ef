// A model that is loaded before the first job is taken. Loading blocks a separate thread, so the worker keeps
// sending heartbeats meanwhile. Each job gets the model by reference. --help and a refused command line load
// nothing.
//
// run: ./prepared --test_input '{"input": {"prompt": "fog"}}'

#include <chrono>
#include <coworker.hpp>
#include <string>
#include <thread>

namespace cw = coworker;

// Stands for the weights of a model, which can be neither copied nor moved.
struct model {
  const std::string name;

  explicit model(std::string path) : name(std::move(path)) {}
  model(const model&) = delete;
  model& operator=(const model&) = delete;
};

struct request {
  std::string prompt;
};

// If it throws, the program ends with status 5 and takes no job.
model load(const cw::preparation& how) {
  how.log().info("reading the weights");
  std::this_thread::sleep_for(std::chrono::milliseconds(200));  // stands for the reading
  return model("a small model");
}

void warm_up(model& loaded) { static_cast<void>(loaded.name.size()); }  // stands for a slow first call

cw::task<std::string> handle(const model& loaded, cw::job<request> job) {
  co_return loaded.name + " on " + job.input.prompt;
}

int main(int argc, char** argv) {
  return cw::start(argc, argv, cw::prepared(load, warm_up, handle), cw::fixed_concurrency{4});
}
