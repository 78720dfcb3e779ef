// Two GPUs, each with a lane: a thread of its own, on which its model is made, used and destroyed. State that
// a library keeps per thread, such as CUDA's current device, is therefore always right. A job goes to the
// lane with the least work. Sessions that are not bound to a thread come from a lender.
//
// run: ./lanes --test_input '[{"input": "a"}, {"input": "b"}, {"input": "c"}, {"input": "d"}]'

#include <coworker.hpp>
#include <cstddef>
#include <string>

namespace cw = coworker;

struct model {
  std::size_t gpu;
};

struct session {
  int requests = 0;
};

model make_model(std::size_t gpu) { return model{gpu}; }  // here: cudaSetDevice(gpu), then load
session make_session() { return session(); }

struct machine {
  cw::lanes<model> gpus{2, make_model};
  cw::lender<session> sessions{make_session, 3};
};

machine load() { return machine(); }

// Runs on a lane's thread.
std::string generate(model& on, std::string prompt) { return "GPU " + std::to_string(on.gpu) + ": " + prompt; }

cw::task<std::string> handle(machine& with, cw::job<std::string> job) {
  const auto lent = co_await with.sessions.lend();  // waits for one of three; returned however the job ends
  ++lent->requests;
  co_return co_await with.gpus.run(generate, job.input);
}

int main(int argc, char** argv) {
  return cw::start(argc, argv, cw::prepared(load, handle), cw::fixed_concurrency{4});
}
